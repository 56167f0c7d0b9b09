"""Runs blended by their out-of-fold predictions: how, and what that is worth."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError, examples
from fishcli.basics.progress import say, warn
from fishcli.dataset.classes import fold_priors, labels_of, proba_columns
from fishcli.options.train import AUTO_METRIC
from fishcli.runs.deciding import asked_metric, beside_loss, figures_said, measure, metric_of_run
from fishcli.runs.folders.listing import CONFIG
from fishcli.runs.folders.picking import list_runs, pick_run
from fishcli.runs.predicting.views import line_on_views, tta_of
from fishcli.runs.run import METRICS, Run
from fishcli.scoring.decisions import Decision, plain_decision
from fishcli.scoring.ensembling import MEANS, Blend, find_blend, nested_blend
from fishcli.scoring.metrics import log_loss
from fishcli.scoring.stacking import Stack

WITHOUT = "ensemble without it"
"""The column that tells which runs paid."""


@dataclass(frozen=True)
class Blending:
    """How runs are to be blended.

    Attributes:
        weights: how they are found, as `find_blend` has it.
        mean: "arithmetic", "geometric" or "auto", the one with less log loss out of fold.
        metric: by which labels are decided; "auto" for the first run's.
    """

    weights: Literal["oof", "equal", "greedy", "stack"]
    mean: Literal["arithmetic", "geometric", "auto"]
    metric: str = AUTO_METRIC


@dataclass(frozen=True)
class Blended:
    """Runs blended.

    Attributes:
        how: the blend of all rows, for test images.
        decision: how labels are decided.
        table: what the runs and the blend are worth out of fold, a row each.
        kind: of folds, "grouped" or "random".
    """

    how: Blend | Stack
    decision: Decision
    table: pd.DataFrame
    kind: str


def fitting_runs(models_dir: Path, tta: str) -> dict[str, Run]:
    """The newest complete run and all that have its classes, images and folds, the newest first, by name.

    Those that don't fit are named with the reason; incomplete ones are passed over.

    Args:
        models_dir: the runs' folder.
        tta: as the command has it, of each run.

    Raises:
        FishError: fewer than two fit.
    """
    names = [each.name for each in list_runs(models_dir) if (each / METRICS).exists()]
    runs: dict[str, Run] = {}
    newest: pd.DataFrame | None = None
    for name in names:
        try:
            each = pick_run(models_dir, name)
            oof = _read_oof(each, tta_of(each, tta))
            if newest is None:
                newest = oof
            else:
                _check_same(next(iter(runs.values())), newest, each, oof)
            runs[name] = each
        except FishError as error:
            warn(f"{name} is left out: {str(error).split('. ')[0]}")
    if len(runs) < 2:
        raise FishError(
            f"--all: {models_dir} has {len(runs)} complete run(s) with the same classes, images and folds, "
            "and an ensemble takes two. Train another head on the same folds: fishcli train --head gap."
        )
    return runs


def blend_runs(runs: dict[str, Run], numbers: list[int], asked: Blending) -> Blended:
    """Find how runs are blended on their out-of-fold predictions, and say what that is worth.

    Args:
        runs: by the names that they are shown under, one or more.
        numbers: how many views each averages.
        asked: how they are to be blended.

    Raises:
        FishError: runs of other classes, images or folds; predictions of so many views that nobody has.
    """
    first, oofs = next(iter(runs.values())), read_oofs(list(runs.values()), numbers)
    class_names = first.class_names
    if first.is_tagged and asked.weights == "stack":
        raise FishError("--blend stack: images have several labels here. Pass oof, equal or greedy.")
    labels, fold = labels_of(oofs[0]["class_name"], class_names), oofs[0]["fold"].to_numpy()
    columns = proba_columns(class_names)
    proba = np.stack([oof[columns].to_numpy(np.float64) for oof in oofs])
    mean, nested = _mixed(asked, labels, proba, fold)
    how = find_blend(asked.weights, mean, labels, proba, fold)
    without = _without_each(asked.weights, mean, labels, proba, fold)
    prior = fold_priors(labels, fold, len(class_names))
    members = [*zip(runs, how.weights, proba, without, strict=True), ("ensemble", 1.0, nested, np.nan)]
    metric = metric_of_run(first) if asked.metric == AUTO_METRIC else asked_metric(asked.metric)
    if metric is not None:
        metric.check(first.is_tagged)
    kind = "random" if (oofs[0]["group"] == "").all() else "grouped"
    groups = oofs[0]["group"].to_numpy() if kind == "grouped" else None
    rows: list[dict[str, Any]] = []
    decision, of_metric = plain_decision(labels), ""
    for name, weight, own, others_loss in members:
        rows.append({"run": name, "weight": weight, "log loss": log_loss(labels, own)})
        if len(runs) > 2:
            rows[-1][WITHOUT] = others_loss
        rows[-1]["prior"] = log_loss(labels, prior)
        if metric is not None:
            measured = measure(metric, labels, own, fold, prior)
            decision = measured.decision  # the blend's, which comes last, as what is said
            figures = measured.all_figures(groups)
            rows[-1] |= beside_loss(figures)
            of_metric = f"{name}: {figures_said(figures, kind)}"
    is_equal = asked.weights == "equal"
    weights_said = "equal weights" if is_equal else "the blend's weights found on the other folds"
    said = ", ".join(map(str, dict.fromkeys(numbers)))
    say(f"out of fold, {kind} folds, {said} view{'s' * (max(numbers) > 1)}, {weights_said}")
    if isinstance(how, Blend) and mean == "geometric":
        say(f"geometric mean, temperature {how.temperature:.2f}, each fold's found on the others")
    if of_metric:
        say(of_metric)
    return Blended(how, decision, pd.DataFrame(rows), kind)


def _mixed(
    asked: Blending, labels: np.ndarray, proba: np.ndarray, fold: np.ndarray
) -> tuple[str, np.ndarray]:
    """The mean that is asked for, or has less log loss, and its blend (n, C), each fold by the others."""
    if asked.weights == "stack" and asked.mean != MEANS[0]:
        raise FishError(f"--mean {asked.mean}: --blend stack takes no mean of its runs. Leave --mean out.")
    if asked.mean != "auto":
        return asked.mean, nested_blend(asked.weights, asked.mean, labels, proba, fold)
    mixed = {mean: nested_blend(asked.weights, mean, labels, proba, fold) for mean in MEANS}
    losses = {mean: log_loss(labels, each) for mean, each in mixed.items()}
    best = min(losses, key=lambda mean: losses[mean])
    said = ", ".join(f"{mean} {loss:.4f}" for mean, loss in losses.items())
    say(f"--mean auto takes the {best} one (out-of-fold log loss: {said})")
    return best, mixed[best]


def _without_each(
    weights: str, mean: str, labels: np.ndarray, proba: np.ndarray, fold: np.ndarray
) -> list[float]:
    """What the blend would lose without each run, found as the blend with all is; NaN of two runs."""
    if len(proba) < 3:
        return [np.nan] * len(proba)
    left = [np.delete(proba, i, axis=0) for i in range(len(proba))]
    return [log_loss(labels, nested_blend(weights, mean, labels, each, fold)) for each in left]


def read_oofs(runs: list[Run], numbers: list[int]) -> list[pd.DataFrame]:
    """The out-of-fold predictions of runs on the same folds, with so many views each; rows alike.

    Raises:
        FishError: runs of other classes, images or folds; predictions of so many views that nobody has.
    """
    oofs = [_read_oof(each, n_views) for each, n_views in zip(runs, numbers, strict=True)]
    for each, oof in zip(runs[1:], oofs[1:], strict=True):
        _check_same(runs[0], oofs[0], each, oof)
    return oofs


def _read_oof(this_run: Run, n_views: int) -> pd.DataFrame:
    oof = this_run.read_oof(n_views)
    if oof is None:
        raise FishError(
            f"the run {this_run.name} has no out-of-fold predictions for {n_views} views, so nobody knows "
            "what the blend is worth. Blend with --tta 1 or auto, or one that has them: "
            f"{line_on_views(this_run, n_views)}."
        )
    return oof


def _check_same(first: Run, first_oof: pd.DataFrame, other: Run, other_oof: pd.DataFrame) -> None:
    """Raise FishError where two runs differ in images, classes or folds."""
    pair = f"{first.name} and {other.name}"
    if first.is_tagged != other.is_tagged:
        raise FishError(f"of the runs {pair} one knows several labels an image, and the other one.")
    if first.class_names != other.class_names:
        differing = set(first.class_names) ^ set(other.class_names)
        raise FishError(f"the runs {pair} have different classes: {examples(differing)}.")
    images = set(first_oof["image"]) ^ set(other_oof["image"])
    if images:
        raise FishError(
            f"the runs {pair} were trained on different images: {examples(images)}. Train the older one "
            f"on the photos that there are now: {_trained_again(first, other)}."
        )
    if not first_oof["image"].equals(other_oof["image"]):
        raise ValueError(f"the out-of-fold rows of {pair} are in different orders")
    moved = first_oof["image"][first_oof["fold"].to_numpy() != other_oof["fold"].to_numpy()]
    if len(moved):
        raise FishError(
            f"the runs {pair} have different folds ({len(moved):,} images moved, such as "
            f"{examples(list(moved))}). "
            "Train them with the same --folds, --groups and --seed, and the same version of fishcli."
        )


def _trained_again(*runs: Run) -> str:
    """The command line that trains the oldest of some runs again, under another name."""
    oldest = min(runs, key=lambda each: (each.run_dir / CONFIG).stat().st_mtime)
    return oldest.train_line(name=f"{oldest.name}-new")
