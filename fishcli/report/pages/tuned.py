"""What fine-tuning brought, in words and as rows of dots."""

from typing import Any

from fishcli.report.pages.words import FOLDS_SAID
from fishcli.report.plots.panels import signed
from fishcli.report.plots.run import Rows
from fishcli.report.run_facts import RunFacts, Tuned
from fishcli.report.tables.cells import ends, number


def tuned_said(facts: RunFacts, tuned: Tuned) -> str:
    """What fine-tuning brought, with its folds, the prior and what may be chance."""
    frozen, run, prior = tuned.ways[0], tuned.ways[-1], facts.scores["prior_log_loss"]
    said = (
        f"{FOLDS_SAID[facts.folds]}, the head linear on the frozen backbone has a log loss of "
        f"{number(frozen.log_loss)}, the fine-tuned networks {number(run.log_loss)} "
        f"(class prior {number(prior)}): {_difference(run.difference, run.low, run.high)}"
    )
    if run.raw_log_loss > frozen.log_loss > run.log_loss:
        said += f" Uncalibrated they have {number(run.raw_log_loss)} and look worse than they are."
    if tuned.blended is not None:
        best, difference, low, high = tuned.blended
        said += f" The blend of all recipes against {best}: {_difference(difference, low, high)}"
    if "cut" in facts.scores:
        said += f" {_choice_said(facts.scores['cut'])}"
    return said


def _choice_said(choice: dict[str, Any]) -> str:
    """By which figures `--cut auto` chose."""
    losses = ", ".join(f"{cut} {number(loss)}" for cut, loss in choice["log_loss"].items())
    folds, prior = " and ".join(str(k) for k in choice["folds"]), number(choice["prior_log_loss"])
    return (
        f"Networks are trained above {choice['chosen']}. Cuts tried on the {choice['n_images']:,} images of "
        f"folds {folds}, log loss, each calibrated in hindsight (class prior {prior}): {losses}. No fold is "
        "predicted with a cut that its own images chose."
    )


def _difference(difference: float, low: float | None, high: float | None) -> str:
    span = ends(low, high)
    may_be = ", which may be chance" if low is None or high is None or low <= 0 <= high else ""
    return f"{signed(difference)}{f' (95%: {span})' if span else ''}{may_be}."


def tuned_rows(tuned: Tuned | None) -> Rows | None:
    """The run's loss beside the frozen head's on each group or fold."""
    if tuned is None:
        return None
    return Rows(
        names=[part.name for part in tuned.parts],
        notes=[f"{part.n_images:,} image{'s' * (part.n_images != 1)}" for part in tuned.parts],
        values=[part.log_loss for part in tuned.parts],
        references=[part.frozen_log_loss for part in tuned.parts],
        label="log loss, out of fold",
        lower_is_better=True,
    )
