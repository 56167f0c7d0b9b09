"""How far a difference between two models' losses, or a score, may be chance: by whole groups."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

FEW_GROUPS = 20  # under so many groups the interval is still too narrow, see paired_interval
N_RESAMPLES = 4000
BATCH_VALUES = 2_000_000  # drawn numbers that are in memory at a time
MOST_PARTS = 200  # of groups, left out by turns
MANY_IMAGES = 10_000  # the mean of so many is normal: drawing them takes seconds and says the same


@dataclass(frozen=True)
class Interval:
    """The two ends of a confidence interval; NaN where it is unknown."""

    low: float
    high: float

    @property
    def is_noise(self) -> bool:
        """Whether 0 is inside. Also True of an unknown interval, which shows no difference either."""
        return not (self.low > 0 or self.high < 0)


def paired_interval(
    difference: np.ndarray, groups: np.ndarray | None, confidence: float = 0.95, seed: int = 0
) -> Interval:
    """The bootstrap interval of the mean difference between two models' losses on the same images.

    Images of one group (boat, camera, patient) are alike, so whole groups are drawn with replacement, and
    the mean of a draw is the sum of its differences by the number of its images: a cluster bootstrap
    (Cameron, Gelbach & Miller 2008). A percentile interval of few groups is too narrow; its levels are moved
    outwards by as much as Student's t is wider than the normal (the expanded percentile interval, Hesterberg
    2015).

    In 1,000 simulations each, with groups of 2 to 400 images, the 95% interval held the truth in 0.93 of
    cases at 6 groups, 0.94 at 20 and 0.94 at 78 where the groups' effects were normal, and in 0.87, 0.88 and
    0.89 where they were skewed (lognormal). Drawing single images holds it in about half.

    Many single images are not drawn: the interval is Student's, the same to within a hundredth or two.

    Args:
        difference: (n,) each image's loss under one model less its loss under the other, in nats.
        groups: (n,) the group of each image, or None where each image is drawn by itself.
        confidence: the share of intervals that should hold the true difference.
        seed: of the draws. The order of the images and the names of the groups change nothing.

    Returns:
        The interval in nats: (0, 0) where the models agree on all images, NaN where there is but one group.
    """
    from scipy.stats import bootstrap, norm, t

    difference = np.asarray(difference, np.float64)
    if not difference.any():
        return Interval(0.0, 0.0)
    sums, counts = _units(difference, groups)
    n_units = len(sums)
    if n_units < 2:
        return Interval(math.nan, math.nan)
    if groups is None and n_units > MANY_IMAGES:
        ends = t.interval(confidence, n_units - 1, sums.mean(), sums.std(ddof=1) / math.sqrt(n_units))
        return Interval(float(ends[0]), float(ends[1]))
    wide = math.sqrt(n_units / (n_units - 1)) * t.ppf((1 + confidence) / 2, n_units - 1)
    found = bootstrap(
        (sums, counts),
        _ratio,
        n_resamples=N_RESAMPLES,
        batch=max(1, BATCH_VALUES // n_units),
        vectorized=True,
        paired=True,
        confidence_level=2 * norm.cdf(wide) - 1,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    return Interval(float(found.confidence_interval.low), float(found.confidence_interval.high))


def score_interval(
    score: Callable[[np.ndarray], float],
    groups: np.ndarray,
    confidence: float = 0.95,
    most_parts: int = MOST_PARTS,
) -> Interval:
    """The interval of a score that is no mean over images, such as a kappa or an area under a curve.

    Whole groups are left out by turns, and what the score then moves by tells its variance, groups weighing
    as they are large (the delete-m jackknife, Busing, Meijer & van der Leeden 1999); the ends are Student's.
    In 100 to 120 simulations each, with groups of 2 to 60 images and normal effects, the 95% interval of
    accuracy, balanced accuracy, macro F1, quadratic kappa, AUC and average precision held the truth in 0.93
    to 0.98 of cases at 6 groups, in 0.91 to 0.96 at 20.

    Args:
        score: of the images that a (n,) bool array names.
        groups: (n,) the group of each image.
        confidence: the share of intervals that should hold the true score.
        most_parts: of more groups several are left out together; the score is computed so often.

    Returns:
        The interval, in the score's unit; NaN where there is but one group, or where leaving one out leaves
        the score undefined.
    """
    from scipy.stats import t

    _, part = np.unique(groups, return_inverse=True)
    n_groups = int(part.max()) + 1
    if n_groups > most_parts:
        part = (np.random.default_rng(0).permutation(n_groups) % most_parts)[part]
    n_parts = int(part.max()) + 1
    if n_parts < 2:
        return Interval(math.nan, math.nan)
    whole = score(np.ones(len(part), bool))
    without = np.array([score(part != k) for k in range(n_parts)])
    weight = len(part) / np.bincount(part)
    pseudo = weight * whole - (weight - 1) * without
    variance = ((pseudo - (pseudo / weight).sum()) ** 2 / (weight - 1)).mean()
    half = float(t.ppf((1 + confidence) / 2, n_parts - 1) * math.sqrt(variance))
    return Interval(whole - half, whole + half)


def _units(difference: np.ndarray, groups: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """What is drawn: each unit's sum of differences (m,) and number of images (m,), by rising mean.

    In this order the draws don't depend on the order of the images or the names of the groups.
    """
    if groups is None:
        return np.sort(difference), np.ones(len(difference))
    _, group = np.unique(groups, return_inverse=True)
    order = np.lexsort((difference, group))  # a sum's last digits depend on the order of its terms
    sums = np.bincount(group[order], difference[order])
    counts = np.bincount(group).astype(np.float64)
    order = np.lexsort((counts, sums / counts))
    return sums[order], counts[order]


def _ratio(sums: np.ndarray, counts: np.ndarray, axis: int) -> np.ndarray:
    return sums.sum(axis=axis) / counts.sum(axis=axis)
