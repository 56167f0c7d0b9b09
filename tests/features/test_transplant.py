"""Fish on other decks: whose deck it is, what stays and what goes, and what copies depend on."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from conftest import make_image, noise
from hypothesis import given
from hypothesis import strategies as st

from fishcli.basics.errors import FishError
from fishcli.dataset.annotations import BOX_COLUMNS
from fishcli.features.photo_inputs import SplitPlan, copy_made_by, read_inputs
from fishcli.features.photos.recipes import copies_of, magnitudes_of, parse_recipes
from fishcli.features.photos.transplant import (
    Deck,
    Known,
    choose_donors,
    deck_of,
    find_known,
    is_transplanted,
    transplant,
)
from fishcli.features.plans import Upkeep, make_plan

(COPY,) = copies_of("transplant:1", 1)
SIDE = 60
FISH = np.array([[0.25, 0.25, 0.5, 0.5]])
ELSEWHERE = np.array([[0.6, 0.6, 0.9, 0.9]])
BACKBONE = SimpleNamespace(recipe=SimpleNamespace(image_size=(SIDE, SIDE), resize="squash"))
IDS = [f"{k}.jpg" for k in range(40)]
BOXED = dict.fromkeys(IDS[:30], FISH)
KNOWN = Known(BOXED, frozenset(IDS[30:35]))


def shades(*levels, size=(SIDE, SIDE)):
    """Stripes of grey: alike in mean and spread wherever they are."""
    return np.repeat(np.resize(np.uint8(levels), size)[..., None], 3, axis=2)


def test_the_recipe_is_light_after_a_transplant_and_its_chance_can_be_said():
    assert magnitudes_of("transplant") == {"transplant": 1.0, **magnitudes_of("light")}
    assert parse_recipes("transplant/light,transplant:0.5+rotate:30")
    views = ["identity", "top_left90_hflip", "augment_1", "augment_light_1", "augment_transplant_2"]
    assert [view for view in views if is_transplanted(view)] == ["augment_transplant_2"]


@given(st.permutations(IDS), st.integers(1, 40))
def test_whose_deck_it_is_depends_on_the_photo_and_the_copy_alone(order, n):
    chosen = dict(zip(IDS, choose_donors(COPY, IDS, KNOWN), strict=True))
    shuffled = Known({image: FISH for image in order if image in BOXED}, KNOWN.empty)
    assert choose_donors(COPY, order[:n], shuffled) == [chosen[image] for image in order[:n]]


def test_decks_are_lent_by_other_photos_with_boxes_to_photos_with_boxes_and_empty_ones():
    known = Known({**BOXED, "full.jpg": np.array([[0.0, 0.0, 1.0, 0.6]])}, KNOWN.empty)
    donors = dict(zip([*IDS, "full.jpg"], choose_donors(COPY, [*IDS, "full.jpg"], known), strict=True))
    assert all(donors[image] in BOXED and donors[image] != image for image in [*IDS[:35], "full.jpg"])
    assert {donors[image] for image in IDS[35:]} == {""}
    assert len(set(donors.values())) > 10
    assert list(donors.values()) != choose_donors(COPY.replace("_1", "_2"), list(donors), known)


def test_the_chance_is_kept_and_a_photo_alone_keeps_its_deck():
    ids = [f"{k}.jpg" for k in range(400)]
    donors = choose_donors("augment_transplant=0.3_1", ids, Known(dict.fromkeys(ids, FISH), frozenset()))
    assert 0.2 < np.mean([donor != "" for donor in donors]) < 0.4
    assert choose_donors(COPY, ids, Known({"7.jpg": FISH}, frozenset())) == [""] * 400


def test_fish_keep_their_place_and_all_else_is_the_deck():
    image, deck = shades(100, 120), shades(120, 100)
    made = transplant(image, FISH, deck, np.zeros((0, 4)))
    fish = np.s_[15:30, 15:30]
    np.testing.assert_array_equal(made[fish], image[fish])
    far = np.ones(image.shape[:2], bool)
    far[12:33, 12:33] = False
    np.testing.assert_array_equal(made[far], deck[far])


def test_edges_are_soft():
    image = shades(100, 120)
    made = transplant(image, FISH, np.roll(image, 1, axis=1), np.zeros((0, 4)))[20, :, 0].astype(int)
    beside = np.abs(made[30:32] - image[20, 30:32, 0])  # a fish of 15 pixels fades over 2.25
    assert 0 < beside[0] < beside[1] < 20


def test_the_decks_own_fish_are_painted_over():
    deck = shades(90, 110)
    deck[36:54, 36:54] = [255, 0, 0]
    made = transplant(shades(100, 120), FISH, deck, ELSEWHERE).astype(int)
    assert (made[..., 0] - made[..., 2]).max() < 30


def test_fish_come_into_the_light_of_the_deck():
    made = transplant(shades(180, 200), FISH, shades(40, 60), np.zeros((0, 4)))
    assert abs(made[15:30, 15:30].mean() - 50) < 2


def read(tmp_path, deck_path, region=None, backbone=BACKBONE, size=(120, 120)):
    path = make_image(tmp_path / "a.png", pixels=shades(100, 120, size=size))
    decks = {COPY: [Deck(FISH, deck_path, ELSEWHERE)]}
    boxes = np.array([[FISH[0], FISH[0]]], np.float32)
    regions = None if region is None else np.array([region])
    plan = SplitPlan("train", [COPY], ["a"], [path], boxes=boxes, regions=regions, decks=decks)
    plain = SplitPlan("train", ["identity"], ["a"], [path], regions=regions)
    found = read_inputs(plan, 0, [COPY], backbone)
    return found.pixels[COPY], found.boxes[COPY], read_inputs(plain, 0, ["identity"], backbone).pixels


def test_a_copy_shows_the_fish_where_its_box_says_on_a_deck_of_another_size(tmp_path):
    deck_path = make_image(tmp_path / "deck.png", pixels=noise((90, 160)))
    pixels, boxes, plain = read(tmp_path, deck_path)
    np.testing.assert_allclose(boxes, np.repeat(FISH, 2, axis=0), atol=1e-6)
    fish, deck = pixels[16:29, 16:29, 0].astype(float), pixels[:10, :10, 0].astype(float)
    assert np.ptp(plain["identity"][..., 0]) <= 20 and deck.std() > 2 * fish.std()


def test_of_a_crop_the_surroundings_are_the_same_part_of_the_other_photo(tmp_path):
    pixels = np.zeros((120, 160, 3), np.uint8)
    pixels[:, 80:] = 200
    deck_path = make_image(tmp_path / "deck.png", pixels=pixels)
    made, boxes, _ = read(tmp_path, deck_path, region=(0.0, 0.0, 0.5, 1.0, 0.0))
    np.testing.assert_allclose(boxes[0], [0.5, 0.25, 1.0, 0.5], atol=1e-6)
    assert made[40:].max() == 0
    made, boxes, _ = read(tmp_path, deck_path, region=(0.2, 0.2, 0.8, 0.8, 90.0))
    assert np.nanmin(boxes) >= 0 and np.nanmax(boxes) <= 1 and made.shape == (SIDE, SIDE, 3)


def test_padding_stays_the_photos_own(tmp_path):
    recipe = SimpleNamespace(image_size=(SIDE, SIDE), resize="letterbox")
    deck_path = make_image(tmp_path / "deck.png", pixels=noise((160, 80)))
    made, _, plain = read(tmp_path, deck_path, backbone=SimpleNamespace(recipe=recipe), size=(60, 120))
    np.testing.assert_array_equal(made[:12], plain["identity"][:12])
    assert (made[20:40] != plain["identity"][20:40]).any()


def test_where_the_other_photo_cant_be_read_the_fish_keeps_its_deck(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"none")
    made, _, plain = read(tmp_path, tmp_path / "broken.png")
    np.testing.assert_array_equal(made, plain["identity"])


class Listed:
    """A store's list of images, as `make_plan` asks for it."""

    recipe = SimpleNamespace(reading=lambda max_pixels: None)

    def __init__(self, table):
        self.table = table

    def images(self, split):
        return self.table


