import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fishcli.dataset.classes import fill_missing_classes, fold_priors, labels_of, smoothed_prior


def test_labels_are_places_in_the_order():
    labels = labels_of(["b", "a", "b"], ["c", "b", "a"])
    assert labels.dtype == np.int64
    assert labels.tolist() == [1, 2, 1]


def test_an_unknown_class_is_the_callers_bug():
    with pytest.raises(KeyError, match="d"):
        labels_of(["d"], ["a", "b"])


def test_smoothed_prior_formula():
    np.testing.assert_allclose(smoothed_prior(np.array([3, 0, 5])), np.array([3.5, 0.5, 5.5]) / 9.5)


COUNTS = hnp.arrays(np.int64, st.integers(1, 9), elements=st.integers(0, 5000))


@given(COUNTS)
def test_smoothed_prior_sums_to_one_and_has_no_zero(counts):
    prior = smoothed_prior(counts)
    assert prior.sum() == pytest.approx(1)
    assert (prior > 0).all()


@st.composite
def proba_and_counts(draw):
    counts = draw(COUNTS.filter(lambda counts: counts.any()))
    shares = draw(
        hnp.arrays(np.float64, (draw(st.integers(1, 5)), len(counts)), elements=st.floats(1e-9, 1.0))
    )
    return shares / shares.sum(axis=1, keepdims=True), counts


@given(proba_and_counts())
def test_missing_classes_get_their_prior_and_the_others_keep_their_ratios(drawn):
    proba, counts = drawn
    filled = fill_missing_classes(proba, counts)
    missing = counts == 0
    np.testing.assert_allclose(filled.sum(axis=1), 1)
    prior = np.tile(smoothed_prior(counts)[missing], (len(proba), 1))
    np.testing.assert_array_equal(filled[:, missing], prior)
    ratio = filled[:, ~missing] / proba[:, ~missing]
    np.testing.assert_allclose(ratio, np.tile(ratio[:, :1], (1, ratio.shape[1])), rtol=1e-9)


def test_nothing_changes_where_no_class_is_missing():
    proba = np.array([[0.3, 0.7]])
    np.testing.assert_array_equal(fill_missing_classes(proba, np.array([1, 9])), proba)


def test_a_row_all_on_a_missing_class_still_sums_to_one():
    filled = fill_missing_classes(np.array([[0.0, 0.0, 1.0]]), np.array([6, 3, 0]))
    np.testing.assert_allclose(filled.sum(axis=1), 1)


def test_fold_priors_are_of_the_training_part():
    labels, fold = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 1, 1, 0])
    priors = fold_priors(labels, fold, 3)
    np.testing.assert_allclose(priors[0], np.array([1.5, 2.5, 0.5]) / 4.5)
    np.testing.assert_allclose(priors[2], np.array([2.5, 1.5, 0.5]) / 4.5)
    np.testing.assert_allclose(priors.sum(axis=1), 1)
