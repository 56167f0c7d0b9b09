"""From kept pixels to a backbone's input: its own preprocessing, as a layer before it."""

import numpy as np
import pytest

from fishcli.basics.quiet import load_keras
from fishcli.features.backbones.cutting import network_size, pixel_size
from fishcli.features.backbones.networks import efficientnet_lite, fishnet
from fishcli.features.backbones.pixels import PixelInput, from_pixels

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]

keras = load_keras()
PHOTOS = np.random.default_rng(0).uniform(0, 255, (2, 12, 18, 3)).astype(np.float32)
APPLICATIONS = ["vgg16", "mobilenet_v2", "densenet", "efficientnet_v2"]
PREPROCESS = {"fishnet": fishnet.preprocess, "efficientnet_lite": efficientnet_lite.preprocess} | {
    f"keras.applications.{name}": getattr(keras.applications, name).preprocess_input for name in APPLICATIONS
}


@pytest.mark.parametrize("name", PREPROCESS)
def test_pixels_of_the_right_size_are_only_preprocessed(name):
    found = PixelInput((12, 18), name)(PHOTOS)
    np.testing.assert_allclose(found, PREPROCESS[name](PHOTOS.copy()), rtol=1e-6)


def test_larger_ones_are_resized_without_aliases():
    stripes = np.zeros((1, 40, 40, 3), np.float32)
    stripes[:, ::2] = 255
    found = np.asarray(PixelInput((20, 20), "fishnet")(stripes)) * 128 + 127
    assert found.shape == (1, 20, 20, 3)
    assert abs(found.mean() - 127.5) < 1 and np.ptp(found[:, 2:-2]) < 100


def test_a_backbone_from_pixels_is_flat_and_has_its_own_copy_of_the_weights():
    inputs = keras.Input((12, 18, 3))
    hidden = keras.layers.Conv2D(4, 3, name="first")(inputs)
    hidden = keras.layers.Add(name="met")([hidden, keras.layers.Conv2D(4, 3, name="beside")(inputs)])
    model = keras.Model(inputs, hidden)
    whole = from_pixels(model, "fishnet")
    assert [layer.name for layer in whole.layers][1:3] == ["pixel_input", "first"] and len(whole.layers) == 5
    np.testing.assert_allclose(whole(PHOTOS), model(fishnet.preprocess(PHOTOS)), rtol=1e-4, atol=1e-5)
    whole.set_weights([0 * each for each in whole.get_weights()])
    assert any(each.any() for each in model.get_weights())


def test_the_sizes_of_input_and_pixels_tell_each_other():
    sizes = [(side, 2 * side + 1) for side in range(32, 700)]
    assert [network_size(pixel_size(size)) for size in sizes] == sizes
    assert pixel_size((160, 224)) == (184, 258)
