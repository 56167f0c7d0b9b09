"""The options that say how photos are read: in every place that decodes, in the recipe, from the recipe."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from conftest import make_image, noise, write_competition
from PIL import Image
from pipeline import compute, features_config, fit, parse, submit, train_config

from fishcli.basics.errors import FishError
from fishcli.commands import data, features
from fishcli.dataset.layout.images import load_train
from fishcli.dataset.photos.file_facts import FACT_NAMES, read_facts
from fishcli.dataset.photos.photo import UnreadableImageError, contained, read_header, read_photo
from fishcli.dataset.photos.thumbnails import read_hashes, readable_thumbnails
from fishcli.features.store.again import features_line
from fishcli.features.store.recipe import Recipe
from fishcli.features.store.store import FeatureStore
from fishcli.features.upkeep import Upkeep, bring_up_to_date
from fishcli.options.command_lines import command_line
from fishcli.options.data import DataConfig, PictureConfig
from fishcli.options.features import FeaturesConfig
from fishcli.options.reading import MAX_PIXELS, USUAL, Reading
from fishcli.report.contact_sheets import Shot, contact_sheet
from fishcli.report.heatmaps import Boxes, Panel, heatmap_picture
from fishcli.runs.run import Run

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]

MENDING = Reading(truncated=True)


def cut(path, share=0.6):
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    return path


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_jpeg_that_lacks_its_end_is_read_as_far_as_it_goes(tmp_path, options):
    whole = np.asarray(Image.open(make_image(tmp_path / "a.jpg", (80, 64), **options)))
    path = cut(tmp_path / "a.jpg", 0.9)
    with pytest.raises(UnreadableImageError, match="truncated.*--truncated reads what there is"):
        read_photo(path)
    photo, is_truncated = read_photo(path, MENDING)
    assert is_truncated
    assert photo.size == (64, 80)
    if not options:
        np.testing.assert_array_equal(np.asarray(photo)[:48], whole[:48])
    assert "brightness" not in read_facts(path, FACT_NAMES)
    assert 0 < read_facts(path, FACT_NAMES, MENDING)["brightness"] < 1


def test_whole_photos_and_other_damage_are_no_affair_of_truncated(tmp_path):
    path = make_image(tmp_path / "a.jpg")
    assert read_photo(path, MENDING)[1] is False
    assert read_photo(path, MENDING)[0].tobytes() == read_photo(path)[0].tobytes()
    for other in (cut(make_image(tmp_path / "a.png")), tmp_path / "missing.jpg"):
        with pytest.raises(UnreadableImageError):
            read_photo(other, MENDING)
    (tmp_path / "b.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(UnreadableImageError):
        read_photo(tmp_path / "b.jpg", MENDING)


def test_truncated_photos_are_counted(tmp_path, capsys):
    paths = [make_image(tmp_path / f"{i}.jpg") for i in range(3)]
    for path in paths[1:]:
        cut(path)
    table = pd.DataFrame({"image": [path.name for path in paths], "path": paths})
    assert [problem == "" for problem in read_hashes(table)[1]] == [True, False, False]
    assert "read as far" not in capsys.readouterr().err
    assert read_hashes(table, "train", MENDING)[1] == ["", "", ""]
    assert "2 truncated photos of train are read as far as they go" in capsys.readouterr().err
    assert len(readable_thumbnails(table, "train", MENDING)[0]) == 3


def test_the_limit_on_pixels_holds_for_headers_and_pixels_and_names_its_option(tmp_path):
    path = make_image(tmp_path / "a.png", (30, 40))
    few = Reading(max_pixels=1199)
    assert read_header(path, few) == (0, 0, "it has more than 1,199 pixels; --max-pixels raises that limit")
    with pytest.raises(UnreadableImageError, match="more than 1,199 pixels; --max-pixels"):
        read_photo(path, few)
    assert read_facts(path, FACT_NAMES, few) == {}
    assert read_header(path, Reading(max_pixels=1200)) == (30, 40, "")


def test_the_limit_on_pixels_can_be_raised_beyond_pillows(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)
    assert 2 * Image.MAX_IMAGE_PIXELS == MAX_PIXELS
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5 20000 10000 255\n")
    assert "--max-pixels" in read_header(path)[2]
    assert read_header(path, Reading(max_pixels=200_000_000)) == (10_000, 20_000, "")
    assert "more than 178,956,970 pixels; --max-pixels" in read_header(path)[2]  # for others as before


@pytest.mark.parametrize("size", [(400, 1), (1, 400), (3000, 1), (2, 3)])
def test_every_photo_leaves_a_pixel_where_it_is_made_small(tmp_path, size):
    path = make_image(tmp_path / "a.png", size)
    for cell in ((216, 162), (168, 118), (300, 212)):
        found = contained(Image.open(path), cell)
        assert min(found.size) >= 1
        assert (found.width == cell[0]) or (found.height == cell[1])
        assert found.width <= cell[0]
        assert found.height <= cell[1]
    contact_sheet([Shot(path, "a.png")], "one")
    boxes = Boxes(np.array([[0.1, 0.1, 0.9, 0.9]]), np.array([0.2, 0.2, 0.8, 0.8]))
    assert heatmap_picture(Image.open(path), [Panel("title", None)], boxes, ["said"]).width == size[1]


def test_data_of_photos_as_thin_as_a_line(tmp_path):
    write_competition(tmp_path / "data", with_boxes=False, with_groups=False)
    make_image(tmp_path / "data" / "train" / "ALB" / "thin.png", (400, 1))
    make_image(tmp_path / "data" / "train" / "BET" / "flat.png", (1, 3000))
    assert "data.html" in data.run(PictureConfig(data_dir=tmp_path / "data", out=tmp_path / "out"))


def said_by_data(tmp_path):
    text = data.run(PictureConfig(data_dir=tmp_path / "data", out=tmp_path / "out"))
    return [line for line in text.splitlines() if "to the pixel" in line]


def test_photos_in_two_classes_or_in_train_and_test_are_said_by_data(tmp_path):
    write_competition(tmp_path / "data", with_groups=False)
    train = tmp_path / "data" / "train"
    assert said_by_data(tmp_path) == []
    make_image(train / "ALB" / "x.png", pixels=noise((50, 40), 7))
    make_image(train / "BET" / "y.bmp", pixels=noise((50, 40), 7))  # other bytes, the same pixels
    make_image(train / "NoF" / "z.png", pixels=255 - noise((50, 40), 7))
    (tmp_path / "data" / "test" / "t.jpg").write_bytes((train / "BET" / "img_008.jpg").read_bytes())
    (train / "BET" / "again.jpg").write_bytes((train / "BET" / "img_009.jpg").read_bytes())
    two, test = said_by_data(tmp_path)
    assert two.startswith("1 photos lie in two classes, the same to the pixel (ALB/x.png = BET/y.bmp)")
    assert test.startswith("test: 1 photos are training photos too, the same to the pixel")
    assert "BET/img_008.jpg = t.jpg" in test


RECIPE = Recipe("vgg16", "block5_pool", "ab" * 32, (36, 64), "squash", "none", "caffe", "pillow")


def test_rules_at_their_former_value_stay_out_of_the_recipe():
    assert not {"transparency", "truncated"} & RECIPE.to_json().keys()
    changed = dataclasses.replace(RECIPE, transparency="white", truncated=True)
    written = json.loads(json.dumps(changed.to_json()))
    assert (written["transparency"], written["truncated"]) == ("white", True)
    assert Recipe.from_json(written, "recipe.json") == changed
    assert changed.reading(9) == Reading(transparency="white", truncated=True, max_pixels=9)
    assert RECIPE.reading(MAX_PIXELS) == USUAL


def test_a_config_says_its_rules():
    assert DataConfig(transparency="black", max_pixels=5).reading == Reading(
        transparency="black", max_pixels=5
    )
    assert FeaturesConfig().reading == USUAL
    line = command_line("features", FeaturesConfig(transparency="white", truncated=True, max_pixels=7))
    assert line == "fishcli features --transparency white --truncated --max-pixels 7"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A competition with transparent and truncated photos, a store on white and a run on it."""
    root = tmp_path_factory.mktemp("rules")
    write_competition(root / "data", with_boxes=False, n_per_class=4)
    for folder in ("train/ALB", "test"):
        pixels = np.dstack([noise((48, 64)), np.zeros((48, 64), np.uint8)])
        first = sorted((root / "data" / folder).glob("*.jpg"))
        make_image(first[0], mode="RGBA", pixels=pixels, image_format="PNG")
        cut(first[1])
    compute(root, transparency="white", truncated=True, splits="train")
    fit(root, folds=2, epochs=1)
    return root


