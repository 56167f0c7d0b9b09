"""What the backbone gets of a photo: decoded once, then brought to its size under each view."""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from fishcli.dataset.photos.photo import UnreadableImageError, read_photo
from fishcli.features.backbones.backbone import Backbone
from fishcli.features.photos.augment import augment, augmentation_digest
from fishcli.features.photos.crops import boxes_into, cut_out, least_share
from fishcli.features.photos.recipes import PREFIX, recipe_of
from fishcli.features.photos.resizing import boxes_to_input, inputs_of_views, resize
from fishcli.features.photos.transplant import Deck, transplant
from fishcli.features.photos.views import view_of
from fishcli.features.store.recipe import Recipe
from fishcli.options.reading import USUAL, Reading

N_TRIED = 32
"""So many images are looked at for some that can be read."""


@dataclass(frozen=True)
class SplitPlan:
    """What to compute of one split.

    Attributes:
        split: "train" or a test folder's name.
        views: names of views and of augmented copies.
        images: the image ids, in the order of the store's list.
        paths: the file of each image; None where it is gone.
        reading: how photos are read, as the recipe of the store has it.
        boxes: for augmented copies, the boxes (n, m, 4) that move with the pixels, fractions of the photo;
            None where the data set has none.
        boxes_sha256: identifies them.
        regions: (n, 5) the part of each photo that takes its place, as `photos.crops` has it; None for whole
            photos.
        decks: of copies that lay fish on other decks, what each image's are laid on; None: its own.
        decks_sha256: identifies all photos and boxes of which `decks` are drawn.
    """

    split: str
    views: list[str]
    images: list[str]
    paths: list[Path | None]
    reading: Reading = USUAL
    boxes: np.ndarray | None = None
    boxes_sha256: str = ""
    regions: np.ndarray | None = None
    decks: Mapping[str, Sequence[Deck | None]] = field(default_factory=dict)
    decks_sha256: str = ""

    def region_of(self, row: int) -> np.ndarray:
        """The part (5,) of an image that takes its place."""
        return np.array([0.0, 0.0, 1.0, 1.0, 0.0]) if self.regions is None else self.regions[row]

    def boxes_of(self, row: int, photo_size: tuple[int, int]) -> np.ndarray:
        """The boxes (m, 4) of an image, fractions of its region, m = 0 where the data set has none.

        `photo_size` is height and width as decoded: only their ratio counts.
        """
        if self.boxes is None:
            return np.zeros((0, 4), np.float32)
        return self.into_region(row, self.boxes[row], photo_size)

    def into_region(self, row: int, boxes: np.ndarray, photo_size: tuple[int, int]) -> np.ndarray:
        """Boxes (m, 4) of a photo of that size, as fractions of the region that an image of this row has."""
        if self.regions is None:
            return boxes
        regions, sizes = (np.repeat([each], len(boxes), axis=0) for each in (self.regions[row], photo_size))
        return boxes_into(boxes, regions, sizes)


def boxes_name(copy: str) -> str:
    """The name under which an augmented copy's boxes stand in the store."""
    return f"{copy}_boxes"


def copy_made_by(plan: SplitPlan, copy: str) -> str:
    """What an augmented copy depends on besides the store's recipe: its own, and the boxes that it moved."""
    decks = f", decks {plan.decks_sha256}" if copy in plan.decks else ""
    return f"albumentations {augmentation_digest(recipe_of(copy))}, boxes {plan.boxes_sha256}{decks}"


@dataclass(frozen=True)
class Inputs:
    """One image's inputs to the backbone and, for augmented copies, its boxes there, by view name.

    `decode_s` and `views_s` are the seconds that they took. `is_truncated`: the file lacks its last bytes.
    """

    pixels: dict[str, np.ndarray]
    boxes: dict[str, np.ndarray]
    decode_s: float
    views_s: float
    is_truncated: bool = False


