"""Labels that predictions contradict."""

import numpy as np
import pytest

from fishcli.audit.twins.neighbours import pairs_of_two_labels
from fishcli.scoring.doubts import doubts_of_twins, find_doubts


def predictions(n=900, n_swapped=45, sharpness=3.0, seed=0):
    """Given labels (n,), those in truth, and what a model of the true ones predicts (n, 3)."""
    rng = np.random.default_rng(seed)
    true = rng.integers(3, size=n)
    labels = true.copy()
    labels[:n_swapped] = (true[:n_swapped] + rng.integers(1, 3, n_swapped)) % 3
    scores = np.exp(rng.normal(size=(n, 3)) + sharpness * np.eye(3)[true])
    return labels, true, scores / scores.sum(axis=1, keepdims=True)


def test_swapped_labels_are_found_with_their_true_class_and_come_first():
    labels, true, proba = predictions()
    found = find_doubts(labels, proba)
    is_swapped = labels[found.rows] != true[found.rows]
    assert is_swapped.sum() >= 27
    assert is_swapped[:25].mean() > 0.9
    assert (found.proposals == true[found.rows])[is_swapped].mean() > 0.9
    assert (np.diff(found.sureness) <= 0).all()
    assert found.sureness.min() > 0.5
    assert (found.proposals != labels[found.rows]).all()


def test_what_models_are_right_about_is_in_no_doubt():
    labels = np.array([0, 0, 1, 1])
    found = find_doubts(labels, np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.45, 0.55]]))
    assert len(found.rows) == 0


def test_a_class_that_models_are_never_sure_of_has_a_lower_bar():
    labels = np.array([0, 0, 0, 1, 1, 0])
    proba = np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4], [0.44, 0.56]])
    found = find_doubts(labels, proba)  # class 1 is given 0.4 on average to photos of it
    assert found.rows.tolist() == [5]
    assert found.proposals.tolist() == [1]
    assert found.sureness == pytest.approx([0.56])


def test_a_class_without_a_photo_is_never_proposed():
    assert len(find_doubts(np.array([0, 0]), np.array([[0.2, 0.8], [0.1, 0.9]])).rows) == 0


def test_of_two_twins_the_label_that_both_deny_is_in_doubt():
    labels = np.array([0, 1, 2, 0])
    proba = np.array([[0.5, 0.3, 0.2], [0.6, 0.3, 0.1], [0.1, 0.1, 0.8], [0.1, 0.2, 0.7]])
    found = doubts_of_twins(labels, proba, np.array([[0, 1], [2, 3], [1, 3]]))
    assert found.rows.tolist() == [3, 1]
    assert found.proposals.tolist() == [2, 0]
    assert found.sureness == pytest.approx([0.75 / 0.85, 0.55 / 0.85])
    assert len(doubts_of_twins(labels, proba, np.empty((0, 2), int)).rows) == 0


def test_pairs_of_two_labels_are_close_and_differ():
    hashes = np.array([0, 1, 3, 2**40 - 1, 0], np.uint64)
    pairs = pairs_of_two_labels(hashes, np.array([0, 1, 0, 1, 0]), 1)
    assert pairs.tolist() == [[0, 1], [1, 2], [1, 4]]
