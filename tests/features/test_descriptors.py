"""SIFT, HOG and LBP as maps: what a place says, what it does not depend on, and what is refused."""

import sys

import cv2
import numpy as np
import pytest

from fishcli.basics.errors import FishError
from fishcli.features.backbones.backbone import load_backbone
from fishcli.features.backbones.choice import BackboneChoice, named_backbone
from fishcli.features.backbones.descriptors.maps import KINDS, LBP_RADII, SIFT_STEP, SIFT_WINDOWS
from fishcli.features.backbones.descriptors.names import DESCRIPTORS
from fishcli.features.backbones.engines.engine import EngineChoice
from fishcli.features.backbones.engines.loading import choice_of, load_engine


@pytest.fixture(params=DESCRIPTORS)
def name(request):
    if request.param != "sift":
        pytest.importorskip("skimage")
    return request.param


def scene(height, width, seed=0):
    """An image with edges and blobs of many sizes, (height, width, 3) uint8."""
    noise = np.random.default_rng(seed).normal(size=(height, width, 3))
    return np.uint8(np.clip(128 + 300 * cv2.GaussianBlur(noise, (0, 0), 2), 0, 255))


def backbone_of(name, size=(96, 128), **changes):
    return load_backbone(BackboneChoice(name, "none", size, **changes))


def maps_of(name, images, **changes):
    """What an engine computes of images (n, h, w, 3)."""
    backbone = backbone_of(name, images.shape[1:3], **changes)
    found = load_engine(backbone, EngineChoice(), 32).compute(images)
    assert found.shape[1:] == backbone.feature_shape
    assert found.dtype == np.float32
    return found


def test_a_map_moves_with_the_photo_by_whole_cells(name):
    cell, image = KINDS[name].cell, scene(96, 160)
    moved = np.roll(image, cell, axis=1)
    one, other = maps_of(name, np.stack([image, moved]))
    seen = slice(4, one.shape[1] - 4) if cell == 8 else slice(2, one.shape[1] - 2)  # without the borders
    here, there = one[2:-2, seen], other[2:-2, seen.start + 1 : seen.stop + 1]
    assert here.std() > 0.01
    np.testing.assert_allclose(here, there, atol=2e-3)


def test_light_and_contrast_do_not_matter(name):
    dim = scene(96, 128) // 2
    np.testing.assert_allclose(*maps_of(name, np.stack([dim, dim + 60])), atol=0.03)


def test_an_even_photo_is_no_error(name):
    found = maps_of(name, np.full((1, 96, 128, 3), 90, np.uint8))
    assert np.isfinite(found).all()
    assert np.abs(found).max() == (1 if name == "lbp" else 0)


def test_what_is_beyond_whole_cells_is_left_out_on_both_sides(name):
    cell, image = KINDS[name].cell, scene(96 + 5, 128 + 6)
    (found,) = maps_of(name, image[None])
    (cut,) = maps_of(name, image[None, 2:-3, 3:-3])
    np.testing.assert_array_equal(found, cut)
    assert KINDS[name].cells(image.shape[:2]) == (96 // cell, 128 // cell)


def test_pooled_features_are_those_of_the_maps(name):
    images = np.stack([scene(96, 128, seed) for seed in (1, 2)])
    maps = maps_of(name, images)
    np.testing.assert_allclose(maps_of(name, images, pool="avg"), maps.mean(axis=(1, 2)), rtol=1e-5)
    np.testing.assert_array_equal(maps_of(name, images, pool="max"), maps.max(axis=(1, 2)))


def test_a_place_of_sift_is_opencvs_own_descriptor_of_squares_around_it():
    image = scene(96, 128)
    row, column = 5, 9
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    centre = [SIFT_STEP * (place + 0.5) - 0.5 for place in (column, row)]
    points = [cv2.KeyPoint(*centre, window / 6, 0) for window in SIFT_WINDOWS]
    expected = cv2.SIFT_create().compute(grey, points)[1] / 512
    (found,) = maps_of("sift", image[None])
    np.testing.assert_allclose(found[row, column].reshape(expected.shape), expected, atol=1e-6)
    lengths = np.linalg.norm(expected, axis=1)
    np.testing.assert_allclose(lengths, 1, atol=0.05)
    assert (found.astype(np.float16) == found).all()  # bytes, as OpenCV rounds them: a store keeps them all


def test_codes_of_lbp_are_shares_of_a_cell():
    pytest.importorskip("skimage")
    (found,) = maps_of("lbp", scene(96, 128)[None])
    shares = found.reshape(*found.shape[:2], len(LBP_RADII), -1).sum(axis=-1)
    np.testing.assert_allclose(shares, 1, atol=1e-6)


def test_the_recipe_tells_the_method_and_needs_no_library(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage", None)
    recipe = backbone_of(name).recipe
    assert (recipe.layer, recipe.preprocessing) == (name, KINDS[name].how)
    assert recipe.fingerprint != backbone_of(name, pool="max").recipe.fingerprint


@pytest.mark.parametrize("name", ["hog", "lbp"])
def test_a_library_that_is_lacking_is_named_with_what_installs_it(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage", None)
    monkeypatch.setitem(sys.modules, "skimage.feature", None)
    with pytest.raises(FishError, match=r"not installed. Install it: pip install 'fishcli\[classical\]'"):
        load_engine(backbone_of(name), EngineChoice(), 32)


def test_what_networks_have_is_refused():
    with pytest.raises(FishError, match="--layer stage3: sift is no network and has no layers"):
        backbone_of("sift", layer="stage3")
    with pytest.raises(FishError, match="--layer input keeps pixels for fishcli finetune, and sift can't"):
        backbone_of("sift", layer="input")
    with pytest.raises(FishError, match="--weights random: sift is no network and has none"):
        named_backbone("sift", "random")
    for option, asked in (("engine", EngineChoice("keras")), ("precision", EngineChoice("auto", "float16"))):
        with pytest.raises(FishError, match=f"--{option} .*: sift is computed by OpenCV alone"):
            load_engine(backbone_of("sift"), asked, 32)
    with pytest.raises(FishError, match="--image-size 8x64: this descriptor needs 16x16 pixels at least"):
        backbone_of("hog", (8, 64))


def test_an_engine_is_made_again_by_its_name():
    engine = load_engine(backbone_of("sift"), EngineChoice(), 32)
    assert engine.name == f"OpenCV {cv2.__version__}"
    assert load_engine(backbone_of("sift"), choice_of(engine.name), 32).name == engine.name
