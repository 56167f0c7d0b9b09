"""Batch norm, means of cells and a 1x1 convolution in one product: what Keras' own layers say."""

import numpy as np
import pytest

from fishcli.basics.backends import gradient
from fishcli.basics.quiet import load_keras

pytestmark = pytest.mark.tensorflow

N_CHANNELS, N_UNITS, MOMENTUM = 8, 4, 0.8


def both(cells):
    """The layer, and Keras' own, as models of maps (batch, 7, 5, 8) with the same weights."""
    keras = load_keras()
    from fishcli.heads.networks.layers import NormalisedCells

    rng = np.random.default_rng(0)
    own_input, their_input = keras.Input((7, 5, N_CHANNELS)), keras.Input((7, 5, N_CHANNELS))
    own = keras.Model(own_input, NormalisedCells(N_UNITS, cells, MOMENTUM)(own_input))
    hidden = keras.layers.BatchNormalization(momentum=MOMENTUM)(their_input)
    if max(cells) > 1:
        hidden = keras.layers.AveragePooling2D(cells, padding="same")(hidden)
    theirs = keras.Model(their_input, keras.layers.Conv2D(N_UNITS, 1, activation="relu")(hidden))
    drawn = {each.name: rng.normal(size=each.shape) for each in own.trainable_weights}
    for model in (own, theirs):
        for each in model.trainable_weights:
            each.assign(drawn[each.name].reshape(each.shape))
    return keras, own, theirs


@pytest.mark.parametrize("cells", [(1, 1), (2, 3)])
def test_outputs_and_running_statistics_are_those_of_three_layers(cells):
    _, own, theirs = both(cells)
    maps = np.random.default_rng(1).gamma(1.0, size=(6, 7, 5, N_CHANNELS)).astype(np.float32)
    for training in (True, True, False):
        np.testing.assert_allclose(own(maps, training=training), theirs(maps, training=training), atol=1e-5)
    for one, other in zip(own.non_trainable_weights, theirs.non_trainable_weights, strict=True):
        assert one.name == other.name
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_gradients_are_those_of_three_layers(training):
    keras, own, theirs = both((2, 3))
    maps = np.random.default_rng(1).gamma(1.0, size=(6, 7, 5, N_CHANNELS)).astype(np.float32)
    found = [
        gradient(lambda at, model=model: keras.ops.sum(model(at, training=training) ** 2), maps)
        for model in (own, theirs)
    ]
    np.testing.assert_allclose(found[0], found[1], atol=1e-3 * np.abs(found[1]).max())


def test_what_never_varies_stays_finite():
    _, own, _ = both((1, 1))
    maps = np.full((4, 7, 5, N_CHANNELS), 30.1, np.float32)
    assert np.isfinite(np.asarray(own(maps, training=True))).all()


def test_it_is_read_back_as_it_was_saved(tmp_path):
    keras, own, _ = both((2, 3))
    own.save(tmp_path / "model.keras")
    read = keras.models.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    maps = np.random.default_rng(1).gamma(1.0, size=(2, 7, 5, N_CHANNELS)).astype(np.float32)
    np.testing.assert_array_equal(read(maps), own(maps))
    assert read.layers[-1].get_config() == own.layers[-1].get_config()
