"""A statistic of how much metadata tells of the label that is cheap to compute a thousand times.

It is the share of the Brier score that a ridge regression on the classes' indicators explains on held-out
rows, beside the class shares of the training rows. It has a closed form, and needs nothing of the rows but
sums over each fold, so that a thousand permutations cost a few matrix products.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fishcli.audit.learners.bins import field_bins
from fishcli.dataset.fields import Field

STATISTIC = "share of the Brier score that a cross-fitted ridge regression explains"
RIDGE = 10.0
"""The penalty: as if ten more images (or groups) had been seen in which the fields say nothing."""


@dataclass(frozen=True)
class Sums:
    """What the statistic needs of a batch of b permutations under K folds, of p columns and C classes.

    `n_units` are the images or groups that were permuted. The others are sums over the rows of each fold, of
    z z', z, z y' and y, where z is a row of the design and y its label's indicator: `gram` (1 or b, K, p, p),
    `total` (1 or b, K, p), `cross` (b, K, p, C) and `counts` (1 or b, K, C).
    """

    gram: np.ndarray
    total: np.ndarray
    cross: np.ndarray
    counts: np.ndarray
    n_units: int

    def only(self, columns: slice) -> "Sums":
        """Of some of the columns."""
        total, cross = self.total[:, :, columns], self.cross[:, :, columns]
        return Sums(self.gram[:, :, columns, columns], total, cross, self.counts, self.n_units)

    def explained(self) -> np.ndarray:
        """The statistic of each permutation, (b,) float64."""
        base, unexplained = np.zeros(1), np.zeros(1)
        penalty = RIDGE * self.counts[0].sum() / self.n_units * np.eye(self.total.shape[-1])
        for k in range(self.gram.shape[1]):
            gram, total, cross, counts = (
                part[:, k] for part in (self.gram, self.total, self.cross, self.counts)
            )
            n, rest_n = counts[0].sum(), np.delete(self.counts[0], k, 0).sum()
            mean = (self.total.sum(1) - total) / rest_n
            prior = (self.counts.sum(1) - counts) / rest_n
            rest_gram = self.gram.sum(1) - gram - rest_n * _outer(mean, mean)
            rest_cross = self.cross.sum(1) - cross - rest_n * _outer(mean, prior)
            weights = np.linalg.inv(rest_gram + penalty) @ rest_cross
            off = total - n * mean  # from the training mean, summed over the fold's rows
            gram = gram - _outer(total, mean) - _outer(mean, off)
            cross = cross - _outer(mean, counts) - _outer(off, prior)
            spread = n - 2 * (counts * prior).sum(-1) + n * (prior**2).sum(-1)
            base = base + spread
            unexplained = unexplained + spread - ((2 * cross - gram @ weights) * weights).sum((-2, -1))
        return 1 - unexplained / base


def _outer(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The outer products of the last axes."""
    return a[..., :, None] * b[..., None, :]


@dataclass(frozen=True)
class Design:
    """Fields as numbers.

    Attributes:
        values: (n, p) float32.
        columns: where each field's columns are, by name.
    """

    values: np.ndarray
    columns: dict[str, slice]

    @staticmethod
    def of(table: pd.DataFrame, fields: list[Field], min_count: int) -> "Design":
        """Encode a table, in which categories rarer than `min_count` count as one."""
        parts = [_encode(field, table[field.name], min_count) for field in fields]
        ends = np.cumsum([part.shape[1] for part in parts]).tolist()
        columns = {f.name: slice(a, b) for f, a, b in zip(fields, [0, *ends], ends, strict=False)}
        return Design(np.hstack(parts), columns)

    def explained(self, sums: Sums) -> np.ndarray:
        """The statistic of all fields and then of each field, for each permutation: (b, 1 + n_fields)."""
        return np.stack(
            [sums.explained(), *(sums.only(part).explained() for part in self.columns.values())], -1
        )


def _encode(field: Field, values: pd.Series, min_count: int) -> np.ndarray:
    """One field's columns (n, p) float32: one a bin, and a numeric field itself, standardised."""
    bins = field_bins(values, field.kind, min_count)
    one_hot = np.eye(bins.max() + 1, dtype=np.float32)[bins]
    if field.kind == "categorical":
        return one_hot
    known = values.fillna(values.median()).fillna(0.0).to_numpy()
    scale = known.std() or 1.0
    return np.column_stack([one_hot, (known - known.mean()) / scale]).astype(np.float32)
