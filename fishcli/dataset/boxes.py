"""One target box an image, and how well two boxes agree."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from fishcli.dataset.annotations import BOX_COLUMNS

BOX_RULES = ("largest", "union")
"""Also the order in which augmented copies' boxes stand in the feature store."""


def target_boxes(boxes: pd.DataFrame, images: Sequence[str], rule: str) -> np.ndarray:
    """Reduce the boxes of each image to the one that a head learns.

    Args:
        boxes: `image`, `x_min`, `y_min`, `x_max`, `y_max` (fractions of width and height), as `read_boxes`
            returns them.
        images: image ids, in the order wanted; joined on id.
        rule: "largest" (by area, the first of equals) or "union" (the smallest box around all).

    Returns:
        float32 (n_images, 4) in [0, 1]: x_min, y_min, x_max, y_max; NaN rows where an image has no box.

    Raises:
        ValueError: another rule.
    """
    if rule == "largest":
        ranked = boxes.assign(area=box_area(boxes[BOX_COLUMNS].to_numpy())).sort_values(
            "area", ascending=False, kind="stable"
        )
        targets = ranked.drop_duplicates("image").set_index("image")
    elif rule == "union":
        targets = boxes.groupby("image").agg({"x_min": "min", "y_min": "min", "x_max": "max", "y_max": "max"})
    else:
        raise ValueError(f"unknown rule {rule!r}; expected one of {', '.join(BOX_RULES)}.")
    return targets[BOX_COLUMNS].reindex(list(images)).to_numpy(np.float32)


def box_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of the boxes in the same row.

    A degenerate box (x_max < x_min or y_max < y_min, as a head may predict) has area 0, so its IoU is 0.

    Args:
        a: float (n, 4), fractions x_min, y_min, x_max, y_max.
        b: likewise.

    Returns:
        float64 (n,) in [0, 1]; NaN where either box is NaN.

    Raises:
        ValueError: `a` and `b` aren't both of one shape (n, 4).
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape or a.ndim != 2 or a.shape[1] != 4:
        raise ValueError(f"expected two arrays of one shape (n, 4), got {a.shape} and {b.shape}.")
    overlap = box_area(np.hstack([np.maximum(a[:, :2], b[:, :2]), np.minimum(a[:, 2:], b[:, 2:])]))
    union = box_area(a) + box_area(b) - overlap
    return np.divide(overlap, union, out=np.zeros(len(a)), where=union != 0)


def box_area(boxes: np.ndarray) -> np.ndarray:
    """The area (n,) of boxes (n, 4) as fractions of the image; 0 where corners cross, NaN stays NaN."""
    return np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0).prod(axis=1)
