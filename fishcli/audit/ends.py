"""The ends of an interval as they stand in a result, and what to call it."""

import math

import numpy as np

from fishcli.audit.gains import FEW, METHOD
from fishcli.intervals import FEW_GROUPS, paired_interval


def interval_ends(values: np.ndarray, groups: np.ndarray | None) -> tuple[float | None, float | None]:
    """The ends of the 95% interval of the mean of `values` (n,), by `paired_interval`; None for unknown."""
    interval = paired_interval(values, groups)
    return (None, None) if math.isnan(interval.low) else (interval.low, interval.high)


def interval_method(groups: np.ndarray | None) -> str:
    """The method of `interval_ends` in words, with what is wrong with it for these groups."""
    if groups is None:
        return METHOD.format(units="images")
    n_groups = len(np.unique(groups))
    return METHOD.format(units="groups") + (FEW.format(n=n_groups) if n_groups < FEW_GROUPS else "")
