"""What a localiser learns: for each cell of a map, is it in a thing's middle, and how far are its sides."""

import math

import numpy as np

MIDDLE = 0.5
"""The share of a box's sides within which cells count as the thing's: those see most of it, and place its
sides best, as in FCOS's centre sampling. With all cells of a box the demo's mean IoU was 0.50, not 0.63."""
LEAST_DISTANCE = 1e-3
WINDOW = 0.7
"""The sides of what a step sees of a map, as a share of the map's: half the work, for the same boxes."""
LEAST_WINDOW = 14
"""Cells: as far as boxes' sides are looked for around a cell. Smaller maps are seen whole."""

Targets = dict[str, np.ndarray]
"""`score` (..., h, w, 1): 1 in a thing's middle, else 0. `distances` (..., h, w, 5): from the cell's middle
to the left, upper, right and lower side, fractions of the input, and 1 where they count, else 0. Where heads
and tails are learned, `ends` (..., h, w, 5): from the cell's middle to head and tail (x, y, x, y), fractions
of the input, and what a fraction of the input weighs: 1 / the box's longer side, 0 where they don't count.
float32."""


def cell_middles(map_size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The middles of a map's rows (h,) and columns (w,), fractions of the input."""
    height, width = map_size
    return (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width


def cell_targets(boxes: np.ndarray, map_size: tuple[int, int], ends: np.ndarray | None = None) -> Targets:
    """The targets of one photo, as FCOS has them (Tian 2019).

    A cell in the middles of several boxes belongs to the smallest. A box so small that it has no cell's
    middle gets the nearest.

    Args:
        boxes: (k, 4) fractions of the backbone's input; rows of NaN count for nothing.
        map_size: rows and columns of the map.
        ends: (k, 4) head and tail of the thing in each box, fractions of the input, NaN where unknown; None
            where they are not learned.
    """
    rows, columns = cell_middles(map_size)
    score = np.zeros((*map_size, 1), np.float32)
    distances = np.zeros((*map_size, 5), np.float32)
    to_ends = np.zeros((*map_size, 5), np.float32)
    is_known = ~np.isnan(boxes).any(axis=1)
    known = boxes[is_known]
    sides = known[:, 2:] - known[:, :2]
    for number in np.argsort(-sides.prod(axis=1), kind="stable"):
        x_min, y_min, x_max, y_max = known[number]
        cells = np.ix_(_in_middle(rows, y_min, y_max), _in_middle(columns, x_min, x_max))
        y, x = rows[cells[0]], columns[cells[1]]
        score[cells] = 1.0
        around = np.stack(np.broadcast_arrays(x - x_min, y - y_min, x_max - x, y_max - y), axis=-1)
        distances[cells] = np.concatenate(
            [np.maximum(around, LEAST_DISTANCE), np.ones_like(around[..., :1])], axis=-1
        )
        if ends is not None:
            to_ends[cells] = _to_ends(y, x, ends[is_known][number], max(*sides[number], LEAST_DISTANCE))
    targets = {"score": score, "distances": distances}
    return targets if ends is None else {**targets, "ends": to_ends}


def _to_ends(y: np.ndarray, x: np.ndarray, ends: np.ndarray, side: float) -> np.ndarray:
    """From cells at y (r, 1) and x (1, c) to head and tail (4,), and their weight: (r, c, 5)."""
    if np.isnan(ends).any():
        return np.zeros((len(y), x.shape[1], 5))
    weight = np.full((len(y), x.shape[1]), 1 / side)
    head_x, head_y, tail_x, tail_y = ends
    return np.stack([*np.broadcast_arrays(head_x - x, head_y - y, tail_x - x, tail_y - y), weight], axis=-1)


def _in_middle(lines: np.ndarray, start: float, end: float) -> np.ndarray:
    """The numbers of the cells whose middles lie in the middle part of start to end, one at least."""
    middle, half = (start + end) / 2, MIDDLE * (end - start) / 2
    inside = np.flatnonzero(np.abs(lines - middle) < half)
    return inside if len(inside) else np.array([np.argmin(np.abs(lines - middle))])


def stacked(targets: list[Targets]) -> Targets:
    """The targets of photos in one array each."""
    return {name: np.stack([each[name] for each in targets]) for name in targets[0]}


def window_of(boxes: np.ndarray, map_size: tuple[int, int], drawn: np.ndarray) -> tuple[slice, slice]:
    """A window of a map with the middle of one of the boxes (k, 4) in it; anywhere where there is none.

    Args:
        boxes: fractions of the input; rows of NaN count for nothing.
        map_size: rows and columns of the map.
        drawn: (3,) numbers in [0, 1): which box, and how far up and left the window lies.
    """
    known = boxes[~np.isnan(boxes).any(axis=1)]
    middle = None
    if len(known):
        chosen = known[int(drawn[0] * len(known))]
        middle = (chosen[[1, 0]] + chosen[[3, 2]]) / 2
    slices = []
    for axis, n_cells in enumerate(map_size):
        length = max(math.ceil(WINDOW * n_cells), min(LEAST_WINDOW, n_cells))
        least, most = 0, n_cells - length
        if middle is not None:
            cell = min(max(int(middle[axis] * n_cells), 0), n_cells - 1)
            least, most = max(least, cell - length + 1), min(most, cell)
        start = least + int(drawn[1 + axis] * (most - least + 1))
        slices.append(slice(start, start + length))
    return slices[0], slices[1]
