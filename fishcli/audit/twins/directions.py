"""Photos whose features point the same way, found without comparing what lies far apart."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

LEAF = 512
"""Photos that are compared with as many others in one go."""
N_FOR_SPREAD = 1_000
"""Photos of a part that say along which axis it is cut."""
SLACK = 0.01
"""Added to every radius: more than rounding to float32 can make of a distance."""


def close_directions(
    index: np.ndarray, queries: np.ndarray, cosine_distance: float
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """All pairs of a query and an indexed photo whose cosine distance is at most so large.

    Exact. Both are cut in half again and again along the axis on which they spread most (J. L. Bentley,
    "Multidimensional binary search trees", 1975), into parts of up to 512 photos; by the triangle inequality
    a query is compared with those parts only whose ball around their mean comes as near as two photos may be
    apart, by one matrix product each. Where features don't cluster that is all of them.

    Args:
        index: (n, m) float32, rows no longer than 1.
        queries: (k, m) float32; may be the same object, each photo then is a pair with itself.
        cosine_distance: 0 to 2.

    Yields:
        The rows (j,) of queries, the rows (j,) of the index, and their cosine distances (j,) float32. Each
        pair once, in no order; where photos are compared with themselves in both orders.
    """
    leaves = _leaves(index)
    of_queries = leaves if queries is index else _leaves(queries)
    centres, radii = _balls(index, leaves)
    reach = radii + math.sqrt(2 * cosine_distance) + SLACK
    for place, rows in enumerate(of_queries):
        block = queries[rows]
        near = _distances(block, centres) <= reach
        if queries is index:
            near[:, place + 1 :] = False  # found from there
        for other in np.flatnonzero(near.any(axis=0)):
            asking, asked = np.flatnonzero(near[:, other]), leaves[other]
            distance: Any = 1 - block[asking] @ index[asked].T
            first, second = np.nonzero(distance <= cosine_distance)
            if not len(first):
                continue
            found, partners, cosines = rows[asking[first]], asked[second], distance[first, second]
            yield found, partners, cosines
            if queries is index and other != place:
                yield partners, found, cosines


def _leaves(points: np.ndarray) -> list[np.ndarray]:
    """Rows of points (n, m) in parts of up to LEAF that lie close together."""
    leaves, parts = [], [np.arange(len(points))]
    while parts:
        rows = parts.pop()
        if len(rows) <= LEAF:
            leaves.append(rows)
            continue
        some = points[rows[:: max(1, len(rows) // N_FOR_SPREAD)]]
        order = np.argpartition(points[rows, some.var(axis=0).argmax()], len(rows) // 2)
        parts += [rows[order[: len(rows) // 2]], rows[order[len(rows) // 2 :]]]
    return leaves


def _balls(points: np.ndarray, leaves: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The mean (n_leaves, m) of each part, and how far (n_leaves,) its farthest point is from that."""
    centres = np.stack([points[rows].mean(axis=0) for rows in leaves])
    radii = [
        np.linalg.norm(points[rows] - mean, axis=1).max() for rows, mean in zip(leaves, centres, strict=True)
    ]
    return centres, np.array(radii)


def _distances(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Euclidean distances (n, n_centres)."""
    squared = (points**2).sum(axis=1)[:, None] + (centres**2).sum(axis=1) - 2 * points @ centres.T
    return np.sqrt(squared.clip(0))
