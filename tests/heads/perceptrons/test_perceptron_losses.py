"""Losses of perceptrons: those of Keras' heads, with gradients as finite differences have them."""

import itertools

import numpy as np
import pytest

from fishcli.heads.networks import losses as of_keras
from fishcli.heads.perceptrons.losses import box_loss, class_loss, sigmoid, softmax
from fishcli.options.train import TrainConfig

RNG = np.random.default_rng(7)
SCORES = RNG.normal(size=(6, 4)).astype(np.float32) * 2
COUNTS = np.array([5, 3, 0, 9])
HARD = np.eye(4, dtype=np.float32)[[0, 1, 3, 3, 0, 1]]
SOFT = (0.7 * HARD + 0.3 * HARD[::-1]).astype(np.float32)
TAGS = (RNG.random((6, 4)) < 0.4).astype(np.float32)
CORNERS = np.sort(RNG.random((6, 2, 2)), axis=1).reshape(6, 4).astype(np.float32)
BOXES = np.hstack([np.sort(RNG.random((6, 2, 2)), axis=1).reshape(6, 4), np.ones((6, 1))]).astype(np.float32)
BOXES[2] = 0


def slopes_of(loss, true, outputs):
    """The gradient by finite differences, in float64."""
    found = np.zeros(outputs.shape)
    for place in np.ndindex(outputs.shape):
        moved = np.repeat(outputs.astype(np.float64)[None], 2, axis=0)
        moved[0][place] += 1e-5
        moved[1][place] -= 1e-5
        found[place] = (loss(true, moved[0])[0] - loss(true, moved[1])[0]) / 2e-5
    return found


CASES = {
    f"{loss} focal {focal} smoothing {smoothing} {weight} {'soft' if true is SOFT else 'hard'}": (
        TrainConfig(loss=loss, focal=focal, label_smoothing=smoothing, class_weight=weight),
        true,
    )
    for loss, focal, smoothing, weight, true in itertools.product(
        ("cross-entropy", "hinge"), (0.0, 2.0), (0.0, 0.1), ("none", "balanced"), (HARD, SOFT)
    )
    if loss == "cross-entropy" or (not focal and not smoothing and true is HARD)
}


@pytest.mark.parametrize("case", CASES)
def test_gradients_of_class_losses_are_those_of_finite_differences(case):
    config, true = CASES[case]
    loss = class_loss(config, COUNTS)
    np.testing.assert_allclose(loss(true, SCORES)[1], slopes_of(loss, true, SCORES), atol=2e-5)


@pytest.mark.parametrize("focal", [0.0, 2.0])
def test_gradients_of_the_tags_loss_are_those_of_finite_differences(focal):
    loss = class_loss(TrainConfig(focal=focal, label_smoothing=0.1), np.ones((2, 4), int))
    np.testing.assert_allclose(loss(TAGS, SCORES)[1], slopes_of(loss, TAGS, SCORES), atol=2e-5)


@pytest.mark.parametrize("kind", ["huber", "mae", "mse", "giou"])
def test_gradients_of_box_losses_are_those_of_finite_differences(kind):
    loss = box_loss(kind)
    value, slopes = loss(BOXES, CORNERS)
    np.testing.assert_allclose(slopes, slopes_of(loss, BOXES, CORNERS), atol=2e-5)
    assert value > 0 and not slopes[2].any()  # there is no box


def test_rows_without_any_box_cost_nothing():
    value, slopes = box_loss("giou")(np.zeros((3, 5), np.float32), CORNERS[:3])
    assert value == 0 and not slopes.any()


@pytest.mark.tensorflow
@pytest.mark.parametrize("case", CASES)
def test_class_losses_are_those_of_keras_heads(case):
    config, true = CASES[case]
    said = SCORES if config.loss == "hinge" else softmax(SCORES)
    wanted = float(of_keras.class_loss(config, COUNTS)(true, said))
    assert class_loss(config, COUNTS)(true, SCORES)[0] == pytest.approx(wanted, rel=1e-5)


@pytest.mark.tensorflow
@pytest.mark.parametrize("focal", [0.0, 2.0])
def test_the_tags_loss_is_that_of_keras_heads(focal):
    config = TrainConfig(focal=focal, label_smoothing=0.1)
    counts = np.ones((2, 4), int)
    wanted = float(of_keras.class_loss(config, counts)(TAGS, sigmoid(SCORES)))
    assert class_loss(config, counts)(TAGS, SCORES)[0] == pytest.approx(wanted, rel=1e-5)


@pytest.mark.tensorflow
@pytest.mark.parametrize("kind", ["huber", "mae", "mse", "giou"])
def test_box_losses_are_those_of_keras_heads(kind):
    wanted = float(of_keras.box_loss(kind)(BOXES, CORNERS))
    assert box_loss(kind)(BOXES, CORNERS)[0] == pytest.approx(wanted, rel=1e-5)
