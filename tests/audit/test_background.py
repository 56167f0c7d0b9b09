"""The background against the fish: what is painted over, and planted leaks in either."""

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from conftest import make_image
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fishcli.audit.seen.background import measure_background
from fishcli.audit.seen.painting import (
    PaintedFeatures,
    box_columns,
    paint_background,
    paint_fish,
    painted_features,
)
from fishcli.basics.quiet import load_keras
from fishcli.dataset.annotations import BOX_COLUMNS
from fishcli.features.backbones.backbone import Backbone, Network
from fishcli.features.backbones.engines.loading import EngineChoice, load_engine
from fishcli.features.photos.resizing import LETTERBOX_COLOUR
from fishcli.features.store.recipe import Recipe

pytestmark = pytest.mark.tensorflow

corners = st.tuples(*[st.floats(0, 1)] * 4).map(
    lambda c: (min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]), max(c[1], c[3]))
)
boxes_of = st.lists(corners, min_size=1, max_size=3).map(np.array)
photos = arrays(np.uint8, (9, 12, 3))


def inside(photo, boxes):
    """Which pixels a box touches, the slow way."""
    height, width = photo.shape[:2]
    y, x = np.mgrid[:height, :width]
    return np.any(
        [
            (x + 1 > a * width) & (x < c * width) & (y + 1 > b * height) & (y < d * height)
            for a, b, c, d in boxes
        ],
        axis=0,
    )


@given(photos, photos, boxes_of)
def test_painting_the_fish_hides_it_and_keeps_the_rest(photo, other, boxes):
    fish = inside(photo, boxes)
    painted = paint_fish(photo, boxes)
    np.testing.assert_array_equal(painted[~fish], photo[~fish])
    swapped = np.where(fish[..., None], other, photo)
    np.testing.assert_array_equal(paint_fish(swapped, boxes), painted)


@given(photos, photos, boxes_of)
def test_painting_the_background_hides_it_and_keeps_the_fish(photo, other, boxes):
    fish = inside(photo, boxes)
    painted = paint_background(photo, boxes)
    np.testing.assert_array_equal(painted[fish], photo[fish])
    assert (painted[~fish] == LETTERBOX_COLOUR).all()
    swapped = np.where(fish[..., None], photo, other)
    np.testing.assert_array_equal(paint_background(swapped, boxes), painted)


def test_a_box_gets_the_median_colour_of_its_ring():
    photo = np.zeros((40, 40, 3), np.uint8)
    photo[:, :20], photo[:, 20:] = (10, 20, 30), (200, 210, 220)
    photo[10:20, 4:14] = 99  # the fish
    photo[9, 4:14] = 255  # a line along the ring, which a median leaves out
    boxes = np.array([[0.1, 0.25, 0.35, 0.5], [0.7, 0.7, 0.9, 0.9]])
    painted = paint_fish(photo, boxes)
    assert (painted[10:20, 4:14] == (10, 20, 30)).all()
    assert (painted[28:36, 28:36] == (200, 210, 220)).all()
    assert (photo[10:20, 4:14] == 99).all(), "the photo itself is not touched"


def test_a_box_without_a_ring():
    photo = np.full((10, 10, 3), 7, np.uint8)
    photo[0, 0] = 50
    photo[:2, :2] = 50
    whole = np.array([[0.0, 0.0, 1.0, 1.0]])
    assert (paint_fish(photo, whole) == LETTERBOX_COLOUR).all()
    # A box within another has no ring of its own: what is outside of both stands in.
    nested = np.array([[0.2, 0.0, 1.0, 1.0], [0.5, 0.4, 0.7, 0.6], [0.0, 0.2, 0.2, 1.0]])
    assert (paint_fish(photo, nested) == 50).all()


def test_box_columns_say_where_boxes_are():
    boxes = np.array([[0.1, 0.2, 0.3, 0.4], [0.5, 0.4, 0.9, 0.6]])
    expected = [2, 0.5, 0.4, 0.8, 0.4, np.log(0.08), np.log(2)]
    np.testing.assert_allclose(box_columns(boxes), expected)


@pytest.fixture(scope="module")
def colours():
    """A backbone whose features are the mean colours of 8x8 tiles of a 32x32 input."""
    keras = load_keras()
    images = keras.Input((32, 32, 3))
    model = keras.Model(images, keras.layers.AveragePooling2D(8)(images))
    recipe = Recipe("colours", "pool", "", (32, 32), "squash", "none", "", "pillow")
    backbone = Backbone(recipe, (4, 4, 3), lambda: Network(model, lambda pixels: pixels / 255.0))
    return backbone, load_engine(backbone, EngineChoice("keras"), 8)


