"""The closest partner of each photo, out of all pairs that come along."""

import numpy as np

N_EXAMPLES = 12
ROWS = np.int64(2**32)  # more than there are photos
NONE = 65 * ROWS  # two hashes differ in 64 bits at most


class Closest:
    """Of each photo the closest one that has another value; of equally close ones the one of the lowest row.

    Photos lie on points, and all of one point are as far from all of another. So two candidates a point are
    enough: the closest photo of all, for the photos of another value, and for those of its own value the
    closest among the others.
    """

    def __init__(self, number: np.ndarray, values: np.ndarray) -> None:
        """Begin with no pair among photos of these points and values, (n,) int each."""
        self._number, self._values, n_points = number, values, int(number.max()) + 1
        rows = np.arange(len(number))
        lowest, other = (np.full(n_points, len(rows)) for _ in range(2))
        np.minimum.at(lowest, number, rows)
        differ = values != values[lowest[number]]
        np.minimum.at(other, number[differ], rows[differ])
        self._photos = (lowest, other)  # of each point: its first photo, and the first of another value
        self._first, self._second = (np.full(n_points, NONE) for _ in range(2))  # bits x ROWS + partner

    def offer(self, points: np.ndarray, partners: np.ndarray, bits: np.ndarray) -> None:
        """Keep the best of the pairs (k,) of points that are so many bits (k,) apart."""
        for photos in self._photos:
            found = photos[partners]
            known = found < len(self._number)
            self._offer(points[known], bits[known] * ROWS + found[known])

    def _offer(self, points: np.ndarray, keys: np.ndarray) -> None:
        before = self._first.copy()
        np.minimum.at(self._first, points, keys)
        dethroned = self._differ(before, self._first)  # is the best of another value than the new one
        self._second[dethroned] = before[dethroned]
        differ = self._differ(keys, self._first[points])
        np.minimum.at(self._second, points[differ], keys[differ])

    def _differ(self, keys: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Whether these are partners (k,) whose values differ from those of the others (k,)."""
        return (keys < NONE) & (self._values[keys % ROWS] != self._values[others % ROWS])

    def keys(self) -> np.ndarray:
        """The closest (n,) of each photo: bits x ROWS + its row; NONE where there is none."""
        first = self._first[self._number]
        is_own = (first < NONE) & (self._values[first % ROWS] == self._values)
        return np.where(is_own, self._second[self._number], first)


def pick(closest: np.ndarray, family: np.ndarray, spread: bool = False) -> list[tuple[int, int, int]]:
    """Up to 12 pairs (row, partner, bits), one a family (n,), closest first.

    Args:
        closest: (n,) as `Closest.keys` has them.
        family: (n,) int.
        spread: pick them at equal steps from the closest to the least close, in place of the 12 closest.
    """
    bits, partner = np.divmod(closest, ROWS)
    rows = np.flatnonzero(closest < NONE)
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
