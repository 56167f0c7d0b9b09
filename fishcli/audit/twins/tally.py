"""Counting pairs of near duplicates as they come, without keeping them."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from fishcli.audit.twins.closest import Closest

CELLS_AT_ONCE = 5_000_000


class Tally:
    """Counts of the pairs among n photos, from the pairs of the points that they lie on.

    Photos of one point are all pairs with each other, and with all photos of a point that is close: a million
    blank photos are 10^12 pairs, and one point.

    Attributes:
        counts: ordered pairs of photos (each pair twice): "all", "hash" (close by hash), "folds" (of two
            folds), "classes" and "groups" (of two).
        family: (n_points,) int, the number of the set of points that twins connect.
        closest: the closest partner of each photo: of all, and of those of another fold, class or group.
    """

    def __init__(
        self, number: np.ndarray, labels: np.ndarray, groups: np.ndarray | None, fold: np.ndarray
    ) -> None:
        """Begin with no pair among photos of these points, labels, groups and folds, (n,) int each."""
        self._number, self._sizes = number, np.bincount(number)
        kinds = {"folds": fold, "classes": labels, **({} if groups is None else {"groups": groups})}
        self._shares = {kind: _Shares(number, values) for kind, values in kinds.items()}
        self.counts: Counter[str] = Counter()
        self.family = np.arange(len(self._sizes))
        each = {"all": np.arange(len(number)), **kinds}
        self.closest = {kind: Closest(number, values) for kind, values in each.items()}

    def add(self, points: np.ndarray, partners: np.ndarray, bits: np.ndarray, by_hash: np.ndarray) -> None:
        """Count ordered pairs (k,) of points, and of a point with itself; no photo is a pair with itself."""
        n_pairs = self._sizes[points] * self._sizes[partners]
        n_selves = np.where(points == partners, self._sizes[points], 0)
        self.counts["all"] += int((n_pairs - n_selves).sum())
        self.counts["hash"] += int((n_pairs - n_selves)[by_hash].sum())
        for kind, shares in self._shares.items():
            self.counts[kind] += int(n_pairs.sum()) - shares.n_alike(points, partners)
        for closest in self.closest.values():
            closest.offer(points, partners, bits)
        self._join(self.family[points], self.family[partners])

    def families(self) -> np.ndarray:
        """The number (n,) of each photo's family."""
        return self.family[self._number]

    def _join(self, first: np.ndarray, second: np.ndarray) -> None:
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        apart = first != second
        if apart.any():
            edges = (np.ones(apart.sum(), bool), (first[apart], second[apart]))
            n = len(self.family)
            _, joined = connected_components(coo_array(edges, shape=(n, n)), directed=False)
            self.family = joined[self.family]


class _Shares:
    """How many photos of each value lie on each point."""

    def __init__(self, number: np.ndarray, values: np.ndarray) -> None:
        from scipy.sparse import csr_array

        ones = np.ones(len(number), np.int64)
        self._counts = csr_array((ones, (number, values)))  # duplicates are summed
        self._n_values = np.diff(self._counts.indptr)
        self._sizes = np.bincount(number)
        self._value = self._counts.indices[self._counts.indptr[:-1]]  # a point's only one, or its first

    def n_alike(self, points: np.ndarray, partners: np.ndarray) -> int:
        """Ordered pairs of photos of one value, of pairs (k,) of points; a photo with itself counts."""
        is_single = (self._n_values[points] == 1) & (self._n_values[partners] == 1)
        alike = is_single & (self._value[points] == self._value[partners])
        n_alike = int((self._sizes[points[alike]] * self._sizes[partners[alike]]).sum())
        for rows in self._parts(points[~is_single], partners[~is_single]):
            first, second = points[~is_single][rows], partners[~is_single][rows]
            n_alike += int(self._counts[first].multiply(self._counts[second]).sum())
        return n_alike

    def _parts(self, points: np.ndarray, partners: np.ndarray) -> Iterator[slice]:
        """The pairs (k,) in parts of so many counts that memory holds them."""
        part = np.cumsum(self._n_values[points] + self._n_values[partners]) // CELLS_AT_ONCE
        ends = np.append(np.flatnonzero(np.diff(part)) + 1, len(part))
        starts = np.append(0, ends[:-1])
        yield from (slice(start, end) for start, end in zip(starts, ends, strict=True) if end > start)
