"""Train against test: areas under the curve with known answers, folds, and distances between groups."""

import json
import math
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import norm
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from fishcli.audit.seen import components, novelty
from fishcli.audit.seen import worlds as worlds_module
from fishcli.audit.seen.auc import Auc, deal_folds, held_out_auc
from fishcli.audit.seen.novelty import novelty_of
from fishcli.audit.seen.tellers import World
from fishcli.audit.seen.worlds import compare_worlds
from fishcli.dataset.fields import Field

FIELDS = [
    Field("size", "categorical", "size", "file", "legitimate", "A size."),
    Field("n_bytes", "numeric", "bytes", "file", "illegitimate", "Bytes."),
    Field("brightness", "numeric", "light", "pixels", "legitimate", "Light."),
    Field("file_number", "numeric", "name", "file", "illegitimate", "A number."),
]


def world(seed, n_groups, shift=0.0, prefix="boat", per_group=8):
    """Images of groups with features, sizes and light of their own; `shift` moves the whole world."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(n_groups), per_group)
    n = len(group)
    features = rng.normal(size=(n_groups, 12))[group] + 0.5 * rng.normal(size=(n, 12)) + shift
    columns = pd.DataFrame(
        {
            "size": np.array(["1280x720", "974x518", "1192x670"])[rng.integers(3, size=n_groups)][group],
            "n_bytes": rng.normal(100 + 50 * shift, 10, n),
            "brightness": rng.normal(size=n_groups)[group] + shift,
            "file_number": np.arange(n) + 1000.0 * seed,
        }
    )
    names = np.array([f"{prefix} {each}" for each in group])
    return World(names, columns, features.astype(np.float32))


def compared(*arguments):
    """The worlds that `compare_worlds` tells of, its calls made here and now."""
    later = compare_worlds(*arguments)
    return later.finish(iter([made(call) for call in later.calls]))


def novelty_made(*arguments):
    return made(novelty_of(*arguments))


def made(call):
    """What a call of joblib's `delayed` returns."""
    function, arguments, options = call
    return function(*arguments, **options)


def told(worlds):
    return {each.by: each for each in worlds.tellings}


def test_test_images_of_the_same_world_cannot_be_told():
    worlds = compared("test", world(1, 40), world(2, 30, prefix="new"), FIELDS, 3, 0)
    assert list(told(worlds)) == ["file", "pixels", "features"]
    for each in worlds.tellings:
        assert 0.3 < each.auc < 0.7
        assert each.low < 0.5 < each.high
        assert len(each.same_world) == 3
        assert all(0.2 < auc < 0.8 for auc in each.same_world)
    assert worlds.novelty.share < 0.2
    assert (worlds.n_train, worlds.n_test, worlds.n_train_groups, worlds.n_test_groups) == (320, 240, 40, 30)
    assert (worlds.no_novelty, worlds.limits) == ("", [])
    json.dumps(asdict(worlds), allow_nan=False)


def test_test_images_of_another_world_are_told():
    worlds = compared("test", world(1, 12), world(2, 12, shift=8.0, prefix="new"), FIELDS, 3, 0)
    for each in worlds.tellings:
        assert each.auc > 0.97
        assert each.low > 0.9
        assert all(auc < 0.9 for auc in each.same_world)
    assert worlds.novelty.share > 0.95


def test_how_files_are_numbered_is_no_difference_of_worlds():
    train, test = world(1, 40), world(2, 30, prefix="new")
    numbers = [field for field in FIELDS if field.name == "file_number"]
    assert compared("test", replace(train, features=None), test, numbers, 5, 0).tellings == []


def test_frames_of_test_sequences_that_are_not_known_lift_both_areas():
    train, test = world(1, 30), world(2, 12, prefix="new")
    known = compared("test", train, test, [], 4, 0)
    unknown = compared("test", train, replace(test, groups=None), [], 4, 0)
    assert told(unknown)["features"].auc > told(known)["features"].auc + 0.1
    assert np.mean(told(unknown)["features"].same_world) > np.mean(told(known)["features"].same_world) + 0.1
    assert unknown.n_test_groups is None
    assert "same_world" in unknown.limits[0]


