"""Head and tail of the things in boxes: which pair of points belongs to which box."""

import numpy as np
import pandas as pd

from fishcli.dataset.annotations import POINT_COLUMNS


def ends_by_image(
    points: pd.DataFrame, images: pd.DataFrame, boxes: list[np.ndarray]
) -> list[np.ndarray] | None:
    """Head and tail of the thing in each box (k, 4): head_x, head_y, tail_x, tail_y, fractions of the photo.

    Args:
        points: `image` and POINT_COLUMNS, a row a pair, as `read_points` returns them.
        images: `image`, the photos.
        boxes: of each photo: its boxes (k, 4), fractions of the photo.

    Returns:
        Of each photo (k, 4), NaN where no pair belongs to a box; None where none belongs to any.
    """
    known = {image: part[POINT_COLUMNS].to_numpy(np.float64) for image, part in points.groupby("image")}
    found = [
        ends_of_boxes(here, known.get(image, np.zeros((0, 4))))
        for image, here in zip(images["image"], boxes, strict=True)
    ]
    return None if all(np.isnan(each).all() for each in found) else found


def ends_of_boxes(boxes: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """The pair (k, 4) that belongs to each box, of pairs (p, 4); NaN where none does.

    A pair belongs to the box whose middle its own is nearest to, in sides of the box, and in which it lies;
    the nearest first, each box and each pair once.
    """
    ends = np.full((len(boxes), 4), np.nan)
    middles, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    of_pairs = (pairs[:, :2] + pairs[:, 2:]) / 2
    away = np.abs(of_pairs[None] - middles[:, None]) / np.maximum(sides, 1e-9)[:, None]
    distance = away.max(axis=2, initial=0.0)
    while distance.size and distance.min() < 0.5:
        box, pair = np.unravel_index(distance.argmin(), distance.shape)
        ends[box] = pairs[pair]
        distance[box], distance[:, pair] = np.inf, np.inf
    return ends
