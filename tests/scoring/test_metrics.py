import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from fishcli.scoring.metrics import accuracy, box_scores, explained, log_loss, log_losses


@given(st.integers(0, 10_000), st.integers(2, 8), st.integers(1, 50))
def test_log_loss_is_scikit_learns(seed, n_classes, n_images):
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(np.full(n_classes, 0.5), n_images).clip(1e-12, 1)
    proba /= proba.sum(axis=1, keepdims=True)
    labels = rng.integers(n_classes, size=n_images)
    expected = sklearn_metrics.log_loss(labels, proba, labels=np.arange(n_classes))
    assert log_loss(labels, proba) == pytest.approx(expected, rel=1e-9)
    assert log_losses(labels, proba).shape == (n_images,)


def test_rows_are_divided_by_their_sums():
    labels = np.array([0, 1])
    np.testing.assert_allclose(log_losses(labels, np.array([[2.0, 6.0], [0.1, 0.3]])), -np.log([0.25, 0.75]))


def test_probabilities_are_clipped_as_kaggle_clips_them():
    losses = log_losses(np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]]))
    np.testing.assert_allclose(losses, [-np.log(1e-15), -np.log(1 - 1e-15)], rtol=1e-6)
    assert losses[1] > 0


def test_single_precision_is_summed_in_double():
    proba = np.full((1, 3), 1 / 3, np.float32)
    assert log_losses(np.array([0]), proba).dtype == np.float64
    assert log_loss(np.array([0]), proba) == pytest.approx(np.log(3), rel=1e-12)


def test_accuracy():
    assert accuracy(np.array([0, 1, 1, 0]), np.array([[0.6, 0.4], [0.3, 0.7], [0.9, 0.1], [1, 0]])) == 0.75


@pytest.mark.parametrize(
    ("loss", "prior_loss", "share"), [(1.69, 1.69, 0.0), (0.0, 1.69, 1.0), (0.5, 2.0, 0.75), (3.0, 1.5, -1.0)]
)
def test_explained(loss, prior_loss, share):
    assert explained(loss, prior_loss) == pytest.approx(share)


def test_nothing_is_explained_of_a_prior_without_loss():
    assert explained(0.1, 0.0) == 0.0


MISSING = [np.nan] * 4


def test_box_scores_are_over_the_images_with_both_boxes():
    true = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0.5, 1], MISSING, [0, 0, 1, 1]])
    predicted = np.array([[0, 0, 1, 1], [0, 0, 0.2, 1], [0.5, 0, 1, 1], [0, 0, 1, 1], MISSING])
    scores = box_scores(true, predicted)
    assert scores == {"box_iou": pytest.approx(1.2 / 3), "box_iou_over_half": pytest.approx(1 / 3)}


def test_without_boxes_there_are_no_scores():
    assert box_scores(np.array([MISSING]), np.array([[0, 0, 1, 1.0]])) == {}
