"""The plot of a rehearsal: what folds promised, split by split, and what came."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from fishcli.basics.files import whole_file
from fishcli.report.plots.comparison import ACCENT, FAILING, GREY, PALE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOOKS: dict[str, dict[str, Any]] = {
    "random": {"marker": "s", "color": GREY, "markersize": 5.5, "label": "random folds promised"},
    "grouped": {
        "marker": "o",
        "color": ACCENT,
        "markersize": 6,
        "markerfacecolor": "white",
        "label": "grouped folds promised",
    },
    "came": {"marker": "D", "color": "black", "markersize": 6, "label": "came"},
}
OUTSIDE = {**LOOKS["came"], "color": FAILING, "label": "came, outside the interval"}
ROW, WIDTH, FRAME = 0.3, 7.5, 1.75  # inches: a row's height, the figure's width, what is above and below


def write_rehearsal_plot(path: Path, table: pd.DataFrame) -> None:
    """Draw what folds promised and what came, a row a split, to a PNG.

    Args:
        path: the PNG.
        table: a row a split, as `runs.rehearsing.rehearse_split` has them: `split`, `random`, `grouped`,
            `low`, `high`, `came`, `inside`, `prior`; losses in nats.
    """
    figure = _figure(table)
    with whole_file(path) as partial:
        figure.savefig(partial, format="png", metadata={"Software": None})  # the same table, the same bytes


def _figure(table: pd.DataFrame) -> "Figure":
    """The figure, made without pyplot, which would keep it and could open a window."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.ticker import MaxNLocator

    n_rows = len(table)
    figure = Figure(figsize=(WIDTH, ROW * n_rows + FRAME), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    panel = figure.subplots()
    for y, row in enumerate(table.to_dict("records")):
        panel.plot([row["low"], row["high"]], [y, y], color=ACCENT, linewidth=5, alpha=0.3, zorder=1)
        panel.plot([row["prior"]] * 2, [y - 0.35, y + 0.35], color="black", linewidth=1.2, zorder=1)
        for name in ("random", "grouped"):
            panel.plot(row[name], y, zorder=3, **LOOKS[name])
        panel.plot(row["came"], y, zorder=4, **(LOOKS["came"] if row["inside"] else OUTSIDE))
    left, right = panel.get_xlim()
    panel.hlines(range(n_rows), left, right, color=PALE, linewidth=0.8, zorder=0)
    panel.set_xlim(left, right)
    panel.set_ylim(n_rows - 0.4, -0.6)
    panel.set_yticks(range(n_rows), [f"split {int(split)}" for split in table["split"]])
    panel.tick_params(axis="y", length=0)
    panel.spines[["left", "right", "top"]].set_visible(False)
    panel.xaxis.set_major_locator(MaxNLocator(7))
    panel.set_xlabel("log loss (lower is better)")
    panel.set_title("promised by folds, and what groups held back then cost", fontsize=11, loc="left")
    looks = [*LOOKS.values(), *([] if table["inside"].all() else [OUTSIDE])]
    handles = [Line2D([], [], linestyle="", **look) for look in looks]
    handles.append(Line2D([], [], color=ACCENT, linewidth=5, alpha=0.3, label="95% of grouped folds"))
    handles.append(Line2D([], [], color="black", linewidth=1.2, label="class prior"))
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure
