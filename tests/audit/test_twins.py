"""Near duplicates: which pairs, how close, and what a score owes to them."""

import dataclasses
import json
import math
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from fishcli.audit.table import AuditTable
from fishcli.audit.twins.cost import measure_twin_cost
from fishcli.audit.twins.hash_index import hamming
from fishcli.audit.twins.neighbours import Limits, views
from fishcli.audit.twins.thresholds import find_thresholds
from fishcli.audit.twins.twins import Photos, find_twins


def audit_rows(labels, groups=None):
    labels = np.asarray(labels)
    names = [chr(ord("A") + label) for label in range(labels.max() + 1)]
    groups = None if groups is None else np.asarray(groups)
    return AuditTable(names, labels, groups, pd.DataFrame(index=range(len(labels))), [])


def flipped(hashes, n_bits, rng):
    """Each hash with `n_bits` of its bits flipped."""
    out = hashes.copy()
    for row in range(len(out)):
        for place in rng.choice(64, n_bits, replace=False):
            out[row] ^= np.uint64(1) << np.uint64(place)
    return out


def hashes_of(n, rng):
    return rng.integers(0, 2**64, n, dtype=np.uint64)


def photos(hashes, features=None, prefix="img"):
    return Photos([f"{prefix}_{i}.jpg" for i in range(len(hashes))], hashes, features)


def sequences(n_sequences=60, length=3, n_bits=1, spread=0.05, seed=0):
    """Frames of sequences: two frames' hashes differ in at most 2 `n_bits`; features lie close together.

    Returns hashes (n,), features (n, 20) and the sequence of each frame (n,).
    """
    rng = np.random.default_rng(seed)
    sequence = np.repeat(np.arange(n_sequences), length)
    hashes = flipped(hashes_of(n_sequences, rng)[sequence], n_bits, rng)
    features = rng.normal(size=(n_sequences, 20))[sequence] + spread * rng.normal(size=(len(sequence), 20))
    return hashes, features.astype(np.float32), sequence


# Neighbours


def test_features_of_many_channels_are_brought_down_and_keep_who_is_near():
    rng = np.random.default_rng(0)
    sequence = np.repeat(np.arange(100), 2)
    features = rng.normal(size=(100, 300))[sequence] + 0.02 * rng.normal(size=(200, 300))
    first, second = views([np.zeros(200, np.uint64)] * 2, [features, 7 * features])
    assert first.directions.shape == (200, 128)
    np.testing.assert_allclose(first.directions, second.directions, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(first.directions, axis=1), 1, atol=1e-5)
    distance = 1 - first.directions @ first.directions.T
    np.fill_diagonal(distance, 9)
    assert (sequence[distance.argmin(axis=1)] == sequence).all()


def test_features_of_one_set_only_are_of_no_use():
    hashes, features, _ = sequences()
    first, second = views([hashes, hashes], [features, None])
    assert first.directions is second.directions is None


# Thresholds


def test_without_groups_the_default_holds():
    hashes, _, _ = sequences(n_bits=2)
    found = find_thresholds(hashes, views([hashes], [None])[0], None)
    assert found.limits == Limits(4, None, None)
    assert "default" in found.how


def test_groups_narrow_the_hash_where_others_are_as_close():
    rng = np.random.default_rng(0)
    base = hashes_of(40, rng)
    near, far = flipped(base, 2, rng), flipped(base, 4, rng)
    groups = np.concatenate([np.arange(40), np.arange(40), np.arange(40, 80)])
    hashes = np.concatenate([base, near, far])
    found = find_thresholds(hashes, views([hashes], [None])[0], groups)
    assert found.limits.hash_bits in (2, 3)
    assert "100% of such pairs are of one group" in found.how
    by_sequence = find_thresholds(hashes, views([hashes], [None])[0], groups % 40)
    assert by_sequence.limits.hash_bits == 4


def test_wrong_groups_do_not_hide_copies():
    hashes, features, sequence = sequences(n_bits=1)
    groups = np.arange(len(hashes)) % 3  # every twin is of another group
    twins = find_twins(photos(hashes), audit_rows(sequence % 2, groups), sequence % 2)
    assert twins.thresholds.limits.hash_bits == 2
    assert twins.n_pairs == twins.n_pairs_across_groups == 180
    seen = find_twins(photos(hashes, features), audit_rows(sequence % 2, groups), sequence % 2)
    assert seen.thresholds.limits.cosine_distance == 1e-6
    assert 170 <= seen.n_pairs == seen.n_pairs_by_hash <= 180