def competition(tmp_path, background_tells, n=48):
    """Photos of a rectangle on a ground, one noisy and one in the label's colour; images, boxes, labels."""
    rng = np.random.default_rng(0)
    rows, boxes, labels = [], [], np.arange(n) % 2
    for i, label in enumerate(labels):
        pixels = rng.integers(60, 180, (40, 60, 3)).astype(np.uint8)
        fish = np.s_[12:28, 20:44]
        colour = (200, 40, 40) if label else (40, 40, 200)
        if background_tells:
            kept = pixels[fish].copy()
            pixels[:] = colour
            pixels[fish] = kept
        else:
            pixels[fish] = colour
        rows.append({"image": f"{i}.png", "path": make_image(tmp_path / f"{i}.png", pixels=pixels)})
        boxes.append([f"{i}.png", 20 / 60, 12 / 40, 44 / 60, 28 / 40])
    return pd.DataFrame(rows), pd.DataFrame(boxes, columns=["image", *BOX_COLUMNS]), labels


@pytest.mark.parametrize("background_tells", [True, False])
def test_a_leak_is_found_where_it_is(tmp_path, colours, background_tells):
    images, boxes, labels = competition(tmp_path, background_tells)
    painted = painted_features(*colours, images, boxes, batch_size=16)
    groups = np.arange(48) // 2
    found = measure_background(painted, labels, groups, {"random": groups % 4, "grouped": groups % 3})
    bits = {(each.folds, each.look): each.bits for each in found.looks}
    telling, silent = ("background", "fish") if background_tells else ("fish", "background")
    for folds in ("random", "grouped"):
        assert bits[folds, telling] > 0.6
        assert bits[folds, "photo"] > 0.6
        assert bits[folds, silent] < 0.1
        assert bits[folds, "boxes"] < 0.1
    for lead in found.fish_leads:
        assert (lead.bits_high < -0.3) if background_tells else (lead.bits_low > 0.3)
        assert lead.bits == pytest.approx(bits[lead.folds, "fish"] - bits[lead.folds, "background"])
    assert "groups" in found.interval
    json.dumps(asdict(found), allow_nan=False)


def test_images_without_a_box_and_damaged_ones_are_left_out_and_counted(tmp_path, colours):
    images, boxes, _ = competition(tmp_path, True, 10)
    images.loc[3, "path"].write_bytes(b"no image")
    painted = painted_features(*colours, images, boxes[boxes["image"] != "5.png"], batch_size=4)
    assert painted.rows.tolist() == [0, 1, 2, 4, 6, 7, 8, 9]
    assert (painted.n_without_boxes, painted.n_unreadable) == (1, 1)
    whole = painted_features(*colours, images.drop(index=3), boxes, batch_size=32)
    kept = [0, 1, 2, 3, 5, 6, 7, 8]
    for look, features in painted.by_look.items():
        np.testing.assert_allclose(features, whole.by_look[look][kept], atol=1e-3)
    assert painted.by_look["photo"].dtype == np.float32
    assert painted.by_look["boxes"].shape == (8, 7)


def test_no_boxes_at_all(tmp_path, colours):
    images, boxes, labels = competition(tmp_path, True, 4)
    painted = painted_features(*colours, images, boxes[:0])
    assert {look: each.shape for look, each in painted.by_look.items()} == {
        "photo": (0, 3),
        "background": (0, 3),
        "fish": (0, 3),
        "boxes": (0, 7),
    }
    found = measure_background(painted, labels, None, {"random": np.arange(4) % 2})
    assert (found.n_images, found.n_without_boxes, found.n_classes, found.looks) == (0, 4, 0, [])


def features_of(**by_look):
    n = len(next(iter(by_look.values())))
    empty = np.zeros((n, 1), np.float32)
    looks = {look: by_look.get(look, empty) for look in ("photo", "background", "fish", "boxes")}
    return PaintedFeatures(np.arange(n), looks, 0, 0)


def test_one_class_among_the_boxes_has_no_looks():
    labels = np.array([0, 1, 1, 1])
    painted = PaintedFeatures(np.arange(1, 4), features_of(fish=np.ones((3, 1))).by_look, 1, 0)
    found = measure_background(painted, labels, None, {"random": np.array([0, 0, 1, 1])})
    assert (found.n_classes, found.looks, found.fish_leads) == (1, [], [])


def test_boxes_that_tell_the_label_show_in_every_painting():
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 3
    boxes = (labels[:, None] + 0.1 * rng.normal(size=(120, 7))).astype(np.float32)
    found = measure_background(features_of(boxes=boxes), labels, None, {"random": np.arange(120) // 3 % 4})
    bits = {each.look: each.bits for each in found.looks}
    assert bits["boxes"] > 1.0
    assert bits["photo"] == pytest.approx(0, abs=0.01)
    assert {each.folds for each in found.looks} == {"random"}
    assert "images" in found.interval
