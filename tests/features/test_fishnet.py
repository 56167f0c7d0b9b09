"""The backbone in the box: its weights, its shape, and what it knows of images that it never saw."""

import hashlib
from importlib.resources import files

import cv2
import numpy as np
import pytest
from fishnet_patterns import tile
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fishcli.basics.errors import FishError
from fishcli.basics.quiet import load_keras
from fishcli.features.backbones.backbone import load_backbone
from fishcli.features.backbones.choice import BackboneChoice
from fishcli.features.backbones.networks import fishnet

pytestmark = pytest.mark.tensorflow

IN_PACKAGE = files("fishcli.features.backbones.networks") / fishnet.WEIGHTS_FILE


def load(**changes):
    return load_backbone(BackboneChoice(**{"backbone": "fishnet", "weights": "formula", **changes}))


@pytest.fixture(scope="module")
def model():
    built = fishnet.build_fishnet(load_keras())
    fishnet.load_weights(built)
    return built


def test_the_weights_are_small_half_floats_and_the_ones_that_were_made():
    content = IN_PACKAGE.read_bytes()
    assert len(content) <= 2 * 2**20
    assert hashlib.sha256(content).hexdigest() == fishnet.WEIGHTS_SHA256
    with np.load(str(IN_PACKAGE), allow_pickle=False) as arrays:
        assert {arrays[name].dtype for name in arrays.files} == {np.dtype(np.float16)}


@pytest.mark.parametrize("size", [(96, 96), (128, 128), (100, 161), (360, 640)])
def test_maps_of_every_size_are_finite_and_not_negative(model, size):
    coarse = np.random.default_rng(0).integers(0, 256, (8, 6, 8, 3), np.uint8)
    images = np.stack([cv2.resize(each, size[::-1], interpolation=cv2.INTER_CUBIC) for each in coarse])
    maps = np.asarray(model(fishnet.preprocess(images.astype(np.float32)), training=False))
    assert maps.shape == (8, -(-size[0] // 32), -(-size[1] // 32), 512)
    assert np.isfinite(maps.astype(np.float16)).all()
    assert (maps >= 0).all()
    assert (maps.std(axis=(0, 1, 2)) > 0.01).mean() > 0.3


def test_layers_are_named_as_in_resnets_and_blocks_can_be_cut_at(model):
    names = {layer.name for layer in model.layers}
    assert {
        "conv1_conv",
        "conv2_block1_preact_bn",
        "conv4_block3_out",
        "conv5_block2_3_conv",
        "post_relu",
    } <= names
    assert load(image_size=(64, 64), layer="conv4_block3_out").feature_shape == (4, 4, 256)


def test_a_recipe_names_its_weights():
    trained, fresh = load(image_size=(64, 64)), load(image_size=(64, 64), weights="random")
    assert trained.recipe == load(image_size=(64, 64)).recipe
    assert trained.recipe.weights_sha256 != fresh.recipe.weights_sha256
    assert (trained.recipe.layer, trained.recipe.preprocessing) == ("post_relu", "fishnet")


def test_weights_of_ones_own_are_taken_by_their_path(tmp_path, model):
    path = tmp_path / "mine.npz"
    sha256 = fishnet.save_weights(model, path)
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest() == fishnet.WEIGHTS_SHA256
    mine = load(image_size=(64, 64), weights=str(path))
    assert mine.recipe == load(image_size=(64, 64)).recipe


def test_damaged_weights_in_the_package_are_refused(model, monkeypatch):
    monkeypatch.setattr(fishnet, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(FishError, match="pip install --force-reinstall fishcli"):
        fishnet.load_weights(model)


def test_files_that_hold_no_weights_are_refused(tmp_path, model):
    path = tmp_path / "weights.npz"
    path.write_bytes(IN_PACKAGE.read_bytes()[:1000])
    with pytest.raises(FishError, match=r"weights\.npz can't be read as an \.npz file"):
        fishnet.load_weights(model, path)
    content = bytearray(IN_PACKAGE.read_bytes())
    content[5000:5100] = bytes(100)
    path.write_bytes(content)
    with pytest.raises(FishError, match=r"weights\.npz can't be read as an \.npz file"):
        fishnet.load_weights(model, path)
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(FishError, match=r"weights\.npz can't be read as an \.npz file"):
        fishnet.load_weights(model, path)
    np.savez(path, np.array([{}], object))
    with pytest.raises(FishError, match=r"weights\.npz can't be read as an \.npz file"):
        fishnet.load_weights(model, path)
    np.savez(path, kernel=np.zeros(3, np.float16))
    with pytest.raises(FishError, match=r"weights\.npz don't fit fishnet"):
        fishnet.load_weights(model, path)
    with pytest.raises(FishError, match="Expected formula, random or the path"):
        load(image_size=(64, 64), weights="imagenet")


def test_pre_training_taught_textures_that_were_not_in_it():
    """24 texture classes of another seed, in patches of random place: 8 to learn from, 8 to name."""
    bank = [tile(seed=1, texture=texture, instance=0) for texture in range(24)]
    rng = np.random.default_rng(0)
    images, labels = [], []
    for label, texture in enumerate(bank):
        for top, left in rng.integers(0, len(texture) - 96, (16, 2)):
            low, high = np.sort(rng.uniform(0, 255, 2))
            grey = low + (high - low) / 255 * texture[top : top + 96, left : left + 96]
            images.append(np.repeat(grey[..., None], 3, axis=2).astype(np.float32))
            labels.append(label)
    scores = {}
    for weights in ("formula", "random"):
        backbone = load(image_size=(96, 96), weights=weights, pool="avg")
        features = np.asarray(backbone.model(backbone.preprocess(np.stack(images)), training=False))
        learn = np.arange(len(labels)) % 2 == 0
        regression = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300))
        regression.fit(features[learn], np.array(labels)[learn])
        scores[weights] = regression.score(features[~learn], np.array(labels)[~learn])
    assert scores["formula"] > scores["random"] + 0.1
    assert scores["formula"] > 0.6
