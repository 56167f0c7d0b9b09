"""What to expect of groups not seen yet, such as the test set's: a loss and its interval, in words."""

import math
from typing import Any

import numpy as np
import pandas as pd

from fishcli.basics.intervals import TOO_FEW_GROUPS, prediction_interval
from fishcli.dataset.classes import labels_of, proba_columns
from fishcli.runs.run import Run
from fishcli.scoring.metrics import log_losses

USUAL_NEW_GROUPS = 10
"""As many groups the test set is taken to be of where nobody says."""
EXPECTED = "expected"
"""The key of metrics.json; runs of before it, of random folds and of one class have none."""


def expect(losses: np.ndarray, groups: np.ndarray, n_test: int | None) -> dict[str, Any]:
    """What to expect of the mean log loss on groups to come, for a JSON file.

    Args:
        losses: (n,) out of fold, nats, the folds being by group.
        groups: (n,) the group of each.
        n_test: of how many groups the test set is; None where nobody knows.

    Returns:
        `log_loss`; `low` and `high`, the ends of its 95% prediction interval, None where there is one group;
        `groups`, how many it is known by; `new_groups`, how many are to come; `of_test`, whether those are
        the test set's.
    """
    n_new = n_test or USUAL_NEW_GROUPS
    interval = prediction_interval(losses, groups, n_new)
    low, high = (None if math.isnan(end) else end for end in (interval.low, interval.high))
    return {
        "log_loss": float(np.mean(losses)),
        "low": low,
        "high": high,
        "groups": len(np.unique(groups)),
        "new_groups": n_new,
        "of_test": n_test is not None,
    }


def expected_of(this_run: Run, n_new: int | None) -> dict[str, Any] | None:
    """What a run lets expect of so many groups, or of as many as is usual.

    None where its folds are random, or there is one class.
    """
    oof = this_run.read_oof(1)
    if oof is None or (oof["group"] == "").any() or len(this_run.class_names) == 1:
        return None
    return expect(losses_of(oof, this_run.class_names), oof["group"].to_numpy(), n_new)


def losses_of(oof: pd.DataFrame, class_names: list[str]) -> np.ndarray:
    """The log loss (n,) of each row of `Run.read_oof`, nats."""
    proba = oof[proba_columns(class_names)].to_numpy(np.float64)
    return log_losses(labels_of(oof["class_name"], class_names), proba)


def expected_said(found: dict[str, Any]) -> str:
    """A sentence on what `expect` found."""
    n_groups, n_new = int(found["groups"]), int(found["new_groups"])
    if found["low"] is None:
        return "one group only: nobody knows what to expect of others"
    those = f"the test set's {n_new} groups" if found["of_test"] else f"{n_new} groups"
    if n_new == 1:
        those = "the test set's one group" if found["of_test"] else "one group"
    span = interval_said(found["low"], found["high"])
    said = f"on unseen groups expect {found['log_loss']:.2f} (95%: {span}, for {those})"
    if n_groups < TOO_FEW_GROUPS:
        said += f"; {n_groups} groups are too few to tell how groups differ, so it is a guess"
    return said


def interval_said(low: float, high: float) -> str:
    """The ends of an interval of losses."""
    return f"{low:.2f} to {high:.2f}"
