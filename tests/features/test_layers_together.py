"""Several layers of one pass: each store is what it would be if it were computed by itself."""

import json
import shutil

import numpy as np
import pytest
from conftest import noise, write_competition
from pipeline import tree_hash

from fishcli.basics.errors import FishError
from fishcli.commands import features
from fishcli.features import photo_inputs
from fishcli.features.backbones.backbone import load_backbone, load_layers
from fishcli.features.backbones.choice import BackboneChoice
from fishcli.features.backbones.engines.engine import Engine
from fishcli.features.backbones.engines.loading import N_CHECKED, checked, load_openvino
from fishcli.features.backbones.joint import join
from fishcli.features.store.arrays import chunk_path
from fishcli.features.store.store import FeatureStore
from fishcli.options.features import FeaturesConfig

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]

INNER, LAST = "conv4_block1_out", "post_relu"
BOTH = f"{INNER},{LAST}"
TOLERANCE = 2e-3
"""Of float16, as a share of the largest feature."""


def compute(root, layer, **changes):
    values = {"backbone": "fishnet", "image_size": "32x48", "batch_size": 8, "splits": "train", **changes}
    config = FeaturesConfig(data_dir=root / "data", layer=layer, **values)
    return [FeatureStore(root / line) for line in features.run(config).splitlines()]


@pytest.fixture
def root(tmp_path):
    write_competition(tmp_path / "data", n_per_class=3, n_test=1)
    return tmp_path


@pytest.fixture
def photos_read(monkeypatch):
    """The photos that are decoded."""
    read, original = [], photo_inputs.read_photo
    monkeypatch.setattr(
        photo_inputs, "read_photo", lambda path, *how: read.append(path) or original(path, *how)
    )
    return read


def assert_same_features(stores, others, views=("identity",)):
    for one, other in zip(stores, others, strict=True):
        assert one.recipe == other.recipe
        for view in views:
            mine, theirs = (each.read("train", view).astype(np.float32) for each in (one, other))
            np.testing.assert_allclose(mine, theirs, atol=TOLERANCE * np.nanmax(theirs))


@pytest.mark.parametrize("engine", ["keras", "openvino"])
def test_each_store_is_as_if_made_alone(root, engine, photos_read):
    if engine == "openvino" and load_openvino() is None:
        pytest.skip("OpenVINO is not installed")
    options = {"engine": engine, "views": 2, "augment": "1"}
    together = compute(root, BOTH, **options)
    n_photos = len(together[0].images("train"))
    assert len(photos_read) == n_photos + min(n_photos, N_CHECKED)  # those for the check of the engine
    shutil.move(root / "data" / "features", root / "together")
    together = [FeatureStore(root / "together" / store.recipe.name) for store in together]
    alone = [compute(root, layer, **options)[0] for layer in (INNER, LAST)]
    assert [store.recipe.layer for store in together] == [INNER, LAST]
    assert_same_features(together, alone, ("identity", "hflip", "augment_1", "augment_1_boxes"))
    for one, other in zip(together, alone, strict=True):
        assert one.images("train").equals(other.images("train"))
        name = "train/identity/engines.json"
        assert (one.store_dir / name).read_text() == (other.store_dir / name).read_text()
        assert json.loads((one.store_dir / "recipe.json").read_text()) == json.loads(
            (other.store_dir / "recipe.json").read_text()
        )


def test_what_is_there_is_not_computed_again_and_damage_is_mended_in_either(root, photos_read):
    alone = compute(root, INNER)
    before = alone[0].read("train", "identity")
    compute(root, BOTH)
    np.testing.assert_array_equal(FeatureStore(alone[0].store_dir).read("train", "identity"), before)
    stores = compute(root, BOTH)
    whole = tree_hash(root / "data" / "features")
    chunk_path(stores[0].array("train", "identity"), 0).unlink()
    for number in (0, 1):
        chunk_path(stores[1].array("train", "identity"), number).unlink()
    photos_read.clear()
    compute(root, BOTH)
    assert tree_hash(root / "data" / "features") == whole
    photos_read.clear()
    compute(root, BOTH)
    assert not photos_read


def test_stores_of_other_chunks_are_brought_up_by_themselves(root):
    (first,) = compute(root, INNER, batch_size=5)
    chunk_path(first.array("train", "identity"), 1).unlink()
    stores = compute(root, BOTH)
    assert [store.chunk_size("train") for store in stores] == [5, 8]
    assert all(store.is_complete("train", "identity") for store in stores)


def test_a_photo_that_cannot_be_read_is_so_in_each(root):
    photo = next((root / "data" / "train").rglob("*.jpg"))
    photo.write_bytes(b"no photo")
    with pytest.raises(FishError, match="can't be read"):
        compute(root, BOTH)
    stores = compute(root, BOTH, skip_unreadable=True)
    reasons = [store.unreadable("train") for store in stores]
    assert reasons[0] and reasons[0] == reasons[1]
    assert all(np.isnan(store.read("train", "identity")).any() for store in stores)


def test_two_names_of_a_layer_are_one_and_pixels_are_refused(root):
    (store,) = compute(root, f"{LAST}, {LAST},stage5")
    assert store.recipe.layer == LAST
    with pytest.raises(FishError, match="pixels are kept by themselves"):
        compute(root, f"input,{LAST}")


def test_random_weights_have_the_digest_that_they_have_alone():
    choice = BackboneChoice("mobilenet_v2_035", "random", (32, 32), "block_3_project_BN,block_6_project_BN")
    for found in load_layers(choice):
        alone = load_backbone(BackboneChoice("mobilenet_v2_035", "random", (32, 32), found.recipe.layer))
        assert found.recipe == alone.recipe


def test_an_engine_that_is_off_in_one_layer_alone_does_not_compute():
    joint = join(load_layers(BackboneChoice("fishnet", "formula", (32, 48), BOTH)))
    images = np.stack([noise((32, 48), seed) for seed in range(2)])
    inputs = joint.preprocess(images.astype(np.float32))
    exact = np.asarray(joint.model(inputs, training=False))
    off = exact.copy()
    joint.split(off)[1][:] *= 1.01
    by_row = {images[i].tobytes(): off[i] for i in range(2)}
    engine = Engine("off", lambda batch: np.stack([by_row[each.tobytes()] for each in batch]), 1, 1)
    assert checked(engine, joint, images, 1) is not engine
