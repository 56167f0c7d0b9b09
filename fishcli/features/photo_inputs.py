"""What the backbone gets of a photo: decoded once, then brought to its size under each view."""

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from fishcli.dataset.photos.photo import UnreadableImageError, read_photo
from fishcli.features.backbones.backbone import Backbone
from fishcli.features.photos.augment import augment, augmentation_digest
from fishcli.features.photos.crops import boxes_into, cut_out, least_share
from fishcli.features.photos.recipes import PREFIX, recipe_of
from fishcli.features.photos.resizing import boxes_to_input, inputs_of_views, resize
from fishcli.features.photos.views import view_of
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
    """

    split: str
    views: list[str]
    images: list[str]
    paths: list[Path | None]
    reading: Reading = USUAL
    boxes: np.ndarray | None = None
    boxes_sha256: str = ""
    regions: np.ndarray | None = None

    def region_of(self, row: int) -> np.ndarray:
        """The part (5,) of an image that takes its place."""
        return np.array([0.0, 0.0, 1.0, 1.0, 0.0]) if self.regions is None else self.regions[row]

    def boxes_of(self, row: int, photo_size: tuple[int, int]) -> np.ndarray:
        """The boxes (m, 4) of an image, fractions of its region, m = 0 where the data set has none.

        `photo_size` is height and width as decoded: only their ratio counts.
        """
        if self.boxes is None:
            return np.zeros((0, 4), np.float32)
        if self.regions is None:
            return self.boxes[row]
        here = self.boxes[row]
        regions, sizes = (np.repeat([each], len(here), axis=0) for each in (self.regions[row], photo_size))
        return boxes_into(here, regions, sizes)


def boxes_name(copy: str) -> str:
    """The name under which an augmented copy's boxes stand in the store."""
    return f"{copy}_boxes"


def copy_made_by(plan: SplitPlan, copy: str) -> str:
    """What an augmented copy depends on besides the store's recipe: its own, and the boxes that it moved."""
    return f"albumentations {augmentation_digest(recipe_of(copy))}, boxes {plan.boxes_sha256}"


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
            upright = resize(seen, recipe.image_size, recipe.resize)
            boxes_here = plan.boxes_of(row, photo.shape[:2])
            sizes = np.repeat([seen.shape[:2]], len(boxes_here), axis=0)
            placed = boxes_to_input(boxes_here, sizes, recipe.image_size, recipe.resize)
            for copy in copies:
                pixels[copy], boxes[copy] = augment(upright, placed, plan.images[row], copy)
        decode_s, views_s = decode_s + decoded - started, views_s + time.perf_counter() - decoded
    return Inputs(pixels, boxes, decode_s, views_s, is_truncated)


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
