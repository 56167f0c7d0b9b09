"""From the public stage to the private one: how a submission's loss fell, and whether that was promised."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError
from fishcli.dataset.layout.stages import in_order_of_time
from fishcli.runs.expecting import expected_of, interval_said
from fishcli.runs.folders.finding import is_run
from fishcli.runs.run import Run


@dataclass(frozen=True)
class Scored:
    """A submission's losses.

    Attributes:
        name: its file's name without the suffix.
        losses: (n,) nats.
        rows: (n rows) `stage` of each image, and perhaps its `group`.
    """

    name: str
    losses: np.ndarray
    rows: pd.DataFrame

    def of_stage(self, stage: str) -> np.ndarray:
        """Which images are of a stage: (n,) bool."""
        return (self.rows["stage"] == stage).to_numpy()


def falls_said(scored: list[Scored], models_dir: Path) -> list[str]:
    """A sentence for each run, or other submission, whose loss is known in several stages.

    Args:
        scored: submissions; those of one run (NAME_stg1, NAME_stg2) are taken together.
        models_dir: the runs' folder.
    """
    by_run: dict[str, list[Scored]] = defaultdict(list)
    for each in scored:
        by_run[_run_named(each.name, models_dir) or each.name].append(each)
    said = [_fall_said(name, parts, models_dir) for name, parts in by_run.items()]
    return [each for each in said if each]


def _run_named(submission: str, models_dir: Path) -> str:
    """The run whose name a submission has, perhaps with a stage behind it; "" where there is none."""
    parts = submission.split("_")
    names = ["_".join(parts[:k]) for k in range(len(parts), 0, -1)]
    return next((name for name in names if name and is_run(models_dir / name)), "")


def _fall_said(name: str, parts: list[Scored], models_dir: Path) -> str:
    stages = in_order_of_time({stage for each in parts for stage in each.rows["stage"]})
    if len(stages) < 2:
        return ""
    first, last = (
        np.concatenate([each.losses[each.of_stage(stage)] for each in parts]).mean()
        for stage in (stages[0], stages[-1])
    )
    way = "rose" if last > first else "fell"
    said = (
        f"{name}: from stage {stages[0]} to stage {stages[-1]} the log loss {way} "
        f"by {abs(last - first):.2f}, from {first:.2f} to {last:.2f}"
    )
    return f"{said}{_promise_said(models_dir / name, float(last), _groups_of(parts, stages[-1]))}"


def _groups_of(parts: list[Scored], stage: str) -> set[str] | None:
    """The groups of a stage's images; None where the solution has none."""
    if not all("group" in each.rows for each in parts):
        return None
    return {group for each in parts for group in each.rows["group"][each.of_stage(stage)]}


def _promise_said(run_dir: Path, came: float, groups: set[str] | None) -> str:
    """Whether what came is what the run promised; "" where no run of the name is found that promised."""
    try:
        this_run = Run.open(run_dir)
        oof = this_run.read_oof(1) if this_run.is_complete else None
    except FishError:  # an ensemble's submission, or of a run that is gone: its loss is known all the same
        return ""
    if oof is None:
        return ""
    if groups is not None and groups <= set(oof["group"]):
        return "; its run has learned from all groups of that stage, so its promise is of others"
    found = expected_of(this_run, None if groups is None else len(groups))
    if found is None or found["low"] is None:
        folds = "random folds" if found is None else "one group"
        return f"; on {folds} its run promised nothing of unseen groups"
    where = "inside" if found["low"] <= came <= found["high"] else "OUTSIDE"
    span = interval_said(found["low"], found["high"])
    return f", {where} what its run promised of {found['new_groups']} unseen groups (95%: {span})"
