"""Backbones: weights, cuts, calibration, and the errors around them."""

import numpy as np
import pytest

from fishcli.basics.errors import FishError
from fishcli.features.backbones.backbone import load_backbone
from fishcli.features.backbones.choice import BackboneChoice
from fishcli.features.backbones.networks.applications import (
    APPLICATIONS,
    IMAGENET_MEAN,
    IMAGENET_STD,
    normalised,
)
from fishcli.features.backbones.usual import usual_size

pytestmark = pytest.mark.tensorflow

SMALL = "mobilenet_v2_035"


def choice(**changes):
    values = {"backbone": SMALL, "weights": "random", "image_size": (64, 64), **changes}
    return BackboneChoice(**values)


@pytest.fixture(scope="module")
def backbone():
    return load_backbone(choice())


def features_of(backbone, images):
    return np.asarray(backbone.model(backbone.preprocess(images.astype(np.float32)), training=False))


def test_random_weights_are_calibrated_and_reproducible(backbone):
    images = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3))
    features = features_of(backbone, images)
    assert features.shape == (4, *backbone.feature_shape) == (4, 2, 2, 1280)
    assert 0.05 < features.std() < 20, "a fresh MobileNetV2 would be at 1e-9"
    again = load_backbone(choice())
    assert again.recipe == backbone.recipe
    np.testing.assert_allclose(features_of(again, images), features, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("pool", ["avg", "max"])
def test_pooling_pools_the_map(backbone, pool):
    images = np.random.default_rng(1).integers(0, 256, (2, 64, 64, 3))
    pooled = load_backbone(choice(pool=pool))
    expected = getattr(features_of(backbone, images), {"avg": "mean", "max": "max"}[pool])(axis=(1, 2))
    assert pooled.feature_shape == (1280,)
    np.testing.assert_allclose(features_of(pooled, images), expected, rtol=1e-4, atol=1e-5)
    assert pooled.recipe.fingerprint != backbone.recipe.fingerprint


def test_a_cut_at_an_inner_block(backbone):
    cut = load_backbone(choice(layer="block_12_add"))
    assert cut.feature_shape[:2] == (4, 4)
    assert cut.recipe.fingerprint != backbone.recipe.fingerprint


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layer": "block_2_expand"}, "--layer block_2_expand lies inside a branch"),
        ({"layer": "block_12_ad"}, "Did you mean 'block_12_add'?"),
        ({"backbone": "vgg"}, "unknown backbone 'vgg'"),
        ({"weights": "no/such.h5"}, "--weights no/such.h5: no such file"),
        ({"backbone": "inception_v3"}, "--image-size 64x64 is too small for inception_v3"),
    ],
)
def test_what_can_be_mended_is_named(changes, message):
    with pytest.raises(FishError) as raised:
        load_backbone(choice(**changes))
    assert message in str(raised.value)


def test_weights_that_do_not_fit(tmp_path):
    model = load_backbone(choice(backbone="mobilenet_v2_050")).model
    path = tmp_path / "other.h5"
    model.save_weights(str(path.with_suffix(".weights.h5")))
    path.with_suffix(".weights.h5").rename(path)
    with pytest.raises(FishError, match=r"the weights .*other\.h5 "):
        load_backbone(choice(weights=str(path)))


def test_weights_that_are_no_h5_file(tmp_path):
    path = tmp_path / "weights.h5"
    path.write_text("no weights")
    with pytest.raises(FishError, match=r"weights\.h5"):
        load_backbone(choice(weights=str(path)))


def test_a_failed_download_says_where_to_put_the_file(monkeypatch):
    import keras

    def offline(*args, **kwargs):
        raise Exception("URL fetch failure on https://example.org/weights_notop.h5: None -- offline")

    monkeypatch.setattr(keras.applications, "MobileNetV2", offline)
    with pytest.raises(FishError) as raised:
        load_backbone(choice(weights="imagenet"))
    assert "https://example.org/weights_notop.h5" in str(raised.value)
    assert "--weights PATH" in str(raised.value)


def test_every_backbone_exists_in_keras():
    from fishcli.basics.quiet import load_keras

    keras = load_keras()
    for spec in APPLICATIONS.values():
        assert callable(getattr(keras.applications, spec.constructor))
        assert callable(getattr(keras.applications, spec.module).preprocess_input)


@pytest.mark.parametrize("is_divided", [False, True])
def test_an_efficientnet_sees_the_same_pixels_whether_keras_or_a_file_has_its_weights(is_divided):
    from fishcli.basics.quiet import load_keras

    keras = load_keras()

    def network(variance):
        """As keras.applications builds it for weights="imagenet", which divide once more, or for others."""
        images = keras.Input((4, 4, 3))
        normalisation = keras.layers.Normalization(axis=3, name="normalization")
        seen = normalisation(keras.layers.Rescaling(1 / 255, name="rescaling")(images))
        normalisation.adapt_mean.assign(IMAGENET_MEAN)
        normalisation.adapt_variance.assign(variance)
        if is_divided:
            seen = keras.layers.Rescaling([std**-0.5 for std in IMAGENET_STD], name="rescaling_1")(seen)
        return keras.Model(images, keras.layers.Conv2D(2, 1, name="conv")(seen), name="small")

    model = network(IMAGENET_STD)
    whole = normalised(keras, model, "small", "imagenet")
    images = np.random.default_rng(0).uniform(0, 255, (2, 4, 4, 3)).astype(np.float32)
    kernel, bias = model.get_layer("conv").get_weights()
    expected = (images / 255 - IMAGENET_MEAN) / IMAGENET_STD @ kernel[0, 0] + bias
    np.testing.assert_allclose(whole(images), expected, atol=1e-5)
    assert [len(whole.weights), whole.name] == [2, "small"]
    with pytest.raises(FishError, match=r"some\.h5 of small normalise pixels otherwise"):
        normalised(keras, network(np.square(IMAGENET_STD)), "small", "some.h5")


def test_usual_sizes_are_those_that_keras_takes(monkeypatch):
    from keras.src.applications import imagenet_utils

    from fishcli.basics.quiet import load_keras

    taken = []

    def take(input_shape, default_size, **options):
        taken.append(default_size)
        raise InterruptedError

    keras = load_keras()
    monkeypatch.setattr(imagenet_utils, "obtain_input_shape", take)
    told = {name: spec for name, spec in APPLICATIONS.items() if spec.module != "mobilenet_v3"}  # 224 alone
    for name, spec in told.items():
        with pytest.raises(InterruptedError):
            getattr(keras.applications, spec.constructor)(weights=None, include_top=False, **spec.arguments)
        assert usual_size(name) == (taken[-1], taken[-1]), name
