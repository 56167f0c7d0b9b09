"""A small learner on the predictions of several runs: a log-linear pool whose weights differ by class."""

from dataclasses import dataclass

import numpy as np

from fishcli.scoring.metrics import log_loss
from fishcli.scoring.pooling import find_exponents

TINY = 1e-6
PENALTIES = (0.01, 0.1, 1.0, 10.0)
"""Of the distance to the pool with one weight a run, from the loosest."""


@dataclass(frozen=True)
class Stack:
    """Exponents of m runs' probabilities by class.

    Attributes:
        exponents: (m, C).
        shifts: (C,), added to the logarithms.
    """

    exponents: np.ndarray
    shifts: np.ndarray

    @property
    def weights(self) -> tuple[float, ...]:
        """(m,) the runs' shares of all exponents, summing to 1."""
        sums = self.exponents.sum(axis=1)
        return tuple(map(float, sums / sums.sum()))

    def of(self, proba: np.ndarray) -> np.ndarray:
        """Predictions (n, C) from those of the runs (m, n, C)."""
        return _softmax(np.einsum("mc,mnc->nc", self.exponents, _logs(proba)) + self.shifts)


def fit_stack(labels: np.ndarray, proba: np.ndarray, fold: np.ndarray) -> Stack:
    """Fit the pool, its penalty chosen on the folds.

    Stacked generalisation (Wolpert 1992) by a log-linear pool. The exponents by class are drawn to those of
    `find_exponents`, one a run, and the shifts to 0: with few groups a free learner knows the groups.

    Args:
        labels: (n,) int.
        proba: (m, n, C) out of fold, rows sum to 1.
        fold: (n,) int; no row helps to choose the penalty by which it is judged. One fold takes the largest.
    """
    folds = np.unique(fold)
    losses = np.zeros(len(PENALTIES))
    for k in folds if len(folds) > 1 else ():
        rows, others = fold == k, fold != k
        for i, found in enumerate(_fit_all(labels[others], proba[:, others])):
            losses[i] += log_loss(labels[rows], found.of(proba[:, rows])) * rows.sum()
    best = int(len(PENALTIES) - 1 - np.argmin(losses[::-1]))
    return _fit_all(labels, proba)[best]


def _fit_all(labels: np.ndarray, proba: np.ndarray) -> list[Stack]:
    """A stack a penalty."""
    from scipy.optimize import minimize

    logs, n_classes = _logs(proba), proba.shape[2]
    pooled = np.repeat(find_exponents(labels, proba)[:, None], n_classes, axis=1)
    centre = np.concatenate([pooled, np.zeros((1, n_classes))])
    right = np.eye(n_classes)[labels]
    rows = np.concatenate([logs, np.ones((1, *logs.shape[1:]))])  # the shifts' exponent is of e

    def loss(flat: np.ndarray, penalty: float) -> tuple[float, np.ndarray]:
        values = flat.reshape(centre.shape)
        answers = _softmax(np.einsum("mc,mnc->nc", values, rows))
        away = values - centre
        value = -np.log(np.maximum((answers * right).sum(axis=1), 1e-300)).mean()
        gradient = np.einsum("mnc,nc->mc", rows, answers - right) / len(labels) + penalty * away
        return float(value + penalty * (away**2).sum() / 2), gradient.ravel()

    found = []
    for penalty in PENALTIES:
        values = minimize(loss, centre.ravel(), (penalty,), "L-BFGS-B", jac=True).x.reshape(centre.shape)
        found.append(Stack(values[:-1], values[-1]))
    return found


def _logs(proba: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(proba, TINY))


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
