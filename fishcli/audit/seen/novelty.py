"""How many test images are farther from training than one training group is from the next."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fishcli.audit.ends import interval_ends, interval_method
from fishcli.audit.seen.components import drawn_rows, principal_scores

PERCENTILE = 95
NEIGHBOURS = 32
"""Of each image looked at first; where all are of its own group, all other groups are searched."""


@dataclass(frozen=True)
class Novelty:
    """The share of test images that are farther from training than the threshold.

    Attributes:
        share: of 0 to 1; about 0.05 where the test images are new groups of the same world, less where they
            are of the groups in training. Of a draw of test images where there are more than
            components.MAX_TRAINING_ROWS, as each is compared with all training images.
        low: the lower end of its 95% interval; None where there is but one test group. It holds the
            threshold for known.
        high: the upper end.
        threshold: the 95th percentile of distances from a training image to the nearest one of another group;
            of a draw of training images where there are more than that, too.
        median_test_distance: from a test image to the nearest training image; `threshold`'s unit.
        interval: the method.
    """

    share: float
    low: float | None
    high: float | None
    threshold: float
    median_test_distance: float
    interval: str


def novelty_of(
    train: np.ndarray, test: np.ndarray, train_groups: np.ndarray, test_groups: np.ndarray | None
) -> tuple[Any, ...]:
    """The call (of joblib's `delayed`) that returns the Novelty.

    It compares distances to the nearest training image, Euclidean, among principal components of training.

    Args:
        train: (n, channels) float32, pooled features, finite.
        test: (m, channels) float32 likewise.
        train_groups: (n,), of two groups at least.
        test_groups: (m,), or None where each test image is drawn by itself.
    """
    from joblib import delayed

    rows, asked = drawn_rows(len(train)), drawn_rows(len(test))
    scores = principal_scores(np.concatenate([train, test]), rows)
    known, new = scores[: len(train)], scores[len(train) :][asked]
    call: tuple[Any, ...] = delayed(_novelty)(
        known, new, train_groups, None if test_groups is None else test_groups[asked], rows
    )
    return call


def _novelty(
    known: np.ndarray,
    new: np.ndarray,
    train_groups: np.ndarray,
    test_groups: np.ndarray | None,
    rows: np.ndarray,
) -> Novelty:
    """Of images on components, `known` (n, p) and `new` (m, p); the threshold is of `rows` of the former."""
    from sklearn.neighbors import NearestNeighbors

    threshold = float(np.percentile(_distances_between_groups(known, train_groups, rows), PERCENTILE))
    nearest = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(known).kneighbors(new)[0][:, 0]
    is_far = nearest > threshold
    low, high, method = _ends(is_far, test_groups)
    return Novelty(
        share=float(is_far.mean()),
        low=low,
        high=high,
        threshold=threshold,
        median_test_distance=float(np.median(nearest)),
        interval=method,
    )


def _ends(is_far: np.ndarray, groups: np.ndarray | None) -> tuple[float | None, float | None, str]:
    """The ends of the interval of a share, and its method: a bootstrap knows no doubt where all are alike."""
    from scipy.stats import binomtest

    n_units = len(is_far) if groups is None else len(np.unique(groups))
    if n_units < 2:
        return None, None, interval_method(groups)
    if is_far.any() and not is_far.all():
        return *interval_ends(is_far.astype(np.float64), groups), interval_method(groups)
    exact = binomtest(n_units * int(is_far[0]), n_units).proportion_ci(0.95, method="exact")
    units = "images" if groups is None else "groups"
    return float(exact.low), float(exact.high), f"95%, exact binomial of {units} (Clopper & Pearson 1934)"


def _distances_between_groups(scores: np.ndarray, groups: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """From some `rows` (m,) of `scores` (n, p) to the nearest row of another group: (m,) float."""
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(scores)), algorithm="brute").fit(scores)
    distances, neighbours = search.kneighbors(scores[rows])
    distances[groups[neighbours] == groups[rows, None]] = np.inf
    nearest = distances.min(axis=1)
    for group in np.unique(groups[rows[np.isinf(nearest)]]):
        alone = np.isinf(nearest) & (groups[rows] == group)
        others = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(scores[groups != group])
        nearest[alone] = others.kneighbors(scores[rows[alone]])[0][:, 0]
    return nearest
