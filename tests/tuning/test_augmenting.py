"""Augmentation in the graph does to pixels what is drawn, and boxes go where they go."""

import dataclasses

import numpy as np
import pytest
from head_inputs import some_inputs

from fishcli.basics.quiet import load_keras
from fishcli.features.backbones.cutting import pixel_size
from fishcli.features.backbones.pixels import PixelInput
from fishcli.features.photos.recipes import magnitudes_of
from fishcli.tuning.augmenting import Augmented, augmented
from fishcli.tuning.batches import EpochBatches
from fishcli.tuning.drawing import draw
from fishcli.tuning.rows import TuningRows

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]

keras = load_keras()
SIZE = (60, 80)
BOX = np.array([0.25, 0.3, 0.5, 0.7])


def photo_with(box):
    """A black photo, white where a box is."""
    pixels = np.zeros((*SIZE, 3), np.float32)
    left, top, right, bottom = (box * np.tile(SIZE[::-1], 2)).round().astype(int)
    pixels[top:bottom, left:right] = 255
    return pixels


def applied(photos, recipe, n, seed=0, size=SIZE):
    """Photos augmented by a recipe, and what was drawn."""
    magnitudes = magnitudes_of(recipe)
    drawn = draw(magnitudes, n, SIZE, np.random.default_rng(seed))
    return np.asarray(Augmented(size, magnitudes)(photos, **drawn.named(size))), drawn


@pytest.mark.parametrize("size", [SIZE, (45, 64)])
@pytest.mark.parametrize(
    "recipe", ["flip:1", "vflip:0.5", "crop:0.4", "zoom:0.6", "translate:0.15", "flip:0.5+crop:0.3"]
)
def test_boxes_move_with_the_pixels(recipe, size):
    pictures, drawn = applied(np.stack([photo_with(BOX)] * 16), recipe, 16, size=size)
    for picture, box in zip(pictures[..., 0] > 127, drawn.move_boxes(np.tile(BOX, (16, 1))), strict=True):
        rows, columns = np.flatnonzero(picture.any(axis=1)), np.flatnonzero(picture.any(axis=0))
        found = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
        np.testing.assert_allclose(found, box * np.tile(size[::-1], 2), atol=1.01)


@pytest.mark.parametrize("recipe", ["rotate:90", "shear:30"])
def test_turned_pixels_stay_within_their_box_and_touch_it(recipe):
    """A disc is its own ellipse."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    disc = np.where((x - 30) ** 2 + (y - 30) ** 2 < 15**2, 255.0, 0.0).astype(np.float32)
    box = np.array([15 / 80, 15 / 60, 45 / 80, 45 / 60])
    pictures, drawn = applied(np.stack([np.stack([disc] * 3, axis=2)] * 16), recipe, 16)
    for picture, moved in zip(pictures[..., 0] > 127, drawn.move_boxes(np.tile(box, (16, 1))), strict=True):
        rows, columns = np.flatnonzero(picture.any(axis=1)), np.flatnonzero(picture.any(axis=0))
        found = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
        np.testing.assert_allclose(found, moved * np.tile(SIZE[::-1], 2), atol=1.6)


def test_a_flip_is_a_flip_to_the_last_pixel_and_what_lies_outside_is_the_nearest():
    photos = np.random.default_rng(0).uniform(0, 255, (2, *SIZE, 3)).astype(np.float32)
    np.testing.assert_allclose(applied(photos, "flip:1", 2)[0], photos[:, :, ::-1], atol=0.01)
    small, _ = applied(np.full((2, *SIZE, 3), 77, np.float32), "zoom:0.3", 2)
    np.testing.assert_allclose(small, 77, atol=0.01)


@pytest.mark.parametrize("recipe", ["contrast:0.5+brightness:0.3", "contrast:0.5+brightness:0.3+colour:30"])
def test_colours_are_those_that_were_drawn(recipe):
    photos = np.random.default_rng(0).uniform(0, 255, (4, *SIZE, 3)).astype(np.float32)
    found, drawn = applied(photos, recipe, 4)
    expected = np.einsum("nij,nhwj->nhwi", drawn.colours[..., :3], photos)
    expected = (expected + drawn.colours[:, None, None, :, 3]).clip(0, 255)
    np.testing.assert_allclose(found, expected, atol=0.05)


def test_holes_are_black_where_they_were_drawn():
    found, drawn = applied(np.full((8, *SIZE, 3), 200, np.float32), "cutout:0.5", 8)
    y, x = (np.mgrid[: SIZE[0], : SIZE[1]] + 0.5) / np.reshape(SIZE, (2, 1, 1))
    for picture, holes in zip(found, drawn.holes, strict=True):
        is_hole = np.any([(x >= a) & (x < c) & (y >= b) & (y < d) for a, b, c, d in holes], axis=0)
        np.testing.assert_array_equal(picture, np.where(is_hole, 0, 200)[..., None].repeat(3, axis=2))
    assert drawn.holes.any()


def test_a_batch_of_pixels_is_drawn_by_seed_epoch_and_number_and_its_boxes_move():
    inputs = some_inputs(shape=(12, 16, 4))
    inputs = dataclasses.replace(inputs, features=np.abs(inputs.features[..., :3] * 20).astype(np.uint8))
    metadata = np.zeros((48, 0), np.float32)
    rows = TuningRows(inputs, np.arange(36), np.arange(1), metadata, 3, True, {"flip": 0.5})
    (named, targets), (same, _), (other, _) = (EpochBatches(rows, 36, seed, 0)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(named["places"], same["places"])
    assert (named["places"] != other["places"]).any() and named["features"].dtype == np.uint8
    is_flipped = named["places"][:, 0] < 0
    known = targets["box"][:, 4] == 1
    for where, box in ((is_flipped, [0.4, 0.3, 0.8, 0.9]), (~is_flipped, [0.2, 0.3, 0.6, 0.9])):
        found = targets["box"][known & where][:, :4]
        np.testing.assert_allclose(found, np.tile(box, (len(found), 1)), atol=1e-6)
        assert len(found)


def test_the_network_that_is_trained_shares_its_weights_with_the_one_that_predicts():
    features = keras.Input((None, None, 3), name="features")
    pooled = keras.layers.GlobalAveragePooling2D()(PixelInput((40, 60), "fishnet")(features))
    scores = keras.layers.Dense(3, activation="softmax", name="class")(pooled)
    model = keras.Model({"features": features}, {"class": scores})
    trained = augmented(model, pixel_size((40, 60)), {})
    photos = np.full((4, *pixel_size((40, 60)), 3), [10, 100, 200], np.float32)
    drawn = draw({}, 4, photos.shape[1:3], np.random.default_rng(0))
    found = trained({"features": photos, **drawn.named((40, 60))})["class"]
    np.testing.assert_allclose(found, model({"features": photos})["class"], atol=1e-5)
    assert [id(each) for each in trained.trainable_variables] == [
        id(each) for each in model.trainable_variables
    ]
