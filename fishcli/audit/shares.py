"""What a single field tells of the label: the class shares of its bins, which cost no more than counting.

Of one field no learner can say more than how the classes share each of its values. A numeric field has 1, 2,
4 ... bins, each half of a wider one, a category is a bin of its own, and the shares of a bin are drawn
towards those of the wider one as if so many more images had been seen there: a Polya tree of Dirichlet
distributions (Lavine 1992). How narrow the bins are and how strongly they are drawn is chosen on
the folds that are learned from, each held out in its turn; so under grouped folds it is what serves on groups
that were not seen.
"""

import math
from dataclasses import dataclass

import numpy as np

from fishcli.audit.learners.encoding import MAX_CATEGORIES, MIN_COUNT

MAX_HALVINGS = 6
"""A numeric field has 64 bins of about as many training rows each at most."""
STRENGTHS = (4.0, 16.0, 64.0)
"""How many images the wider bin counts for."""
USUAL = (3, 16.0)
"""Halvings and strength where no fold is left to choose them on."""


@dataclass(frozen=True)
class _Bins:
    """A field's narrowest bins, by the training rows.

    Attributes:
        of_rows: (n,) int64, the bin of each row.
        wider: one (B,) int64 a halving: the wider bin in which each of the B narrowest lies.
    """

    of_rows: np.ndarray
    wider: list[np.ndarray]

    @staticmethod
    def of(values: np.ndarray, known: np.ndarray) -> "_Bins":
        """Of values (n,), float64 or, as categories, int64 from 0; `known` (m,) are the training rows."""
        if values.dtype.kind == "i":
            counts = np.bincount(values[known], minlength=int(values.max()) + 1)
            kept = np.argsort(-counts, kind="stable")[:MAX_CATEGORIES]
            kept = kept[counts[kept] >= MIN_COUNT]
            place = np.full(len(counts), len(kept))
            place[kept] = np.arange(len(kept))
            return _Bins(place[values], [np.arange(len(kept) + 1)])
        is_known = np.isfinite(values)
        seen = np.sort(values[known][is_known[known]])
        if not len(seen):
            return _Bins((~is_known).astype(np.int64), [np.arange(2)])
        ends = [
            np.unique(seen[np.arange(1, 2**level) * len(seen) // 2**level])
            for level in range(1, MAX_HALVINGS + 1)
        ]
        starts = np.r_[-np.inf, ends[-1]]
        wider = [np.r_[np.searchsorted(each, starts, "right"), len(each) + 1] for each in ends]
        return _Bins(np.where(is_known, np.searchsorted(ends[-1], values, "right"), len(starts)), wider)

    def shares(self, counts: np.ndarray, strength: float) -> np.ndarray:
        """The class shares of each narrowest bin after 0, 1, 2 ... halvings: (1 + halvings, ..., B, C).

        Args:
            counts: (..., B, C) training rows.
            strength: one of STRENGTHS.
        """
        of_classes = counts.sum(axis=-2)  # their `smoothed_prior`, of all at once
        prior = (of_classes + 0.5) / (of_classes.sum(axis=-1, keepdims=True) + 0.5 * counts.shape[-1])
        found = [np.broadcast_to(prior[..., None, :], counts.shape)]
        for wider in self.wider:
            starts = np.flatnonzero(np.r_[True, wider[1:] != wider[:-1]])
            sums = np.add.reduceat(counts, starts, axis=-2)[..., np.unique(wider, return_inverse=True)[1], :]
            found.append((sums + strength * found[-1]) / (sums.sum(axis=-1, keepdims=True) + strength))
        return np.stack(found)


def shares_by_fold(values: np.ndarray, labels: np.ndarray, n_classes: int, fold: np.ndarray) -> np.ndarray:
    """What a field tells of rows that were held out, learned from the other folds.

    Args:
        values: (n,) float64, NaN where unknown; or int64: categories from 0.
        labels: (n,) int64.
        n_classes: C.
        fold: (n,) int, the fold in which each row is held out.

    Returns:
        Probabilities (n, C) float64: the smoothed prior where the other folds say that no bin pays.
    """
    place = np.unique(fold, return_inverse=True)[1]
    n_folds = int(place.max()) + 1
    proba = np.zeros((len(labels), n_classes))
    for k in range(n_folds):
        bins = _Bins.of(values, np.flatnonzero(place != k))
        shape = n_folds, len(bins.wider[0]), n_classes
        cells = np.ravel_multi_index((place, bins.of_rows, labels), shape)
        counts = np.bincount(cells, minlength=math.prod(shape)).astype(np.float64).reshape(shape)
        counts = np.delete(counts, k, axis=0)
        halvings, strength = _choose(bins, counts)
        here = np.flatnonzero(place == k)
        proba[here] = bins.shares(counts.sum(axis=0), strength)[halvings][bins.of_rows[here]]
    return proba


def _choose(bins: _Bins, counts: np.ndarray) -> tuple[int, float]:
    """Halvings and strength with the least log loss where each fold of `counts` (K, B, C) is held out."""
    if len(counts) < 2:
        return min(USUAL[0], len(bins.wider)), USUAL[1]
    others = counts.sum(axis=0) - counts
    losses = np.stack(
        [-(counts * np.log(bins.shares(others, strength))).sum((1, 2, 3)) for strength in STRENGTHS]
    )
    best, halvings = np.unravel_index(losses.argmin(), losses.shape)
    return int(halvings), STRENGTHS[best]
