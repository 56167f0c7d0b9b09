"""Photos whose features point the same way, found without comparing what lies far apart."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

LEAF = 256
"""Photos of a part at most, which are compared with another part's in one go."""
N_SAMPLED, N_ROUNDS = 1_000, 5
"""Photos of a part that say how it is cut in two, and how often their means are taken anew."""
SLACK = 0.01
"""Added to every radius: more than rounding to float32 can make of a distance."""


def close_directions(
    index: np.ndarray, queries: np.ndarray, cosine_distance: float
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """All pairs of a query and an indexed photo whose cosine distance is at most so large.

    Exact. Both are cut in two again and again, around two means (S. M. Savaresi, D. L. Boley, "On the
    performance of bisecting k-means and PDDP", 2001), into parts of up to 256 photos; by the triangle
    inequality a query is compared with those parts only whose ball around their mean comes as near as two
    photos may be apart, by one matrix product each. Where features don't cluster that is all of them.

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
    least = 1 - cosine_distance
    reach = radii + math.sqrt(2 * cosine_distance) + SLACK
    for place, rows in enumerate(of_queries):
        block = queries[rows]
        near = _distances(block, centres) <= reach
        if queries is index:
            near[:, place + 1 :] = False  # found from there
        for other in np.flatnonzero(near.any(axis=0)):
            asking, asked = np.flatnonzero(near[:, other]), leaves[other]
            cosine: Any = block[asking] @ index[asked].T
            if cosine.max() < least:
                continue
            first, second = np.divmod(np.flatnonzero(cosine.ravel() >= least), len(asked))
            found, partners, distance = rows[asking[first]], asked[second], 1 - cosine[first, second]
            yield found, partners, distance
            if queries is index and other != place:
                yield partners, found, distance


def _leaves(points: np.ndarray) -> list[np.ndarray]:
    """Rows of points (n, m) in parts of up to LEAF that lie close together."""
    leaves, parts = [], [np.arange(len(points))]
    while parts:
        rows = parts.pop()
        if len(rows) <= LEAF:
            leaves.append(rows)
            continue
        is_second = _halves(points[rows])
        parts += [rows[~is_second], rows[is_second]]
    return leaves


def _halves(points: np.ndarray) -> np.ndarray:
    """Which points (n, m) are nearer to the second of two means, (n,) bool; any half where all are alike."""
    sample = points[:: max(1, len(points) // N_SAMPLED)]
    farthest = ((sample - sample[0]) ** 2).sum(axis=1).argmax()
    one, other = sample[0], sample[farthest]
    for _ in range(N_ROUNDS):
        is_second = _is_nearer(sample, other, one)
        if is_second.all() or not is_second.any():
            break
        one, other = sample[~is_second].mean(axis=0), sample[is_second].mean(axis=0)
    is_second = _is_nearer(points, other, one)
    if is_second.all() or not is_second.any():
        return np.arange(len(points)) < len(points) // 2
    return is_second


def _is_nearer(points: np.ndarray, mean: np.ndarray, than: np.ndarray) -> np.ndarray:
    return points @ (mean - than) > (mean @ mean - than @ than) / 2


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
