"""The same images dealt into folds again and again."""

import numpy as np
import pandas as pd

from fishcli.dataset.folds import make_folds

TRIES = 10
"""How many seeds are tried for each partition that is wanted."""


def repeated_folds(
    class_names: pd.Series, groups: np.ndarray | None, n_folds: int, n_repeats: int, seed: int
) -> list[np.ndarray]:
    """Up to `n_repeats` different ways to deal images into folds.

    Random folds are `make_folds`'. Grouped ones are not: its StratifiedGroupKFold deals groups in the order
    of how unequal their classes are and shuffles only groups that tie, so few unequal groups (eight boats,
    say) get the same folds from every seed. Here scikit-learn's GroupKFold deals shuffled groups, as many to
    each fold, whatever their size and classes. A class may then be missing from a training part more often.
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
    from sklearn.model_selection import GroupKFold

    found: dict[bytes, np.ndarray] = {}
    for draw in range(n_repeats * TRIES):
        if groups is None:
            fold = make_folds(class_names, None, n_folds, seed + draw)
        else:
            fold = np.zeros(len(groups), np.int64)
            splitter = GroupKFold(n_folds, shuffle=True, random_state=seed + draw)
            for k, (_, held) in enumerate(splitter.split(fold, groups=groups)):
                fold[held] = k
        found.setdefault(pd.factorize(fold)[0].tobytes(), fold)
        if len(found) == n_repeats:
            break
    return list(found.values())
