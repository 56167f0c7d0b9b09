"""Photos that are close to one another: by perceptual hash and, where there are features, by cosine."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fishcli.audit.twins.directions import close_directions
from fishcli.audit.twins.gathering import gathered
from fishcli.audit.twins.hash_index import close_hashes, hamming

MAX_COMPONENTS = 128
FITTED_ON = 10_000
"""Rows that the principal directions are found on."""


@dataclass(frozen=True)
class Views:
    """Photos as points; all of one row order.

    Attributes:
        hashes: (n,) uint64.
        directions: (n, m) float32 of length 1 or, of what is close to nothing, 0: the dot product of two is 1
            less their cosine distance; None where there are no features.
    """

    hashes: np.ndarray
    directions: np.ndarray | None

    def rows(self, rows: np.ndarray) -> "Views":
        """Of some of the photos, (k,) int."""
        return Views(self.hashes[rows], None if self.directions is None else self.directions[rows])


@dataclass(frozen=True)
class Limits:
    """What counts as close.

    Attributes:
        hash_bits: bits of 64 that the hashes may differ in; with a negative number they are never close.
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
    return [Views(np.asarray(each, np.uint64), directions[i]) for i, each in enumerate(hashes)]


def distinct(points: Views) -> tuple[np.ndarray, np.ndarray]:
    """The different points among photos, so that a million blank photos are searched as one.

    Returns:
        A row (k,) of each point, and the number (n,) of each photo's point. Photos of one point are alike to
        the last bit; now and then so are two points.
    """
    first = np.zeros(len(points.hashes)) if points.directions is None else points.directions[:, 0]
    order = np.lexsort((first, points.hashes))
    is_same = np.append(False, np.diff(points.hashes[order]) == 0)
    if points.directions is not None:
        is_same &= np.append(False, np.diff(first[order]) == 0)
        rows = np.flatnonzero(is_same)
        here, before = points.directions[order[rows]], points.directions[order[rows - 1]]
        is_same[rows] = (here == before).all(axis=1)
    number = np.empty(len(order), np.int64)
    number[order] = np.cumsum(~is_same) - 1
    return order[~is_same], number


def close_pairs(
    index: Views, queries: Views, limits: Limits
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """All pairs of a query and an indexed photo that are close, about a million at a time.

    Exact; `close_hashes` and `close_directions` say how, and what it costs. Without features a million
    photos take seconds; with them up to as many matrix products as there are pairs of 512 photos.

    Args:
        index: n photos.
        queries: m photos; may be the same object, each photo then is a pair with itself.
        limits: what is close.

    Yields:
        The rows (k,) of queries, the rows (k,) of the index, and whether they are close by hash (k,) bool.
        Each pair once, in no order.
    """
    by_features = limits.cosine_distance is not None
    yield from gathered(
        _by_features(index, queries, limits) if by_features else _by_hash(index, queries, limits)
    )


def _by_hash(
    index: Views, queries: Views, limits: Limits
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    if queries is index:
        if limits.hash_bits >= 0:
            rows = np.arange(len(index.hashes))
            yield rows, rows, np.ones(len(rows), bool)
        for one, other in close_hashes(index.hashes, limits.hash_bits):
            yield np.append(one, other), np.append(other, one), np.ones(2 * len(one), bool)
        return
    n = len(index.hashes)
    for one, other in close_hashes(np.append(index.hashes, queries.hashes), limits.hash_bits):
        low, high = np.minimum(one, other), np.maximum(one, other)
        across = (low < n) & (high >= n)
        yield high[across] - n, low[across], np.ones(across.sum(), bool)


def _by_features(
    index: Views, queries: Views, limits: Limits
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    assert limits.cosine_distance is not None
    assert limits.confirming_distance is not None
    assert index.directions is not None
    assert queries.directions is not None
    farthest = max(limits.cosine_distance, limits.confirming_distance)
    for rows, partners, cosine in close_directions(index.directions, queries.directions, farthest):
        by_hash = hamming(queries.hashes[rows], index.hashes[partners]) <= limits.hash_bits
        by_hash &= cosine <= limits.confirming_distance
        close = by_hash | (cosine <= limits.cosine_distance)
        yield rows[close], partners[close], by_hash[close]


def pairs_of_two_labels(hashes: np.ndarray, labels: np.ndarray, hash_bits: int) -> np.ndarray:
    """Pairs (k, 2) of photos that differ in at most so many bits of their hashes, and in their label.

    Args:
        hashes: (n,) uint64.
        labels: (n,) int.
        hash_bits: of 64.
    """
    found = [np.empty((0, 2), np.int64)]
    for one, other in close_hashes(hashes, hash_bits):
        differ = labels[one] != labels[other]
        found.append(np.sort(np.column_stack([one[differ], other[differ]]), axis=1))
    pairs = np.concatenate(found)
    return pairs[np.lexsort(pairs.T[::-1])]


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
