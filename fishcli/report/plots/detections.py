"""The plot of what detections are worth, drawn for a given width."""

from typing import TYPE_CHECKING

import numpy as np

from fishcli.report.localiser_facts import PrecisionRecall
from fishcli.report.plots.inline_svg import ACCENT, BACK, DIM, LINE, svg_figure
from fishcli.report.plots.panels import NARROW, bare, text_size

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHARES = [0, 0.25, 0.5, 0.75, 1]
MAX_POINTS = 400
"""Of a curve: more are not seen, but weigh."""


def precision_recall_curve(content: PrecisionRecall, width: float) -> "Figure":
    """Precision over recall from the surest detection on; in a ring, the mean box."""
    figure = svg_figure(width, 300 if width < NARROW else 340)
    panel, size = figure.subplots(), text_size(width)
    bare(panel, size)
    for each in (panel.set_xticks, panel.set_yticks):
        each(SHARES, [f"{share:.0%}" for share in SHARES])
    panel.set_xlim(-0.02, 1.02)
    panel.set_ylim(-0.03, 1.03)
    panel.set_xlabel("recall: true boxes found", color=DIM, fontsize=size)
    panel.set_ylabel("precision: found boxes that are true", color=DIM, fontsize=size)
    panel.grid(True, color=LINE, linewidth=0.8)
    n = len(content.recall)
    shown = np.unique(np.linspace(0, n - 1, min(MAX_POINTS, n)).round().astype(int))
    panel.plot(content.recall[shown], content.precision[shown], color=ACCENT, linewidth=1.8)
    panel.plot(
        *content.mean_box,
        "o",
        color=BACK,
        markeredgecolor=DIM,
        markeredgewidth=1.8,
        markersize=8,
        clip_on=False,
        zorder=3,
    )
    return figure
