"""Folds of images with several labels: iterative stratification."""

import numpy as np


def iterative_folds(targets: np.ndarray, n_folds: int, seed: int) -> np.ndarray:
    """Deal images into folds of equal size that have equal shares of each tag: (n,) int64, none empty.

    The images of the tag that the fewest of those left have are dealt first, each to the fold that lacks most
    of that tag, of equals to the one that lacks most images (Sechidis, Tsoumakas & Vlahavas, "On the
    stratification of multi-label data", 2011). Images without any tag come last.

    Args:
        targets: (n, C), 0 or 1.
        n_folds: at most n.
        seed: of the order of images and of equals.
    """
    rng = np.random.default_rng(seed)
    has = np.asarray(targets) > 0
    lacks_images = np.full(n_folds, len(has) / n_folds)
    lacks = np.tile(has.sum(axis=0) / n_folds, (n_folds, 1))
    fold, order = np.full(len(has), -1), rng.permutation(len(has))

    def deal(row: int, wanted: np.ndarray) -> None:
        best = np.flatnonzero(np.isclose(wanted, wanted.max()))
        best = best[np.isclose(lacks_images[best], lacks_images[best].max())]
        k = fold[row] = rng.choice(best)
        lacks[k, has[row]] -= 1
        lacks_images[k] -= 1

    left = has.sum(axis=0)
    while left.any():
        tag = int(np.where(left > 0, left, len(has) + 1).argmin())
        for row in order[has[order, tag] & (fold[order] < 0)]:
            deal(row, lacks[:, tag])
            left -= has[row]
    for row in order[fold[order] < 0]:
        deal(row, lacks_images)
    for k in np.setdiff1d(np.arange(n_folds), fold):  # of a few images that share their tags
        fold[np.flatnonzero(fold == np.bincount(fold).argmax())[0]] = k
    return fold
