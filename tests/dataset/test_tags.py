"""Several labels an image: how they are written, counted and dealt into folds."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fishcli.dataset.classes import (
    class_order,
    counts_of,
    fill_missing_classes,
    fold_priors,
    labels_of,
    smoothed_prior,
)
from fishcli.dataset.folds import make_folds
from fishcli.dataset.tag_folds import iterative_folds
from fishcli.dataset.tags import a_row_a_tag, are_tags, as_text, in_pairs, out_of_pairs, shown, tags_in

SETS = st.lists(st.frozensets(st.sampled_from(["a", "b", "c d", "10"])), min_size=1, max_size=40)


@given(SETS)
def test_tags_are_read_as_they_were_written_and_no_tags_are_tags_too(sets):
    texts = [as_text(each) for each in sets]
    assert [set(tags_in(text)) for text in texts] == [set(each) for each in sets]
    assert are_tags(texts)
    order = class_order(texts)
    targets = labels_of(texts, order)
    assert targets.shape == (len(sets), len(order))
    assert [{order[k] for k in np.flatnonzero(row)} for row in targets] == [set(each) for each in sets]


def test_tags_are_shown_as_people_read_them_and_numbers_are_in_their_order():
    assert [shown(text) for text in ("|rust|scab|", "|", "ALB")] == ["rust, scab", "none", "ALB"]
    assert class_order(["|10|9|", "|2|"]) == ["2", "9", "10"]
    assert not are_tags(["ALB", "x|y"])


@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 99))
def test_tags_as_questions_of_two_answers_and_back(n, n_tags, seed):
    proba = np.random.default_rng(seed).random((3, n, n_tags))
    pairs = in_pairs(proba)
    assert pairs.shape == (3, n * n_tags, 2)
    np.testing.assert_allclose(pairs.sum(axis=-1), 1.0)
    np.testing.assert_array_equal(out_of_pairs(pairs, n_tags), proba)


def test_a_tags_prior_is_that_of_a_class_of_two():
    labels = np.array([[1, 0], [1, 0], [0, 0]], np.float32)
    counts = counts_of(labels, 2)
    assert counts.tolist() == [[1, 3], [2, 0]]
    expected = [smoothed_prior(counts[:, tag])[1] for tag in range(2)]
    np.testing.assert_allclose(smoothed_prior(counts), expected)
    proba = np.full((2, 2), 0.5)
    np.testing.assert_allclose(fill_missing_classes(proba, counts), [[0.5, expected[1]]] * 2)
    np.testing.assert_allclose(fold_priors(labels, np.array([0, 1, 1]), 2)[0], [1.5 / 3, 0.5 / 3])


def test_an_image_has_a_row_for_each_tag_where_tags_are_counted():
    images = pd.DataFrame({"image": ["x", "y", "z"], "class_name": ["|a|b|", "|", "|b|"]})
    rows = a_row_a_tag(images)
    assert list(zip(rows["image"], rows["class_name"], strict=True)) == [("x", "a"), ("x", "b"), ("z", "b")]


@given(SETS, st.integers(2, 5), st.integers(0, 99))
def test_random_folds_of_tags_hold_every_image_once_and_none_is_empty(sets, n_folds, seed):
    assume(n_folds <= len(sets) and any(sets))
    texts = pd.Series([as_text(each) for each in sets])
    fold = make_folds(texts, None, n_folds, seed)
    assert set(fold) == set(range(n_folds))
    np.testing.assert_array_equal(fold, make_folds(texts, None, n_folds, seed))


def test_iterative_folds_share_each_tag_more_evenly_than_chance():
    rng = np.random.default_rng(0)
    targets = (rng.random((300, 6)) < [0.5, 0.3, 0.1, 0.05, 0.03, 0.02]).astype(np.float32)

    def unevenness(fold):
        counts = np.stack([targets[fold == k].sum(axis=0) for k in range(5)])
        return (counts.max(axis=0) - counts.min(axis=0)).max(), np.ptp(np.bincount(fold))

    dealt = unevenness(iterative_folds(targets, 5, 0))
    by_chance = np.median([unevenness(rng.permutation(np.arange(300) % 5))[0] for _ in range(20)])
    assert dealt[0] <= 3 < by_chance and dealt[1] <= 3
    assert (iterative_folds(targets, 5, 0) != iterative_folds(targets, 5, 1)).any()


@given(
    st.lists(st.tuples(st.frozensets(st.sampled_from("abc")), st.integers(0, 7)), min_size=2, max_size=60),
    st.integers(2, 4),
    st.integers(0, 9),
)
def test_grouped_folds_of_tags_keep_groups_whole(rows, n_folds, seed):
    sets, groups = zip(*rows, strict=True)
    assume(len(set(groups)) >= n_folds and any(sets))
    fold = make_folds(pd.Series([as_text(each) for each in sets]), pd.Series(groups), n_folds, seed)
    assert set(fold) == set(range(n_folds))
    assert set(pd.Series(fold).groupby(pd.Series(groups)).nunique()) == {1}


@pytest.mark.parametrize("seed", range(3))
def test_grouped_folds_spread_a_tag_that_few_groups_have(seed):
    groups = np.repeat(np.arange(12), 10)
    texts = pd.Series([as_text(["rare", "usual"] if group < 3 else ["usual"]) for group in groups])
    fold = make_folds(texts, pd.Series(groups), 3, seed)
    assert sorted(fold[groups < 3][::10]) == [0, 1, 2]
    assert np.bincount(fold).tolist() == [40] * 3
