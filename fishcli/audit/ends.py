"""The ends of an interval as they stand in a result, and what to call it."""

import math

import numpy as np

from fishcli.basics.intervals import FEW_GROUPS, paired_interval

MANY_IMAGES = 1_000
"""The mean of so many images' bits is normal: to draw them for each field takes longer than all else."""
GROUPS = "95%, bootstrap of groups (expanded percentile, Hesterberg 2015)"
IMAGES = f"95%, bootstrap of images (expanded percentile, Hesterberg 2015), Student's over {MANY_IMAGES:,}"
FEW = "; too narrow under 20 groups, and there are {n}"


def interval_ends(values: np.ndarray, groups: np.ndarray | None) -> tuple[float | None, float | None]:
    """The ends of the 95% interval of the mean of `values` (n,), by `paired_interval`; None for unknown."""
    from scipy.stats import t

    if groups is None and len(values) > MANY_IMAGES:
        half = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))
        return float(values.mean() - half), float(values.mean() + half)
    interval = paired_interval(values, groups)
    return (None, None) if math.isnan(interval.low) else (interval.low, interval.high)


def interval_method(groups: np.ndarray | None) -> str:
    """The method of `interval_ends` in words, with what is wrong with it for these groups."""
    if groups is None:
        return IMAGES
    n_groups = len(np.unique(groups))
    return GROUPS + (FEW.format(n=n_groups) if n_groups < FEW_GROUPS else "")
