"""The ends of an interval as they stand in a result, and what to call it."""

import math

import numpy as np

from fishcli.basics.intervals import FEW_GROUPS, paired_interval

MANY_IMAGES = 1_000
"""The mean of so many images' bits is normal: to draw them for each field takes longer than all else."""
GROUPS = "95%, bootstrap of groups (expanded percentile, Hesterberg 2015)"
IMAGES = f"95%, bootstrap of images (expanded percentile, Hesterberg 2015), Student's over {MANY_IMAGES:,}"
LUCK = "; widened by what each image teaches (infinitesimal jackknife, Jaeckel 1972)"
FEW = "; too narrow under 20 groups, and there are {n}"


def interval_ends(
    values: np.ndarray, groups: np.ndarray | None, widening: float = 1.0
) -> tuple[float | None, float | None]:
    """The ends of the 95% interval of the mean of `values` (n,); None for unknown.

    By `paired_interval`, of many images by Student's t, each end `widening` times as far from the mean.
    """
    mean = float(values.mean())
    if groups is None and len(values) > MANY_IMAGES:
        from scipy.special import stdtrit

        half = float(stdtrit(len(values) - 1, 0.975) * values.std(ddof=1) / math.sqrt(len(values)))
        low, high = mean - half, mean + half
    else:
        interval = paired_interval(values, groups)
        low, high = interval.low, interval.high
    if math.isnan(low):
        return None, None
    return mean + widening * (low - mean), mean + widening * (high - mean)


def interval_method(groups: np.ndarray | None) -> str:
    """The method of `interval_ends` in words, with what is wrong with it for these groups."""
    if groups is None:
        return IMAGES
    n_groups = len(np.unique(groups))
    return GROUPS + (FEW.format(n=n_groups) if n_groups < FEW_GROUPS else "")
