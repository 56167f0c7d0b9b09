"""Features of photos whose fish, or all but whose fish, is painted over."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fishcli.basics.progress import bar
from fishcli.dataset.annotations import BOX_COLUMNS
from fishcli.features.ahead import in_pieces, map_ahead
from fishcli.features.backbones.backbone import Backbone
from fishcli.features.backbones.engines.loading import Engine
from fishcli.features.photos.decode import UnreadableImageError, decode
from fishcli.features.photos.resizing import LETTERBOX_COLOUR, resize
from fishcli.heads.inputs import pool_maps
from fishcli.options.reading import MAX_PIXELS

RING = 0.1
"""How far the ring around a box reaches, as a share of the box's sides."""
MIN_RING = 2
"""Pixels."""


@dataclass(frozen=True)
class PaintedFeatures:
    """Pooled features of the photos that have a box, in three versions; and the boxes themselves.

    Attributes:
        rows: (m,) int64, which rows of the table of images they are.
        by_look: (m, channels) float32 of "photo" (as it is), "background" (fish painted over) and "fish" (all
            else painted over), and (m, 7) of "boxes": `box_columns`.
        n_without_boxes: images that were left out, having no box.
        n_unreadable: images that have a box but can't be decoded.
    """

    rows: np.ndarray
    by_look: dict[str, np.ndarray]
    n_without_boxes: int
    n_unreadable: int


def painted_features(
    backbone: Backbone,
    engine: Engine,
    images: pd.DataFrame,
    boxes: pd.DataFrame,
    batch_size: int = 32,
    max_pixels: int = MAX_PIXELS,
) -> PaintedFeatures:
    """Compute the pooled features of each photo that has a box, painted over in each way.

    A photo is decoded once and painted before it is resized as the backbone's recipe says.
    Memory holds a few batches of inputs, however many photos there are.

    Args:
        backbone: its maps are averaged over their places.
        engine: computes them.
        images: `image`, `path`.
        boxes: as `read_boxes` returns them.
        batch_size: photos that are read at a time.
        max_pixels: a photo of more is unreadable; all else of how photos are read is the recipe's.
    """
    corners = {image: rows[BOX_COLUMNS].to_numpy() for image, rows in boxes.groupby("image")}
    ids, paths = list(images["image"]), list(images["path"])
    boxed = [row for row, image in enumerate(ids) if image in corners]
    batches = [boxed[start : start + batch_size] for start in range(0, len(boxed), batch_size)]

    def read(row: int) -> dict[str, np.ndarray] | None:
        return _inputs(paths[row], corners[ids[row]], backbone, max_pixels)

    def pool(images: list[np.ndarray]) -> np.ndarray:
        features = engine.compute(np.stack(images))
        return (pool_maps(features) if features.ndim == 4 else features).astype(np.float32)

    rows: list[int] = []
    parts: dict[str, list[np.ndarray]] = {look: [] for look in PAINTERS}
    with (
        ThreadPoolExecutor(os.cpu_count()) as readers,
        ThreadPoolExecutor(engine.n_threads) as computers,
        bar(len(boxed), "painted photos", "img") as progress,
    ):

        def jobs() -> Iterator[tuple[str, list[list[np.ndarray]]]]:
            for batch, inputs in map_ahead(readers, read, ((batch, batch) for batch in batches)):
                readable = [each for each in inputs if each is not None]
                rows.extend(row for row, each in zip(batch, inputs, strict=True) if each is not None)
                for look in PAINTERS:
                    yield look, in_pieces([each[look] for each in readable], engine.batch_size)
                progress.update(len(batch))

        for look, pooled in map_ahead(computers, pool, jobs()):
            parts[look] += pooled
    nothing = [np.zeros((0, backbone.feature_shape[-1]), np.float32)]
    by_look = {look: np.concatenate(part or nothing) for look, part in parts.items()}
    by_look["boxes"] = np.array([box_columns(corners[ids[row]]) for row in rows], np.float32).reshape(-1, 7)
    return PaintedFeatures(
        np.array(rows, np.int64), by_look, len(ids) - len(boxed), n_unreadable=len(boxed) - len(rows)
    )


def paint_fish(photo: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """The photo with each box in the median colour of a ring around it.

    The ring has no pixel of any box. Where a box leaves none, the median of all pixels outside of boxes
    stands in, and a grey where there are none either. What of a fish sticks out of its box stays.

    Args:
        photo: (height, width, 3) uint8.
        boxes: (m, 4), fractions x_min, y_min, x_max, y_max.

    Returns:
        A new photo.
    """
    is_fish, painted = _inside(photo, boxes), photo.copy()
    outside = photo[~is_fish]
    spare = np.median(outside, axis=0) if len(outside) else np.array(LETTERBOX_COLOUR)
    for left, top, right, bottom in _pixels(photo, boxes):
        wide = max(MIN_RING, round(RING * (right - left)))
        high = max(MIN_RING, round(RING * (bottom - top)))
        around = np.s_[max(0, top - high) : bottom + high, max(0, left - wide) : right + wide]
        ring = photo[around][~is_fish[around]]
        painted[top:bottom, left:right] = np.median(ring, axis=0) if len(ring) else spare
    return painted


def paint_background(photo: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """The photo with all that is outside of its boxes in one grey, the same for every photo.

    A colour taken from the photo would tell of its light and its boat.

    Args:
        photo: (height, width, 3) uint8.
        boxes: (m, 4), fractions x_min, y_min, x_max, y_max.

    Returns:
        A new photo.
    """
    painted = photo.copy()
    painted[~_inside(photo, boxes)] = LETTERBOX_COLOUR
    return painted


PAINTERS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "photo": lambda photo, boxes: photo,
    "background": paint_fish,
    "fish": paint_background,
}
"""How each look is made of a photo and its boxes."""


def box_columns(boxes: np.ndarray) -> np.ndarray:
    """What painting can't hide of boxes (m, 4): their number and where they are.

    Returns:
        (7,) float64: the number; centre x, centre y, width and height of the smallest box around all; the
        logarithm of the largest one's area and of its aspect, width over height.
    """
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6)
    width, height = sides[sides.prod(axis=1).argmax()]
    return np.array(
        [len(boxes), *(low + high) / 2, *(high - low), np.log(width * height), np.log(width / height)]
    )


def _inputs(
    path: Path, boxes: np.ndarray, backbone: Backbone, max_pixels: int
) -> dict[str, np.ndarray] | None:
    """The backbone's inputs by look; None where the photo can't be read."""
    recipe = backbone.recipe
    try:
        photo = decode(path, max(recipe.image_size), recipe.reading(max_pixels))
    except UnreadableImageError:
        return None
    return {
        look: resize(paint(photo, boxes), recipe.image_size, recipe.resize)
        for look, paint in PAINTERS.items()
    }


def _inside(photo: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Which pixels (height, width) bool are in any box."""
    inside = np.zeros(photo.shape[:2], bool)
    for left, top, right, bottom in _pixels(photo, boxes):
        inside[top:bottom, left:right] = True
    return inside


def _pixels(photo: np.ndarray, boxes: np.ndarray) -> list[tuple[int, int, int, int]]:
    """Left, top, right and bottom of each box in pixels, rounded outwards; right and bottom are outside."""
    height, width = photo.shape[:2]
    low = np.floor(boxes[:, :2] * (width, height)).astype(int)
    high = np.ceil(boxes[:, 2:] * (width, height)).astype(int)
    return [(left, top, right, bottom) for (left, top), (right, bottom) in zip(low, high, strict=True)]
