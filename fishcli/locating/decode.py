"""From a localiser's maps to boxes: each cell's box, and those of several cells and views merged."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fishcli.dataset.boxes import box_iou
from fishcli.locating.targets import cell_middles

BATCH = 16
"""Photos that a model sees at a time."""
N_CELLS = 200
"""Cells of a map that are looked at, the surest."""
N_BOXES = 10
"""Boxes of a photo at most."""
SAME = 0.5
"""Boxes of a larger IoU are of one thing."""
LEAST_SCORE = 0.02
"""Boxes below it are dropped, but for a photo's best."""


@dataclass(frozen=True)
class CellBoxes:
    """The boxes of a map's surest cells.

    Attributes:
        boxes: (m, 4) fractions of the input, float64.
        scores: (m,) 0 to 1.
        ends: (m, 4) head and tail (x, y, x, y), as fractions likewise; None where they were not learned.
    """

    boxes: np.ndarray
    scores: np.ndarray
    ends: np.ndarray | None = None


def cell_boxes(model: Any, maps: np.ndarray) -> list[CellBoxes]:
    """The boxes of each photo's surest cells, from its maps (n, h, w, channels)."""
    rows, columns = cell_middles(maps.shape[1:3])
    y, x = (each.ravel() for each in np.meshgrid(rows, columns, indexing="ij"))
    parts = [_outputs(model, maps[start : start + BATCH]) for start in range(0, len(maps), BATCH)]
    outputs = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    found = []
    for row, logit in enumerate(outputs["score"][..., 0]):
        best = np.argsort(-logit, kind="stable")[:N_CELLS]
        left, top, right, bottom = outputs["distances"][row, best].T
        boxes = np.stack([x[best] - left, y[best] - top, x[best] + right, y[best] + bottom], axis=1)
        ends = None
        if "ends" in outputs:
            ends = outputs["ends"][row, best] + np.stack([x[best], y[best]] * 2, axis=1)
        found.append(CellBoxes(np.clip(boxes, 0.0, 1.0), 1 / (1 + np.exp(-logit[best])), ends))
    return found


def _outputs(model: Any, maps: np.ndarray) -> dict[str, np.ndarray]:
    """What a model says of the cells of a few maps: each output (n, cells, channels), float64."""
    output = model(maps.astype(np.float32, copy=False), training=False)
    return {
        name: np.asarray(each, np.float64).reshape(len(maps), -1, each.shape[-1])
        for name, each in output.items()
    }


def merge(views: list[CellBoxes]) -> CellBoxes:
    """The boxes of one photo, from those of its cells under several views, or by several localisers.

    The surest cell's box is averaged with all that overlap it well, weighted by their scores' squares
    (weighted boxes fusion, Solovyev 2019); its score is the mean over views of the best of them. Then the
    surest cell that is left, and so on. Heads and tails are averaged as boxes are: where cells disagree which
    end is which, they come to lie close together.

    Args:
        views: each view's cells, boxes as fractions of the photo.

    Returns:
        At most N_BOXES boxes, by falling score, one at least.
    """
    boxes = np.concatenate([each.boxes for each in views])
    scores = np.concatenate([each.scores for each in views])
    of_view = np.repeat(np.arange(len(views)), [len(each.scores) for each in views])
    known_ends = [each.ends for each in views if each.ends is not None]
    ends = np.concatenate(known_ends) if len(known_ends) == len(views) else None
    merged: list[np.ndarray] = []
    merged_ends: list[np.ndarray] = []
    found: list[float] = []
    left = np.ones(len(scores), bool)
    while left.any() and len(merged) < N_BOXES:
        surest = np.flatnonzero(left)[np.argmax(scores[left])]
        if merged and scores[surest] < LEAST_SCORE:
            break
        same = left & (box_iou(np.broadcast_to(boxes[surest], boxes.shape), boxes) > SAME)
        same[surest] = True
        weights = scores[same] ** 2
        merged.append(np.average(boxes[same], axis=0, weights=weights))
        if ends is not None:
            merged_ends.append(np.average(ends[same], axis=0, weights=weights))
        best = [scores[same & (of_view == view)].max(initial=0.0) for view in range(len(views))]
        found.append(float(np.mean(best)))
        left &= ~same
    order = np.argsort(-np.array(found), kind="stable")
    of_all = None if ends is None else np.stack(merged_ends)[order]
    return CellBoxes(np.stack(merged)[order], np.array(found)[order], of_all)
