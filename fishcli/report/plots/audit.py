"""The plots of an audit, each drawn for a given width: a page shows the wide one or the narrow one."""

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from fishcli.report.plots.inline_svg import ACCENT, ALARM, BACK, DIM, INK, LINE, svg_figure
from fishcli.report.plots.panels import (
    NARROW,
    bare,
    figure_of,
    name_points,
    name_rows,
    p_text,
    row_panel,
    short,
    signed,
    text_size,
    text_width,
    width_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Tableau's ten colours, told apart by day and by night; the last, grey, is for the rest of many classes.
COLOURS = [
    *("#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#76b7b2"),
    *("#edc948", "#b07aa1", "#ff9da7", "#9c755f", "#bab0ac"),
]
TAG_COLOURS = {"legitimate": ACCENT, "illegitimate": ALARM}
NULL_TITLES = {
    "images": "Labels shuffled over images",
    "groups": "Metadata shuffled over whole groups",
}
MOSAIC_HEIGHT, THINNEST, TALLEST, TOTAL, APART = 380, 19, 225, 26, 12  # CSS pixels
N_FIELDS = 40


def class_legend(table: dict[str, Any]) -> list[tuple[str, str]]:
    """The classes of a mosaic with their colours, frequent first; the rest of many are one of them."""
    names, _ = _frequent_classes(table)
    return list(zip(names, COLOURS, strict=False))


def mosaic(table: dict[str, Any], width: float) -> "Figure":
    """A row for each size, as high as it has images (within limits), cut by the share of each class.

    Args:
        table: `class_by_size` of an audit.
        width: CSS pixels.
    """
    classes, counts = _frequent_classes(table)
    counts = np.vstack([counts.sum(axis=0), counts])
    n_images = counts.sum(axis=1)
    shares = n_images / max(n_images[0], 1)
    heights = np.array([TOTAL, *np.clip(MOSAIC_HEIGHT * shares[1:], THINNEST, TALLEST)])
    tops = np.array([0, *(APART + np.cumsum(heights)[:-1])])
    left = ["all images", *(short(name, 22) for name in table["sizes"])]
    right = [f"{share:.0%}" if share == 0 or share >= 0.005 else "< 1%" for share in shares]
    if width > NARROW:
        right = [f"{n:,.0f} · {share}" for n, share in zip(n_images, right, strict=True)]

    panel = row_panel(width, tops[-1] + heights[-1], left, right, bottom=30)
    panel.set_xlim(0, 1)
    panel.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    ends = np.cumsum(counts, axis=1) / np.maximum(n_images, 1)[:, None]
    starts = np.hstack([np.zeros((len(ends), 1)), ends[:, :-1]])
    for k, (name, colour) in enumerate(zip(classes, COLOURS, strict=False)):
        spans = ends[:, k] - starts[:, k]
        look: dict[str, Any] = {"align": "edge", "color": colour, "edgecolor": BACK, "linewidth": 0.8}
        panel.barh(tops + 1, spans, heights - 2, starts[:, k], **look)
        _name_tiles(panel, name, colour, (starts[:, k], spans, tops + heights / 2))
    name_rows(panel, tops + heights / 2, left, right)
    return figure_of(panel)


def field_bits(fields: list[dict[str, Any]], width: float) -> "Figure":
    """Bits of each field alone with intervals, under random and (hollow) grouped folds, largest first.

    Args:
        fields: `per_field` of an audit, one at least; the largest N_FIELDS are drawn.
        width: CSS pixels.
    """
    fields = sorted(fields, key=lambda row: -row["random_bits"])[:N_FIELDS]
    kinds = ["random"]
    if any(row["grouped_bits"] is not None for row in fields):
        kinds.append("grouped")
    names = [short(row["field"], 17 if width < NARROW else 30) for row in fields]
    step = 12 + 8 * len(kinds)
    panel = row_panel(width, step * len(fields), names, [], bottom=48)

    values = [row[f"{kind}_{end}"] for row in fields for kind in kinds for end in ("bits", "low", "high")]
    known = np.array([value for value in values if value is not None])
    high = max(known.max(initial=0.0), 0.02)
    low = max(known.min(initial=0.0), -1.2 * high)  # some lose many bits on unseen groups: an arrow says so
    panel.set_xlim(low - 0.04 * (high - low), high + 0.04 * (high - low))
    label = "bits, held out" if width < NARROW else "bits, held out (0: no better than the prior)"
    panel.set_xlabel(label, color=DIM, fontsize=text_size(width))
    panel.xaxis.grid(True, color=LINE, linewidth=0.8)
    panel.axvline(0, color=DIM, linewidth=1)
    panel.hlines(step * np.arange(1, len(fields)), *panel.get_xlim(), color=LINE, linewidth=0.5, zorder=0)
    middles = step * (np.arange(len(fields)) + 0.5)
    for row, middle in zip(fields, middles, strict=True):
        for k, kind in enumerate(kinds):
            _draw_interval(panel, middle + 10 * k - 5 * (len(kinds) - 1), row, kind)
    name_rows(panel, middles, names, [])
    return figure_of(panel)


def null_histograms(nulls: list[dict[str, Any]], width: float) -> "Figure":
    """What the statistic is where chance alone made it, and what it was observed to be, a panel a null.

    Args:
        nulls: of an audit, one at least.
        width: CSS pixels.
    """
    n_columns = 1 if width < NARROW else min(len(nulls), 2)
    n_rows = -(-len(nulls) // n_columns)
    figure = svg_figure(width, 225 * n_rows)
    figure.set_layout_engine("constrained", h_pad=9 / 72, wspace=0.08)
    panels = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    said = [_null_said(null, int(1.7 * width / n_columns / text_size(width))) for null in nulls]
    n_lines = max(map(len, said))
    for panel, null, lines in zip(panels, nulls, said, strict=False):
        title = "\n".join(lines + [""] * (n_lines - len(lines)))  # as many lines each, to begin at one height
        panel.set_title(title, loc="left", color=INK, fontsize=text_size(width), parse_math=False)
        _draw_null(panel, null, text_size(width))
    for panel in panels[len(nulls) :]:
        panel.set_visible(False)
    return figure


def utility_by_detectability(fields: list[dict[str, Any]], width: float) -> "Figure":
    """How much a field tells of the label, over how well the features tell the field.

    Args:
        fields: `seen.detectability` of an audit, one at least, none with a gap.
        width: CSS pixels.
    """
    figure = svg_figure(width, 320 if width < NARROW else 390)
    panel = figure.subplots()
    size = text_size(width)
    bare(panel, size)
    x = np.array([row["share"] for row in fields], dtype=float)
    y = np.array([row["utility_bits"] for row in fields], dtype=float)
    top = max(y.max(), 0.02)
    panel.set_xlim(min(-0.03, 1.1 * x.min()), max(1.03, 1.03 * x.max()))
    panel.set_ylim(min(-0.06 * top, 1.1 * y.min()), 1.12 * top)
    panel.grid(True, color=LINE, linewidth=0.8)
    panel.axhline(0, color=DIM, linewidth=1)
    panel.plot(x, y, "o", color=ACCENT, markersize=8, markeredgecolor=BACK, clip_on=False)
    panel.set_xlabel("detectability: share of the field that features tell", color=DIM, fontsize=size)
    panel.set_ylabel("utility: bits of the label", color=DIM, fontsize=size)
    name_points(panel, x, y, [short(row["field"], 24) for row in fields])
    return figure


def _frequent_classes(table: dict[str, Any]) -> tuple[list[str], np.ndarray]:
    """Names of classes, frequent first, and their counts (sizes, classes); the rest of many are summed up."""
    names = table["classes"]
    counts = np.array(table["counts"], dtype=float).reshape(len(table["sizes"]), len(names))
    order = np.argsort(-counts.sum(axis=0), kind="stable")
    named = order if len(names) <= len(COLOURS) else order[: len(COLOURS) - 1]
    found = [names[k] for k in named]
    if len(named) == len(names):
        return found, counts[:, named]
    others = np.delete(counts, named, axis=1).sum(axis=1, keepdims=True)
    return [*found, f"{len(names) - len(named)} others"], np.hstack([counts[:, named], others])


def _name_tiles(panel: "Axes", name: str, colour: str, tiles: tuple[np.ndarray, ...]) -> None:
    """Write a class's name on its tiles (starts, spans, middles) that are wide enough for it."""
    width = width_of(panel)
    size = text_size(width) - 1.5
    red, green, blue = (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
    on_top = "#ffffff" if 0.3 * red + 0.59 * green + 0.11 * blue < 0.48 else "#101010"
    look: dict[str, Any] = {"ha": "center", "va": "center_baseline", "fontsize": size, "parse_math": False}
    least = (text_width(name, size) + 6) / (width * panel.get_position().width)
    for start, span, middle in zip(*tiles, strict=True):
        if span > least:
            panel.text(start + span / 2, middle, name, color=on_top, **look)


def _draw_interval(panel: "Axes", y: float, row: dict[str, Any], kind: str) -> None:
    """A field's bits with their interval; an arrow where they are left of the panel."""
    bits, low, high = (row[f"{kind}_{end}"] for end in ("bits", "low", "high"))
    if bits is None:
        return
    colour = TAG_COLOURS.get(row["at_test_time"], DIM)
    start, end = panel.get_xlim()
    left = start + 0.01 * (end - start)
    if low is not None and high is not None and high > left:
        panel.plot([max(low, left), high], [y, y], color=colour, linewidth=1.8, solid_capstyle="butt")
    face = BACK if kind == "grouped" else colour
    marker = "o" if bits > left else "<"
    markersize = 5.5 if width_of(panel) < NARROW else 7.0
    look: dict[str, Any] = {"markersize": markersize, "markeredgecolor": colour, "markerfacecolor": face}
    panel.plot(max(bits, left), y, marker, clip_on=False, markeredgewidth=1.6, **look)


def _null_said(null: dict[str, Any], n_letters: int) -> list[str]:
    """What a null says, in lines of `n_letters` at most."""
    p_value, why = null["p_value"], null["untestable"]
    if why or p_value is None:
        verdict = why if why.startswith("untestable") else f"untestable: {why}"
    else:
        smallest = p_text(null["smallest_p"])
        verdict = f"p = {p_text(p_value)} (smallest attainable {smallest}, B = {null['n_permutations']:,})"
    return [NULL_TITLES.get(null["null"], null["null"]), *textwrap.wrap(verdict, n_letters)]


def _draw_null(panel: "Axes", null: dict[str, Any], size: float) -> None:
    """A null's histogram with the observed line; nothing where it was not tested."""
    bare(panel, size)
    panel.set_yticks([])
    drawn = np.array(null["drawn"], dtype=float)
    if len(drawn) == 0 or null["observed"] is None:
        panel.set_xticks([])
        panel.spines["bottom"].set_visible(False)
        return
    panel.hist(drawn, bins=int(np.clip(len(drawn) // 10, 5, 40)), color=DIM, alpha=0.55)
    panel.set_ylim(0, 1.2 * panel.get_ylim()[1])  # room for the words
    panel.set_xlabel("statistic where there is nothing to find", color=DIM, fontsize=size)
    observed = null["observed"]
    panel.axvline(observed, color=ACCENT, linewidth=2)
    low, high = panel.get_xlim()
    ha, aside = ("right", -6) if observed > (low + high) / 2 else ("left", 6)
    panel.annotate(
        *(f"observed {signed(observed)}", (observed, 0.95), (aside, 0)),
        *(panel.get_xaxis_transform(), "offset points"),
        color=ACCENT,
        fontsize=size,
        ha=ha,
        va="top",
    )
