"""The plots of a run's page, each drawn for a given width: a page shows the wide one or the narrow one."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fishcli.report.plots.inline_svg import ACCENT, ALARM, BACK, DIM, INK, LINE, svg_figure
from fishcli.report.plots.panels import (
    NARROW,
    bare,
    figure_of,
    name_rows,
    round_ticks,
    row_panel,
    short,
    text_size,
)
from fishcli.report.run_facts import Curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

N_ROWS = 30
STEP = 24  # CSS pixels a row
CURVES_SAID = {"loss": "whole loss, weighted", "class": "class loss", "box": "box loss"}


@dataclass(frozen=True)
class Rows:
    """Named rows of two values each: what a run has, and what it is to be held against.

    Attributes:
        names: of the rows.
        notes: what stands behind each, such as its number of images.
        values: (n,) of the run.
        references: (n,) what to beat.
        label: of the axis.
        lower_is_better: whether a value below its reference is good.
        is_share: whether the axis is in percent and begins at 0.
    """

    names: list[str]
    notes: list[str]
    values: list[float]
    references: list[float]
    label: str
    lower_is_better: bool
    is_share: bool = False


def row_dots(rows: Rows, width: float) -> "Figure":
    """A dot for the run and a ring for the reference in each row, joined by a line; N_ROWS at most."""
    names = [short(name, 15 if width < NARROW else 30) for name in rows.names[:N_ROWS]]
    notes = rows.notes[:N_ROWS] if width >= NARROW else [note.split(" ")[0] for note in rows.notes[:N_ROWS]]
    values, references = np.array(rows.values[:N_ROWS]), np.array(rows.references[:N_ROWS])
    panel = row_panel(width, STEP * len(names), names, notes, bottom=42)
    low, high = np.min([values, references]), np.max([values, references])
    low = 0.0 if rows.is_share or low < 0.5 * high else low
    margin = 0.05 * max(high - low, 0.02)
    panel.set_xlim(low - margin, high + margin)
    if rows.is_share:
        panel.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}%")
    panel.xaxis.set_major_locator(round_ticks(4 if width < NARROW else 7))
    panel.set_xlabel(rows.label, color=DIM, fontsize=text_size(width), parse_math=False)
    panel.xaxis.grid(True, color=LINE, linewidth=0.8)
    middles = STEP * (np.arange(len(names)) + 0.5)
    for middle, value, reference in zip(middles, values, references, strict=True):
        is_good = value < reference if rows.lower_is_better else value > reference
        colour = ACCENT if is_good else ALARM
        panel.plot([reference, value], [middle, middle], color=colour, linewidth=2, solid_capstyle="butt")
        panel.plot(reference, middle, "o", color=BACK, markeredgecolor=DIM, markeredgewidth=1.8, markersize=8)
        panel.plot(value, middle, "o", color=colour, markersize=9, markeredgecolor=BACK)
    name_rows(panel, middles, names, notes)
    return figure_of(panel)


def training_curves(curves: dict[str, list[Curves]], width: float) -> "Figure":
    """Training losses over epochs, a line a fold: a panel a loss, and a row of panels a member.

    Args:
        curves: by member, those of each fold, one at least, each with the same names.
        width: CSS pixels.
    """
    names = list(next(iter(curves.values()))[0])
    names = [name for name in names if name != "loss"] if len(names) == 2 else names  # the sum of one part
    n_columns = 1 if width < NARROW else len(names)
    n_rows = len(curves) * len(names) // n_columns
    size = text_size(width)
    figure = svg_figure(width, (235 if n_columns > 1 else 200) * n_rows)
    figure.set_layout_engine("constrained", h_pad=8 / 72, wspace=0.06)
    panels = figure.subplots(n_rows, n_columns, squeeze=False).reshape(len(curves), len(names))
    for (member, folds), row in zip(curves.items(), panels, strict=True):
        for panel, name in zip(row, names, strict=True):
            said = CURVES_SAID.get(name, name)
            # Beside each other or not, panels of the same loss are to be compared.
            ends = [loss for each in curves.values() for fold in each for _, loss in fold[name]]
            _curves_of(panel, [fold[name] for fold in folds], (min(ends), max(ends)))
            title = f"{short(member, 18)}: {said}" if member else said
            panel.set_title(title, loc="left", color=INK, fontsize=size, parse_math=False)
            bare(panel, size)
            panel.set_xlabel("epoch", color=DIM, fontsize=size)
    return figure


def _curves_of(panel: "Axes", curves: list[list[tuple[int, float]]], ends: tuple[float, float]) -> None:
    """Draw the curves of one loss, a fold each; `ends`: the least and the largest that the axis holds."""
    from matplotlib.ticker import LogLocator, NullLocator

    panel.grid(True, color=LINE, linewidth=0.8)
    for curve in curves:
        epochs, losses = np.array(curve).T
        panel.plot(epochs, losses, color=ACCENT, linewidth=1.5, alpha=0.7)
    low, high = ends
    if low > 0 and high > 30 * low:
        panel.set_yscale("log")
        panel.yaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
        panel.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        panel.yaxis.set_minor_locator(NullLocator())
        panel.set_ylim(low / 1.2, high * 1.2)
    else:
        panel.yaxis.set_major_locator(round_ticks(5))
        margin = 0.05 * (high - low) or 0.05
        panel.set_ylim(low - margin, high + margin)
    panel.xaxis.set_major_locator(round_ticks(5, is_whole=True))


def loss_by_views(content: list[tuple[int, float]], width: float) -> "Figure":
    """The value of each number of test-time views.

    Args:
        content: (views, log loss or IoU), two at least.
        width: CSS pixels.
    """
    figure = svg_figure(width, 200)
    panel, size = figure.subplots(), text_size(width)
    bare(panel, size)
    views, values = np.array([n for n, _ in content]), np.array([value for _, value in content])
    places = np.arange(len(views))
    panel.plot(places, values, "-", color=ACCENT, linewidth=1.8)
    panel.plot(places, values, "o", color=ACCENT, markersize=9, markeredgecolor=BACK, clip_on=False)
    spread = max(values.max() - values.min(), 0.002)
    panel.set_ylim(values.min() - 0.35 * spread, values.max() + 0.45 * spread)
    panel.set_xlim(-0.4, len(views) - 0.6)
    panel.set_xticks(places, [f"{n} view{'s' * (n > 1)}" for n, _ in content])
    panel.yaxis.set_major_locator(round_ticks(4))
    panel.yaxis.grid(True, color=LINE, linewidth=0.8)
    for place, value in zip(places, values, strict=True):
        panel.annotate(
            *(f"{value:.3f}", (place, value), (0, 9), "data", "offset points"),
            ha="center",
            va="bottom",
            color=INK,
            fontsize=size,
        )
    return figure


def iou_histogram(content: tuple[np.ndarray, np.ndarray], width: float) -> "Figure":
    """How many boxes overlap the true ones by how much; in outline, those of the mean box.

    Args:
        content: the IoU (n,) of the predicted boxes, and of the mean box on the same images.
        width: CSS pixels.
    """
    figure = svg_figure(width, 240)
    panel, size = figure.subplots(), text_size(width)
    bare(panel, size)
    edges = np.linspace(0, 1, 21)
    panel.hist(content[0], edges.tolist(), color=ACCENT, edgecolor=BACK, linewidth=0.8)
    counts, _ = np.histogram(content[1], edges)
    panel.stairs(counts, edges, color=INK, linewidth=1.6)
    panel.axvline(0.5, color=DIM, linewidth=1, linestyle=(0, (4, 3)))
    panel.set_xlim(0, 1)
    panel.set_xlabel("IoU of the predicted and the true box", color=DIM, fontsize=size)
    panel.set_ylabel("images", color=DIM, fontsize=size)
    panel.yaxis.grid(True, color=LINE, linewidth=0.8)
    panel.yaxis.set_major_locator(round_ticks(5, is_whole=True, prune="lower"))
    return figure
