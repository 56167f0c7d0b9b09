import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from conftest import noise

from fishcli.basics.errors import FishError
from fishcli.basics.files import write_json
from fishcli.basics.quiet import load_albumentations
from fishcli.features.photos import augment as augment_module
from fishcli.features.photos.augment import augment, augmentation_digest
from fishcli.features.photos.recipes import (
    FIRST,
    MOST,
    OF_GEOMETRY,
    TRANSPLANT,
    copies_asked,
    copies_of,
    is_first,
    magnitudes_of,
    parse_recipes,
    recipe_of,
)

IDS = [f"ALB/img_{i:03d}.jpg" for i in range(60)]
SIZE = (90, 120)
BOX = np.array([[0.3, 0.25, 0.65, 0.6]], np.float32)


def painted(box=BOX, size=SIZE):
    """A white ellipse that fills `box`, on black."""
    y, x = ((np.arange(side) + 0.5) / side for side in size)
    x_min, y_min, x_max, y_max = box[0]
    across = (2 * x - x_min - x_max) / (x_max - x_min)
    down = (2 * y - y_min - y_max) / (y_max - y_min)
    inside = across**2 + down[:, None] ** 2 < 1
    return np.repeat(inside[:, :, None] * np.uint8(255), 3, axis=2)


def test_names_count_from_one():
    assert copies_of(FIRST, 3) == ["augment_1", "augment_2", "augment_3"]
    assert copies_of(FIRST, 0) == []
    assert copies_of("light", 2) == ["augment_light_1", "augment_light_2"]
    assert copies_of("none", 2) == []


@pytest.mark.parametrize("recipe", [FIRST, "light", "strong", "rotate:30+cutout:0.25"])
def test_a_copys_name_tells_its_recipe(recipe):
    (copy,) = copies_of(recipe, 1)
    assert recipe_of(copy) == recipe and is_first(copy) == (recipe == FIRST)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lihgt", "Did you mean 'light'"),
        ("light,rotat:3", "Did you mean 'rotate'"),
        ("rotate:181", "rotate takes a magnitude above 0, up to 180"),
        ("flip:0", "flip takes a magnitude above 0, up to 1"),
        ("crop:-0.1", "crop takes a magnitude above 0"),
        ("light,light", "expected different recipes"),
        ("", "unknown recipe"),
    ],
)
def test_recipes_that_there_are_not_are_refused(text, said):
    with pytest.raises(FishError, match=said):
        parse_recipes(text)


def test_recipes_are_listed_with_commas():
    assert parse_recipes("light, none,flip:0.5+blur:3") == ["light", "none", "flip:0.5+blur:3"]
    assert magnitudes_of("flip:0.5+blur:3") == {"flip": 0.5, "blur": 3.0}


def test_a_mix_has_a_copy_for_each_time_that_it_names_a_recipe():
    mix = "light/rotate:30/light"
    assert parse_recipes(f"{mix},strong") == [mix, "strong"]
    named = ["augment_light_1", "augment_light_2", "augment_rotate=30_1"]
    assert copies_of(mix, 1) == named and [recipe_of(copy) for copy in named] == [
        "light",
        "light",
        "rotate:30",
    ]
    assert Counter(map(recipe_of, copies_of(mix, 6))) == {"light": 4, "rotate:30": 2}


def test_features_takes_a_number_of_copies_or_mixes_whose_common_copies_are_one():
    assert copies_asked("2") == ["augment_1", "augment_2"] and copies_asked("0") == []
    assert copies_asked("light/flip:1,light") == ["augment_light_1", "augment_flip=1_1"]
    assert copies_asked("none") == []


def test_a_policys_file_stands_for_its_mix(tmp_path):
    path = tmp_path / "policy.json"
    write_json(path, {"mix": "flip:1/light", "difference": -0.1})
    assert parse_recipes(f"strong,{path}") == ["strong", "flip:1/light"]


@pytest.mark.parametrize("text", ["{", "[]", '{"mix": 3}', None])
def test_a_file_that_is_no_policy_is_refused_with_the_command_that_finds_one(text, tmp_path):
    path = tmp_path / "policy.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(FishError, match="policy.json.*fishcli augment-search"):
        parse_recipes(str(path))


def test_a_policy_of_recipes_that_there_are_not_is_refused(tmp_path):
    write_json(tmp_path / "policy.json", {"mix": "light/rotat:3"})
    with pytest.raises(FishError, match="Did you mean 'rotate'"):
        parse_recipes(str(tmp_path / "policy.json"))


