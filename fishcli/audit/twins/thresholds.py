"""How close two photos must be to count as near duplicates, found from the data as far as it can tell."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fishcli.audit.twins.hash_index import BITS, hamming
from fishcli.audit.twins.neighbours import Limits, Views

MAX_BITS = 4
"""Two hashes that differ in at most so many of 64 bits are twins, unless groups say that this is too many.

On drawn competitions, where frames of one catch are known, 79 to 97% of the pairs so close were such frames
(57 to 97% at 6 bits, 22 to 78% at 10); the others showed the same deck."""
SURE_BITS = 2
"""So many are twins whatever the groups say, which may be wrong: 96% and more were on those competitions."""
SHARE_OF_HASH_PAIRS = 0.75
"""Two photos are close by features if they are at least as close as this share of the pairs by hash.

With it, 95 to 100% of the pairs by features on drawn competitions were frames of one catch, and 46 to 85% of
such frames were found, with one backbone as with another; a fixed cosine would do for one backbone alone."""
MAX_SHARE = 0.02
"""But never more than this share of all pairs: hashes of flat, dark photos may be alike by accident."""
CONFIRMING = 2.0
"""Pairs by hash must be within so many times that distance: 93 to 100% of twins were then of one catch."""
MIN_HASH_PAIRS = 30
IDENTICAL = 1e-6
"""A cosine distance that only rounding can make."""
ONE_GROUP = 0.95
"""The share of close pairs that must be of one group, where groups are known."""
MAX_PAIRS, MAX_QUERIES, N_RANDOM_PAIRS = 50_000_000, 2_000, 100_000
AT_ONCE = 16
"""Sampled photos that are compared with all others by one product."""
ENOUGH = 5_000_000
"""Close pairs of sampled photos; where there are more, as of blank photos, no more photos are looked at."""


@dataclass(frozen=True)
class Thresholds:
    """What counts as close, and why.

    Attributes:
        limits: what counts as close.
        how: how that was found, sentences.
    """

    limits: Limits
    how: str


@dataclass(frozen=True)
class _Pairs:
    """Pairs of sampled photos with all others, those that are close by hash or by features.

    Attributes:
        bits: (k,) Hamming distances.
        cosines: (k,) cosine distances; NaN where features are unknown.
        is_mate: (k,) bool, whether both are of one group.
    """

    bits: np.ndarray
    cosines: np.ndarray
    is_mate: np.ndarray


def find_thresholds(
    hashes: np.ndarray, points: Views, groups: np.ndarray | None, seed: int = 0
) -> Thresholds:
    """Find thresholds on the distances from a sample of photos to all others.

    By hash: 4 bits; with groups, the largest number up to that at which 95% of the close pairs are of one
    group, but 2 at least. By features: the cosine distance within which 75% of the pairs by hash lie (so that
    a backbone whose features are all alike gets a small one), but at most 2% of all pairs; with groups, the
    largest up to that at which 95% of the close pairs are of one group. Pairs by hash must be within twice
    the distance that groups have not narrowed. Groups only ever narrow: where a group is a boat, all its
    photos are closer to each other than to other boats', and still not duplicates.

    Args:
        hashes: (n,) uint64.
        points: the same photos.
        groups: (n,) int, or None.
        seed: of the sample, at most 2,000 photos.
    """
    from threadpoolctl import threadpool_limits

    n = len(hashes)
    queries = np.random.default_rng(seed).permutation(n)[: max(1, min(MAX_QUERIES, MAX_PAIRS // n))]
    with threadpool_limits(1):  # small products: BLAS threads would only wait for each other
        near = _near_pairs(hashes, points, groups, queries, None)
        bits, how = _hash_bits(near, groups is not None)
        if points.directions is None:
            return Thresholds(Limits(bits, None, None), how)
        cosines = near.cosines[near.bits <= bits]
        if len(cosines) < MIN_HASH_PAIRS:
            note = (
                f"Features are not looked at: {len(cosines)} pairs by hash are too few to set a threshold on."
            )
            return Thresholds(Limits(bits, None, None), f"{how} {note}")
        usual = np.quantile(_random_pairs(points.directions, seed), MAX_SHARE)
        largest = max(min(float(np.quantile(cosines, SHARE_OF_HASH_PAIRS)), float(usual)), IDENTICAL)
        narrow = largest
        if groups is not None:
            narrow = _narrowed(_near_pairs(hashes, points, groups, queries, largest), largest)
    said = f"Cosine distance of features: up to {largest:.2g}, as {SHARE_OF_HASH_PAIRS:.0%} of pairs by hash"
    if narrow < largest:
        said += f", narrowed to {narrow:.2g}, where {ONE_GROUP:.0%} of close pairs are of one group"
    said += f"; pairs by hash, up to {CONFIRMING * largest:.2g}"
    return Thresholds(Limits(bits, narrow, CONFIRMING * largest), f"{how} {said}.")


def _near_pairs(
    hashes: np.ndarray, points: Views, groups: np.ndarray | None, queries: np.ndarray, cosine: float | None
) -> _Pairs:
    """Pairs of `queries`, rows at random, with all others up to `cosine` apart, or None: up to MAX_BITS."""
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    n_found = 0
    for query, distance in _distances(points, queries):
        bits = hamming(hashes[query], hashes)
        near = bits <= MAX_BITS if cosine is None else distance <= cosine
        near[query] = False
        is_mate = np.zeros(len(hashes), bool) if groups is None else groups == groups[query]
        found.append((bits[near], distance[near], is_mate[near]))
        n_found += len(found[-1][0])
        if n_found > ENOUGH:
            break
    return _Pairs(*(np.concatenate(part) for part in zip(*found, strict=True)))


def _distances(points: Views, queries: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Each query and its cosine distances (n,) to all points; NaN where features are unknown."""
    for start in range(0, len(queries), AT_ONCE):
        some = queries[start : start + AT_ONCE]
        if points.directions is None:
            yield from ((int(query), np.full(len(points.hashes), np.nan, np.float32)) for query in some)
        else:
            yield from zip(some.tolist(), 1 - points.directions[some] @ points.directions.T, strict=True)


