"""Photos that are close to one another: by perceptual hash and, where there are features, by cosine."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

BITS = 64
MAX_COMPONENTS = 128
FITTED_ON = 10_000
"""Rows that the principal directions are found on."""
PAIRS_AT_ONCE = 20_000_000
"""Pairs of rows that a step holds in memory at worst, where all are close to all."""


@dataclass(frozen=True)
class Views:
    """Photos as points; all of one row order.

    Attributes:
        signs: (n, 64) float32, the bits of the hashes as -1 and 1: the squared distance of two is four times
            their Hamming distance.
        directions: (n, m) float32 of length 1: half the squared distance of two is their cosine distance;
            or None where there are no features.
    """

    signs: np.ndarray
    directions: np.ndarray | None


@dataclass(frozen=True)
class Limits:
    """What counts as close.

    Attributes:
        hash_bits: bits of 64 that the hashes may differ in.
        cosine_distance: that the features of photos may have which are close by features, 0 to 2, in the
            space of `views`; None where features are not looked at.
        confirming_distance: that the features of photos may have which are close by hash; a hash of 64 bits
            sees the deck of a fixed camera better than what lies on it. None with `cosine_distance`.
    """

    hash_bits: int
    cosine_distance: float | None
    confirming_distance: float | None


def views(hashes: list[np.ndarray], features: list[np.ndarray | None]) -> list[Views]:
    """Make points of one or several sets of photos, in the same space.

    Features of many channels are brought down to their first 128 principal directions (a truncated SVD of
    the first set, without centring, which hardly changes cosines): a search costs that much less, and near
    duplicates are told from others as well as in the full space.

    Args:
        hashes: (n,) uint64 each.
        features: (n, channels) float32 each, finite; or None, which makes all None.
    """
    directions: list[np.ndarray | None] = [None] * len(hashes)
    known = [each for each in features if each is not None]
    if len(known) == len(features):
        directions = list(_directions(known))
    return [Views(_signs(each), directions[i]) for i, each in enumerate(hashes)]


def close_pairs(
    index: Views, queries: Views, limits: Limits
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """All pairs of a query and an indexed photo that are close, some queries at a time.

    Exact, by scikit-learn's blocked brute force, which one matrix product a block makes quick: 100,000 rows
    cost 100,000 x 100,000 x 64 multiplications by hash and at most twice as many by cosine.

    Args:
        index: n photos.
        queries: m photos; may be the same object, each photo then is a pair with itself.
        limits: what is close.

    Yields:
        The rows (k,) of queries, in ascending order, the rows (k,) of the index, and whether they are close
        by hash (k,) bool. Each pair once.
    """
    from sklearn.neighbors import NearestNeighbors

    n_index, n_queries = len(index.signs), len(queries.signs)
    by_hash = NearestNeighbors(radius=2.0 * math.sqrt(limits.hash_bits + 0.5), algorithm="brute")
    by_hash.fit(index.signs)
    by_cosine = None
    if limits.cosine_distance is not None and limits.confirming_distance is not None:
        largest = max(limits.cosine_distance, limits.confirming_distance)
        by_cosine = NearestNeighbors(radius=math.sqrt(2.0 * largest), algorithm="brute")
        by_cosine.fit(index.directions)
    step = max(1, PAIRS_AT_ONCE // n_index)
    for start in range(0, n_queries, step):
        rows = slice(start, start + step)
        found, _ = _codes(by_hash, queries.signs[rows], start * n_index)
        close = found = np.sort(found)
        if by_cosine is not None and queries.directions is not None:
            codes, distance = _codes(by_cosine, queries.directions[rows], start * n_index)
            found = found[np.isin(found, codes[distance <= limits.confirming_distance])]
            close = np.union1d(found, codes[distance <= limits.cosine_distance])
        yield close // n_index, close % n_index, np.isin(close, found)


def _codes(search: Any, points: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (k,) as numbers, query x n_index + indexed photo, and half their squared distances (k,)."""
    distances, found = search.radius_neighbors(points)
    rows = np.repeat(np.arange(len(found)), [len(each) for each in found])
    return first + rows * search.n_samples_fit_ + np.concatenate(found), np.concatenate(distances) ** 2 / 2


def hamming(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """How many bits of the hashes (...) uint64 differ: uint8, broadcast."""
    return np.bitwise_count(first ^ second)


def _signs(hashes: np.ndarray) -> np.ndarray:
    bits = np.unpackbits(np.ascontiguousarray(hashes, np.uint64).view(np.uint8).reshape(-1, 8), axis=1)
    return bits.astype(np.float32) * 2 - 1


def _directions(features: list[np.ndarray]) -> Iterator[np.ndarray]:
    from sklearn.decomposition import TruncatedSVD
    from threadpoolctl import threadpool_limits

    units = [_unit(each.astype(np.float32)) for each in features]
    n, channels = units[0].shape
    if channels > MAX_COMPONENTS and n > MAX_COMPONENTS:
        sample = np.random.default_rng(0).permutation(n)[:FITTED_ON]
        with threadpool_limits(1):  # BLAS threads would only wait for each other
            svd = TruncatedSVD(MAX_COMPONENTS, random_state=0).fit(units[0][np.sort(sample)])
        units = [_unit(svd.transform(each).astype(np.float32)) for each in units]
    yield from units


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