@pytest.mark.parametrize("operation", [name for name in MOST if name != TRANSPLANT])  # it needs another photo
def test_each_operation_does_something_and_geometry_alone_moves_boxes(operation):
    image, (copy,) = noise(SIZE), copies_of(f"{operation}:{MOST[operation] / 2:g}", 1)
    made = [augment(image, BOX, name, copy) for name in IDS[:12]]
    assert any((pixels != image).any() for pixels, _ in made)
    assert all(pixels.shape == image.shape for pixels, _ in made)
    has_moved = any(not np.allclose(boxes, BOX, equal_nan=True) for _, boxes in made)
    assert has_moved == (operation in OF_GEOMETRY)


@pytest.mark.parametrize("operation", OF_GEOMETRY)
def test_an_operation_of_geometry_takes_the_box_where_it_takes_what_is_in_it(operation):
    (copy,) = copies_of(f"{operation}:{MOST[operation] / 3:g}", 1)
    n_found = 0
    for name in IDS[:20]:
        image, (box,) = augment(painted(), BOX, name, copy)
        rows, columns = np.nonzero(image.mean(axis=2) > 127)
        if np.isnan(box).any() or not len(rows):
            continue
        n_found += 1
        x, y = (columns + 0.5) / SIZE[1], (rows + 0.5) / SIZE[0]
        x_min, y_min, x_max, y_max = box + np.array([-0.02, -0.02, 0.02, 0.02])
        assert ((x > x_min) & (x < x_max) & (y > y_min) & (y < y_max)).mean() > 0.97
        assert len(rows) / image[..., 0].size > 0.3 * (box[2] - box[0]) * (box[3] - box[1])
    assert n_found > 10


@pytest.mark.parametrize("operation", [name for name in MOST if name != TRANSPLANT])  # it needs another photo
@pytest.mark.parametrize("size", [(1, 40), (40, 1), (3, 3)])
def test_tiny_images_keep_their_shape_under_every_operation(operation, size):
    (copy,) = copies_of(f"{operation}:{MOST[operation]:g}", 1)
    assert augment(noise(size), np.empty((0, 4), np.float32), IDS[0], copy)[0].shape == (*size, 3)


def test_a_photo_by_night_is_grey_and_dark():
    image = noise(SIZE)
    for name in IDS[:5]:
        dark, _ = augment(image, BOX, name, "augment_night=0.8_1")
        assert (dark == dark[..., :1]).all() and dark.max() <= 255 * 0.6 and dark.std() > 3


def test_recipes_differ_from_each_other_and_each_says_what_it_is():
    image = noise(SIZE)
    copies = [copies_of(recipe, 1)[0] for recipe in (FIRST, "light", "strong")]
    assert len({augment(image, BOX, IDS[0], copy)[0].tobytes() for copy in copies}) == 3
    assert len({augmentation_digest(recipe) for recipe in (FIRST, "light", "strong", "flip:0.5")}) == 4


def test_an_id_and_a_copy_always_give_the_same():
    image = noise(SIZE)
    first = [augment(image, BOX, name, "augment_1") for name in IDS[:12]]
    with ThreadPoolExecutor(2) as pool:
        again = list(pool.map(lambda name: augment(image, BOX, name, "augment_1"), reversed(IDS[:12])))
    for (pixels, boxes), (pixels_again, boxes_again) in zip(first, reversed(again), strict=True):
        np.testing.assert_array_equal(pixels, pixels_again)
        np.testing.assert_array_equal(boxes, boxes_again)


def test_copies_and_ids_differ():
    image = noise(SIZE)
    keys = [(name, copy) for name in IDS[:5] for copy in ("augment_1", "augment_2")]
    results = {augment(image, BOX, *key)[0].tobytes() for key in keys}
    assert len(results) == len(keys)


def test_the_input_is_left_alone():
    image, boxes = noise(SIZE), BOX.copy()
    for name in IDS[:10]:
        augment(image, boxes, name, "augment_1")
    np.testing.assert_array_equal(image, noise(SIZE))
    np.testing.assert_array_equal(boxes, BOX)