def _random_pairs(directions: np.ndarray, seed: int) -> np.ndarray:
    """Cosine distances of photos drawn at random, two by two."""
    first, second = np.random.default_rng(seed).integers(len(directions), size=(2, N_RANDOM_PAIRS))
    kept = first != second
    return 1 - np.einsum("ij,ij->i", directions[first[kept]], directions[second[kept]])


def _hash_bits(near: _Pairs, has_groups: bool) -> tuple[int, str]:
    """The threshold by hash and how it was found."""
    if not has_groups:
        return MAX_BITS, f"Hash: up to {MAX_BITS} of {BITS} bits differ, the default, as no groups are known."
    n_close = np.bincount(near.bits, minlength=MAX_BITS + 1).cumsum()
    n_mates = np.bincount(near.bits[near.is_mate], minlength=MAX_BITS + 1).cumsum()
    good = np.flatnonzero((n_mates > 0) & (n_mates >= ONE_GROUP * n_close))
    bits = max(SURE_BITS, int(good[-1]) if len(good) else 0)
    share = n_mates[bits] / max(n_close[bits], 1)
    return bits, (
        f"Hash: up to {bits} of {BITS} bits differ (of {SURE_BITS} to {MAX_BITS}); {share:.0%} of such pairs "
        "are of one group."
    )


def _narrowed(near: _Pairs, largest: float) -> float:
    """The largest cosine distance up to `largest` at which ONE_GROUP of the close pairs are of one group."""
    order = np.argsort(near.cosines, kind="stable")
    shares = np.cumsum(near.is_mate[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(shares >= ONE_GROUP)
    if not len(good):
        return IDENTICAL
    if good[-1] == len(order) - 1:
        return largest
    return max(float(near.cosines[order[good[-1]]]), IDENTICAL)
