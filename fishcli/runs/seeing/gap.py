"""What random folds promise and unseen groups don't keep: a run against its sibling on other folds."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError
from fishcli.basics.intervals import paired_interval
from fishcli.dataset.classes import fold_priors, labels_of, proba_columns
from fishcli.options.train import RunConfig
from fishcli.report.run_facts import Gap
from fishcli.runs.folders.settings import MEASURED_BY
from fishcli.runs.run import METRICS, Run
from fishcli.scoring.metrics import accuracy, log_loss, log_losses

OTHER = {"grouped": "random", "random": "grouped"}


def kind_of(run: Run) -> str:
    """The kind of a complete run's folds: "grouped" or "random"."""
    return str(run.read_metrics()["folds"])


def find_sibling(run: Run, config: RunConfig) -> Run | None:
    """The newest complete run with the same settings, features and images, but folds of the other kind.

    Looked for in the models folder and in the comparisons' folders there.
    """
    paths = [path for pattern in ("*", "*/*") for path in config.models_dir.glob(f"{pattern}/{METRICS}")]
    kind = kind_of(run)
    for path in sorted(paths, key=lambda each: each.stat().st_mtime, reverse=True):
        other = _opened(path.parent)
        if other is not None and _is_alike(run, other) and kind_of(other) == OTHER[kind]:
            return other
    return None


def measure_gap(run: Run, sibling: Run, config: RunConfig) -> Gap | None:
    """The gap between two runs on the same images; None where their images are not the same."""
    by_kind = {kind_of(each): each for each in (run, sibling)}
    tables = {kind: plain_oof(each).set_index("image") for kind, each in by_kind.items()}
    grouped, random = tables["grouped"], tables["random"]
    if set(grouped.index) != set(random.index):
        return None
    tables["random"] = random.loc[grouped.index]
    labels = labels_of(grouped["class_name"], run.class_names)
    proba = {kind: table[proba_columns(run.class_names)].to_numpy() for kind, table in tables.items()}
    difference = log_losses(labels, proba["grouped"]) - log_losses(labels, proba["random"])
    groups = grouped["group"].to_numpy()
    interval = paired_interval(difference, groups)
    priors = {
        kind: fold_priors(labels, table["fold"].to_numpy(), len(run.class_names))
        for kind, table in tables.items()
    }
    return Gap(
        sibling=sibling.run_dir.relative_to(config.models_dir).as_posix(),
        losses={kind: log_loss(labels, each) for kind, each in proba.items()},
        priors={kind: log_loss(labels, each) for kind, each in priors.items()},
        accuracies={kind: accuracy(labels, each) for kind, each in proba.items()},
        low=known(interval.low),
        high=known(interval.high),
        n_groups=len(np.unique(groups)),
    )


def sibling_command(run: Run, config: RunConfig) -> tuple[str, str]:
    """Why there is no gap to show, and the command that makes the run it takes; "" where none does."""
    other = OTHER[kind_of(run)]
    if run.settings.get("balance") == "group":
        return "It was trained with --balance group, which random folds have no use for.", ""
    if run.settings.get("pseudo") is not None:
        return (
            f"It learned from {run.settings['pseudo']} (--pseudo), whose folds it shares: on {other} folds "
            "it needs a teacher trained on those.",
            "",
        )
    groups = "none" if other == "random" else "auto"
    folders = {"data_dir": config.data_dir, "features_dir": config.features_dir}
    line = run.train_line(**folders, groups=groups, name=f"{run.name}-{other}")
    said = f"No complete run in {config.models_dir} has these settings on {other} folds. This makes one:"
    return said, line


def plain_oof(run: Run) -> pd.DataFrame:
    """A run's out-of-fold predictions for the plain photo; FishError where they are missing."""
    oof = run.read_oof(1)
    if oof is None:
        raise FishError(f"{run.run_dir / 'oof.csv'} is missing. Write it again: {run.train_line()}.")
    return oof


def known(value: float) -> float | None:
    """A number, or None in place of NaN."""
    return None if math.isnan(value) else value


def _opened(run_dir: Path) -> Run | None:
    """The run in a folder; None where it can't be read, such as another version's."""
    try:
        return Run.open(run_dir)
    except FishError:
        return None


def _is_alike(run: Run, other: Run) -> bool:
    """Whether two runs differ in nothing but their folder, their folds and what groups are."""
    return _without_groups(run) == _without_groups(other)


def _without_groups(run: Run) -> Run:
    settings = {name: value for name, value in run.settings.items() if name not in {"groups", *MEASURED_BY}}
    return dataclasses.replace(run, run_dir=Path(), targets="", settings=settings)
