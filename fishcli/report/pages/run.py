"""The page of a run: one HTML file that opens from disk, by day and by night, on a phone too."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fishcli.report.pages.page import fit, render, twice_drawn
from fishcli.report.pages.tuned import tuned_rows, tuned_said
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
from fishcli.report.plots import run as run_plots
from fishcli.report.plots.panels import signed
from fishcli.report.plots.run import Rows
from fishcli.report.run_facts import Gap, RunFacts
from fishcli.report.tables import run as run_tables
from fishcli.report.tables.cells import Table, ends, number
from fishcli.report.tables.tuned import tuned_table

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.figure import Figure


def run_page(facts: RunFacts) -> str:
    """Render a run as one page that needs neither the network nor scripts."""
    facts = fit(facts)
    return render(
        "run.html",
        facts=facts,
        sentence=_sentence(facts),
        gap_said=_gap_said(facts.gap) if facts.gap else "",
        tuned_said=tuned_said(facts, facts.tuned) if facts.tuned else "",
        tables=_tables(facts),
        figures=_figures(facts),
        majority=max(count for _, count in facts.class_counts) / facts.scores["n_images"],
        n_rows=run_plots.N_ROWS,
        max_rows=run_tables.MAX_ROWS,
        spans={
            "lead": ends(*facts.lead),
            "expected": f"{facts.expected[0].upper()}{facts.expected[1:]}." if facts.expected else "",
            "gap": ends(facts.gap.low, facts.gap.high) if facts.gap else "",
            "looked": _in_points(*facts.looked_lead),
            "metric": _metric_said(facts.scores["metric"]) if "metric" in facts.scores else "",
        },
        mistakes=[
            (
                each,
                {
                    name: embedded_jpeg(getattr(each, name))
                    for name in ("photo", "heatmap")
                    if getattr(each, name)
                },
            )
            for each in facts.mistakes
        ],
    )


def _sentence(facts: RunFacts) -> str:
    """What the run is worth, in one sentence with its folds and what there is to beat."""
    where, scores = FOLDS_SAID[facts.folds], facts.scores
    if "log_loss" not in scores:
        if "box_iou" not in scores:
            return f"{where}, nothing of {facts.name} could be measured."
        return (
            f"{where}, the boxes of {facts.name} overlap the true ones by "
            f"{scores['box_iou']:.2f} (mean IoU); the mean box alone by {scores['mean_box_iou']:.2f}."
        )
    loss, prior = scores["log_loss"], scores["prior_log_loss"]
    said = f"{where}, {facts.name} has a log loss of {loss:.3f}; "
    if loss >= prior:
        said += f"the class prior alone has {prior:.3f}, so it is worse than knowing nothing."
    else:
        said += f"the class prior alone has {prior:.3f}. {scores['explained']:.0%} of that is explained"
        is_noise = facts.lead[0] is None or facts.lead[0] <= 0
        said += ", which may be chance." if is_noise else "."
    if facts.folds == "random" and facts.gap is not None:
        grouped, prior = (each["grouped"] for each in (facts.gap.losses, facts.gap.priors))
        said += (
            f" On unseen groups (grouped folds) the same settings have {grouped:.3f}, the prior {prior:.3f}."
        )
    return said


def _metric_said(metric: dict[str, Any]) -> str:
    """What else metrics.json has of a metric: its direction, its interval, how labels are decided."""
    span = ends(metric.get("low"), metric.get("high"), number)
    said = (
        f"{'Higher' if metric['higher_is_better'] else 'Lower'} is better.{f' 95%: {span}.' if span else ''}"
    )
    if metric.get("argmax") is None or metric["decision"]["rule"] == "argmax":
        return said
    return f"{said} Labels are decided for it; the most probable class has {number(metric['argmax'])}."


def _gap_said(gap: Gap) -> str:
    """What the gap between random and grouped folds means, by its interval."""
    span = ends(gap.low, gap.high)
    said = f"From random to grouped folds: {signed(gap.difference)}{f' (95%: {span})' if span else ''}. "
    if gap.low is None or gap.high is None or gap.low <= 0 <= gap.high:
        return said + "That may be chance: no gap is shown, nor is it shown that there is none."
    if gap.low > 0:
        return said + "The random-fold score owes that to groups it has seen: do not expect it on new ones."
    return said + "Grouped folds are the easier ones here, which is rare: look at the folds."


def _in_points(low: float | None, high: float | None) -> str:
    """An interval of shares in percentage points."""
    if low is None or high is None:
        return ""
    return ends(100 * low, 100 * high, lambda value: signed(value, 1))


def _tables(facts: RunFacts) -> dict[str, Table]:
    """The tables that there are numbers for, by name."""
    known: dict[str, tuple[Any, Callable[[Any], Table]]] = {
        "gap": (facts.gap, run_tables.gap_table),
        "class": (facts.by_class, lambda parts: run_tables.parts_table(parts, "class")),
        "group": (facts.by_group, lambda parts: run_tables.parts_table(parts, "group")),
        "fold": (facts.by_fold, lambda parts: run_tables.parts_table(parts, "fold")),
        "views": (facts.by_views, run_tables.views_table),
        "tuned": (facts.tuned, lambda tuned: tuned_table(tuned, facts.scores["prior_log_loss"])),
        "settings": (facts.settings, run_tables.settings_table),
        "looked_class": (facts.looked.get("class"), lambda parts: run_tables.looked_table(parts, "class")),
        "looked_group": (facts.looked.get("group"), lambda parts: run_tables.looked_table(parts, "group")),
    }
    return {name: make(content) for name, (content, make) in known.items() if content}


def _figures(facts: RunFacts) -> "dict[str, Markup]":
    """The plots that there are numbers for, by name."""
    rows = {
        "class": score_rows(facts.by_class),
        "group": score_rows(facts.by_group),
        "fold": score_rows(facts.by_fold),
        "looked": _looked_rows(facts),
        "tuned": tuned_rows(facts.tuned),
    }
    matrix = ([name for name, _ in facts.class_counts], facts.confusion) if facts.has_classes else None
    measure = "log_loss" if facts.has_classes else "box_iou"
    views = [(int(n), scores[measure]) for n, scores in facts.by_views.items() if measure in scores]
    bins = None if facts.bins is None else (facts.bins, facts.raw_bins)
    known: dict[str, tuple[Any, Callable[[Any, float], Figure], Callable[[Any], str]]] = {
        **{name: (content, run_plots.row_dots, rows_said) for name, content in rows.items()},
        "confusion": (matrix, answer_plots.confusion_matrix, _matrix_said),
        "reliability": (bins, answer_plots.reliability_diagram, reliability_said),
        "curves": (
            facts.curves if any(map(any, facts.curves.values())) else None,
            run_plots.training_curves,
            curves_said,
        ),
        "views": (views if len(views) > 1 else None, run_plots.loss_by_views, _views_said),
        "ious": (facts.ious, run_plots.iou_histogram, ious_said),
    }
    return {
        name: twice_drawn(name, said(content), draw, content)
        for name, (content, draw, said) in known.items()
        if content is not None
    }


def _looked_rows(facts: RunFacts) -> Rows | None:
    """The share of maps inside the boxes beside the boxes' share of the photo: of all, then by class."""
    parts = [*facts.looked.get("all", []), *(facts.looked.get("class", []) if facts.has_classes else [])]
    if not parts:
        return None
    return Rows(
        names=[part.name for part in parts],
        notes=[f"{part.n_images:,} image{'s' * (part.n_images != 1)}" for part in parts],
        values=[part.share for part in parts],
        references=[part.area for part in parts],
        label="share of the map inside the true boxes",
        lower_is_better=False,
        is_share=True,
    )


def _matrix_said(content: tuple[list[str], Any]) -> str:
    names, counts = content
    right, n_images = counts.diagonal().sum(), counts.sum()
    return f"Confusion matrix of {len(names)} classes: {right:,} of {n_images:,} images are right."


def _views_said(content: list[tuple[int, float]]) -> str:
    said = [f"{n}: {value:.3f}" for n, value in content]
    return f"Out-of-fold score by the number of test-time views. {', '.join(said)}."
