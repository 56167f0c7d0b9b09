"""What detections are worth: of a photo's surest box, of all boxes, and of the sureness itself."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fishcli.dataset.boxes import box_iou

FOUND = 0.5
"""A detection of at least this IoU has found its thing."""


@dataclass(frozen=True)
class Detected:
    """The detections in one photo.

    Attributes:
        boxes: (m, 4) fractions of the photo, by falling confidence.
        confidences: (m,) 0 to 1.
        ends: (m, 4) head and tail (x, y, x, y), fractions of the photo; None where they were not looked for.
    """

    boxes: np.ndarray
    confidences: np.ndarray
    ends: np.ndarray | None = None


def iou_matrix(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The IoU of each of boxes (m, 4) with each of others (k, 4): (m, k)."""
    m, k = len(boxes), len(others)
    return box_iou(np.repeat(boxes, k, axis=0), np.tile(others, (m, 1))).reshape(m, k)


def centres_inside(boxes: np.ndarray, true_boxes: np.ndarray) -> np.ndarray:
    """Whether the centre of each of boxes (m, 4) lies in any of true boxes (k, 4): (m,) bool."""
    x, y = (boxes[:, [0]] + boxes[:, [2]]) / 2, (boxes[:, [1]] + boxes[:, [3]]) / 2
    x_min, y_min, x_max, y_max = true_boxes.T
    return np.asarray(((x > x_min) & (x < x_max) & (y > y_min) & (y < y_max)).any(axis=1))


def surest_ious(found: Sequence[Detected], true_boxes: Sequence[np.ndarray]) -> np.ndarray:
    """The IoU (n,) of each photo's surest box with the true box nearest to it.

    0 where nothing was found, NaN where nothing is there.
    """
    return np.array(
        [
            iou_matrix(each.boxes[:1], true).max(initial=0.0) if len(true) else np.nan
            for each, true in zip(found, true_boxes, strict=True)
        ]
    )


def score_detections(found: Sequence[Detected], true_boxes: Sequence[np.ndarray]) -> dict[str, float]:
    """What detections are worth.

    Args:
        found: of each photo.
        true_boxes: (k, 4) of each photo, k = 0 where nothing is there.

    Returns:
        `box_iou`, the mean IoU of a photo's surest box with the true box nearest to it;
        `box_iou_over_half`, the share of photos where it is above 0.5; `centre_in_box`, the share where its
        centre lies in a true box: all over photos with a true box, one without a detection counts as 0.
        `average_precision`: at IoU 0.5, over all photos. `auc_any`: the area under the ROC curve of the
        surest box's confidence as a sign that there is anything. NaN where the photos don't tell.
    """
    ious = surest_ious(found, true_boxes)
    ious = ious[~np.isnan(ious)]
    inside = [
        centres_inside(each.boxes[:1], true).any()
        for each, true in zip(found, true_boxes, strict=True)
        if len(true)
    ]
    return {
        "box_iou": float(np.mean(ious)) if len(ious) else float("nan"),
        "box_iou_over_half": float(np.mean(ious > FOUND)) if len(ious) else float("nan"),
        "centre_in_box": float(np.mean(inside)) if inside else float("nan"),
        "average_precision": average_precision(found, true_boxes),
        "auc_any": _auc_any(found, true_boxes),
    }


def average_precision(found: Sequence[Detected], true_boxes: Sequence[np.ndarray]) -> float:
    """Average precision at IoU 0.5: the area under precision, made non-increasing, over recall (VOC 2010)."""
    if not sum(map(len, true_boxes)):
        return float("nan")
    recall, precision = precision_over_recall(found, true_boxes)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float((precision * np.diff(recall, prepend=0.0)).sum())


def precision_over_recall(
    found: Sequence[Detected], true_boxes: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Recall and precision (m,) at IoU 0.5 of the 1, 2, ... m surest detections of all photos together.

    By falling confidence, a detection is right where the true box that it overlaps most was not taken yet.
    Recall is NaN where there is no true box.
    """
    confidences, right = [], []
    for each, true in zip(found, true_boxes, strict=True):
        taken = np.zeros(len(true), bool)
        for overlaps, confidence in zip(iou_matrix(each.boxes, true), each.confidences, strict=True):
            nearest = int(overlaps.argmax()) if len(true) else 0
            is_right = bool(len(true)) and overlaps[nearest] > FOUND and not taken[nearest]
            if is_right:
                taken[nearest] = True
            confidences.append(confidence)
            right.append(is_right)
    order = np.argsort(-np.array(confidences), kind="stable")
    hits = np.cumsum(np.array(right, np.float64)[order])
    n_true = sum(map(len, true_boxes))
    recall = hits / n_true if n_true else np.full(len(hits), np.nan)
    return recall, hits / np.arange(1, len(hits) + 1)


def _auc_any(found: Sequence[Detected], true_boxes: Sequence[np.ndarray]) -> float:
    from sklearn.metrics import roc_auc_score

    there = [len(true) > 0 for true in true_boxes]
    if all(there) or not any(there):
        return float("nan")
    return float(roc_auc_score(there, [each.confidences[:1].sum() for each in found]))
