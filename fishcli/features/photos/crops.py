"""Regions of photos in their place: which part of a photo a crop store has, and where boxes lie in it.

A region is `x_min, y_min, x_max, y_max`, fractions of the upright photo, and the degrees that it is turned by
around its middle. In tables and lists of images it stands in the column `region`, as text, in which no fifth
number means 0 degrees; a table without that column means whole photos.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fishcli.features.photos.turned import (
    corners_of,
    cut_turned,
    hulls_of,
    is_turned,
    points_into,
    points_out_of,
)
from fishcli.features.photos.views import ends_of

REGION = "region"
WHOLE = "0 0 1 1"
DIGITS = 5
LEAST_LENGTH = 0.5
"""Head and tail that lie nearer than this share of the box's longer side are not known well enough: the
fish's ends span its box, and cells that disagree which end is which draw both to the middle."""


@dataclass(frozen=True)
class Crop:
    """How regions come from detections; a part of a crop store's recipe.

    Attributes:
        margin: what a region is wider than the surest box, as a share of its longer side, on each side.
        least: the least side of a region, as a share of the photo's shorter side.
        boxes_sha256: of the training photos' surest boxes, 12 hexadecimal digits.
        align: whether regions are turned so that the fish is level, its head to the left.
    """

    margin: float
    least: float
    boxes_sha256: str
    align: bool = False


def region_around(box: np.ndarray, image_size: tuple[int, int], crop: Crop) -> str:
    """The square around a box, moved into the photo; as wide or high as the photo where it would not fit.

    Args:
        box: (4,) fractions of the photo; NaN where nothing was found: then the region is the whole photo.
        image_size: (height, width), pixels.
        crop: the rule.
    """
    height, width = image_size
    if np.isnan(box).any() or not (height and width):
        return WHOLE
    pixels = box * np.array([width, height, width, height])
    side = max(pixels[2:] - pixels[:2]) * (1 + 2 * crop.margin)
    side = max(side, crop.least * min(height, width))
    starts, shares = [], []
    for start, end, whole in ((pixels[0], pixels[2], width), (pixels[1], pixels[3], height)):
        length = min(side, whole)
        starts.append(min(max((start + end - length) / 2, 0.0), whole - length) / whole)
        shares.append(length / whole)
    x_min, y_min = starts
    corners = (x_min, y_min, x_min + shares[0], y_min + shares[1])
    return " ".join(f"{round(min(corner, 1.0), DIGITS):g}" for corner in corners)


def region_along(box: np.ndarray, ends: np.ndarray, image_size: tuple[int, int], crop: Crop) -> str:
    """The square around a box, turned so that its thing's head is on the left and its tail level with it.

    Its side is as `region_around` has it, of the box's longer side or the thing's length, whichever is more.
    It is not moved into the photo: a turned square would not fit there. Where head and tail are not known
    well enough (LEAST_LENGTH), the region is as `region_around` has it.

    Args:
        box: (4,) fractions of the photo; NaN where nothing was found.
        ends: (4,) head and tail (x, y, x, y), likewise.
        image_size: (height, width), pixels.
        crop: the rule.
    """
    height, width = image_size
    whole = np.array([width, height, width, height])
    pixels = box * whole
    along = (ends[2:] - ends[:2]) * whole[:2]
    length, longer = float(np.hypot(*along)), max(pixels[2:] - pixels[:2])
    if not length > LEAST_LENGTH * longer:  # nor where either is NaN or 0
        return region_around(box, image_size, crop)
    side = max(max(longer, length) * (1 + 2 * crop.margin), crop.least * min(height, width))
    middle = (pixels[:2] + pixels[2:]) / 2
    corners = np.concatenate([middle - side / 2, middle + side / 2]) / whole
    angle = np.degrees(np.arctan2(along[1], along[0]))
    return " ".join([*(f"{round(corner, DIGITS):g}" for corner in corners), f"{angle:.1f}"])


def regions_of(images: pd.DataFrame) -> np.ndarray | None:
    """The regions (n, 5) of a table's images; None where it means whole photos."""
    return parse_regions(list(images[REGION])) if REGION in images else None


def parse_regions(texts: list[str]) -> np.ndarray:
    """Regions (n, 5) from their texts."""
    return np.array([[*text.split(), "0"][:5] for text in texts], np.float64).reshape(-1, 5)


def cut_out(photo: np.ndarray, region: np.ndarray) -> np.ndarray:
    """A region (5,) of a photo (h, w, channels), to whole pixels, one at least: no copy where it is level."""
    if is_turned(region):
        return cut_turned(photo, region)
    top, bottom = ends_of(photo.shape[0], region[1], region[3])
    left, right = ends_of(photo.shape[1], region[0], region[2])
    return photo[top:bottom, left:right]


def least_share(region: np.ndarray) -> float:
    """The smaller of a region's (5,) width and height."""
    return float(min(region[2] - region[0], region[3] - region[1]))


def seen_sizes(images: pd.DataFrame) -> np.ndarray:
    """The sizes (n, 2: height, width) in pixels of what a store has of `images`: photos, or their regions."""
    sizes, regions = images[["height", "width"]].to_numpy(), regions_of(images)
    if regions is None:
        return np.asarray(sizes)
    shares = (regions[:, 2:4] - regions[:, :2])[:, ::-1]
    return np.maximum(np.round(sizes * shares), 1).astype(np.int64)


def boxes_into_regions(boxes: np.ndarray, images: pd.DataFrame) -> np.ndarray:
    """Boxes (n, 4) of photos as fractions of what a store has of them: beyond 0 and 1 where they are cut.

    In a turned region it is the least level box around the turned one, so somewhat larger than the thing.
    """
    regions = regions_of(images)
    return boxes if regions is None else boxes_into(boxes, regions, _sizes(images))


def boxes_into(boxes: np.ndarray, regions: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """As `boxes_into_regions`, of regions (n, 5) in photos of `sizes` (n, 2: height, width), pixels."""
    starts, sides = _places(regions)
    hulls = hulls_of(points_into(corners_of(boxes), regions, sizes))
    return np.asarray(np.where(regions[:, 4:] == 0, (boxes - starts) / sides, hulls))


def boxes_out_of_regions(boxes: np.ndarray, images: pd.DataFrame) -> np.ndarray:
    """The inverse of `boxes_into_regions`; of a turned region the least box around, so larger once more."""
    regions = regions_of(images)
    if regions is None:
        return boxes
    starts, sides = _places(regions)
    hulls = hulls_of(points_out_of(corners_of(boxes), regions, _sizes(images)))
    return np.asarray(np.where(regions[:, 4:] == 0, boxes * sides + starts, hulls))


def _sizes(images: pd.DataFrame) -> np.ndarray:
    """Height and width (n, 2) of photos, 1 where unknown: those are whole."""
    return np.maximum(images[["height", "width"]].to_numpy(), 1)


def _places(regions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The corners and sides (n, 4) of regions that are not turned, as boxes have them."""
    return np.tile(regions[:, :2], 2), np.tile(regions[:, 2:4] - regions[:, :2], 2)
