"""Multinomial logistic regression with an L2 penalty, many fits at once on the same columns.

A cross-fit asks for the same regression again and again: without each fold, with each penalty, of each field.
Such fits differ in labels, weights and penalties but not in their columns, so one matrix product serves them
all, and tells of the held-out rows in passing.

The method is L-BFGS (Liu & Nocedal 1989), begun from a bound of the curvature that holds wherever the
coefficients are: X'WX / 2 in each class (Boehning 1992). So begun, a fit takes 10 to 30 steps.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

MEMORY, MAX_STEPS = 10, 300
"""Steps that L-BFGS remembers, and takes at most."""
TOLERANCE = 1e-6
"""A fit ends where the bound promises less than so many nats a row of further descent."""
ENOUGH, HALVINGS = 1e-4, 12
"""The share of the descent promised by the slope that a step must bring, and how often it is halved."""
ROUNDING = 1e-7
"""Losses, in float32, that differ by no more than this share are equal."""
MOST_COLUMNS = 1000
"""Of more columns only the diagonal of the bound is taken: inverting all of it would take longest."""

Pair = tuple[np.ndarray, np.ndarray, np.ndarray]
"""A step of the fits, by how much it changed their slopes, and 1 by the product (B, 1, 1) of both."""


@dataclass(frozen=True)
class Fits:
    """B regressions on the same n rows.

    Attributes:
        columns: (n, p) float32, on about one scale; the intercept, which bears no penalty, is not among them.
        labels: (B, n) int64, from 0.
        weights: (B, n) float32: 0 of a row that this fit must not learn from.
        penalties: (B,) float64, each of half the sum of squared coefficients: scikit-learn's 1 / C.
        n_classes: C, the most that a fit has. A class without weight gets no probability.
    """

    columns: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    penalties: np.ndarray
    n_classes: int


@dataclass(frozen=True)
class Fitted:
    """What came of them.

    Attributes:
        coefficients: (B, 1 + p, C) float32, the intercepts first.
        absent: (B, C) float32: 0, and minus infinity of a class without weight.
        n_steps: how many were taken until the last fit ended.
    """

    coefficients: np.ndarray
    absent: np.ndarray
    n_steps: int

    def say(self, columns: np.ndarray) -> np.ndarray:
        """The probabilities (B, m, C) float32 of rows with these columns (m, p)."""
        logits = _logits(_with_ones(columns), self.coefficients) + self.absent
        proba = np.exp(logits - logits.max(axis=2, keepdims=True))
        return (proba / proba.sum(axis=2, keepdims=True)).swapaxes(0, 1)


def fit(fits: Fits, start: np.ndarray | None = None, tolerance: float = TOLERANCE) -> Fitted:
    """Fit them all.

    Args:
        fits: what is fitted.
        start: `Fitted.coefficients` to begin at; None for zeros.
        tolerance: see TOLERANCE.
    """
    work = _Work.of(fits)
    absent = work.absent
    found = np.zeros((len(absent), work.columns.shape[1], fits.n_classes), np.float32)
    if start is not None:
        found[:] = start
    left, at = np.arange(len(found)), found.copy()
    pairs: list[Pair] = []
    loss, proba = work.look(at)
    slope = work.slope(at, proba)
    n_steps = 0
    while True:
        promised = (slope * work.bounded(slope)).sum((1, 2)) / 2
        goes_on = (promised > tolerance * work.n_rows) & (n_steps < MAX_STEPS)
        if not goes_on.all():
            found[left[~goes_on]] = at[~goes_on]
            if not goes_on.any():
                return Fitted(found, absent, n_steps)
            work, left, at = work.only(goes_on), left[goes_on], at[goes_on]
            loss, slope = loss[goes_on], slope[goes_on]
            pairs = [(step[goes_on], change[goes_on], inverse[goes_on]) for step, change, inverse in pairs]
        tried, loss, proba = _stepped(work, at, -_turned(work, slope, pairs), loss, slope)
        new_slope = work.slope(tried, proba)
        step, change = tried - at, new_slope - slope
        pairs = [*pairs[1 - MEMORY :], (step, change, 1 / np.maximum(_dot(step, change), 1e-30))]
        at, slope = tried, new_slope
        n_steps += 1


def _stepped(
    work: "_Work", at: np.ndarray, way: np.ndarray, loss: np.ndarray, slope: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """From `at` along `way`, each fit as far as the loss falls: where it ends, with `_Work.look` of it."""
    descent = ENOUGH * (slope * way).sum((1, 2), dtype=np.float64)
    size = np.ones(len(at), np.float32)
    for _ in range(HALVINGS):
        tried = at + size[:, None, None] * way
        new_loss, proba = work.look(tried)
        is_short = new_loss > loss + size * descent + ROUNDING * np.abs(loss)
        if not is_short.any():
            break
        size[is_short] /= 2
    return tried, new_loss, proba


def _with_ones(columns: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(columns), np.float32), columns]).astype(np.float32, copy=False)


def _logits(columns: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The scores (n, B, C) of rows (n, 1 + p) at coefficients (B, 1 + p, C), by one matrix product."""
    n_fits, n_columns, n_classes = at.shape
    across = np.ascontiguousarray(at.transpose(1, 0, 2)).reshape(n_columns, -1)
    return (columns @ across).reshape(-1, n_fits, n_classes)


