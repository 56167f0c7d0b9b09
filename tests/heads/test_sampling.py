"""Drawing weights that even groups out, and rows between neighbours."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fishcli.heads.generating.smote import NEIGHBOURS, smote_pairs
from fishcli.heads.sampling import balanced_weights


@st.composite
def tables(draw, smallest=0, largest=30):
    """Counts of class by group, at least one row."""
    n_classes, n_groups = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    cells = st.lists(
        st.integers(smallest, largest), min_size=n_classes * n_groups, max_size=n_classes * n_groups
    )
    counts = np.array(draw(cells.filter(any)))
    return counts.reshape(n_classes, n_groups)


def rows_of(counts, seed=0):
    """Labels and groups of rows with these counts, in a random order."""
    label, group = (
        np.repeat(each.ravel(), counts.ravel()) for each in np.indices(counts.shape, dtype=np.int64)
    )
    order = np.random.default_rng(seed).permutation(len(label))
    return label[order], group[order]


def table_of(weights, labels, groups):
    return pd.crosstab(labels, groups, values=weights, aggfunc="sum").fillna(0).to_numpy()


def mutual_information(table):
    table = table / table.sum()
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True)
    known = table > 0
    return (table[known] * np.log(table[known] / expected[known])).sum()


@given(tables())
def test_weights_are_chances_and_every_row_keeps_one(counts):
    labels, groups = rows_of(counts)
    weights = balanced_weights(labels, groups)
    assert weights.shape == labels.shape
    assert weights.sum() == pytest.approx(1)
    assert (weights > 0).all()


@given(tables())
def test_rows_of_one_class_and_group_weigh_the_same(counts):
    labels, groups = rows_of(counts)
    weights = pd.Series(balanced_weights(labels, groups)).groupby([labels, groups])
    np.testing.assert_allclose(weights.max(), weights.min(), rtol=1e-12)


@given(tables())
def test_classes_and_groups_keep_their_shares(counts):
    labels, groups = rows_of(counts)
    weights = balanced_weights(labels, groups)
    for each in (labels, groups):
        share = np.bincount(each) / len(each)
        np.testing.assert_allclose(np.bincount(each, weights), share, atol=1e-6)


@given(tables(smallest=1))
def test_groups_become_independent_of_classes_where_each_has_all(counts):
    labels, groups = rows_of(counts)
    table = table_of(balanced_weights(labels, groups), labels, groups)
    np.testing.assert_allclose(table, np.outer(table.sum(axis=1), table.sum(axis=0)), atol=1e-6)


@given(tables())
def test_groups_never_tell_more_of_the_class_than_before(counts):
    labels, groups = rows_of(counts)
    table = table_of(balanced_weights(labels, groups), labels, groups)
    before = mutual_information(table_of(np.ones(len(labels)), labels, groups))
    assert mutual_information(table) <= before + 1e-6


def test_a_lopsided_table_is_evened_out_and_by_how_much():
    labels, groups = rows_of(np.array([[9, 1], [1, 9]]))
    table = table_of(balanced_weights(labels, groups), labels, groups)
    np.testing.assert_allclose(table, 1 / 4)


def test_of_all_tables_the_nearest_to_independence_is_found():
    """Class 2 is in group 2 alone. What the others may be is known by hand: a 2 x 2 table of product form."""
    labels, groups = rows_of(np.array([[8, 2, 4], [2, 8, 4], [0, 0, 6]]))
    table = table_of(balanced_weights(labels, groups), labels, groups)
    np.testing.assert_allclose(table * 34, [[5, 5, 4], [5, 5, 4], [0, 0, 6]], atol=1e-6)


def test_groups_of_one_class_stay_as_they_are():
    labels, groups = rows_of(np.array([[5, 0, 0], [0, 9, 2]]))
    np.testing.assert_allclose(balanced_weights(labels, groups), 1 / 16)
    each_its_own = np.arange(16)
    np.testing.assert_allclose(balanced_weights(labels, each_its_own), 1 / 16)


@given(tables())
@settings(max_examples=20)
def test_groups_may_be_strings(counts):
    labels, groups = rows_of(counts)
    names = np.array(["boat 7", "boat 10", "", "Ünal", "boat 1"], dtype=object)[groups]
    np.testing.assert_allclose(balanced_weights(labels, names), balanced_weights(labels, groups), rtol=1e-6)


def test_labels_may_skip_a_class():
    labels, groups = np.array([0, 0, 2, 2, 2, 2]), np.array(["a", "b", "a", "a", "a", "b"], dtype=object)
    table = table_of(balanced_weights(labels, groups), labels, groups)
    np.testing.assert_allclose(table * 36, [[8, 4], [16, 8]], atol=1e-6)


def clouds(sizes, n_columns=6, seed=0):
    """Features of classes of these sizes, shuffled, and their labels."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    features = rng.normal(size=(len(labels), n_columns)) + 2 * labels[:, None]
    return features.astype(np.float32), labels


