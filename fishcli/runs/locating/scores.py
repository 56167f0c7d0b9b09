"""What a localiser found out of fold, and what that is worth beside the mean box."""

from typing import Any

import numpy as np
import pandas as pd

from fishcli.features.photos.crops import Crop, parse_regions, region_around
from fishcli.locating.decode import CellBoxes
from fishcli.locating.sureness import Sureness
from fishcli.options.features import FeaturesConfig
from fishcli.runs.locating.localiser import LocaliserRun
from fishcli.scoring.cropping import CropGain, crop_gain
from fishcli.scoring.detecting import Detected, centres_inside, score_detections

OF_MEAN_BOX = ("box_iou", "box_iou_over_half", "centre_in_box", "average_precision")


def found_out_of_fold(
    this_run: LocaliserRun, folds: pd.DataFrame, boxes: list[np.ndarray]
) -> tuple[list[Detected], Sureness]:
    """What was found in each training photo by the fold that had not seen it, and how sure to be elsewhere.

    A detection's confidence is the probability that its centre lies in a true box: each fold's found on the
    other folds, the one returned on all.

    Args:
        this_run: its folds are trained.
        folds: `image`, `fold` of the training photos.
        boxes: their true boxes (k, 4).
    """
    fold, n_folds = folds["fold"].to_numpy(), this_run.settings["folds"]
    raw: list[CellBoxes] = [CellBoxes(np.zeros((0, 4)), np.zeros(0))] * len(folds)
    for k in range(n_folds):
        for row, found in zip(np.flatnonzero(fold == k), this_run.found_in_fold(k), strict=True):
            raw[row] = found
    surenesses = [_sureness(raw, boxes, fold != k) for k in range(n_folds)]
    detected = [
        Detected(each.boxes, surenesses[k].of(each.scores), each.ends)
        for k, each in zip(fold, raw, strict=True)
    ]
    return detected, _sureness(raw, boxes, fold >= 0)


def _sureness(found: list[CellBoxes], boxes: list[np.ndarray], chosen: np.ndarray) -> Sureness:
    """How sure to be, from what became of the detections in the `chosen` photos."""
    rows = np.flatnonzero(chosen)
    right = [centres_inside(found[row].boxes, boxes[row]) for row in rows]
    return Sureness.fit([found[row].scores for row in rows], right)


def mean_boxes(boxes: list[np.ndarray], fold: np.ndarray) -> list[Detected]:
    """The same box for each photo of a fold: the mean of the largest boxes of the other folds' photos."""
    largest = np.stack([_largest(each) for each in boxes])
    means = {k: np.nanmean(largest[fold != k], axis=0)[None] for k in np.unique(fold)}
    return [Detected(means[k], np.ones(1)) for k in fold]


def _largest(boxes: np.ndarray) -> np.ndarray:
    """The largest of boxes (k, 4): (4,), NaN where there is none."""
    if not len(boxes):
        return np.full(4, np.nan)
    return boxes[int((boxes[:, 2:] - boxes[:, :2]).prod(axis=1).argmax())]


def scores_beside_mean_box(
    found: list[Detected], constant: list[Detected], boxes: list[np.ndarray]
) -> dict[str, Any]:
    """The figures of `score_detections`, the mean box's beside them; None where the photos don't tell."""
    own, mean_box = score_detections(found, boxes), score_detections(constant, boxes)
    named = {**own, **{f"mean_{name}": mean_box[name] for name in OF_MEAN_BOX}}
    return {"n_images": len(found), **{k: None if np.isnan(v) else v for k, v in named.items()}}


def scores_by(
    parts: np.ndarray, found: list[Detected], constant: list[Detected], boxes: list[np.ndarray]
) -> dict[Any, dict[str, Any]]:
    """The figures of `scores_beside_mean_box` for each part by name; `parts` (n,) says who is of which."""
    scores = {}
    for name in np.unique(parts):
        rows = np.flatnonzero(parts == name)
        scores[name.item()] = scores_beside_mean_box(
            [found[row] for row in rows], [constant[row] for row in rows], [boxes[row] for row in rows]
        )
    return scores


def measured(folds: pd.DataFrame, boxes: list[np.ndarray], detected: list[Detected]) -> dict[str, Any]:
    """All figures, whole and by fold, the mean box's beside them."""
    fold = folds["fold"].to_numpy()
    constant = mean_boxes(boxes, fold)
    by_fold = scores_by(fold, detected, constant, boxes)
    kind = "random" if (folds["group"] == "").all() else "grouped"
    return {
        "folds": kind,
        **scores_beside_mean_box(detected, constant, boxes),
        "by_fold": [{"fold": k, **scores} for k, scores in by_fold.items()],
    }


def gain_of_crops(found: list[Detected], boxes: list[np.ndarray], sizes: np.ndarray) -> CropGain | None:
    """What crops by the usual rule around each photo's surest box show; None where nothing has a true box.

    Args:
        found: in each photo, out of fold.
        boxes: their true boxes (k, 4).
        sizes: (n, 2) of the photos: height and width, pixels.
    """
    usual = FeaturesConfig()
    crop = Crop(usual.crop_margin, usual.crop_min, "")
    surest = [each.boxes[0] if len(each.boxes) else np.full(4, np.nan) for each in found]
    regions = [region_around(box, (h, w), crop) for box, (h, w) in zip(surest, sizes, strict=True)]
    return crop_gain(parse_regions(regions)[:, :4], boxes)
