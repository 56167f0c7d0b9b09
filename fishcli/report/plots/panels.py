"""What the plots of a page have in common: rows with names beside them, points with names that fit."""

import unicodedata
from typing import TYPE_CHECKING, Any

import numpy as np

from fishcli.report.plots.inline_svg import DIM, INK, LINE, svg_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NARROW = 500  # CSS pixels: below it, text is smaller and what would not fit is left out
GAP = 9.0  # CSS pixels between a panel and the names beside it


def text_size(width: float) -> float:
    """The size of a plot's text, CSS pixels, where the plot is `width` wide."""
    return 11.5 if width < NARROW else 13.0


def text_width(text: str, size: float) -> float:
    """About how wide a line of text is in a common sans serif, CSS pixels: rather too much."""
    n_wide = sum(letter in "%@MWmw" or unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return size * (0.6 * (len(text) - n_wide) + n_wide)


def short(text: str, n_letters: int) -> str:
    """The text in `n_letters` at most, what is beyond them shown by an ellipsis."""
    return text if len(text) <= n_letters else text[: n_letters - 1] + "…"


def signed(bits: float, digits: int = 3) -> str:
    """A number with its sign, and a minus as long as the plus; what rounds to 0 has none."""
    text = f"{bits:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", "−")


def p_text(p: float) -> str:
    """A p-value, with three digits after the point where it is not smaller than they show."""
    if p >= 0.001:
        return f"{p:.3f}"
    return f"{p:.1g}" if p >= 1e-4 else "< 0.0001"


def row_panel(width: float, height: float, left: list[str], right: list[str], bottom: float) -> "Axes":
    """A panel whose y goes down in CSS pixels, in a figure with room for names on its left and right.

    Args:
        width: of the figure, CSS pixels.
        height: of the panel.
        left: names of the rows.
        right: what stands behind the rows, if anything.
        bottom: room for the x axis.
    """
    size = text_size(width)
    before = max(text_width(text, size) for text in left) + GAP
    behind = max((text_width(text, size) for text in right), default=0.0) + GAP + 2
    figure = svg_figure(width, height + bottom)
    figure.set_layout_engine("none")
    whole = height + bottom
    panel = figure.add_axes((before / width, bottom / whole, 1 - (before + behind) / width, height / whole))
    panel.set_ylim(height, 0)
    panel.set_yticks([])
    bare(panel, size)
    return panel


def figure_of(panel: "Axes") -> "Figure":
    """The figure that a panel is in."""
    figure = panel.get_figure(root=True)
    assert figure is not None
    return figure


def width_of(panel: "Axes") -> float:
    """The width of the figure that a panel is in, CSS pixels."""
    return float(figure_of(panel).get_size_inches()[0] * 72)


def round_ticks(n: int, is_whole: bool = False, prune: str | None = None) -> Any:
    """Ticks at round numbers, about `n` of them; "lower" leaves out the one that meets the other axis."""
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(n, integer=is_whole, prune=prune)


def bare(panel: "Axes", size: float) -> None:
    """Leave of a panel's frame the bottom, with quiet ticks."""
    panel.spines[["left", "right", "top"]].set_visible(False)
    panel.spines["bottom"].set_color(LINE)
    panel.tick_params(length=0, labelsize=size, labelcolor=DIM)
    panel.set_axisbelow(True)


def name_rows(panel: "Axes", middles: np.ndarray, left: list[str], right: list[str]) -> None:
    """Write names beside a panel of `row_panel`, at the heights `middles`."""
    width = width_of(panel)
    look: dict[str, Any] = {"va": "center_baseline", "fontsize": text_size(width), "parse_math": False}
    gap = GAP / (panel.get_position().width * width)
    for y, text in zip(middles, left, strict=True):
        panel.text(-gap, y, text, ha="right", color=INK, transform=panel.get_yaxis_transform(), **look)
    for y, text in zip(middles, right, strict=bool(right)):
        panel.text(1 + gap, y, text, ha="left", color=DIM, transform=panel.get_yaxis_transform(), **look)


def name_points(panel: "Axes", x: np.ndarray, y: np.ndarray, names: list[str]) -> None:
    """Name points from the highest down, each where it hides no point and no name; else not at all.

    The panel's limits and the size of its figure must be set before.
    """
    figure = figure_of(panel)
    figure.draw_without_rendering()  # lays the figure out
    size = text_size(width_of(panel)) - 0.5
    scale = 72 / figure.get_dpi()
    places = np.asarray(panel.transData.transform(np.column_stack([x, y])), dtype=float) * scale
    frame = np.asarray(panel.get_window_extent().extents, dtype=float) * scale
    taken = [(left - 5, low - 5, left + 5, low + 5) for left, low in places]
    for k in np.argsort(-y, kind="stable"):
        length = text_width(names[k], size)
        for ha, aside, up in [("left", 8, 0), ("right", -8, 0), ("center", 0, 12), ("center", 0, -12)]:
            start = places[k][0] + aside - {"left": 0, "right": length, "center": length / 2}[ha]
            box = (start, places[k][1] + up - size / 2, start + length, places[k][1] + up + size / 2)
            is_inside = box[0] >= frame[0] and box[2] <= frame[2] and box[1] >= frame[1] - 2
            if is_inside and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                look: dict[str, Any] = {"fontsize": size, "color": INK, "parse_math": False}
                panel.annotate(
                    *(names[k], (x[k], y[k]), (aside, up), "data", "offset points"),
                    ha=ha,
                    va="center_baseline",
                    **look,
                )
                break


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Whether two boxes (left, low, right, high) have a point in common."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