def points_between(features, pairs):
    row, partner, share = pairs
    wide = features.astype(np.float64)
    return (1 - share[:, None]) * wide[row] + share[:, None] * wide[partner]


@given(st.lists(st.integers(0, 14), min_size=1, max_size=4).filter(any), st.integers(0, 5))
@settings(max_examples=30)
def test_classes_are_filled_up_to_the_largest(sizes, seed):
    features, labels = clouds(sizes, seed=seed)
    row, partner, share = smote_pairs(features, labels, seed)
    assert row.shape == partner.shape == share.shape
    missing = [max(sizes) - size if size > 1 else 0 for size in sizes]
    np.testing.assert_array_equal(np.bincount(labels[row], minlength=len(sizes)), missing)
    np.testing.assert_array_equal(labels[row], labels[partner])
    assert (share >= 0).all() and (share <= 0.5).all()


def neighbours_of(features, labels, k):
    """For each row, the k nearest others of its class, all of them where there are fewer."""
    distance = np.linalg.norm(features[:, None].astype(float) - features[None].astype(float), axis=2)
    distance[labels[:, None] != labels[None]] = np.inf
    np.fill_diagonal(distance, np.inf)
    found = np.argsort(distance, axis=1)[:, :k]
    return [row[np.isfinite(distance[place, row])] for place, row in enumerate(found)]


@pytest.mark.parametrize("sizes", [[30, 12, 9], [30, 12, 4], [30, 12, 2]])
def test_partners_are_near_neighbours_and_a_small_class_takes_none_from_others(sizes):
    features, labels = clouds(sizes)
    near = neighbours_of(features, labels, NEIGHBOURS)
    row, partner, _ = smote_pairs(features, labels, seed=1)
    assert (row != partner).all()
    assert all(b in near[a] or a in near[b] for a, b in zip(row, partner, strict=True))
    of_second = labels[row] == 1
    pairs = {
        frozenset(pair) for pair in zip(row[of_second].tolist(), partner[of_second].tolist(), strict=True)
    }
    assert len(pairs) > 6  # with one neighbour each there would be fewer


def test_shares_are_drawn_evenly():
    _, _, share = smote_pairs(*clouds([600, 20]), seed=0)
    np.testing.assert_allclose(np.histogram(share, 5, (0, 0.5))[0] / len(share), 0.2, atol=0.07)


def test_a_class_of_one_row_stays_and_the_others_are_filled():
    features, labels = clouds([9, 1, 5])
    row, _, _ = smote_pairs(features, labels, seed=0)
    assert set(labels[row]) == {2}
    assert len(row) == 4


@pytest.mark.parametrize("sizes", [[6, 6, 6], [5], [4, 0, 4], [3, 1]])
def test_balanced_data_gets_no_rows(sizes):
    for each in smote_pairs(*clouds(sizes), seed=0):
        assert each.shape == (0,)


@pytest.mark.parametrize("sizes", [[20, 8, 11], [15, 3, 15], [12, 2]])
@pytest.mark.parametrize("seed", [0, 7])
def test_the_points_are_those_of_imbalanced_learn(sizes, seed):
    from imblearn.over_sampling import SMOTE

    features, labels = clouds(sizes, seed=seed)
    smallest = min(size for size in sizes if size < max(sizes))
    smote = SMOTE(k_neighbors=min(NEIGHBOURS, smallest - 1), random_state=seed)
    theirs, their_labels = smote.fit_resample(features.astype(np.float64), labels)
    pairs = smote_pairs(features, labels, seed)
    np.testing.assert_array_equal(labels[pairs[0]], their_labels[len(labels) :])
    np.testing.assert_allclose(points_between(features, pairs), theirs[len(labels) :], atol=1e-5)


def test_copies_of_a_row_have_each_other_as_neighbours():
    features = np.concatenate([np.zeros((6, 3)), np.full((3, 3), 5.0), np.ones((1, 3))]).astype(np.float32)
    labels = np.array([0] * 6 + [1] * 4)
    row, partner, _ = smote_pairs(features, labels, seed=0)
    assert (labels[row] == 1).all() and len(row) == 2
    assert (row != partner).all()


def test_pairs_are_drawn_by_seed():
    data = clouds([20, 8, 11])
    for one, same in zip(smote_pairs(*data, seed=3), smote_pairs(*data, seed=3), strict=True):
        np.testing.assert_array_equal(one, same)
    assert (smote_pairs(*data, seed=3)[2] != smote_pairs(*data, seed=4)[2]).all()
