"""Folds: stratified by class, and by group where groups are known."""

import warnings

import numpy as np
import pandas as pd

from fishcli.errors import FishError, examples
from fishcli.progress import warn


def make_folds(class_names: pd.Series, groups: pd.Series | None, n_folds: int, seed: int) -> np.ndarray:
    """Assign each image to one of `n_folds` folds.

    scikit-learn's StratifiedKFold, or StratifiedGroupKFold where groups are given, shuffled by `seed`;
    then checked, since the latter can return an empty fold.

    Args:
        class_names: the class of each image.
        groups: the group of each image in the same order, or None.
        n_folds: at least 2.
        seed: of the shuffle.

    Returns:
        (n_images,) int64, the fold in which each image is validated.

    Raises:
        FishError: more folds than groups or images, or an empty fold.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    if n_folds < 2:
        raise FishError(f"--folds {n_folds}: at least 2 folds are needed.")
    units, unit = (len(class_names), "training images") if groups is None else (groups.nunique(), "groups")
    if n_folds > units:
        raise FishError(
            f"--folds {n_folds} is more than the {units} {unit}. "
            + (f"Pass --folds {units} or fewer." if units > 1 else "Go on with random folds: --groups none.")
        )
    splitter: StratifiedKFold | StratifiedGroupKFold
    # With every class rarer than n_folds scikit-learn refuses; such classes then share one stratum.
    counts = class_names.map(class_names.value_counts())
    strata = class_names.where(counts >= n_folds, "") if (counts < n_folds).all() else class_names
    if groups is None:
        splitter = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    else:
        splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    fold = np.full(len(class_names), -1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # rare classes are named by warn_of_missing_classes
        for k, (_, val) in enumerate(splitter.split(strata, strata, groups)):
            fold[val] = k
    check_folds(fold, groups, n_folds)
    return fold


def check_folds(fold: np.ndarray, groups: pd.Series | None, n_folds: int) -> None:
    """Raise FishError where a fold is empty or a group straddles folds."""
    empty = sorted(set(range(n_folds)) - set(fold.tolist()))
    if empty:
        raise FishError(
            f"fold {empty[0]} of {n_folds} is empty: the groups are too unequal. Pass fewer --folds."
        )
    if groups is not None:
        straddling = pd.Series(fold).groupby(groups.to_numpy()).nunique()
        if (straddling > 1).any():
            raise FishError(
                f"groups stand on both sides of a fold: {examples(list(straddling.index[straddling > 1]))}"
            )


def warn_of_missing_classes(class_names: pd.Series, fold: np.ndarray) -> None:
    """Name the classes that the training part of a fold lacks; they will get the smoothed prior there."""
    known = set(class_names)
    for k in np.unique(fold):
        missing = sorted(known - set(class_names[fold != k]))
        if missing:
            warn(
                f"fold {k}: its training part has no image of {', '.join(missing)}; predicted at the "
                "smoothed prior"
            )
