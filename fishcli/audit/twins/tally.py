"""Counting pairs of near duplicates as they come, without keeping them."""

from collections import Counter

import numpy as np

N_EXAMPLES = 12
ROWS = np.int64(2**32)  # more than there are photos
NONE = 65 * ROWS  # two hashes differ in 64 bits at most


class Examples:
    """The closest partner of each photo, out of all pairs that were offered."""

    def __init__(self, n: int) -> None:
        """Begin with no partner for `n` photos."""
        self._closest = np.full(n, NONE, np.int64)  # bits x ROWS + partner: the least is the closest

    def offer(self, rows: np.ndarray, partners: np.ndarray, bits: np.ndarray) -> None:
        """Keep the closest of a row's pairs (k,), and of equally close ones the partner of the lowest row."""
        np.minimum.at(self._closest, rows, bits * ROWS + partners)

    def pick(self, family: np.ndarray, spread: bool = False) -> list[tuple[int, int, int]]:
        """Up to 12 pairs (row, partner, bits), one a family (n,), closest first.

        With `spread` they are picked at equal steps from the closest to the least close, in place of the 12
        closest.
        """
        bits, partner = np.divmod(self._closest, ROWS)
        rows = np.flatnonzero(self._closest < NONE)
        rows = rows[np.argsort(bits[rows], kind="stable")]
        if spread:  # a family by its least close pair, so that the threshold can be judged
            rows = rows[::-1]
        _, first = np.unique(family[rows], return_index=True)
        rows = rows[np.sort(first)]
        if spread:
            steps = np.linspace(0, len(rows) - 1, min(N_EXAMPLES, len(rows))).round().astype(int)
            rows = rows[::-1][steps]
        picked = rows[:N_EXAMPLES]
        return [(int(row), int(partner[row]), int(bits[row])) for row in picked]


class Tally:
    """Counts of the pairs among n photos.

    Attributes:
        counts: ordered pairs (each pair twice): "all", "hash" (close by hash), "folds" (of two folds),
            "classes" and "groups" (of two).
        has_twin: (n,) bool.
        in_training: (n,) bool, whether a twin is in another fold.
        family: (n,) int, the number of the set of photos that twins connect.
        examples: of all pairs, of those of two classes and of those of two groups.
    """

    def __init__(self, labels: np.ndarray, groups: np.ndarray | None, fold: np.ndarray) -> None:
        """Begin with no pair among photos with these labels, groups and folds, (n,) int each."""
        n = len(labels)
        self._kinds = {"folds": fold, "classes": labels, **({} if groups is None else {"groups": groups})}
        self.counts: Counter[str] = Counter()
        self.has_twin = np.zeros(n, bool)
        self.in_training = np.zeros(n, bool)
        self.family = np.arange(n)
        self.examples = {kind: Examples(n) for kind in ("all", "classes", "groups")}

    def add(self, rows: np.ndarray, partners: np.ndarray, bits: np.ndarray, by_hash: np.ndarray) -> None:
        """Count ordered pairs (k,); a pair with itself does not count."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        is_pair = rows != partners
        rows, partners, bits = rows[is_pair], partners[is_pair], bits[is_pair]
        self.counts["all"] += len(rows)
        self.counts["hash"] += int(by_hash[is_pair].sum())
        self.has_twin[rows] = True
        self.examples["all"].offer(rows, partners, bits)
        for kind, values in self._kinds.items():
            differ = values[rows] != values[partners]
            self.counts[kind] += int(differ.sum())
            if kind == "folds":
                self.in_training[rows[differ]] = True
            else:
                self.examples[kind].offer(rows[differ], partners[differ], bits[differ])
        first, second = self.family[rows], self.family[partners]
        apart = first != second
        if apart.any():
            edges = (np.ones(apart.sum(), bool), (first[apart], second[apart]))
            n = len(self.family)
            _, joined = connected_components(coo_array(edges, shape=(n, n)), directed=False)
            self.family = joined[self.family]