def plan_of(root, boxes, contents=("x", "y", "z"), classes="ALB"):
    (root / "boxes").mkdir(exist_ok=True)
    pd.DataFrame(boxes, columns=["image", *BOX_COLUMNS]).to_csv(root / "boxes" / "b.csv", index=False)
    images = pd.DataFrame({"image": ["a.jpg", "b.jpg", "c.jpg"], "height": 40, "width": 40})
    images["class_name"] = classes
    images["path"] = [root / image for image in images["image"]]
    store = Listed(images[["image"]].assign(content=list(contents)))
    return make_plan(store, "train", images, ["identity", COPY], Upkeep(root))


BOXES = [("a.jpg", 0.1, 0.1, 0.3, 0.3), ("b.jpg", 0.5, 0.5, 0.7, 0.7), ("b.jpg", 0.1, 0.2, 0.3, 0.4)]


def test_a_plan_has_all_boxes_of_both_photos_and_leaves_out_those_without(tmp_path):
    first, second, third = plan_of(tmp_path, BOXES).decks[COPY]
    assert (first.path, second.path, third) == (tmp_path / "b.jpg", tmp_path / "a.jpg", None)
    assert len(first.fish) == 1 and len(first.covered) == 2
    np.testing.assert_allclose(second.fish, first.covered)


