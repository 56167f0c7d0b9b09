"""Metadata of any kind as the numbers that learners take, fitted on training rows only."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fishcli.dataset.fields import Field

MIN_COUNT = 5
"""A category seen in fewer training rows is treated as unseen: its column would only be learned by heart."""
MAX_CATEGORIES = 100
"""The most categories of a field; rarer ones count as one."""
N_BINS = 255
"""Of a number, as trees see it: as many as scikit-learn's trees have."""


@dataclass(frozen=True)
class Coded:
    """A table's columns, read once for all fits.

    Attributes:
        numbers: (n, q) float64, the numeric fields, NaN where unknown.
        codes: (n, r) int64 from 0, the categorical fields.
    """

    numbers: np.ndarray
    codes: np.ndarray

    @staticmethod
    def of(columns: pd.DataFrame, fields: Sequence[Field]) -> "Coded":
        """Read the columns of `fields`."""
        by_kind = {
            kind: [field.name for field in fields if field.kind == kind]
            for kind in ("numeric", "categorical")
        }
        codes = [pd.factorize(columns[name])[0] for name in by_kind["categorical"]]
        numbers = columns[by_kind["numeric"]].to_numpy(np.float64)
        return Coded(numbers, np.array(codes, np.int64).reshape(len(codes), len(columns)).T)

    def linear(self, rows: np.ndarray) -> np.ndarray:
        """For linear learners: a column a category; a numeric field itself, standardised: (n, p) float32.

        Unknown numbers count as the median and get a column that says so. Categories that the training rows
        lack count as rare ones, and are nowhere where there are none of those.

        Args:
            rows: (m,) int, the training rows.
        """
        parts = []
        for codes in self.codes.T:
            place = _places(codes, rows, unseen_is_rare=True)
            parts.append(place[:, None] == np.arange(int(place[rows].max()) + 1))
        numbers = self.numbers[:, np.isfinite(self.numbers[rows]).any(axis=0)]
        is_unknown = np.isnan(numbers)
        filled = (
            np.where(is_unknown, np.nanmedian(numbers[rows], axis=0), numbers) if numbers.size else numbers
        )
        both = np.hstack([filled, is_unknown[:, is_unknown[rows].any(axis=0)]])
        scale = both[rows].std(axis=0)
        parts.append((both - both[rows].mean(axis=0)) / np.where(scale > 0, scale, 1))
        return np.hstack([part.astype(np.float32) for part in parts])

    def ordinal(self, rows: np.ndarray) -> np.ndarray:
        """For trees: categories from 0, NaN where training lacks them, then numbers: (n, r + q) float64.

        Numbers of which training has more than N_BINS values are their bins: the same trees come of them, and
        scikit-learn's own bins of weighted rows take longer than the trees.

        Args:
            rows: (m,) int, the training rows.
        """
        places = [_places(codes, rows, unseen_is_rare=False) for codes in self.codes.T]
        categories = np.array(places, np.float64).reshape(len(places), len(self.codes)).T
        numbers = [_binned(column, rows) for column in self.numbers.T]
        return np.column_stack([np.where(categories < 0, np.nan, categories), *numbers])


def _binned(numbers: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Numbers (n,) as their place among the quantiles of the training rows, where those have many values."""
    known = numbers[rows]
    known = known[np.isfinite(known)]
    if len(known) <= N_BINS or len(np.unique(known)) <= N_BINS:
        return numbers
    shares = np.linspace(0, 100, N_BINS + 1)[1:-1]
    ends = np.unique(np.percentile(known, shares, method="averaged_inverted_cdf"))
    return np.where(np.isnan(numbers), np.nan, np.searchsorted(ends, numbers).astype(np.float64))


def _places(codes: np.ndarray, rows: np.ndarray, unseen_is_rare: bool) -> np.ndarray:
    """The place (n,) int64 of each row's category: 0 the most frequent, rare ones last; -1 for nowhere.

    Args:
        codes: (n,) int64 from 0.
        rows: the training rows, whose counts say what is rare.
        unseen_is_rare: whether categories that they lack are with the rare ones, where there are some.
    """
    counts = np.bincount(codes[rows], minlength=int(codes.max(initial=0)) + 1)
    order = np.argsort(-counts, kind="stable")
    kept = order[counts[order] >= MIN_COUNT][:MAX_CATEGORIES]
    place = np.full(len(counts), len(kept))
    place[kept] = np.arange(len(kept))
    is_rare = (counts > 0) & (place == len(kept))
    if not is_rare.any() or not unseen_is_rare:
        place[counts == 0] = -1
    return place[codes]
