"""Regions of photos in their place: which part of a photo a crop store has, and where boxes lie in it.

A region is `x_min, y_min, x_max, y_max`, fractions of the upright photo. In tables and lists of images it
stands in the column `region`, as text; a table without that column means whole photos.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fishcli.features.photos.views import ends_of

REGION = "region"
WHOLE = "0 0 1 1"
DIGITS = 5


@dataclass(frozen=True)
class Crop:
    """How regions come from detections; a part of a crop store's recipe.

    Attributes:
        margin: what a region is wider than the surest box, as a share of its longer side, on each side.
        least: the least side of a region, as a share of the photo's shorter side.
        boxes_sha256: of the training photos' surest boxes, 12 hexadecimal digits.
    """

    margin: float
    least: float
    boxes_sha256: str


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


def regions_of(images: pd.DataFrame) -> np.ndarray | None:
    """The regions (n, 4) of a table's images; None where it means whole photos."""
    return parse_regions(list(images[REGION])) if REGION in images else None


def parse_regions(texts: list[str]) -> np.ndarray:
    """Regions (n, 4) from their texts."""
    return np.array([text.split() for text in texts], np.float64).reshape(-1, 4)


def cut_out(photo: np.ndarray, region: np.ndarray) -> np.ndarray:
    """A region (4,) of a photo (h, w, channels), to whole pixels, one at least: no copy."""
    top, bottom = ends_of(photo.shape[0], region[1], region[3])
    left, right = ends_of(photo.shape[1], region[0], region[2])
    return photo[top:bottom, left:right]


def least_share(region: np.ndarray) -> float:
    """The smaller of a region's (4,) width and height."""
    return float(min(region[2] - region[0], region[3] - region[1]))


def seen_sizes(images: pd.DataFrame) -> np.ndarray:
    """The sizes (n, 2: height, width) in pixels of what a store has of `images`: photos, or their regions."""
    sizes, regions = images[["height", "width"]].to_numpy(), regions_of(images)
    if regions is None:
        return np.asarray(sizes)
    shares = (regions[:, 2:] - regions[:, :2])[:, ::-1]
    return np.maximum(np.round(sizes * shares), 1).astype(np.int64)


def boxes_into_regions(boxes: np.ndarray, images: pd.DataFrame) -> np.ndarray:
    """Boxes (n, 4) of photos as fractions of what a store has of them: beyond 0 and 1 where they are cut."""
    regions = regions_of(images)
    if regions is None:
        return boxes
    starts, sides = _places(regions)
    return np.asarray((boxes - starts) / sides)


def boxes_out_of_regions(boxes: np.ndarray, images: pd.DataFrame) -> np.ndarray:
    """The inverse of `boxes_into_regions`."""
    regions = regions_of(images)
    if regions is None:
        return boxes
    starts, sides = _places(regions)
    return np.asarray(boxes * sides + starts)


def _places(regions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The corners and sides (n, 4) of regions, as boxes have them."""
    return np.tile(regions[:, :2], 2), np.tile(regions[:, 2:] - regions[:, :2], 2)
