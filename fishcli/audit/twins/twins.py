"""Near duplicates among the photos: frames of one sequence, copies, and the same scene a moment later."""

from dataclasses import dataclass

import numpy as np

from fishcli.audit.table import AuditTable
from fishcli.audit.twins.closest import NONE, ROWS, pick
from fishcli.audit.twins.cost import MIN_IMAGES, TwinCost, measure_twin_cost
from fishcli.audit.twins.hash_index import hamming
from fishcli.audit.twins.neighbours import Views, close_pairs, distinct, views
from fishcli.audit.twins.tally import Tally
from fishcli.audit.twins.thresholds import Thresholds, find_thresholds


@dataclass(frozen=True)
class Photos:
    """What is compared of n photos.

    Attributes:
        images: the image ids.
        hashes: (n,) uint64, as `read_hashes` has them.
        features: (n, channels) float32, pooled, finite; or None.
    """

    images: list[str]
    hashes: np.ndarray
    features: np.ndarray | None = None


@dataclass(frozen=True)
class TwinPair:
    """Two photos that are near duplicates.

    Attributes:
        first: the image id of a training photo.
        second: the image id of another one, or of a test photo.
        first_class: its class.
        second_class: its class; None of a test photo.
        hash_bits: bits of 64 that differ.
    """

    first: str
    second: str
    first_class: str
    second_class: str | None
    hash_bits: int


@dataclass(frozen=True)
class TwinsOfTest:
    """Twins between training and test.

    Attributes:
        n_images: test photos.
        n_with_twin: those that have a twin in training.
        n_pairs: pairs of a training and a test photo.
        examples: some, closest first.
    """

    n_images: int
    n_with_twin: int
    n_pairs: int
    examples: list[TwinPair]


@dataclass(frozen=True)
class Twins:
    """The near duplicates of a data set.

    Attributes:
        n_images: training photos.
        n_pairs: pairs of near duplicates.
        n_pairs_by_hash: those whose hashes are close; the others are close by features only.
        n_with_twin: photos with one twin at least.
        n_families: sets of photos that twins connect.
        largest_family: photos in the largest.
        n_pairs_across_folds: pairs on both sides of a random fold.
        n_twin_in_training: photos that have a twin in the training part of their random fold.
        n_pairs_across_groups: pairs of different groups, which grouped folds don't keep together; None
            without groups.
        n_pairs_of_two_classes: pairs with different labels.
        thresholds: what counts as close.
        examples: some pairs, from the closest to the least close.
        examples_of_two_classes: some pairs with different labels, closest first.
        examples_across_groups: some pairs of different groups, closest first; empty without groups.
        test: twins between training and test; None without test photos.
        cost: what a score on random folds owes to twins; None where it is unknown.
        cost_note: why it is unknown, or "".
    """

    n_images: int
    n_pairs: int
    n_pairs_by_hash: int
    n_with_twin: int
    n_families: int
    largest_family: int
    n_pairs_across_folds: int
    n_twin_in_training: int
    n_pairs_across_groups: int | None
    n_pairs_of_two_classes: int
    thresholds: Thresholds
    examples: list[TwinPair]
    examples_of_two_classes: list[TwinPair]
    examples_across_groups: list[TwinPair]
    test: TwinsOfTest | None
    cost: TwinCost | None
    cost_note: str