def test_test_images_of_training_groups_that_are_not_known_are_told_the_wrong_way_round():
    train = world(1, 10, per_group=16)
    mixed = np.arange(160) % 4 == 0
    worlds = compared("test", train.rows(~mixed), replace(train.rows(mixed), groups=None), [], 5, 0)
    assert told(worlds)["features"].high < 0.45
    shared = compared("test", train.rows(~mixed), train.rows(mixed), [], 5, 0)
    assert told(shared)["features"].low < 0.5 < told(shared)["features"].high


def test_large_sides_are_told_apart_by_a_draw(monkeypatch):
    train, test = world(1, 20), world(2, 20, shift=8.0, prefix="new")
    monkeypatch.setattr(worlds_module, "MAX_IMAGES", 40)
    worlds = compared("test", train, test, [], 3, 0)
    assert (worlds.n_train, worlds.n_train_groups, worlds.n_test) == (160, 20, 160)
    assert told(worlds)["features"].auc == 1.0
    assert worlds.limits == ["Train and test are told apart by a draw of 40 images of a side that has more."]
    assert worlds.novelty == novelty_made(train.features, test.features, train.groups, test.groups)


def test_without_groups_in_training_there_are_no_distances_between_them():
    worlds = compared("test", replace(world(1, 6), groups=None), world(2, 6, prefix="new"), [], 3, 0)
    assert worlds.novelty is None
    assert "no groups of training images" in worlds.no_novelty
    assert told(worlds)["features"].same_world == []
    assert len(worlds.limits) == 1


def test_one_test_group_cannot_be_held_out():
    worlds = compared("test", world(1, 6), world(2, 1, prefix="new"), FIELDS, 3, 0)
    for each in worlds.tellings:
        assert (each.auc, each.low, each.high) == (None, None, None)
    assert worlds.novelty.low is None
    json.dumps(asdict(worlds), allow_nan=False)


def test_without_features_there_are_only_metadata():
    worlds = compared("test", world(1, 5), replace(world(2, 5), features=None), FIELDS, 2, 0)
    assert list(told(worlds)) == ["file", "pixels"]
    assert worlds.no_novelty == "there are no features of both"


def test_fields_that_never_vary_tell_nothing():
    train, test = (replace(world(seed, 6), features=None) for seed in (1, 2))
    for each in (train, test):
        each.columns["brightness"] = np.nan
    (telling,) = compared("test", train, test, FIELDS[2:3], 3, 0).tellings
    assert (telling.auc, telling.low, telling.high) == (0.5, 0.5, 0.5)


scored = st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40)


@given(scored)
def test_the_area_of_one_fold_is_scikit_learns(rows):
    scores, is_test = (np.array(each) for each in zip(*[*rows, (1, True), (3, False)], strict=True))
    n = len(scores)
    found = held_out_auc(scores.astype(float), is_test, np.zeros(n, int), np.arange(n))
    assert found.auc == pytest.approx(roc_auc_score(is_test, scores))
    turned = held_out_auc(-scores.astype(float), is_test, np.zeros(n, int), np.arange(n))
    assert turned.auc == pytest.approx(1 - found.auc)
    if found.low is not None:
        assert 0 <= found.low <= found.auc + 1e-12
        assert found.auc - 1e-12 <= found.high <= 1


def test_only_images_of_one_fold_are_compared():
    fold, is_test = np.repeat([0, 1], 20), np.arange(40) % 2 == 0
    scores = is_test + 100.0 * fold
    assert held_out_auc(scores, is_test, fold, np.arange(40)).auc == 1.0
    alone = held_out_auc(scores[:30], np.arange(30) < 20, fold[:30], np.arange(30))
    assert alone == Auc(None, None, None), "no fold has images of both sides"


