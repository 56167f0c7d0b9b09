"""The plot of many heads on the same folds."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fishcli.basics.files import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLES = {"grouped": "grouped folds: what unseen groups would see", "random": "random folds"}
NAMED_BY = ["features", "head", "metadata", "boxes"]
# Okabe and Ito's colours, which the colour-blind tell apart; shape and filling say the same again.
ACCENT, GREY, FAILING, PALE = "#0072b2", "#757575", "#d55e00", "#e6e6e6"
LOOKS: dict[str, dict[str, Any]] = {
    "best": {"marker": "D", "color": ACCENT, "markersize": 7.5},
    "within noise of the best": {"marker": "o", "color": ACCENT, "markersize": 6},
    "worse than the best": {"marker": "o", "color": GREY, "markersize": 6},
    "worse than the prior": {"marker": "o", "color": FAILING, "markersize": 6.5, "markerfacecolor": "white"},
}
BAR = "interval of the difference to the best"
HEADER = -1.0  # the height above the rows (0, 1, ... downwards) at which columns and the prior are named
SMALL: dict[str, Any] = {"va": "center_baseline", "fontsize": 9}
ROW, PANEL, FRAME = 0.26, 4.0, 1.9  # inches: a row's height, a panel's width, what is above and below


def write_comparison_plot(path: Path, table: pd.DataFrame) -> None:
    """Draw each head's log loss, and the interval of its difference to the best, to a PNG.

    Args:
        path: the PNG.
        table: one row for each entry on each kind of folds, with columns features, head, metadata, boxes
            (text); folds ("grouped" or "random"); log_loss and prior_log_loss (nats); difference,
            low and high (to the best of the same folds, with its interval; NaN for the best and where
            unknown); within_noise (bool).
    """
    figure = _figure(table)
    with whole_file(path) as partial:
        figure.savefig(partial, format="png", metadata={"Software": None})  # the same table, the same bytes


def _figure(table: pd.DataFrame) -> "Figure":
    """The figure, made without pyplot, which would keep it and could open a window."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    parts = [part for part in NAMED_BY if len(set(table[part])) > 1] or ["head"]
    table = table.assign(label=table[parts].astype(str).agg(" · ".join, axis=1)).set_index("label")
    panel_rows = {kind: table[table["folds"] == kind] for kind in TITLES if (table["folds"] == kind).any()}
    # By the loss on the first kind; rows that are on the other kind only come last, by their loss there.
    losses = pd.DataFrame({kind: rows["log_loss"] for kind, rows in panel_rows.items()})
    labels = losses.sort_values(list(panel_rows)).index.to_list()

    longest = max(map(len, [*labels, " · ".join(parts)]))
    size = (0.085 * longest + (PANEL + 0.7) * len(panel_rows) + 0.3, ROW * len(labels) + FRAME)
    figure = Figure(figsize=size, dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(panel_rows), squeeze=False, sharey=True)[0]
    shown: set[str] = set()
    for panel, (kind, rows) in zip(panels, panel_rows.items(), strict=True):
        shown |= _draw(panel, rows.reindex(labels))
        panel.set_title(TITLES[kind], fontsize=11, loc="left")
    panels[0].set_ylim(len(labels) - 0.4, HEADER - 0.6)
    panels[0].set_yticks([HEADER, *range(len(labels))], [" · ".join(parts), *labels], parse_math=False)
    panels[0].get_yticklabels()[0].set_color(GREY)

    handles = [Line2D([], [], linestyle="", label=name, **LOOKS[name]) for name in LOOKS if name in shown]
    if table[["low", "high"]].notna().all(axis=1).any():
        handles.append(Line2D([], [], color=GREY, linewidth=2, label=BAR))
    columns = len(panel_rows) + 1  # three are wider than one panel
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False, fontsize=9)
    return figure


def _draw(panel: "Axes", rows: pd.DataFrame) -> set[str]:
    """Draw `rows` (NaN where a head is not on these folds) from the top; return the looks that appear."""
    from matplotlib.ticker import MaxNLocator

    best = rows["log_loss"].min()
    prior = rows["prior_log_loss"].median()
    left, right = _limits(rows, best, prior)
    panel.set_xlim(left, right)
    panel.set_xlabel("out-of-fold log loss (lower is better)")
    panel.xaxis.set_major_locator(MaxNLocator(6))
    panel.tick_params(axis="y", length=0)
    panel.spines[["left", "right", "top"]].set_visible(False)
    panel.hlines(range(len(rows)), left, right, color=PALE, linewidth=0.8, zorder=0)
    panel.plot([best, best], [-0.5, len(rows) - 0.5], color=ACCENT, linewidth=0.9, zorder=1)
    _draw_prior(panel, prior, len(rows))
    beside: dict[str, Any] = {"transform": panel.get_yaxis_transform(), **SMALL}
    panel.text(1.03, HEADER, "loss", color=GREY, **beside)

    shown = {"best"}
    for y, (_, row) in enumerate(rows.iterrows()):
        if np.isnan(row["log_loss"]):
            panel.text(1.03, y, "–", color=GREY, **beside)
            continue
        name = _look(row, best)
        shown.add(name)
        look = dict(LOOKS[name])
        if row["log_loss"] > right:
            look["marker"] = ">"
        elif row["log_loss"] == best:  # also where even the best is worse than the prior
            look["marker"] = "D"
        bar = [best + row["low"], best + row["high"]]
        panel.plot(bar, [y, y], color=look["color"], linewidth=2, zorder=2)
        panel.plot(min(row["log_loss"], right), y, zorder=3, clip_on=False, **look)
        panel.text(1.03, y, f"{row['log_loss']:.3f}", color=look["color"], **beside)
    return shown


def _look(row: pd.Series, best: float) -> str:
    """Which of `LOOKS` a head has."""
    if row["log_loss"] > row["prior_log_loss"]:
        return "worse than the prior"
    if row["log_loss"] == best:
        return "best"
    return "within noise of the best" if row["within_noise"] else "worse than the best"


def _limits(rows: pd.DataFrame, best: float, prior: float) -> tuple[float, float]:
    """The panel's ends: losses far over the prior are outside, and so is a prior that squeezes the rest."""
    ceiling = max(best + 1.0, prior + 0.5 * (prior - best))
    ends = pd.concat([rows["log_loss"], best + rows["low"], best + rows["high"]]).dropna()
    low, high = ends.min(), min(ends.max(), ceiling)
    with_prior = min(low, prior), max(high, prior)
    if rows["log_loss"].count() == 1 or high - low >= 0.5 * (with_prior[1] - with_prior[0]):
        low, high = with_prior
    margin = max(0.05 * (high - low), 0.01)
    return low - margin, high + margin


def _draw_prior(panel: "Axes", prior: float, n_rows: int) -> None:
    """A dashed line where the prior is, or an arrow towards it where it is outside the panel."""
    left, right = panel.get_xlim()
    is_right = prior > (left + right) / 2
    x, text = prior, f" class prior {prior:.3f} "
    if prior > right:
        x, text = right, f"class prior {prior:.3f} →"
    elif prior < left:
        x, text = left, f" ← class prior {prior:.3f}"
    else:
        panel.plot([prior, prior], [HEADER - 0.4, n_rows - 0.5], color="black", linewidth=1.2, linestyle="--")
    panel.text(x, HEADER, text, ha="right" if is_right else "left", **SMALL)