def test_features_are_close_where_three_quarters_of_pairs_by_hash_are():
    hashes, features, _ = sequences(n_bits=1, spread=0.1)
    points = views([hashes], [features])[0]
    found = find_thresholds(hashes, points, None).limits
    bits = hamming(hashes[:, None], hashes[None])
    pairs = np.triu(bits <= 4, 1)
    distance = (1 - points.directions @ points.directions.T)[pairs]
    assert (distance <= found.cosine_distance).mean() == pytest.approx(0.75, abs=0.01)
    assert found.confirming_distance == pytest.approx(2 * found.cosine_distance)


def test_too_few_pairs_by_hash_leave_features_out():
    hashes, features, _ = sequences(n_sequences=5, length=2)
    found = find_thresholds(hashes, views([hashes], [features])[0], None)
    assert found.limits.cosine_distance is None
    assert "10 pairs by hash are too few" in found.how


def test_groups_narrow_the_cosine_but_never_widen_it():
    hashes, features, sequence = sequences(n_bits=1, spread=0.1)
    points = views([hashes], [features])[0]
    free = find_thresholds(hashes, points, None).limits
    assert find_thresholds(hashes, points, sequence).limits == free
    assert find_thresholds(hashes, points, np.zeros_like(sequence)).limits == free
    # A copy of each feature in another group, with a hash of its own, at the far end of what counts as close.
    rng = np.random.default_rng(1)
    lookalikes = features + 0.12 * rng.normal(size=features.shape)
    hashes = np.concatenate([hashes, hashes_of(len(hashes), rng)])
    groups = np.concatenate([sequence, sequence + 1000])
    points = views([hashes], [np.concatenate([features, lookalikes]).astype(np.float32)])[0]
    narrowed = find_thresholds(hashes, points, groups)
    assert narrowed.limits.cosine_distance < find_thresholds(hashes, points, None).limits.cosine_distance
    assert "narrowed" in narrowed.how


def test_hashes_that_are_alike_by_accident_do_not_make_all_features_close():
    hashes, _, _ = sequences()
    rng = np.random.default_rng(1)
    features = rng.normal(size=(len(hashes), 20)).astype(np.float32)
    points = views([hashes], [features])[0]
    limit = find_thresholds(hashes, points, None).limits.cosine_distance
    assert 0.01 < ((1 - points.directions @ points.directions.T) <= limit).mean() < 0.03


# Twins


def test_all_that_is_counted_agrees_with_counting_by_hand():
    hashes, _, _ = sequences(n_sequences=30, length=4, n_bits=1, seed=3)
    rng = np.random.default_rng(0)
    labels, groups, fold = (rng.integers(3, size=len(hashes)) for _ in range(3))
    twins = find_twins(photos(hashes), audit_rows(labels, groups), fold)
    limit = twins.thresholds.limits.hash_bits
    pairs = [
        (i, j)
        for i in range(len(hashes))
        for j in range(i)
        if bin(int(hashes[i]) ^ int(hashes[j])).count("1") <= limit
    ]
    assert twins.n_images == len(hashes)
    assert twins.n_pairs == twins.n_pairs_by_hash == len(pairs) > 0
    assert twins.n_with_twin == len({row for pair in pairs for row in pair})
    assert twins.n_pairs_across_folds == sum(fold[i] != fold[j] for i, j in pairs)
    assert twins.n_twin_in_training == len({row for i, j in pairs if fold[i] != fold[j] for row in (i, j)})
    assert twins.n_pairs_across_groups == sum(groups[i] != groups[j] for i, j in pairs)
    assert twins.n_pairs_of_two_classes == sum(labels[i] != labels[j] for i, j in pairs)
    family = list(range(len(hashes)))
    for i, j in pairs:
        family = [family[i] if each == family[j] else each for each in family]
    sizes = Counter(family).values()
    assert twins.n_families == sum(size > 1 for size in sizes)
    assert twins.largest_family == max(sizes)


def test_examples_say_what_they_are():
    hashes, features, sequence = sequences()
    labels = (np.arange(len(hashes)) % 3 == 0).astype(int)
    twins = find_twins(photos(hashes, features), audit_rows(labels, np.arange(len(hashes))), sequence % 2)
    kinds = (twins.examples, twins.examples_of_two_classes, twins.examples_across_groups)
    assert [len(kind) for kind in kinds] == [12, 12, 12]
    for pair in twins.examples_of_two_classes:
        first, second = (int(image[4:-4]) for image in (pair.first, pair.second))
        assert sequence[first] == sequence[second]
        assert (pair.first_class, pair.second_class) == ("AB"[labels[first]], "AB"[labels[second]])
        assert pair.first_class != pair.second_class
        assert pair.hash_bits == hamming(hashes[first], hashes[second])
    closest = [pair.hash_bits for pair in twins.examples_of_two_classes]
    assert closest == sorted(closest)
    families = [sequence[int(pair.first[4:-4])] for pair in twins.examples]
    assert len(set(families)) == 12