@pytest.mark.parametrize(("n_train", "n_test"), [(12, 6), (10, 120)])
def test_the_interval_holds_the_truth_about_as_often_as_it_says(n_train, n_test):
    """Groups of 2 to 30 images (test images alone where there are many), shifted by one and a half sigmas."""
    rng = np.random.default_rng(0)
    truth = norm.cdf(1.5 / 2)
    held = []
    for _ in range(80):
        sizes = [rng.integers(2, 31, n_train), rng.integers(2, 31, n_test) if n_test < 100 else [1] * n_test]
        groups = np.repeat(np.arange(n_train + n_test), np.concatenate(sizes))
        is_test = groups >= n_train
        scores = rng.normal(size=n_train + n_test)[groups] + rng.normal(size=len(groups)) + 1.5 * is_test
        found = held_out_auc(scores, is_test, deal_folds(groups, is_test, 3, 0), groups)
        held.append(found.low <= truth <= found.high)
    assert np.mean(held) > 0.85


@given(
    st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=4, max_size=60),
    st.integers(2, 5),
    st.integers(0, 9),
)
def test_groups_are_dealt_evenly_and_whole(rows, n_folds, seed):
    groups, is_test = (np.array(each) for each in zip(*rows, strict=True))
    fold = deal_folds(groups, is_test, n_folds, seed)
    counts = [len(set(groups[side])) for side in (is_test, ~is_test)]
    if min(counts) < 2:
        assert fold is None
        return
    assert pd.Series(fold).groupby(groups).nunique().max() == 1
    for side, n_groups in zip((is_test, ~is_test), counts, strict=True):
        groups_of = pd.Series(groups[side]).groupby(fold[side]).nunique()
        assert len(groups_of) == min(n_folds, *counts)
        assert groups_of.max() - groups_of.min() <= 1
        assert groups_of.sum() == n_groups


@settings(max_examples=20)
@given(st.lists(st.integers(0, 5), min_size=2, max_size=40), st.integers(1, 6), st.integers(0, 99))
def test_distances_between_groups_are_those_of_all_pairs(groups, n_neighbours, seed):
    groups = np.array([*groups, 8, 9])
    scores = np.random.default_rng(seed).normal(size=(len(groups), 3)).astype(np.float32)
    rows = np.arange(len(groups))[:: 1 + seed % 3]
    pairs = cdist(scores, scores)
    pairs[groups[:, None] == groups] = np.inf
    with pytest.MonkeyPatch.context() as patch, threadpool_limits(1):
        patch.setattr(novelty, "NEIGHBOURS", n_neighbours)
        found = novelty._distances_between_groups(scores, groups, rows)
    np.testing.assert_allclose(found, pairs.min(axis=1)[rows], rtol=1e-3, atol=1e-4)


def test_new_groups_of_the_same_world_are_as_far_as_training_groups_are_from_each_other():
    """Single images are all groups: 5% of fresh ones are beyond the 95th percentile."""
    rng = np.random.default_rng(0)
    train, test = (rng.normal(size=(n, 4)).astype(np.float32) for n in (1500, 1500))
    found = novelty_made(train, test, np.arange(1500), None)
    assert found.share == pytest.approx(0.05, abs=0.025)
    assert found.low < found.share < found.high
    assert found.median_test_distance < found.threshold
    near = novelty_made(train, train[:100] + np.float32(1e-3), np.arange(1500), np.arange(100))
    assert (near.share, near.low) == (0.0, 0.0)
    assert near.high == pytest.approx(1 - 0.025 ** (1 / 100))
    assert math.isclose(near.threshold, found.threshold)


def test_of_many_test_images_a_draw_is_compared_with_all_training_images(monkeypatch):
    monkeypatch.setattr(components, "MAX_TRAINING_ROWS", 30)
    rng = np.random.default_rng(0)
    train, test = (rng.normal(size=(n, 4)).astype(np.float32) for n in (90, 100))
    test[::3] += 9
    groups = np.arange(100) // 2
    asked = components.drawn_rows(100)
    found = novelty_made(train, test, np.arange(90), groups)
    drawn = novelty_made(train, test[asked], np.arange(90), groups[asked])
    assert len(asked) == 30
    assert (found.share, found.low, found.high) == (drawn.share, drawn.low, drawn.high)
    assert found.share == pytest.approx((asked % 3 == 0).mean(), abs=0.1)