def read_inputs(plan: SplitPlan, row: int, views: list[str], backbone: Backbone) -> Inputs | str:
    """Decode an image once, as a rule, and make the inputs of all `views`; or say why it can't be read."""
    path, recipe = plan.paths[row], backbone.recipe
    if path is None:
        return "the file is missing"
    pixels: dict[str, np.ndarray] = {}
    boxes: dict[str, np.ndarray] = {}
    decode_s = views_s = 0.0
    photo, is_truncated, decoded_for = np.empty((0, 0, 3), np.uint8), False, 0
    region = plan.region_of(row)
    for side, here in sorted(_by_needed_side(views, max(recipe.image_size), least_share(region)).items()):
        started = time.perf_counter()
        # A JPEG file that was decoded smaller than a crop needs is decoded again, so that no view's pixels
        # depend on which others are computed beside it; one of fewer pixels than were asked for is whole.
        if not decoded_for or decoded_for <= min(photo.shape[:2]) < side:
            try:
                found, is_truncated = read_photo(path, plan.reading, (side, side))
            except UnreadableImageError as error:
                return str(error)
            photo, decoded_for = np.asarray(found), side
        decoded = time.perf_counter()
        seen = cut_out(photo, region)
        plain = [view for view in here if not view.startswith(PREFIX)]
        pixels |= inputs_of_views(seen, plain, recipe.image_size, recipe.resize)
        copies = [view for view in here if view.startswith(PREFIX)]
        if copies:
            made = _make_copies(plan, row, copies, photo.shape[:2], seen, side, recipe)
            pixels |= {copy: each for copy, (each, _) in made.items()}
            boxes |= {copy: each for copy, (_, each) in made.items()}
        decode_s, views_s = decode_s + decoded - started, views_s + time.perf_counter() - decoded
    return Inputs(pixels, boxes, decode_s, views_s, is_truncated)


def _make_copies(
    plan: SplitPlan,
    row: int,
    copies: list[str],
    photo_size: tuple[int, int],
    seen: np.ndarray,
    side: int,
    recipe: Recipe,
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """An image's augmented copies with their boxes, of what is `seen` (h, w, 3) of a photo of that size.

    `side`: of so many pixels other photos are decoded, too.
    """
    made = {}
    upright = resize(seen, recipe.image_size, recipe.resize)
    placed = _placed(plan.boxes_of(row, photo_size), seen, recipe)
    for copy in copies:
        deck, shown = plan.decks[copy][row] if copy in plan.decks else None, upright
        if deck is not None:
            fish = _placed(plan.into_region(row, deck.fish, photo_size), seen, recipe)
            fish = fish[~np.isnan(fish).any(axis=1)]
            other = _read_deck(plan, row, deck, seen, side, recipe)
            if other is not None and len(fish):
                shown = transplant(upright, fish, *other)
        made[copy] = augment(shown, placed, plan.images[row], copy)
    return made


def _read_deck(
    plan: SplitPlan, row: int, deck: Deck, seen: np.ndarray, side: int, recipe: Recipe
) -> tuple[np.ndarray, np.ndarray] | None:
    """A deck in the shape of what is `seen` of an image, and its boxes, as inputs; None: it can't be read.

    It is the same part of the other photo, stretched, so that padding and what is cut off stay the image's.
    """
    try:
        found, _ = read_photo(deck.path, plan.reading, (side, side))
    except UnreadableImageError:
        return None  # who makes its own features says so
    photo = np.asarray(found)
    stretched = resize(cut_out(photo, plan.region_of(row)), seen.shape[:2], "squash")
    covered = _placed(plan.into_region(row, deck.covered, photo.shape[:2]), seen, recipe)
    upright = resize(stretched, recipe.image_size, recipe.resize)
    return upright, covered[~np.isnan(covered).any(axis=1)]


def _placed(boxes: np.ndarray, seen: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Boxes (m, 4) of what is seen (h, w, 3) as fractions of the backbone's input."""
    sizes = np.repeat([seen.shape[:2]], len(boxes), axis=0)
    return boxes_to_input(boxes, sizes, recipe.image_size, recipe.resize)


def _by_needed_side(views: list[str], input_side: int, share: float) -> dict[int, list[str]]:
    """Views and copies of a region by the pixels that a photo's shorter side needs for them.

    `share` is the smaller of the region's sides, as a share of the photo's.
    """
    found: dict[int, list[str]] = {}
    for view in views:
        side = input_side if view.startswith(PREFIX) else view_of(view).needed_side(input_side)
        found.setdefault(side if share == 1 else math.ceil((side + 1) / share), []).append(view)
    return found


def first_inputs(plan: SplitPlan, backbone: Backbone, n_wanted: int) -> np.ndarray:
    """The inputs of the first images that can be read: (n, h, w, 3) uint8, n at most `n_wanted`."""
    return inputs_of(plan, backbone, range(min(N_TRIED, len(plan.paths))), n_wanted)


def inputs_of(plan: SplitPlan, backbone: Backbone, rows: Iterable[int], n_wanted: int) -> np.ndarray:
    """The inputs of the first of some rows that can be read: (n, h, w, 3) uint8, n at most `n_wanted`."""
    read = (read_inputs(plan, row, ["identity"], backbone) for row in rows)
    readable = (each.pixels["identity"] for each in read if isinstance(each, Inputs))
    return np.array(list(islice(readable, n_wanted)), np.uint8)