def test_photos_of_one_deck_whose_features_differ_are_no_twins():
    hashes, features, sequence = sequences(n_bits=0)
    rng = np.random.default_rng(1)
    decks = hashes_of(10, rng)[np.arange(40) % 10]  # ten decks, four catches each
    catches = rng.normal(size=(40, 20)).astype(np.float32)
    both = photos(np.concatenate([hashes, decks]), np.concatenate([features, catches]))
    table = audit_rows(np.zeros(len(both.hashes), int))
    twins = find_twins(both, table, np.zeros(len(both.hashes), int))
    assert twins.n_pairs == 180
    assert twins.n_families == 60
    by_hash = find_twins(photos(both.hashes), table, np.zeros(len(both.hashes), int))
    assert by_hash.n_pairs == 180 + 60
    assert len(set(sequence)) == 60


def test_frames_far_apart_by_hash_are_found_by_features():
    hashes, features, _ = sequences(n_sequences=100, n_bits=1)
    rng = np.random.default_rng(9)
    later = hashes_of(len(hashes), rng)
    both = photos(np.concatenate([hashes, later]), np.concatenate([features, features]))
    twins = find_twins(both, audit_rows(np.zeros(600, int)), np.zeros(600, int))
    assert twins.n_with_twin == 600
    assert twins.n_pairs > twins.n_pairs_by_hash > 0
    assert 100 <= twins.n_families <= 110
    assert twins.largest_family == 6


def test_test_photos_with_a_twin_in_training():
    hashes, features, sequence = sequences()
    rng = np.random.default_rng(5)
    test = photos(
        np.concatenate([flipped(hashes[:9], 1, rng), hashes_of(11, rng)]),
        np.concatenate([features[:9], rng.normal(size=(11, 20)).astype(np.float32)]),
        "test",
    )
    twins = find_twins(photos(hashes, features), audit_rows(sequence % 2), sequence % 2, test=test)
    assert (twins.test.n_images, twins.test.n_with_twin) == (20, 9)
    assert twins.test.n_pairs >= 9
    assert twins.n_images == len(hashes)
    for pair in twins.test.examples:
        assert pair.second_class is None
        row, partner = int(pair.second[5:-4]), int(pair.first[4:-4])
        assert sequence[row] == sequence[partner]
        assert pair.first_class == "AB"[sequence[partner] % 2]


def test_photos_without_twins():
    rng = np.random.default_rng(0)
    hashes = hashes_of(50, rng)
    twins = find_twins(
        photos(hashes), audit_rows(np.arange(50) % 2), np.arange(50) % 5, np.ones(50), photos(hashes)
    )
    assert (twins.n_pairs, twins.n_with_twin, twins.n_families, twins.largest_family) == (0, 0, 0, 1)
    assert twins.examples == []
    assert twins.cost is None
    assert "no class has 5 images with a twin" in twins.cost_note
    assert (twins.test.n_with_twin, twins.test.n_pairs) == (50, 50)


@pytest.mark.parametrize("n", [1, 2])
def test_hardly_any_photos(n):
    twins = find_twins(photos(np.zeros(n, np.uint64)), audit_rows(np.zeros(n, int)), np.arange(n))
    assert twins.n_pairs == twins.n_pairs_across_folds == n - 1
    assert twins.n_pairs_across_groups is None


def test_the_result_is_plain_json():
    hashes, features, sequence = sequences()
    losses = np.random.default_rng(0).gamma(1, 1, len(hashes))
    fold = np.arange(len(hashes)) % 2
    fold[:90] = 0  # half of the images have no twin in training
    twins = find_twins(photos(hashes, features), audit_rows(sequence % 2, sequence), fold, losses)
    assert twins.cost is not None
    assert twins.cost_note == ""
    assert "groups drawn" in twins.cost.interval
    back = json.loads(json.dumps(dataclasses.asdict(twins), allow_nan=False))
    assert back == dataclasses.asdict(twins)


# What a score owes to twins


def cost_of(losses, labels, has_twin, units):
    names = [chr(ord("A") + label) for label in range(labels.max() + 1)]
    return measure_twin_cost(losses, labels, names, has_twin, units, "groups")