def white_feature(root, store, split, image):
    """Whether an image has the features of a white photo."""
    listed = list(store.images(split)["image"])
    return store.read(split, "identity")[listed.index(image)]


def test_a_store_is_filled_by_its_own_rules_whatever_a_command_says(root, capsys):
    (store_dir,) = (root / "data" / "features").iterdir()
    store = FeatureStore(store_dir)
    assert (store.recipe.transparency, store.recipe.truncated) == ("white", True)
    assert store.unreadable("train") == {}
    submit(root)  # without the options: test features come by the recipe
    err = capsys.readouterr().err
    assert "1 truncated photos of test are read as far as they go" in err
    assert store.unreadable("test") == {}
    images = sorted(path.name for path in (root / "data" / "test").iterdir())
    of_train = sorted(path.name for path in (root / "data" / "train" / "ALB").iterdir())[0]
    one = white_feature(root, store, "test", images[0])
    np.testing.assert_array_equal(one, white_feature(root, store, "train", f"ALB/{of_train}"))


def test_the_command_line_of_a_store_has_its_rules(root):
    (store_dir,) = (root / "data" / "features").iterdir()
    line = features_line(store_dir, splits="train")
    assert "--transparency white --truncated" in line
    assert features.run(parse(line)) == str(store_dir)


@pytest.mark.parametrize(
    ("rule", "option"),
    [({"transparency": "black"}, "--transparency black"), ({"truncated": True}, "--truncated")],
)
def test_a_rule_that_a_store_was_not_made_with_is_refused(tmp_path, rule, option):
    write_competition(tmp_path / "data")
    store = FeatureStore.create(tmp_path / "data" / "features", RECIPE, "imagenet")
    wanted = {"train": (load_train(tmp_path / "data"), ["identity"])}
    with pytest.raises(
        FishError, match=f"{option}: the store .* was made without it.*fishcli features {option}"
    ):
        bring_up_to_date(store, wanted, Upkeep(tmp_path / "data", Reading(**rule)))


def test_old_runs_are_compared_without_the_rules(root):
    (run_dir,) = (root / "models").iterdir()
    settings = Run.open(run_dir).settings
    assert not {"transparency", "truncated", "max_pixels"} & settings.keys()
    assert train_config(root).reading == features_config(root).reading == USUAL
