"""The search for near duplicates finds what comparing all with all finds, and ends where that would not."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fishcli.audit.table import AuditTable
from fishcli.audit.twins import directions, gathering, tally
from fishcli.audit.twins.closest import NONE, ROWS, Closest
from fishcli.audit.twins.directions import close_directions
from fishcli.audit.twins.hash_index import close_hashes, hamming
from fishcli.audit.twins.neighbours import Limits, Views, close_pairs, distinct, views
from fishcli.audit.twins.twins import Photos, find_twins

SEEDS = st.integers(0, 2**32 - 1)


def alike_hashes(n, rng):
    """Hashes in clusters: some equal, others up to some bits from one another."""
    hashes = rng.integers(0, 2**64, max(1, n // 4), dtype=np.uint64)[rng.integers(0, max(1, n // 4), n)]
    for _ in range(int(rng.integers(4))):
        chosen = rng.random(n) < 0.5
        hashes[chosen] ^= np.uint64(1) << rng.integers(0, 64, chosen.sum()).astype(np.uint64)
    return hashes


def alike_features(n, rng):
    """Features in clusters: some equal."""
    features = rng.normal(size=(max(1, n // 4), 5))[rng.integers(0, max(1, n // 4), n)]
    moved = rng.random(n) < 0.5
    features[moved] += rng.choice([0.05, 0.3]) * rng.normal(size=(moved.sum(), 5))
    return features.astype(np.float32)


def listed(found):
    """Pairs as tuples, sorted, each as often as it came."""
    return sorted((int(a), int(b)) for first, second, *_ in found for a, b in zip(first, second, strict=True))


# Hashes


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_the_distance_of_two_hashes_is_the_number_of_bits_that_differ(one, other):
    assert hamming(np.uint64(one), np.uint64(other)) == (one ^ other).bit_count()


@given(SEEDS, st.integers(0, 60), st.sampled_from([-1, 0, 1, 2, 3, 4, 7, 20, 63, 64]))
def test_close_hashes_are_all_that_comparing_all_finds_each_once(seed, n, n_bits):
    hashes = alike_hashes(n, np.random.default_rng(seed))
    found = listed(tuple(np.sort(pair, axis=0)) for pair in close_hashes(hashes, n_bits))
    close = np.argwhere(np.triu(hamming(hashes[:, None], hashes[None]).astype(int) <= n_bits, 1))
    assert found == [tuple(pair) for pair in close.tolist()]


def test_of_many_hashes_more_lists_are_searched_and_the_same_pairs_found():
    rng = np.random.default_rng(0)
    hashes = np.append(rng.integers(0, 2**64, 300_000, dtype=np.uint64), np.uint64(0))
    near = hashes[:50] ^ np.uint64(0b1111 << 17)
    far = hashes[50:100] ^ np.uint64(0b11111 << 40)
    found = listed(close_hashes(np.concatenate([hashes, near, far]), 4))
    assert {tuple(sorted(pair)) for pair in found} == {(i, 300_001 + i) for i in range(50)}
    assert len(found) == 50


# Features


@settings(max_examples=40)
@given(SEEDS, st.integers(1, 60), st.sampled_from([0.0, 0.01, 0.3, 1.0, 2.0]), st.booleans())
def test_close_directions_are_all_that_comparing_all_finds_each_once(seed, n, distance, is_itself):
    rng = np.random.default_rng(seed)
    index, queries = (views([np.zeros(n, np.uint64)], [alike_features(n, rng)])[0].directions for _ in "ab")
    index[rng.random(n) < 0.1] = 0  # close to nothing
    queries = index if is_itself else queries
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(directions, "LEAF", 4)
        found = list(close_directions(index, queries, distance))
    cosines = 1 - queries.astype(np.float64) @ index.T.astype(np.float64)
    sure = np.abs(cosines - distance) > 1e-5
    pairs = listed(found)
    assert len(pairs) == len(set(pairs))
    kept = [pair for pair in pairs if sure[pair]]
    assert kept == [tuple(pair) for pair in np.argwhere((cosines <= distance) & sure).tolist()]
    for rows, partners, each in found:
        np.testing.assert_allclose(each, cosines[rows, partners], atol=1e-6)


def test_photos_far_from_each_other_are_not_compared(monkeypatch):
    monkeypatch.setattr(directions, "LEAF", 10)
    rng = np.random.default_rng(0)
    scene = np.repeat(np.eye(20, dtype=np.float32), 10, axis=0)  # twenty scenes at right angles
    points = views([np.zeros(200, np.uint64)], [scene + 0.01 * rng.normal(size=scene.shape)])[0].directions
    compared = []

    class Counted(np.ndarray):
        def __matmul__(self, other):
            if other.ndim == 2:
                compared.append(self.shape[0] * other.shape[1])
            return np.asarray(self) @ np.asarray(other)

    n_pairs = sum(len(rows) for rows, _, _ in close_directions(points.view(Counted), points, 0.01))
    assert n_pairs == 200 * 10
    n_parts = len(directions._leaves(points))
    assert sum(compared) < 0.2 * 200 * 200 + 200 * n_parts


# Both


@settings(max_examples=40)
@given(SEEDS, st.integers(-1, 6), st.sampled_from([None, 0.01, 0.3]), st.booleans())
def test_close_pairs_are_all_that_comparing_all_finds(seed, hash_bits, cosine, is_itself):
    rng = np.random.default_rng(seed)
    index, queries = views(
        [alike_hashes(40, rng), alike_hashes(30, rng)], [alike_features(40, rng), alike_features(30, rng)]
    )
    queries.hashes[:10] = index.hashes[:10]
    queries = index if is_itself else queries
    confirming = None if cosine is None else 2 * cosine
    by_hash = hamming(queries.hashes[:, None], index.hashes[None]).astype(int) <= hash_bits
    expected = by_hash
    if cosine is not None:
        distance = 1 - queries.directions @ index.directions.T
        if np.abs(distance[:, :, None] - [cosine, confirming]).min() < 1e-5:
            return
        by_hash &= distance <= confirming
        expected = by_hash | (distance <= cosine)
    found = list(close_pairs(index, queries, Limits(hash_bits, cosine, confirming)))
    assert listed(found) == [tuple(pair) for pair in np.argwhere(expected).tolist()]
    for rows, partners, is_by_hash in found:
        assert (by_hash[rows, partners] == is_by_hash).all()


@given(SEEDS, st.integers(1, 40), st.booleans())
def test_photos_of_one_point_are_alike_to_the_last_bit(seed, n, has_features):
    rng = np.random.default_rng(seed)
    points = views([alike_hashes(n, rng)], [alike_features(n, rng) if has_features else None])[0]
    rows, number = distinct(points)
    again = points.rows(rows[number])
    assert (again.hashes == points.hashes).all()
    if has_features:
        assert (again.directions == points.directions).all()
    elif n > 1:
        assert len(rows) == len(np.unique(points.hashes))


# What is counted of photos on the same point


@settings(max_examples=60)
@given(SEEDS, st.integers(2, 40), st.booleans())
def test_counts_and_closest_partners_are_those_of_all_pairs_of_photos(seed, n, in_small_parts):
    rng = np.random.default_rng(seed)
    hashes = alike_hashes(n, rng)
    labels, groups, fold = (rng.integers(3, size=n) for _ in range(3))
    table = AuditTable(["A", "B", "C"], labels, groups, pd.DataFrame(index=range(n)), [])
    with pytest.MonkeyPatch.context() as patch:
        if in_small_parts:
            patch.setattr(gathering, "AT_ONCE", 5)
            patch.setattr(tally, "CELLS_AT_ONCE", 3)
        images = [str(i) for i in range(n)]
        twins = find_twins(Photos(images, hashes), table, fold, test=Photos(images, np.roll(hashes, 1)))
    bits = hamming(hashes[:, None], hashes[None]).astype(int)
    close = (bits <= twins.thresholds.limits.hash_bits) & ~np.eye(n, dtype=bool)
    kinds = {
        "all": np.ones((n, n), bool),
        **{
            kind: values[:, None] != values
            for kind, values in {"folds": fold, "classes": labels, "groups": groups}.items()
        },
    }
    n_pairs = {kind: int((close & differ).sum()) // 2 for kind, differ in kinds.items()}
    assert n_pairs == {
        "all": twins.n_pairs,
        "folds": twins.n_pairs_across_folds,
        "classes": twins.n_pairs_of_two_classes,
        "groups": twins.n_pairs_across_groups,
    }
    assert twins.n_with_twin == close.any(axis=1).sum()
    assert twins.n_twin_in_training == (close & kinds["folds"]).any(axis=1).sum()
    for kind, pairs in (
        ("all", twins.examples),
        ("classes", twins.examples_of_two_classes),
        ("groups", twins.examples_across_groups),
    ):
        assert bool(pairs) == bool(n_pairs[kind])
        for pair in pairs:
            others = np.where(
                close[int(pair.first)] & kinds[kind][int(pair.first)], bits[int(pair.first)], 99
            )
            assert (int(pair.second), pair.hash_bits) == (others.argmin(), others.min())
    assert twins.test.n_pairs == (bits <= twins.thresholds.limits.hash_bits).sum()
    assert twins.test.n_with_twin == n


@given(SEEDS, st.integers(1, 30))
def test_the_closest_of_another_value_is_kept_whatever_the_order(seed, n):
    rng = np.random.default_rng(seed)
    number = np.sort(rng.integers(0, n, n))
    number = np.unique(number, return_inverse=True)[1]
    values, n_points = rng.integers(0, 3, n), int(number.max()) + 1
    distance = np.triu(rng.integers(0, 5, (n_points, n_points)), 1)
    distance += distance.T
    pairs = np.argwhere(rng.random((n_points, n_points)) < 0.5)
    closest = Closest(number, values)
    for part in np.array_split(rng.permutation(pairs), 3):
        closest.offer(part[:, 0], part[:, 1], distance[part[:, 0], part[:, 1]])
    offered = {(int(a), int(b)) for a, b in pairs}
    for row, key in enumerate(closest.keys()):
        known = [
            (distance[number[row], number[other]], other)
            for other in range(n)
            if (number[row], number[other]) in offered and values[row] != values[other]
        ]
        assert key == (min(known)[0] * ROWS + min(known)[1] if known else NONE)


@pytest.mark.parametrize("has_features", [False, True])
def test_many_blank_photos_are_counted_and_not_compared(has_features):
    n = 20_000
    hashes = np.zeros(n, np.uint64)
    hashes[-3:] = [1, 3, 2**63 - 1]
    features = np.ones((n, 4), np.float32) if has_features else None
    labels, fold = np.arange(n) % 2, np.arange(n) % 5
    table = AuditTable(["A", "B"], labels, np.arange(n), pd.DataFrame(index=range(n)), [])
    blank = Photos([str(i) for i in range(n)], hashes, features)
    twins = find_twins(blank, table, fold, test=blank)
    n_close = n if has_features else n - 1
    assert twins.n_pairs == twins.n_pairs_across_groups == math.comb(n_close, 2)
    assert twins.n_with_twin == twins.largest_family == n_close
    assert twins.test.n_pairs == n_close**2 + (n - n_close)
    assert twins.examples_of_two_classes[0].hash_bits == 0


def test_points_of_no_photo_are_no_trouble():
    assert list(close_hashes(np.empty(0, np.uint64), 4)) == []
    none = Views(np.empty(0, np.uint64), None)
    one = Views(np.zeros(1, np.uint64), None)
    assert listed(close_pairs(one, none, Limits(4, None, None))) == []
