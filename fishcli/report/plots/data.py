"""The plots of a competition's picture, each drawn for a given width: wide or narrow."""

from typing import TYPE_CHECKING, Any

import numpy as np

from fishcli.report.plots.inline_svg import ACCENT, DIM, LINE, svg_figure
from fishcli.report.plots.panels import NARROW, bare, figure_of, name_rows, row_panel, short, text_size

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEP = 26  # CSS pixels, the height of a row
N_ROWS = 40
GRID = (24, 16)
"""Cells that a photo is cut into, across and down, to show where boxes lie."""
AREAS = (0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


def class_bars(classes: list[dict[str, Any]], width: float) -> "Figure":
    """A bar for each class, as long as it has images.

    Args:
        classes: `name`, `n`, `share`, frequent first; the first N_ROWS are drawn.
        width: CSS pixels.
    """
    shown = classes[:N_ROWS]
    left = [short(each["name"], 16 if width < NARROW else 30) for each in shown]
    right = [f"{each['n']:,} · {each['share']:.1%}" for each in shown]
    panel = row_panel(width, STEP * len(shown), left, right, bottom=8)
    middles = STEP * (np.arange(len(shown)) + 0.5)
    panel.barh(middles, [each["n"] for each in shown], STEP - 8, color=ACCENT)
    panel.set_xlim(0, max(each["n"] for each in shown))
    panel.set_xticks([])
    panel.spines["bottom"].set_visible(False)
    name_rows(panel, middles, left, right)
    return figure_of(panel)


def box_places(cover: list[list[float]], width: float) -> "Figure":
    """How many of the boxes lie over each place of the photo: the more, the stronger the colour.

    Args:
        cover: the share of boxes over each cell of GRID, rows from the top.
        width: CSS pixels.
    """
    from matplotlib.patches import Rectangle

    shares = np.asarray(cover, dtype=float)
    drawn = min(width, 560)
    figure = svg_figure(width, 0.6 * drawn + 6)
    figure.set_layout_engine("none")
    panel = figure.add_axes((1 / width, 0.01, drawn / width - 2 / width, 0.98))
    alphas = shares / max(shares.max(), 1e-9)
    for (row, column), alpha in np.ndenumerate(alphas):
        if alpha >= 0.02:
            look: dict[str, Any] = {"color": ACCENT, "alpha": round(float(alpha), 2), "linewidth": 0}
            # Smoothed edges would show as seams between neighbours. A bar each would be measured, too.
            panel.add_artist(Rectangle((column, row), 1, 1, antialiased=False, **look))
    panel.set(xlim=(0, shares.shape[1]), ylim=(shares.shape[0], 0), xticks=[], yticks=[])
    for spine in panel.spines.values():
        spine.set_color(DIM)
    return figure


def box_sizes(classes: list[dict[str, Any]], width: float) -> "Figure":
    """The share of the photo that a class's largest box takes: the middle 80%, and the median as a dot.

    Args:
        classes: `name`, `n_boxed` and, of those with boxes, `area_low`, `area`, `area_high`; one has boxes.
        width: CSS pixels.
    """
    shown = [each for each in classes if each["n_boxed"]][:N_ROWS]
    left = [short(each["name"], 16 if width < NARROW else 30) for each in shown]
    right = [f"{each['area']:.1%}" for each in shown]
    panel = row_panel(width, STEP * len(shown), left, right, bottom=46)
    middles = STEP * (np.arange(len(shown)) + 0.5)
    panel.set_xscale("log")
    lowest = min(each["area_low"] for each in shown)
    start = max((area for area in AREAS if area <= lowest), default=AREAS[0])
    panel.set_xlim(min(start, lowest), 1.0)
    ticks = [area for area in AREAS if area >= start]
    panel.set_xticks(ticks, [f"{100 * area:g}%" for area in ticks])
    panel.minorticks_off()
    bare(panel, text_size(width))
    panel.xaxis.grid(True, color=LINE, linewidth=0.8)
    for each, middle in zip(shown, middles, strict=True):
        panel.plot([each["area_low"], each["area_high"]], [middle] * 2, color=ACCENT, linewidth=3, alpha=0.5)
        panel.plot(each["area"], middle, "o", color=ACCENT, markersize=7, clip_on=False)
    panel.set_xlabel("share of the photo, log scale", color=DIM, fontsize=text_size(width))
    name_rows(panel, middles, left, right)
    return figure_of(panel)
