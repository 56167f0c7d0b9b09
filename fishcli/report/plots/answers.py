"""The plots of what a run answers and how sure it is of that, drawn for a given width."""

from typing import TYPE_CHECKING, Any

import numpy as np

from fishcli.report.plots.inline_svg import ACCENT, ALARM, BACK, DIM, INK, LINE, svg_figure
from fishcli.report.plots.panels import NARROW, bare, round_ticks, short, text_size, text_width
from fishcli.report.run_facts import Bins

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def confusion_matrix(content: tuple[list[str], np.ndarray], width: float) -> "Figure":
    """Images by class (row) and most probable class (column): the stronger the colour, the more of the row.

    Args:
        content: the classes' names, and counts (C, C). Of many classes, the frequent ones are drawn.
        width: CSS pixels.
    """
    names, counts = frequent(*content, 12 if width < NARROW else 24)
    left = [short(name, 11 if width < NARROW else 24) for name in names]
    size = text_size(width)
    before = max(text_width(name, size) for name in left) + 13
    cell = min((width - before - 4) / len(names), 68)
    is_turned = max(text_width(name, size) for name in left) > cell - 4
    above = (max(text_width(name, size) for name in left) if is_turned else size) + 12
    height = cell if cell < 30 else max(30, 0.62 * cell)
    whole = above + height * len(names) + 4
    figure = svg_figure(width, whole)
    figure.set_layout_engine("none")
    spans = (before / width, 4 / whole, cell * len(names) / width, height * len(names) / whole)
    panel = figure.add_axes(spans)
    panel.set_xlim(0, len(names))
    panel.set_ylim(len(names), 0)
    panel.set_axis_off()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    look: dict[str, Any] = {"fontsize": size, "parse_math": False}
    for k, name in enumerate(left):
        panel.annotate(
            *(name, (0, k + 0.5), (-9, 0), "data", "offset points"),
            **{"ha": "right", "va": "center_baseline", "color": INK, **look},
        )
        panel.annotate(
            *(name, (k + 0.5, 0), (0, 8), "data", "offset points"),
            **{"ha": "center", "va": "bottom", "color": INK, "rotation": 90 if is_turned else 0, **look},
        )
    for row, column in np.ndindex(counts.shape):
        _draw_cell(panel, (row, column), int(counts[row, column]), shares[row, column], (cell, size))
    return figure


def frequent(names: list[str], counts: np.ndarray, n_most: int) -> tuple[list[str], np.ndarray]:
    """A confusion matrix of `n_most` rows at most: the rarest of more classes are summed up as others."""
    if len(names) <= n_most:
        return list(names), counts
    order = np.argsort(-counts.sum(axis=1), kind="stable")
    kept, rest = np.sort(order[: n_most - 1]), order[n_most - 1 :]
    rows = np.vstack([counts[kept], counts[rest].sum(axis=0)])
    found = np.hstack([rows[:, kept], rows[:, rest].sum(axis=1, keepdims=True)])
    return [*(names[k] for k in kept), f"{len(rest)} others"], found


def reliability_diagram(content: tuple[Bins, Bins | None], width: float) -> "Figure":
    """How often answers are right over how sure they are; below or beside, how many are how sure.

    Args:
        content: the bins, and those before the temperature or None.
        width: CSS pixels.
    """
    bins, raw = content
    is_wide = width >= NARROW
    figure = svg_figure(width, 370 if is_wide else 520)
    size = text_size(width)
    shape: dict[str, Any] = {"nrows": 1, "ncols": 2} if is_wide else {"nrows": 2, "ncols": 1}
    ratios = {"width_ratios": [1.15, 1]} if is_wide else {"height_ratios": [1.7, 1]}
    panel, amounts = figure.subplots(**shape, gridspec_kw=ratios)
    for each in (panel, amounts):
        bare(each, size)
        each.set_xlim(0, 1)
        each.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
        each.set_xlabel("how sure: probability of being right", color=DIM, fontsize=size)
    panel.set_ylim(-0.03, 1.03)
    panel.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    panel.set_ylabel("how often right", color=DIM, fontsize=size)
    panel.grid(True, color=LINE, linewidth=0.8)
    panel.plot([0, 1], [0, 1], color=DIM, linewidth=1)
    panel.vlines(bins.confidence, bins.low, bins.high, color=DIM, linewidth=6, alpha=0.35)
    if raw is not None:
        look: dict[str, Any] = {
            "color": BACK,
            "markeredgecolor": DIM,
            "markeredgewidth": 1.6,
            "markersize": 7,
        }
        panel.plot(raw.confidence, raw.accuracy, "-", color=DIM, linewidth=1)
        panel.plot(raw.confidence, raw.accuracy, "o", **look, clip_on=False)
    panel.plot(bins.confidence, bins.accuracy, "-", color=ACCENT, linewidth=1.8)
    panel.plot(
        bins.confidence, bins.accuracy, "o", color=ACCENT, markersize=8, markeredgecolor=BACK, clip_on=False
    )
    left = np.minimum((bins.confidence * 10).astype(int), 9) / 10
    amounts.bar(left, bins.counts, 0.1, align="edge", color=ACCENT, edgecolor=BACK, linewidth=0.8)
    amounts.set_ylabel(bins.unit, color=DIM, fontsize=size)
    amounts.yaxis.set_major_locator(round_ticks(5, is_whole=True, prune="lower"))
    return figure


def _draw_cell(
    panel: "Axes", place: tuple[int, int], count: int, share: float, sizes: tuple[float, float]
) -> None:
    """A cell of a confusion matrix: its colour by the share of the row, its number where there is room."""
    from matplotlib.patches import Rectangle

    (row, column), (cell, size) = place, sizes
    colour = ACCENT if row == column else ALARM
    corner = (column + 0.02, row + 0.02)
    panel.add_patch(Rectangle(corner, 0.96, 0.96, facecolor=LINE, alpha=0.35, linewidth=0))
    if count:
        panel.add_patch(
            Rectangle(corner, 0.96, 0.96, facecolor=colour, alpha=0.12 + 0.88 * share, linewidth=0)
        )
    text = f"{count:,}"
    if count and text_width(text, size) < cell - 2:
        panel.text(
            *(column + 0.5, row + 0.5, text),
            ha="center",
            va="center_baseline",
            fontsize=size,
            color=BACK if share > 0.55 else INK,
        )
