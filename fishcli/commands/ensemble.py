"""`fishcli ensemble`: runs blended by their out-of-fold predictions into a submission CSV."""

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError, examples
from fishcli.basics.progress import say
from fishcli.basics.tables import table_text
from fishcli.dataset.classes import fold_priors, labels_of, proba_columns
from fishcli.options.predict import EnsembleConfig
from fishcli.options.train import AUTO_METRIC
from fishcli.options.views import parse_tta
from fishcli.runs.deciding import asked_metric, beside_loss, figures_said, measure, metric_of_run
from fishcli.runs.picking import pick_run
from fishcli.runs.predicting import predict_run
from fishcli.runs.run import Run, check_name
from fishcli.runs.submitting import load_competition, write_submissions
from fishcli.runs.tta import line_on_views, tta_of
from fishcli.scoring.decisions import Decision
from fishcli.scoring.ensembling import MEANS, find_blend, nested_blend
from fishcli.scoring.metrics import log_loss


def run(config: EnsembleConfig) -> str:
    """Blend the runs; returns a table of losses and the submissions' paths."""
    parse_tta(config.tta)  # before anything is read
    asked_metric(config.metric)
    if len(config.runs) < 2 or len(set(config.runs)) < len(config.runs):
        raise FishError("an ensemble takes two or more different runs: fishcli ensemble RUN RUN ...")
    if config.name is not None:
        check_name(config.name)
    runs = [pick_run(config.models_dir, name) for name in config.runs]
    numbers = [tta_of(each, config.tta) for each in runs]
    oofs = [_read_oof(each, tta) for each, tta in zip(runs, numbers, strict=True)]
    for each, oof in zip(runs[1:], oofs[1:], strict=True):
        _check_same(runs[0], oofs[0], each, oof)
    class_names = runs[0].class_names
    labels, fold = labels_of(oofs[0]["class_name"], class_names), oofs[0]["fold"].to_numpy()
    columns = proba_columns(class_names)
    proba = np.stack([oof[columns].to_numpy(np.float64) for oof in oofs])
    mean, nested = _mixed(config, labels, proba, fold)
    how = find_blend(mean, config.blend == "equal", labels, proba)
    prior = fold_priors(labels, fold, len(class_names))
    members = [*zip(config.runs, how.weights, proba, strict=True), ("blend", 1.0, nested)]
    metric = metric_of_run(runs[0]) if config.metric == AUTO_METRIC else asked_metric(config.metric)
    kind = "random" if (oofs[0]["group"] == "").all() else "grouped"
    groups = oofs[0]["group"].to_numpy() if kind == "grouped" else None
    rows, decision, of_metric = [], Decision(), ""
    for name, weight, own in members:
        losses = {"log loss": log_loss(labels, own), "prior": log_loss(labels, prior)}
        rows.append({"run": name, "weight": weight, **losses})
        if metric is not None:
            measured = measure(metric, labels, own, fold, prior)
            decision = measured.decision  # the blend's, which comes last, as what is said
            figures = measured.all_figures(groups)
            rows[-1] |= beside_loss(figures)
            of_metric = f"{name}: {figures_said(figures, kind)}"
    weights_said = (
        "equal weights" if config.blend == "equal" else "the blend's weights found on the other folds"
    )
    said = ", ".join(map(str, dict.fromkeys(numbers)))
    say(f"out of fold, {kind} folds, {said} view{'s' * (max(numbers) > 1)}, {weights_said}")
    if mean == "geometric":
        say(f"geometric mean, temperature {how.temperature:.2f}, each fold's found on the others")
    if of_metric:
        say(of_metric)

    samples, tests = load_competition(config, runs[0])
    keys = ["split", "image"]
    found = [
        predict_run(config, each, tests, tta).set_index(keys)[columns]
        for each, tta in zip(runs, numbers, strict=True)
    ]
    aligned = np.stack([each.loc[found[0].index].to_numpy() for each in found])
    mixed = pd.DataFrame(how.of(aligned), found[0].index, columns).reset_index()
    paths = write_submissions(
        config, config.name or "+".join(config.runs), runs[0], (samples, mixed), decision
    )
    return f"{table_text(pd.DataFrame(rows))}\n\n{paths}"


def _mixed(
    config: EnsembleConfig, labels: np.ndarray, proba: np.ndarray, fold: np.ndarray
) -> tuple[str, np.ndarray]:
    """The mean that is asked for, or has less log loss, and its blend (n, C), each fold by the others."""
    is_equal = config.blend == "equal"
    if config.mean != "auto":
        return config.mean, nested_blend(config.mean, is_equal, labels, proba, fold)
    mixed = {mean: nested_blend(mean, is_equal, labels, proba, fold) for mean in MEANS}
    losses = {mean: log_loss(labels, each) for mean, each in mixed.items()}
    best = min(losses, key=lambda mean: losses[mean])
    said = ", ".join(f"{mean} {loss:.4f}" for mean, loss in losses.items())
    say(f"--mean auto takes the {best} one (out-of-fold log loss: {said})")
    return best, mixed[best]


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
    if first.class_names != other.class_names:
        differing = set(first.class_names) ^ set(other.class_names)
        raise FishError(f"the runs {pair} have different classes: {examples(differing)}.")
    images = set(first_oof["image"]) ^ set(other_oof["image"])
    if images:
        raise FishError(f"the runs {pair} were trained on different images: {examples(images)}.")
    if not first_oof["image"].equals(other_oof["image"]):
        raise ValueError(f"the out-of-fold rows of {pair} are in different orders")
    moved = first_oof["image"][first_oof["fold"].to_numpy() != other_oof["fold"].to_numpy()]
    if len(moved):
        raise FishError(
            f"the runs {pair} have different folds ({len(moved):,} images moved, such as "
            f"{examples(list(moved))}). "
            "Train them with the same --folds, --groups and --seed, and the same version of fishcli."
        )
