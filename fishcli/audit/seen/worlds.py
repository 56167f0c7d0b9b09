"""Whether the test images come from the same world as the training images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from fishcli.audit.later import Later
from fishcli.audit.seen.auc import METHOD, Auc, deal_folds, held_out_auc
from fishcli.audit.seen.novelty import Novelty, novelty_of
from fishcli.audit.seen.tellers import Teller, World, by_components, by_metadata, on_components
from fishcli.basics.progress import track
from fishcli.dataset.fields import Field

N_SPLITS = 3
"""How often the training groups are split in two for `Telling.same_world`."""
NAMING = {("file", "name"), ("layout", "name"), ("layout", "time")}
"""Sections and families that tell how files were named and copied, and so always tell test from training."""
ALONE = (
    "No groups of test images are known, so each stands for itself: frames of one test sequence are on both "
    "sides of a fold, which alone makes the test set easy to tell, and the interval is too narrow. Compare "
    "with same_world, where training groups are treated in the same way. Far below 0.5 the test set has "
    "images of the training groups: a training group that is held out is known by its test images only."
)
MAX_IMAGES = 20_000
"""Of a larger side so many images are drawn to be told apart: more would cost minutes and change little."""
DRAWN = "Train and test are told apart by a draw of {n:,} images of a side that has more."
RANDOM = (
    "No groups of training images are known: frames of one sequence are on both sides of a fold, which alone "
    "makes the two sets easy to tell apart."
)


@dataclass(frozen=True)
class Telling:
    """How well training and test images are told apart.

    Attributes:
        by: "features", or the section of the fields: "file", "pixels", "table", ...
        auc: the share of pairs, a training and a test image of one fold, that a classifier puts in the right
            order: 0.5 where both are alike, 1 where none is mistaken. None where a side has one group only.
        low: the lower end of its 95% interval; None where it is unknown.
        high: the upper end.
        same_world: the same of training images against training images, whose groups are split in two at
            random, the smaller part treated as the test set is; what `auc` is to be compared with. Empty
            without training groups.
    """

    by: str
    auc: float | None
    low: float | None
    high: float | None
    same_world: list[float]


@dataclass(frozen=True)
class Worlds:
    """A test set beside the training set.

    Attributes:
        split: the test set's name.
        n_train: training images.
        n_test: test images.
        n_train_groups: their groups; None where unknown.
        n_test_groups: likewise.
        tellings: by metadata, one a section that has fields, then by features.
        novelty: how many test images are far from training; None where unknown.
        no_novelty: why, else "".
        interval: the method of the tellings' intervals.
        limits: what to keep in mind.
    """

    split: str
    n_train: int
    n_test: int
    n_train_groups: int | None
    n_test_groups: int | None
    tellings: list[Telling]
    novelty: Novelty | None
    no_novelty: str
    interval: str
    limits: list[str]


def compare_worlds(
    split: str, train: World, test: World, fields: Sequence[Field], n_folds: int, seed: int
) -> Later[Worlds]:
    """Tell test from training images by what is known of both, and look how far they are from each other.

    Metadata are read by the audit's two learners, averaged; features by logistic regression on principal
    components. Frames of one sequence are kept on one side of each fold as far as groups are known; without
    groups of the test images, each of them is a group.

    Args:
        split: the test set's name.
        train: two groups at least where groups are known.
        test: with the same columns.
        fields: of the columns, those to tell by, section by section; those of NAMING are left out.
        n_folds: folds; fewer where there are fewer groups on a side.
        seed: of the folds, the splits for `Telling.same_world` and the draws of MAX_IMAGES.
    """
    from joblib import delayed

    told = [field for field in fields if (field.section, field.family) not in NAMING]
    tellers: dict[str, Teller] = {
        section: partial(by_metadata, [field for field in told if field.section == section])
        for section in dict.fromkeys(field.section for field in told)
    }
    if train.features is not None and test.features is not None:
        tellers["features"] = by_components
    known, new = on_components(_draw(train, seed), _draw(test, seed))
    pairs = [(known, new), *_same_world(known, new, seed)]
    novelty, no_novelty = _novelty(train, test)
    calls = [delayed(_tell)(teller, *pair, n_folds, seed) for teller in tellers.values() for pair in pairs]
    if novelty is not None:
        calls.append(novelty)
    limits = [*([ALONE] if test.groups is None else []), *([RANDOM] if train.groups is None else [])]
    if max(len(train.columns), len(test.columns)) > MAX_IMAGES:
        limits.append(DRAWN.format(n=MAX_IMAGES))
    bare = Worlds(
        split=split,
        n_train=len(train.columns),
        n_test=len(test.columns),
        n_train_groups=None if train.groups is None else len(np.unique(train.groups)),
        n_test_groups=None if test.groups is None else len(np.unique(test.groups)),
        tellings=[],
        novelty=None,
        no_novelty=no_novelty,
        interval=METHOD,
        limits=limits,
    )
    names, n_pairs, n_calls = list(tellers), len(pairs), len(calls)

    def finish(made: Iterator[Any]) -> Worlds:  # which keeps no features
        made = track(made, f"train against {split}", "look", n_calls)
        tellings = [_telling(by, list(islice(made, n_pairs))) for by in names]
        return replace(bare, tellings=tellings, novelty=next(made, None))

    return Later(calls, finish)


def _telling(by: str, found: list[Auc]) -> Telling:
    """Of what `_tell` says of the two sides, then of each split of the training images."""
    both, *same = found
    return Telling(by, both.auc, both.low, both.high, [each.auc for each in same if each.auc is not None])


def _draw(world: World, seed: int) -> World:
    """The world itself, or MAX_IMAGES of its images in their order."""
    n_images = len(world.columns)
    if n_images <= MAX_IMAGES:
        return world
    return world.rows(np.sort(np.random.default_rng(seed).choice(n_images, MAX_IMAGES, replace=False)))


def _tell(teller: Teller, train: World, test: World, n_folds: int, seed: int) -> Auc:
    is_test = np.repeat([False, True], [len(train.columns), len(test.columns)])
    names = [
        [f"image {row} of side {side}" for row in range(len(world.columns))]
        if world.groups is None
        else [f"group {group}" for group in world.groups]
        for side, world in enumerate((train, test))
    ]
    groups = pd.factorize(np.concatenate(names))[0].astype(np.int64)
    fold = deal_folds(groups, is_test, n_folds, seed)
    if fold is None:
        return Auc(None, None, None)
    return held_out_auc(teller(train, test, fold), is_test, fold, groups)


def _same_world(train: World, test: World, seed: int) -> list[tuple[World, World]]:
    """Training images in two parts, of whole groups, the second about as large a share as the test set."""
    if train.groups is None:
        return []
    names, group = np.unique(train.groups, return_inverse=True)
    sizes = np.bincount(group)
    wanted = min(0.5, len(test.columns) / (len(train.columns) + len(test.columns))) * len(group)
    if len(names) < 4:
        return []
    parts = []
    for draw in range(N_SPLITS):
        order = np.random.default_rng([seed, draw]).permutation(len(names))
        n_taken = int(np.clip(np.searchsorted(np.cumsum(sizes[order]), wanted) + 1, 2, len(names) - 2))
        is_taken = np.isin(group, order[:n_taken])
        taken = train.rows(is_taken)
        parts.append(
            (train.rows(~is_taken), taken if test.groups is not None else replace(taken, groups=None))
        )
    return parts


def _novelty(train: World, test: World) -> tuple[tuple[Any, ...] | None, str]:
    """The call that tells of distances, or why there is nothing to tell."""
    if train.features is None or test.features is None:
        return None, "there are no features of both"
    if train.groups is None:
        return None, "no groups of training images are known, so there is no distance between groups"
    if len(np.unique(train.groups)) < 2:
        return None, "there is one training group only, so there is no distance between groups"
    return novelty_of(train.features, test.features, train.groups, test.groups), ""