def test_copies_are_made_again_where_a_photo_with_a_box_or_any_box_is_another(tmp_path):
    made_by = copy_made_by(plan_of(tmp_path, BOXES), COPY)
    assert copy_made_by(plan_of(tmp_path, BOXES, ("x", "y", "other")), COPY) == made_by
    assert copy_made_by(plan_of(tmp_path, BOXES, ("x", "other", "z")), COPY) != made_by
    smaller = [*BOXES[:2], ("b.jpg", 0.1, 0.2, 0.2, 0.4)]  # the largest box and their union stay
    assert copy_made_by(plan_of(tmp_path, smaller), COPY) != made_by


def test_without_any_box_it_says_what_else_there_is(tmp_path):
    with pytest.raises(FishError, match="transplant:1: .*boxes has no boxes .* such as light"):
        plan_of(tmp_path, [("a.jpg", None, None, None, None)])


def test_photos_of_a_class_without_any_box_are_empty_where_other_classes_have_boxes():
    images = pd.DataFrame({"image": ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]})
    boxes = pd.DataFrame(BOXES, columns=["image", *BOX_COLUMNS])
    known = find_known(images.assign(class_name=["ALB", "ALB", "ALB", "NoF"]), boxes)
    assert {image: len(own) for image, own in known.boxes.items()} == {"a.jpg": 1, "b.jpg": 2}
    assert known.empty == {"d.jpg"}
    assert not find_known(images.assign(class_name=["|x|", "|x|", "|y|", "|"]), boxes).empty  # tags


def test_of_an_empty_photo_a_piece_is_laid_on_a_deck_as_a_fish_would_be(tmp_path):
    deck = deck_of("empty.jpg", "a.jpg", tmp_path, Known({"a.jpg": ELSEWHERE}, frozenset(["empty.jpg"])))
    np.testing.assert_allclose(deck.fish, [[0.1, 0.6, 0.4, 0.9]])
    np.testing.assert_array_equal(deck.covered, ELSEWHERE)
    *_, third = plan_of(tmp_path, BOXES, classes=["ALB", "ALB", "NoF"]).decks[COPY]
    assert third.path in (tmp_path / "a.jpg", tmp_path / "b.jpg") and len(third.fish) == len(third.covered)


def test_copies_are_made_again_where_other_photos_are_empty(tmp_path):
    one, other = (plan_of(tmp_path, BOXES, classes=["ALB", "ALB", name]) for name in ("ALB", "NoF"))
    assert copy_made_by(one, COPY) != copy_made_by(other, COPY)