@dataclass(frozen=True)
class _Work:
    """Fits that have not ended.

    Attributes:
        columns: (n, 1 + p) float32, ones first.
        labels: (n, B) int64.
        weights: (n, B) float32.
        penalties: (B, 1 + p, 1) float32, 0 of the intercept.
        absent: (B, C) float32: 0, and minus infinity of a class without weight.
        inverse: (B, 1 + p, 1 + p) float32, of the bound; of its diagonal alone (B, 1 + p, 1).
        n_rows: (B,) float64, the sum of weights.
    """

    columns: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    penalties: np.ndarray
    absent: np.ndarray
    inverse: np.ndarray
    n_rows: np.ndarray

    @staticmethod
    def of(fits: Fits) -> "_Work":
        columns = _with_ones(fits.columns)
        penalties = np.repeat(fits.penalties[:, None], columns.shape[1], axis=1)
        penalties[:, 0] = 0
        each = zip(fits.labels, fits.weights, strict=True)
        counts = np.stack([np.bincount(labels, weights, fits.n_classes) for labels, weights in each])
        weights = fits.weights.astype(np.float32)
        if columns.shape[1] > MOST_COLUMNS:
            inverse = (1 / (weights @ columns**2 / 2 + penalties + 1e-6))[..., None]
        else:
            bounds = np.stack([columns.T @ (each[:, None] * columns) for each in weights]) / 2
            inverse = np.linalg.inv(bounds.astype(np.float64) + np.stack([np.diag(p) for p in penalties]))
        return _Work(
            columns,
            fits.labels.T,
            np.ascontiguousarray(weights.T),
            penalties[..., None].astype(np.float32),
            np.where(counts > 0, 0, -np.inf).astype(np.float32),
            inverse.astype(np.float32),
            weights.sum(axis=1, dtype=np.float64),
        )

    def only(self, chosen: np.ndarray) -> "_Work":
        """Some of the fits."""
        rows = (self.labels[:, chosen], self.weights[:, chosen])
        rest = (self.penalties, self.absent, self.inverse, self.n_rows)
        return _Work(self.columns, *rows, *(each[chosen] for each in rest))

    @cached_property
    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """The rows (n, 1) and fits (1, B) of `labels`, to find each row's own class by."""
        rows, fits = np.ogrid[: len(self.labels), : self.labels.shape[1]]
        return rows, fits

    def look(self, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The penalised loss (B,) float64, nats, and probabilities (n, B, C) at (B, 1 + p, C)."""
        proba = _logits(self.columns, at)
        proba += self.absent
        proba -= proba.max(axis=2, keepdims=True)
        mine = proba[*self.places, self.labels]
        np.exp(proba, out=proba)
        total = proba.sum(axis=2, keepdims=True)
        proba /= total
        losses = np.where(self.weights > 0, np.log(total[..., 0]) - mine, 0)
        fitted = (self.weights * losses).sum(axis=0, dtype=np.float64)
        return fitted + (self.penalties * at**2).sum((1, 2), dtype=np.float64) / 2, proba

    def slope(self, at: np.ndarray, proba: np.ndarray) -> np.ndarray:
        """The gradient (B, 1 + p, C) float32."""
        off = proba * self.weights[..., None]
        off[*self.places, self.labels] -= self.weights
        pulled = self.columns.T @ off.reshape(len(off), -1)
        return pulled.reshape(-1, *off.shape[1:]).transpose(1, 0, 2) + self.penalties * at

    def bounded(self, slope: np.ndarray) -> np.ndarray:
        """The step (B, 1 + p, C) against which the bound would have `slope`."""
        return self.inverse * slope if self.inverse.shape[2] == 1 else self.inverse @ slope


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The inner products (B, 1, 1) of (B, 1 + p, C)."""
    return np.einsum("bpc,bpc->b", a, b)[:, None, None]


def _turned(work: _Work, slope: np.ndarray, pairs: list[Pair]) -> np.ndarray:
    """L-BFGS' two loops: the inverse curvature, as the last steps tell it, times `slope` (B, 1 + p, C)."""
    turned, shares = slope, []
    for step, change, inverse in reversed(pairs):
        shares.append(_dot(step, turned) * inverse)
        turned = turned - shares[-1] * change
    if pairs:
        step, change, inverse = pairs[-1]
        scale = 1 / np.maximum(_dot(change, work.bounded(change)) * inverse, 1e-30)
        turned = scale * work.bounded(turned)
    else:
        turned = work.bounded(turned)
    for (step, change, inverse), share in zip(pairs, reversed(shares), strict=True):
        turned = turned + step * (share - _dot(change, turned) * inverse)
    return turned
