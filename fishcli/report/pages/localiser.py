"""The page of a localiser's run: what its boxes are worth, and whether cropping by them pays."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fishcli.report.localiser_facts import LocaliserFacts, PrecisionRecall
from fishcli.report.pages.page import fit, render, twice_drawn
from fishcli.report.pages.words import (
    FOLDS_SAID,
    curves_said,
    ious_said,
    reliability_said,
    rows_said,
    score_rows,
)
from fishcli.report.pictures import embedded_jpeg
from fishcli.report.plots import answers as answer_plots
from fishcli.report.plots import detections as detection_plots
from fishcli.report.plots import run as run_plots
from fishcli.report.plots.run import Rows
from fishcli.report.run_facts import Part
from fishcli.report.tables import run as run_tables
from fishcli.report.tables.localiser import located_table

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.figure import Figure


def localiser_page(facts: LocaliserFacts) -> str:
    """Render a localiser's run as one page that needs neither the network nor scripts."""
    facts = fit(facts)
    return render(
        "localiser.html",
        facts=facts,
        sentence=_sentence(facts),
        figures=_figures(facts),
        tables={
            "group": located_table(facts.by_group, "group"),
            "fold": located_table(facts.by_fold, "fold"),
            "settings": run_tables.settings_table(facts.settings, "locate"),
        },
        n_rows=run_plots.N_ROWS,
        max_rows=run_tables.MAX_ROWS,
        sheets=[
            [(each, embedded_jpeg(each.photo) if each.photo else "") for each in sheet]
            for sheet in facts.sheets
        ],
    )


def _sentence(facts: LocaliserFacts) -> str:
    """What the run is worth, in one sentence with its folds and what there is to beat."""
    where, scores = FOLDS_SAID[facts.folds], facts.scores
    return (
        f"{where}, {facts.name} puts the centre of its surest box into a true one in "
        f"{scores['centre_in_box']:.0%} of photos with one, at a mean IoU of {scores['box_iou']:.2f}; the "
        f"mean box alone has {scores['mean_centre_in_box']:.0%} and {scores['mean_box_iou']:.2f}."
    )


def _figures(facts: LocaliserFacts) -> "dict[str, Markup]":
    """The plots that there are numbers for, by name."""
    known: dict[str, tuple[Any, Callable[[Any, float], Figure], Callable[[Any], str]]] = {
        "group": (_rows(facts.by_group), run_plots.row_dots, rows_said),
        "fold": (_rows(facts.by_fold), run_plots.row_dots, rows_said),
        "precision": (facts.precision_recall, detection_plots.precision_recall_curve, _precision_said),
        "reliability": ((facts.bins, None), answer_plots.reliability_diagram, reliability_said),
        "ious": (facts.ious, run_plots.iou_histogram, ious_said),
        "curves": ({"": facts.curves}, run_plots.training_curves, curves_said),
    }
    return {
        name: twice_drawn(name, said(content), draw, content)
        for name, (content, draw, said) in known.items()
        if content is not None
    }


def _rows(parts: dict[str, dict[str, Any]]) -> Rows | None:
    """The IoU of parts of the photos beside the mean box's."""
    return score_rows(
        [
            Part(
                name,
                scores["n_images"],
                box_iou=scores["box_iou"],
                mean_box_iou=scores["mean_box_iou"],
            )
            for name, scores in parts.items()
        ]
    )


def _precision_said(content: PrecisionRecall) -> str:
    """The curve of precision over recall in words."""
    recall, precision = content.mean_box
    return (
        f"Precision over recall at IoU 0.5 of {len(content.recall):,} found boxes: average precision "
        f"{content.average:.2f}, all together find {content.recall[-1]:.0%} of the true boxes. The mean box "
        f"finds {recall:.0%} at a precision of {precision:.0%}."
    )