def test_class_mix_does_not_pass_for_what_twins_are_worth():
    """Twins are frequent in the easy class; within each class they are worth nothing."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 400)
    has_twin = rng.random(800) < np.where(labels == 0, 0.9, 0.1)
    losses = np.where(labels == 0, 0.1, 2.0) + rng.normal(0, 0.05, 800)
    raw = losses[~has_twin].mean() - losses[has_twin].mean()
    cost = cost_of(losses, labels, has_twin, np.arange(800) // 8)
    assert raw > 1
    assert abs(cost.difference_bits) < 0.03
    assert cost.difference_low < 0 < cost.difference_high
    assert abs(cost.owed_bits) < 0.03


def test_what_twins_are_worth_is_found_and_weighted_by_class():
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1], [600, 200])
    has_twin = rng.random(800) < 0.5
    worth = np.where(labels == 0, 0.4, 1.2) * math.log(2)
    losses = 2.0 - worth * has_twin + rng.normal(0, 0.1, 800)
    cost = cost_of(losses, labels, has_twin, np.arange(800) // 8)
    assert cost.difference_bits == pytest.approx(0.75 * 0.4 + 0.25 * 1.2, abs=0.03)
    assert cost.difference_low < 0.6 < cost.difference_high
    assert cost.without_bits - cost.with_bits == pytest.approx(cost.difference_bits)
    assert cost.without_bits == pytest.approx(2 / math.log(2), abs=0.03)
    assert (cost.n_with, cost.n_without) == (has_twin.sum(), (~has_twin).sum())


def test_owed_is_the_rise_of_the_mean_if_twins_lost_as_much_as_others():
    rng = np.random.default_rng(2)
    labels, has_twin = rng.integers(3, size=300), rng.random(300) < 0.3
    losses = rng.gamma(1, 1, 300)
    means = np.array([losses[(labels == label) & ~has_twin].mean() for label in range(3)])
    expected = np.where(has_twin, means[labels], losses).mean() - losses.mean()
    cost = cost_of(losses, labels, has_twin, np.arange(300) // 5)
    assert cost.owed_bits == pytest.approx(expected / math.log(2))
    assert cost.owed_low < cost.owed_bits < cost.owed_high


def test_a_class_without_enough_of_either_kind_is_left_out():
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1, 2], 50)
    has_twin = np.tile(np.arange(50) % 2 == 0, 3)
    has_twin[50:100] = True
    has_twin[50:54] = False  # four images of B without a twin
    losses = rng.gamma(1, 1, 150)
    losses[50:100] = 100
    cost = cost_of(losses, labels, has_twin, np.arange(150) // 3)
    assert cost.classes == ["A", "C"]
    assert cost.without_bits < 5
    assert cost_of(losses[50:100], labels[50:100] - 1, has_twin[50:100], np.arange(50)) is None


def test_images_of_one_unit_alone_say_nothing():
    labels, has_twin = np.zeros(40, int), np.repeat([True, False], 20)
    assert cost_of(np.ones(40), labels, has_twin, has_twin.astype(int)) is None
    assert cost_of(np.ones(40), labels, has_twin, np.arange(40) // 10).difference_bits == 0


def test_the_order_of_images_and_the_names_of_units_are_of_no_matter():
    rng = np.random.default_rng(4)
    labels, has_twin = rng.integers(2, size=200), rng.random(200) < 0.5
    losses, units = rng.gamma(1, 1, 200), rng.integers(20, size=200)
    cost = cost_of(losses, labels, has_twin, units)
    order = rng.permutation(200)
    other = cost_of(losses[order], labels[order], has_twin[order], rng.permutation(1000)[units][order])
    for name in ("difference_bits", "difference_low", "difference_high", "owed_low", "owed_high"):
        assert getattr(other, name) == pytest.approx(getattr(cost, name))


def test_more_alike_groups_make_the_interval_wider():
    rng = np.random.default_rng(5)
    labels, group = np.zeros(400, int), np.arange(400) // 20
    has_twin = rng.random(400) < np.linspace(0.2, 0.8, 20)[group]
    losses = 3 + rng.normal(0, 1, 20)[group] + rng.normal(0, 0.1, 400)
    single, whole = (cost_of(losses, labels, has_twin, units) for units in (np.arange(400), group))
    widths = [cost.difference_high - cost.difference_low for cost in (single, whole)]
    assert widths[1] > 1.5 * widths[0]


def test_without_groups_families_of_twins_are_drawn():
    hashes, _, sequence = sequences(n_sequences=40)
    fold = np.arange(len(hashes)) % 2
    fold[:60] = 0
    twins = find_twins(photos(hashes), audit_rows(sequence % 2), fold, np.ones(len(hashes)))
    assert "families of twins drawn" in twins.cost.interval
    assert (twins.cost.n_with, twins.cost.n_without) == (60, 60)
