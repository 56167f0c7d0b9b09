import dataclasses
import json

import pytest

from fishcli.basics.errors import FishError
from fishcli.features.photos.crops import Crop
from fishcli.features.store.recipe import Recipe, parse_image_size

RECIPE = Recipe(
    backbone="vgg16",
    layer="block5_pool",
    weights_sha256="ab" * 32,
    image_size=(360, 640),
    resize="squash",
    pool="none",
    preprocessing="caffe",
    decoder="pillow",
)
CROP = Crop(margin=0.15, least=0.2, boxes_sha256="0123456789ab")


def test_the_fingerprint_is_pinned():
    assert RECIPE.fingerprint == "3bb441d4c61c"
    assert RECIPE.name == "vgg16-360x640-3bb441d4c61c"


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Recipe)])
def test_every_field_changes_the_fingerprint(field):
    known = {"image_size": (640, 360), "truncated": True, "crop": CROP}
    value = known.get(field) or getattr(RECIPE, field) + "x"
    assert dataclasses.replace(RECIPE, **{field: value}).fingerprint != RECIPE.fingerprint


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Crop)])
def test_every_field_of_a_crop_changes_the_fingerprint(field):
    value = {"boxes_sha256": "0" * 12, "align": True}.get(field, 0.3)
    one, other = (
        dataclasses.replace(RECIPE, crop=crop) for crop in (CROP, dataclasses.replace(CROP, **{field: value}))
    )
    assert one.fingerprint != other.fingerprint


def test_the_fingerprint_of_level_crops_is_what_it_was_before_they_could_be_turned():
    assert dataclasses.replace(RECIPE, crop=CROP).fingerprint == "c6fee47b1111"


ALIGNED = dataclasses.replace(CROP, align=True)


@pytest.mark.parametrize(
    "recipe", [RECIPE, *(dataclasses.replace(RECIPE, crop=each) for each in (CROP, ALIGNED))]
)
def test_json_round_trip(recipe):
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json())), "recipe.json") == recipe


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Recipe)])
def test_a_changed_field_is_refused(field):
    value = RECIPE.to_json()
    value[field] = {"image_size": [1, 2], "crop": dataclasses.asdict(CROP)}.get(field, "other")
    with pytest.raises(
        FishError, match=r"store/recipe\.json was changed: .*Remove that folder and run fishcli"
    ):
        Recipe.from_json(value, "store/recipe.json")


def test_a_changed_fingerprint_is_refused():
    with pytest.raises(FishError, match=f"its fingerprint is 0123, its contents say {RECIPE.fingerprint}"):
        Recipe.from_json({**RECIPE.to_json(), "fingerprint": "0123"}, "recipe.json")


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "text",
        {},
        {"backbone": "vgg16"},
        *({**RECIPE.to_json(), "crop": each} for each in ("x", {}, [])),
    ],
)
def test_what_is_no_recipe_is_refused(value):
    with pytest.raises(FishError, match=r"recipe\.json is no recipe of this version.*run fishcli features"):
        Recipe.from_json(value, "recipe.json")


def test_an_image_size_that_is_no_list_is_refused():
    with pytest.raises(FishError, match=r"recipe\.json"):
        Recipe.from_json({**RECIPE.to_json(), "image_size": 224}, "recipe.json")


@pytest.mark.parametrize(
    ("text", "size"), [("360x640", (360, 640)), ("224X224", (224, 224)), ("1x2", (1, 2))]
)
def test_image_sizes_are_height_by_width(text, size):
    assert parse_image_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "224", "x", "224x", "x224", "0x224", "224x-1", "2.5x3", "1x2x3", "axb", "²x2"]
)
def test_what_is_no_image_size_names_the_flag(text):
    with pytest.raises(FishError, match=r"--image-size .*expected HEIGHTxWIDTH in pixels, such as 224x224"):
        parse_image_size(text)