def test_the_box_keeps_the_object_and_lies_in_the_image():
    found = 0
    for name in IDS:
        image, boxes = augment(painted(), BOX, name, "augment_1")
        assert image.shape == (*SIZE, 3)
        assert image.dtype == np.uint8
        assert boxes.shape == (1, 4)
        assert boxes.dtype == np.float32
        if np.isnan(boxes).all():
            continue
        found += 1
        assert ((boxes >= 0) & (boxes <= 1)).all()
        assert (boxes[:, :2] < boxes[:, 2:]).all()
        grey = image.mean(axis=2)
        rows, columns = np.nonzero(grey > np.percentile(grey, [1, 99]).mean())
        x, y = (columns + 0.5) / SIZE[1], (rows + 0.5) / SIZE[0]
        x_min, y_min, x_max, y_max = boxes[0] + [-0.02, -0.02, 0.02, 0.02]
        inside = (x > x_min) & (x < x_max) & (y > y_min) & (y < y_max)
        assert inside.mean() > 0.95
        assert x_min < np.median(x) < x_max
        assert y_min < np.median(y) < y_max
        assert (x_max - x_min) * (y_max - y_min) < 4 * len(x) / grey.size
    assert found > 0.9 * len(IDS)


def test_missing_boxes_stay_missing_and_rows_stay_in_place():
    missing = np.full((1, 4), np.nan, np.float32)
    other = np.array([[0.4, 0.4, 0.7, 0.7]], np.float32)
    for name in IDS[:15]:
        image, boxes = augment(painted(), np.concatenate([missing, BOX, missing, other]), name, "augment_1")
        assert np.isnan(boxes[[0, 2]]).all()
        alone_image, alone = augment(painted(), BOX, name, "augment_1")
        np.testing.assert_array_equal(image, alone_image)
        np.testing.assert_array_equal(boxes[1:2], alone)


@pytest.mark.parametrize("boxes", [np.empty((0, 4), np.float32), np.full((2, 4), np.nan, np.float32)])
def test_an_image_without_boxes(boxes):
    for name in IDS[:10]:
        image, moved = augment(noise(SIZE), boxes, name, "augment_1")
        assert image.shape == (*SIZE, 3)
        assert moved.shape == boxes.shape
        assert np.isnan(moved).all()


@pytest.mark.parametrize("size", [(1, 40), (40, 1), (3, 3)])
def test_tiny_images(size):
    whole = np.array([[0.0, 0.0, 1.0, 1.0]], np.float32)
    for name in IDS[:20]:
        image, boxes = augment(noise(size), whole, name, "augment_1")
        assert image.shape == (*size, 3)
        assert boxes.shape == (1, 4)


@pytest.mark.filterwarnings("ignore:Got processor for bboxes")
def test_what_only_changes_pixels_does_not_move_boxes(monkeypatch):
    albumentations = load_albumentations()
    _, pixels = augment_module._pipelines()
    still = albumentations.Compose(
        [], bbox_params=albumentations.BboxParams("albumentations", label_fields=["rows"])
    )
    monkeypatch.setattr(augment_module, "_pipelines", lambda recipe: (still, pixels))
    monkeypatch.setattr(augment_module, "_per_thread", threading.local())
    small = np.array([[0.5, 0.5, 0.53, 0.54], [0.0, 0.0, 1.0, 1.0]], np.float32)
    n_changed = 0
    for name in IDS:
        image, boxes = augment(noise(SIZE), small, name, "augment_1")
        np.testing.assert_allclose(boxes, small, atol=1e-6)
        n_changed += not np.array_equal(image, noise(SIZE))
    assert n_changed > len(IDS) / 2


def test_flips_happen_independently():
    corner = np.array([[0.15, 0.15, 0.3, 0.3]], np.float32)
    image = painted(corner)
    corners = Counter()
    for name in IDS:
        box = augment(image, corner, name, "augment_1")[1][0]
        if not np.isnan(box).any():
            corners[bool(box[0] + box[2] > 1), bool(box[1] + box[3] > 1)] += 1
    assert set(corners) == {(False, False), (False, True), (True, False), (True, True)}
    assert min(corners.values()) >= 5


def test_the_digest_is_stable_and_follows_the_transforms(monkeypatch):
    before = augmentation_digest()
    assert len(before) == 12
    augmentation_digest.cache_clear()
    assert augmentation_digest() == before
    geometry, _ = augment_module._pipelines()
    monkeypatch.setattr(augment_module, "_pipelines", lambda recipe: (geometry,))
    augmentation_digest.cache_clear()
    try:
        assert augmentation_digest() != before
    finally:
        augmentation_digest.cache_clear()
