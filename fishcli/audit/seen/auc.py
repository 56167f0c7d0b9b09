"""The area under the ROC curve of held-out scores, of two sets of images that come in groups."""

from dataclasses import dataclass

import numpy as np

from fishcli.basics.intervals import BATCH_VALUES, N_RESAMPLES

METHOD = (
    "95%, bootstrap of each side's groups, placement values held fixed (DeLong 1988), expanded percentile "
    "(Hesterberg 2015) for the side with fewer groups; the classifiers are not fitted again"
)


@dataclass(frozen=True)
class Auc:
    """An area under the ROC curve with its 95% interval; None where unknown."""

    auc: float | None
    low: float | None
    high: float | None


def deal_folds(groups: np.ndarray, is_test: np.ndarray, n_folds: int, seed: int) -> np.ndarray | None:
    """Folds (n,) int64 that no group straddles, as many groups of either side to each.

    Args:
        groups: (n,) int64, the group of each image.
        is_test: (n,) bool, its side. A group may have images of both.
        n_folds: folds; fewer where a side has fewer groups.
        seed: of the shuffle.

    Returns:
        The folds; None where a side has one group only.
    """
    of_test, of_train = np.unique(groups[is_test]), np.unique(groups[~is_test])
    n_folds = min(n_folds, len(of_test), len(of_train))
    if n_folds < 2:
        return None
    both = np.intersect1d(of_test, of_train)
    kinds = [np.setdiff1d(of_test, both), both, np.setdiff1d(of_train, both)]
    rng = np.random.default_rng(seed)
    dealt = np.concatenate([rng.permutation(kind) for kind in kinds])
    fold_of = np.zeros(int(groups.max()) + 1, np.int64)
    fold_of[dealt] = np.arange(len(dealt)) % n_folds
    return fold_of[groups]


def held_out_auc(
    scores: np.ndarray, is_test: np.ndarray, fold: np.ndarray, groups: np.ndarray, seed: int = 0
) -> Auc:
    """The share of pairs, one image of each side in one fold, in which the test image has the higher score.

    Scores of different folds are by different classifiers, and a fold with many test images comes with a
    classifier that has seen few: pairs across folds would push the area below 1/2 where there is nothing to
    tell.

    The interval draws groups of each side with replacement. An image's placement value, its share of wins, is
    held fixed while its own side is drawn (DeLong, DeLong & Clarke-Pearson 1988; groups as Obuchowski 1997),
    and the levels of the percentile interval are moved outwards as in `paired_interval`. Two sides of few and
    of many groups count as few.

    Args:
        scores: (n,) held out, higher for test images.
        is_test: (n,) bool.
        fold: (n,) int, no group straddles it.
        groups: (n,) int64.
        seed: of the draws.
    """
    from scipy.stats import bootstrap, norm, t

    wins, rivals = _wins(scores, is_test, fold)
    if not rivals.any():
        return Auc(None, None, None)
    auc = float(wins[is_test].sum() / rivals[is_test].sum())
    sides = [_by_group(wins[side], rivals[side], groups[side]) for side in (is_test, ~is_test)]
    n_units = min(len(side_wins) for side_wins, _ in sides)
    if n_units < 2:
        return Auc(auc, None, None)
    wide = np.sqrt(n_units / (n_units - 1)) * t.ppf(0.975, n_units - 1)

    def area(test: np.ndarray, train: np.ndarray, axis: int) -> np.ndarray:
        drawn = zip(sides, (test, train), strict=True)
        return sum(won[rows].sum(axis=axis) / of[rows].sum(axis=axis) for (won, of), rows in drawn) - auc

    found = bootstrap(
        [np.arange(len(won)) for won, _ in sides],
        area,
        n_resamples=N_RESAMPLES,
        batch=max(1, BATCH_VALUES // sum(len(won) for won, _ in sides)),
        vectorized=True,
        confidence_level=2 * norm.cdf(wide) - 1,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    low, high = np.clip(found.confidence_interval, 0.0, 1.0)
    return Auc(auc, float(low), float(high))


def _wins(scores: np.ndarray, is_test: np.ndarray, fold: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of how many images of the other side and its fold each image is on the right side, and their number.

    A tie is half a win.
    """
    wins, rivals = np.zeros(len(scores)), np.zeros(len(scores))
    for k in np.unique(fold):
        test, train = (np.flatnonzero((fold == k) & side) for side in (is_test, ~is_test))
        for mine, other in ((test, train), (train, test)):
            ordered = np.sort(scores[other])
            below = (np.searchsorted(ordered, scores[mine], side) for side in ("left", "right"))
            n_below = sum(below) / 2
            wins[mine] = n_below if mine is test else len(other) - n_below
            rivals[mine] = len(other)
    return wins, rivals


def _by_group(wins: np.ndarray, rivals: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each group's wins and rivals, (m,) both, of groups that have rivals."""
    _, group = np.unique(groups, return_inverse=True)
    won, of = np.bincount(group, wins), np.bincount(group, rivals)
    return won[of > 0], of[of > 0]