def find_twins(
    photos: Photos,
    table: AuditTable,
    fold: np.ndarray,
    losses: np.ndarray | None = None,
    test: Photos | None = None,
    seed: int = 0,
) -> Twins:
    """Find near duplicates and, given losses, what a score on random folds owes to them.

    Memory does not grow with the number of pairs, which may be in the hundreds of millions, nor time with
    how many photos are alike to the last bit of their hash and features.

    Args:
        photos: of the training images.
        table: their labels and groups, in the same order; its columns are not looked at.
        fold: (n,) int, the random fold in which each image is validated.
        losses: (n,) held-out losses under these folds, nats; or None.
        test: of the test images; with features where `photos` has them.
        seed: of the photos that thresholds are set on.
    """
    sets = [photos] if test is None else [photos, test]
    points = views([each.hashes for each in sets], [each.features for each in sets])
    thresholds = find_thresholds(photos.hashes, points[0], table.groups, seed)
    rows, number = distinct(points[0])
    index = points[0].rows(rows)
    tally = Tally(number, table.labels, table.groups, fold)
    for one, other, by_hash in close_pairs(index, index, thresholds.limits):
        tally.add(one, other, hamming(index.hashes[one], index.hashes[other]), by_hash)
    closest = {kind: each.keys() for kind, each in tally.closest.items()}
    has_twin_in_training = closest["folds"] < NONE
    family = tally.families()
    cost, note = _cost(has_twin_in_training, family, table, losses)
    examples = {
        kind: [_named(pair, photos, photos, table) for pair in pick(found, family, kind == "all")]
        for kind, found in closest.items()
        if kind != "folds"
    }
    sizes = np.bincount(family)
    return Twins(
        n_images=len(photos.images),
        n_pairs=tally.counts["all"] // 2,
        n_pairs_by_hash=tally.counts["hash"] // 2,
        n_with_twin=int((closest["all"] < NONE).sum()),
        n_families=int((sizes > 1).sum()),
        largest_family=int(sizes.max()),
        n_pairs_across_folds=tally.counts["folds"] // 2,
        n_twin_in_training=int(has_twin_in_training.sum()),
        n_pairs_across_groups=None if table.groups is None else tally.counts["groups"] // 2,
        n_pairs_of_two_classes=tally.counts["classes"] // 2,
        thresholds=thresholds,
        examples=examples["all"],
        examples_of_two_classes=examples["classes"],
        examples_across_groups=examples.get("groups", []),
        test=None if test is None else _of_test(points, photos, test, table, thresholds),
        cost=cost,
        cost_note=note,
    )


def _cost(
    has_twin: np.ndarray, family: np.ndarray, table: AuditTable, losses: np.ndarray | None
) -> tuple[TwinCost | None, str]:
    """What twins in training cost, and why that is unknown where it is."""
    if losses is None:
        return None, "no losses of a model were handed in"
    units, drawn = (family, "families of twins") if table.groups is None else (table.groups, "groups")
    cost = measure_twin_cost(losses, table.labels, table.class_names, has_twin, units, drawn)
    kinds = f"{MIN_IMAGES} images with a twin in training and {MIN_IMAGES} without"
    return cost, "" if cost else f"no class has {kinds}, each from two {drawn} at least"


def _of_test(
    points: list[Views], photos: Photos, test: Photos, table: AuditTable, thresholds: Thresholds
) -> TwinsOfTest:
    (rows, number), (test_rows, test_number) = (distinct(each) for each in points)
    index, queries = points[0].rows(rows), points[1].rows(test_rows)
    sizes, test_sizes = np.bincount(number), np.bincount(test_number)
    lowest = np.full(len(rows), len(number))
    np.minimum.at(lowest, number, np.arange(len(number)))
    n_pairs, closest = 0, np.full(len(test_rows), NONE)
    for one, other, _ in close_pairs(index, queries, thresholds.limits):
        n_pairs += int((test_sizes[one] * sizes[other]).sum())
        bits = hamming(queries.hashes[one], index.hashes[other])
        np.minimum.at(closest, one, bits * ROWS + lowest[other])
    n, found = len(test.images), closest[test_number]
    picked = [(partner, row, bits) for row, partner, bits in pick(found, np.arange(n))]
    named = [_named(pair, photos, test, table) for pair in picked]
    return TwinsOfTest(n, int((found < NONE).sum()), n_pairs, named)


def _named(pair: tuple[int, int, int], first: Photos, second: Photos, table: AuditTable) -> TwinPair:
    """A pair of rows by its ids; `second` is of the training images too, or of the test images."""
    classes = [table.class_names[table.labels[row]] for row in (pair if first is second else pair[:1])[:2]]
    return TwinPair(
        first=first.images[pair[0]],
        second=second.images[pair[1]],
        first_class=classes[0],
        second_class=classes[1] if first is second else None,
        hash_bits=pair[2],
    )
