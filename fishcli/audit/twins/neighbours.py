"""Photos that are close to one another: by perceptual hash and, where there are features, by cosine."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

BITS = 64
MAX_COMPONENTS = 128
FITTED_ON = 10_000
"""Rows that the principal directions are found on."""
BLOCK = 2048
"""Photos that are compared with as many others in one go."""
PAIRS_AT_ONCE = 1_000_000
"""Pairs are gathered until there are so many; a block may add 8 million."""


@dataclass(frozen=True)
class Views:
    """Photos as points; all of one row order.

    Attributes:
        signs: (n, 64) float32, the bits of the hashes as -1 and 1: the dot product of two is 64 less twice
            their Hamming distance.
        directions: (n, m) float32 of length 1: the dot product of two is 1 less their cosine distance; None
            where there are no features.
    """

    signs: np.ndarray
    directions: np.ndarray | None

    def rows(self, rows: slice) -> "Views":
        """Of some of the photos."""
        return Views(self.signs[rows], None if self.directions is None else self.directions[rows])


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
    """All pairs of a query and an indexed photo that are close, about a million at a time.

    Exact, by one matrix product for two blocks of photos: 100,000 rows cost 100,000 x 100,000 x 64
    multiplications by hash and at most twice as many by cosine; half of that where photos are compared with
    themselves. Memory holds ten million pairs at most, where all are close to all.

    Args:
        index: n photos.
        queries: m photos; may be the same object, each photo then is a pair with itself.
        limits: what is close.

    Yields:
        The rows (k,) of queries, the rows (k,) of the index, and whether they are close by hash (k,) bool.
        Each pair once, in no order.
    """
    pending: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    n_pending = 0
    for here in range(0, len(queries.signs), BLOCK):
        block = queries.rows(slice(here, here + BLOCK))
        for there in range(0, here + 1 if queries is index else len(index.signs), BLOCK):
            rows, partners, by_hash = _close(index.rows(slice(there, there + BLOCK)), block, limits)
            if not len(rows):
                continue
            rows, partners = rows + here, partners + there
            pending.append((rows, partners, by_hash))
            n_pending += len(rows)
            if queries is index and there < here:
                pending.append((partners, rows, by_hash))
                n_pending += len(rows)
            if n_pending > PAIRS_AT_ONCE:
                yield _joined(pending)
                pending, n_pending = [], 0
    if pending:
        yield _joined(pending)


def _close(index: Views, queries: Views, limits: Limits) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pairs of `close_pairs` between two blocks."""
    n_index = len(index.signs)
    close = found = _alike(index.signs, queries.signs, BITS - 2 * limits.hash_bits)[0]
    if limits.cosine_distance is not None and limits.confirming_distance is not None:
        nearest = 1 - max(limits.cosine_distance, limits.confirming_distance)
        codes, cosine = _alike(index.directions, queries.directions, nearest)
        found = found[np.isin(found, codes[1 - cosine <= limits.confirming_distance])]
        close = np.union1d(found, codes[1 - cosine <= limits.cosine_distance])
    return close // n_index, close % n_index, np.isin(close, found)


def _alike(index: Any, queries: Any, least: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (k,) of so large a dot product, as numbers query x n_index + indexed, and that product (k,)."""
    product = (queries @ index.T).ravel()
    codes = np.flatnonzero(product >= least)
    return codes, product[codes]


def _joined(pairs: Sequence[tuple[np.ndarray, ...]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows, partners, by_hash = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    return rows, partners, by_hash


def pairs_of_two_labels(hashes: np.ndarray, labels: np.ndarray, hash_bits: int) -> np.ndarray:
    """Pairs (k, 2) of photos that differ in at most so many bits of their hashes, and in their label.

    Args:
        hashes: (n,) uint64.
        labels: (n,) int.
        hash_bits: of 64.
    """
    points = views([hashes], [None])[0]
    found = [np.empty((0, 2), np.int64)]
    for rows, partners, _ in close_pairs(points, points, Limits(hash_bits, None, None)):
        chosen = (rows < partners) & (labels[rows] != labels[partners])
        found.append(np.column_stack([rows[chosen], partners[chosen]]))
    pairs = np.concatenate(found)
    return pairs[np.lexsort(pairs.T[::-1])]


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
