"""Folds: stratified by class or by tag, and by group where groups are known."""

from typing import Any

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError, examples
from fishcli.basics.progress import warn
from fishcli.dataset.classes import class_order, labels_of
from fishcli.dataset.tag_folds import iterative_folds
from fishcli.dataset.tags import are_tags, tags_in

N_DEALS, DEALT = 30, 30_000
"""Grouped folds are the best of so many deals; of fewer where that would be more groups than DEALT."""


def make_folds(
    class_names: pd.Series, groups: pd.Series | np.ndarray | None, n_folds: int, seed: int
) -> np.ndarray:
    """Assign each image to one of `n_folds` folds, none of them empty.

    Without groups these are the folds of scikit-learn's StratifiedKFold, shuffled. Its StratifiedGroupKFold
    can return an empty fold and hardly changes with its seed, hence `_deal_groups`. Of tags it is
    `iterative_folds`, or `_deal_groups` with each tag counted as a class is.

    Args:
        class_names: the class of each image, or its tags as `dataset.tags` writes them.
        groups: the group of each image in the same order, or None.
        n_folds: at least 2.
        seed: 0 or more. Without groups, of the shuffle. With groups, seed 0 is the best of N_DEALS deals,
            seed 1 the second best and so on; the next N_DEALS seeds are of other deals. So each seed has
            folds of its own as far as there are as many.

    Returns:
        (n_images,) int64, the fold in which each image is validated.

    Raises:
        FishError: more folds than groups or images.
    """
    if n_folds < 2:
        raise FishError(f"--folds {n_folds}: at least 2 folds are needed.")
    codes = np.arange(len(class_names)) if groups is None else pd.factorize(groups, sort=True)[0]
    n_units, unit = int(codes.max(initial=-1)) + 1, "training images" if groups is None else "groups"
    if n_folds > n_units:
        raise FishError(
            f"--folds {n_folds} is more than the {n_units} {unit}. "
            + (
                f"Pass --folds {n_units} or fewer."
                if n_units > 1
                else "Go on with random folds: --groups none."
            )
        )
    if groups is not None:
        return _deal_groups(_counts(class_names, codes), n_folds, seed)[codes]
    if are_tags(class_names):
        return iterative_folds(labels_of(class_names, class_order(class_names)), n_folds, seed)
    # Where every class is rarer than n_folds, all share one stratum.
    counts = class_names.map(class_names.value_counts())
    strata = class_names.where(counts >= n_folds, "") if (counts < n_folds).all() else class_names
    return _deal_images(pd.factorize(strata)[0], n_folds, seed)


def _deal_images(strata: np.ndarray, n_folds: int, seed: int) -> np.ndarray:
    """Deal images into folds of equal size and equal shares of each stratum: (n,) int64.

    A round of the folds goes on from stratum to stratum, and each stratum's turns are shuffled. With the same
    seed that is scikit-learn's StratifiedKFold, whose import takes longer than fitting a head.

    Args:
        strata: (n,) int64 from 0, numbered as they appear.
        n_folds: at most n.
        seed: of NumPy's Mersenne Twister.
    """
    rng, fold = np.random.RandomState(seed), np.empty(len(strata), np.int64)
    turns, ends = np.arange(len(strata)) % n_folds, np.cumsum(np.bincount(strata))
    for stratum, turn in enumerate(np.split(turns, ends[:-1])):
        turn.sort()
        rng.shuffle(turn)
        fold[strata == stratum] = turn
    return fold


def _counts(class_names: pd.Series, groups: np.ndarray) -> tuple[Any, np.ndarray]:
    """How many images of each class, or tag, groups have: sparse (n_groups, C), (n_groups,)."""
    from scipy.sparse import csr_array

    sizes = np.bincount(groups)
    if not are_tags(class_names):
        return csr_array((np.ones(len(groups)), (groups, pd.factorize(class_names)[0]))), sizes
    place = {tag: column for column, tag in enumerate(class_order(class_names))}
    pairs = [
        (group, place[tag]) for group, text in zip(groups, class_names, strict=True) for tag in tags_in(text)
    ]
    rows, columns = np.array(pairs).T
    return csr_array((np.ones(len(pairs)), (rows, columns)), (len(sizes), len(place))), sizes


def _deal_groups(counted: tuple[Any, np.ndarray], n_folds: int, seed: int) -> np.ndarray:
    """Deal groups into folds of equal size and equal shares of each class: (n_groups,) int64.

    Groups come in random order, and each goes where it adds least to the sum of the squared shares that the
    folds have of each class and of all images; an empty fold adds nothing to it, so none stays empty. Then
    each is taken out once more and goes where it fits best now. Of the different results of all deals, those
    rank first that leave the fewest training parts without a class which several groups have; then those
    with the least sum.

    Args:
        counted: of `_counts`.
        n_folds: at most as many as there are groups.
        seed: which of the deals, and by which rank: see `make_folds`.
    """
    from scipy.sparse import csr_array, hstack

    counts, sizes = counted
    n_groups, n_classes = counts.shape
    is_shared = np.bincount(counts.indices, minlength=n_classes) > 1
    of_class = counts.multiply(1 / (counts.sum(axis=0) * np.sqrt(n_classes)))  # all weigh as much as the size
    shares = hstack([of_class, csr_array(sizes[:, None] / sizes.sum())], format="csr")
    rows = [np.s_[a:b] for a, b in zip(shares.indptr, shares.indptr[1:], strict=False)]
    parts = [(shares.indices[row], shares.data[row]) for row in rows]
    n_deals = int(np.clip(DEALT // n_groups, 1, N_DEALS))
    block, place = divmod(seed, n_deals)
    rng = np.random.default_rng(block)
    found: dict[bytes, tuple[tuple[int, float], np.ndarray]] = {}
    for _ in range(n_deals):
        order = rng.permutation(n_groups)
        held, at = np.zeros((n_folds, n_classes + 1)), np.full(n_groups, -1)
        for turn in range(2):
            for group in order:
                where, share = parts[group]
                if turn:
                    held[at[group], where] -= share
                at[group] = k = (held[:, where] * share).sum(axis=1).argmin()
                held[k, where] += share
            is_all = np.isclose(held[:, :-1], 1 / np.sqrt(n_classes))
            rank = int((is_all & is_shared).sum()), float((held**2).sum().round(9))
            fold = pd.factorize(at)[0]  # whatever its folds are called
            found.setdefault(fold.tobytes(), (rank, fold))
    ranked = sorted(found.values(), key=lambda each: each[0])
    return ranked[place % len(ranked)][1]


def warn_of_missing_classes(class_names: pd.Series, fold: np.ndarray) -> None:
    """Name the classes that the training part of a fold lacks; they will get the smoothed prior there."""
    known = set(class_order(class_names))
    for k in np.unique(fold):
        missing = known - set(class_order(class_names[fold != k]))
        if missing:
            warn(
                f"fold {k}: its training part has no image of {examples(missing)}; predicted at the "
                "smoothed prior"
            )
