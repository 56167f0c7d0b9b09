"""The same images dealt into folds again and again."""

import numpy as np
import pandas as pd

from fishcli.dataset.folds import make_folds

TRIES = 10
"""How many seeds are tried for each partition that is wanted."""


def repeated_folds(
    class_names: pd.Series, groups: np.ndarray | None, n_folds: int, n_repeats: int, seed: int
) -> list[np.ndarray]:
    """Up to `n_repeats` different ways in which `make_folds` deals images into folds.

    Partitions that come again are dropped, whatever their folds are called.

    Args:
        class_names: the class of each image.
        groups: (n,) the group of each image, or None for random folds.
        n_folds: folds; at most as many as there are groups.
        n_repeats: partitions that are wanted.
        seed: of the first; the next ones count up.

    Returns:
        Partitions (n,) int64; fewer than wanted where groups are too few for so many.
    """
    found: dict[bytes, np.ndarray] = {}
    if groups is not None and n_folds == len(np.unique(groups)):
        n_repeats = 1  # each group is a fold: there is no other way
    for draw in range(n_repeats * TRIES):
        fold = make_folds(class_names, groups, n_folds, seed + draw)
        found.setdefault(pd.factorize(fold)[0].tobytes(), fold)
        if len(found) == n_repeats:
            break
    return list(found.values())
