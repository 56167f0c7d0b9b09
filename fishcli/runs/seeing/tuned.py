"""What fine-tuning brought: a run against the frozen head that it started from, and each recipe by itself."""

import numpy as np

from fishcli.basics.intervals import paired_interval
from fishcli.report.run_facts import Curves, Tuned, Versus, Way
from fishcli.runs.run import Run
from fishcli.runs.seeing.answers import Answers, read_kept
from fishcli.runs.seeing.gap import known
from fishcli.runs.seeing.measures import mean_curves
from fishcli.runs.training.fold_fits import members_of
from fishcli.scoring.calibration import find_temperature, nested_calibration
from fishcli.scoring.metrics import accuracy, log_loss, log_losses

FROZEN = "frozen, head linear"


def curves_by_member(run: Run, losses: list[list[dict[str, list[float]]]]) -> dict[str, list[Curves]]:
    """The training losses of each fold, by the recipe that a fine-tuned network learned from.

    Args:
        run: the run.
        losses: of each fold and each of its heads: name -> the mean loss of each epoch.

    Returns:
        "" -> the mean of a fold's heads, where they are not told apart by a recipe.
    """
    recipes = _recipes(run)
    if len(recipes) == 1:
        return {"": [mean_curves(heads) for heads in losses]}
    return {recipe: [mean_curves([heads[m]]) for heads in losses] for m, recipe in enumerate(recipes)}


def what_tuning_brought(run: Run, answers: Answers) -> Tuned | None:
    """A fine-tuned run beside the frozen head that it started from; None for other runs."""
    frozen = read_kept(run, answers, "frozen") if run.is_tuned else None
    whole = read_kept(run, answers, "proba")
    if frozen is None or whole is None:
        return None
    recipes, members = _recipes(run), read_kept(run, answers, members_of("proba"))
    said = [(FROZEN, frozen[0])]
    if len(recipes) > 1 and members is not None:
        said += [(f"{recipe} alone", members[m, 0]) for m, recipe in enumerate(recipes)]
    said.append((run.name, whole[0]))
    ways, losses = [], []
    for name, proba in said:
        scored, temperature = _as_scored(run, answers, proba)
        losses.append(log_losses(answers.labels, scored))
        raw, right = log_loss(answers.labels, proba), accuracy(answers.labels, scored)
        to_frozen = _paired(losses[-1] - losses[0], answers)
        ways.append(Way(name, float(losses[-1].mean()), raw, temperature, right, *to_frozen))
    blended = None
    if len(ways) > 2:
        best = min(range(1, len(ways) - 1), key=lambda way: ways[way].log_loss)
        blended = (ways[best].name, *_paired(losses[-1] - losses[best], answers))
    return Tuned(ways, blended, *_parts(answers, losses[-1], losses[0]))


def _parts(answers: Answers, tuned: np.ndarray, frozen: np.ndarray) -> tuple[str, list[Versus]]:
    """Losses (n,) by group, the one with the most images first, or by fold where none are known."""
    if answers.groups is None:
        by, part_of = "fold", np.array([f"fold {k}" for k in answers.fold])
        order = np.unique(part_of)
    else:
        by, part_of = "group", answers.groups.astype(str)
        names, counts = np.unique(part_of, return_counts=True)
        order = names[np.argsort(-counts, kind="stable")]
    parts = []
    for name in order:
        here = part_of == name
        parts.append(
            Versus(str(name), int(here.sum()), float(tuned[here].mean()), float(frozen[here].mean()))
        )
    return by, parts


def _recipes(run: Run) -> list[str]:
    """What the networks of a fold learned from, one a network; [""] of a run that is not fine-tuned."""
    return str(run.settings["augment"]).split(",") if run.is_tuned else [""]


def _as_scored(run: Run, answers: Answers, proba: np.ndarray) -> tuple[np.ndarray, float]:
    """Probabilities (n, C) as `train` would score them, calibrated where that pays, and the temperature."""
    if run.settings["calibrate"] == "temperature":
        nested = nested_calibration(answers.labels, proba, answers.fold)[0]
        if log_loss(answers.labels, nested) < log_loss(answers.labels, proba):
            return nested, find_temperature(answers.labels, proba)
    return proba, 1.0


def _paired(difference: np.ndarray, answers: Answers) -> tuple[float, float | None, float | None]:
    """The mean of differences (n,) and the ends of its 95% interval over groups, None where unknown."""
    interval = paired_interval(difference, answers.groups)
    return float(difference.mean()), known(interval.low), known(interval.high)
