"""A spatial pyramid: what is pooled over the photo, its quarters and their quarters, side by side."""

from collections.abc import Callable
from typing import Literal

import numpy as np

Reduce = Literal["sum", "max"]


def parts_of_grid(height: int, width: int, levels: int) -> list[tuple[slice, slice]]:
    """The rows and columns of a map that each cell of the finest level has, row by row; few places: none."""
    n = 2 ** (levels - 1)
    ys, xs = (np.arange(n + 1) * side // n for side in (height, width))
    return [(slice(ys[i], ys[i + 1]), slice(xs[j], xs[j + 1])) for i in range(n) for j in range(n)]


def pyramid(finest: np.ndarray, reduce: Reduce, vector_of: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Vectors of the cells of all levels, side by side (Lazebnik, Schmid & Ponce 2006).

    Each cell's has the length 1, times the root of its level's weight, which halves from a level to the next
    coarser one, shared out among the level's cells: products of two pyramids are the matches that the paper
    has, and their own length is 1.

    Args:
        finest: (n, cells, ...) what was pooled in each cell of the finest level, as `parts_of_grid` has them.
        reduce: how a coarser cell's comes of its four finer ones.
        vector_of: from (n, cells, ...) to the vectors (n, cells, dimensions).

    Returns:
        (n, cells of all levels * dimensions) float32, the coarsest level first.
    """
    n_images, n_cells = finest.shape[:2]
    side = round(n_cells**0.5)
    depth = side.bit_length() - 1
    pooled, found = finest, []
    for level in range(depth, -1, -1):
        vectors = vector_of(pooled)
        lengths = np.sqrt((vectors**2).sum(axis=-1, keepdims=True))
        weight = 2.0 ** -(depth - level + 1 if level else depth)
        vectors = vectors * (np.sqrt(weight / 4**level) / np.maximum(lengths, 1e-12))
        found.append(vectors.reshape(n_images, -1).astype(np.float32))
        if level:
            here = 2 ** (level - 1)
            four = pooled.reshape(n_images, here, 2, here, 2, *pooled.shape[2:])
            pooled = four.sum(axis=(2, 4)) if reduce == "sum" else four.max(axis=(2, 4))
            pooled = pooled.reshape(n_images, here * here, *pooled.shape[3:])
    return np.concatenate(found[::-1], axis=1)
