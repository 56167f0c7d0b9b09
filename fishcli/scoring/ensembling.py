"""Averages of predictions, and blends whose weights are found on out-of-fold predictions."""

from dataclasses import dataclass

import numpy as np

from fishcli.scoring.calibration import COLDEST, HOTTEST, find_temperature

TINY = 1e-15
MEANS = ("arithmetic", "geometric")
"""Of a blend; an even choice falls on the first."""


def average(proba: np.ndarray, mean: str) -> np.ndarray:
    """Average the predictions of m members.

    Args:
        proba: (m, n, C), rows sum to 1; or (m, ..., C) for the first two means.
        mean: "arithmetic"; "geometric" (of probabilities, renormalised); or "vote": the share of members
            that find a class most probable, smoothed to (votes + 1/2) / (m + C/2) so that none is 0.

    Returns:
        (n, C) float64, rows sum to 1.
    """
    if mean == "arithmetic":
        return proba.mean(axis=0)
    if mean == "geometric":
        logs = np.log(np.maximum(proba, TINY)).mean(axis=0)
        powers = np.exp(logs - logs.max(axis=-1, keepdims=True))
        return powers / powers.sum(axis=-1, keepdims=True)
    if mean == "vote":
        n_members, _, n_classes = proba.shape
        votes = np.eye(n_classes)[proba.argmax(axis=2)].sum(axis=0)
        return (votes + 0.5) / (n_members + 0.5 * n_classes)
    raise ValueError(f"unknown mean {mean!r}, expected arithmetic, geometric or vote")


def blend(proba: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The mixture (n, C) of predictions (m, n, C) under convex `weights` (m,)."""
    return np.tensordot(weights, proba, axes=1)


def find_weights(labels: np.ndarray, proba: np.ndarray) -> np.ndarray:
    """The convex weights (m,) under which the mixture of predictions (m, n, C) has the least log loss.

    The loss is convex in the weights; SciPy's SLSQP finds them (stacking by linear opinion pools, after
    Yao et al. 2018).
    """
    from scipy.optimize import minimize

    n_members = len(proba)
    chosen = proba[:, np.arange(len(labels)), labels]  # all that the loss depends on

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        mixed = np.maximum(weights @ chosen, TINY)
        return float(-np.log(mixed).mean()), -(chosen / mixed).mean(axis=1)

    found = minimize(
        loss,
        np.full(n_members, 1 / n_members),
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * n_members,
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1.0},
    )
    weights = np.clip(found.x, 0.0, 1.0)
    return weights / weights.sum()


@dataclass(frozen=True)
class Blend:
    """How the predictions of m runs become one.

    Attributes:
        mean: "arithmetic" or "geometric".
        weights: (m,) of each, summing to 1.
        temperature: of a geometric mean; of an arithmetic one always 1.
    """

    mean: str
    weights: tuple[float, ...]
    temperature: float = 1.0

    def of(self, proba: np.ndarray) -> np.ndarray:
        """The blend (n, C) of predictions (m, n, C)."""
        if self.mean == "arithmetic":
            return blend(proba, np.array(self.weights))
        return log_pool(proba, np.array(self.weights) / self.temperature)


def log_pool(proba: np.ndarray, exponents: np.ndarray) -> np.ndarray:
    """The renormalised product (n, C) of predictions (m, n, C), each to the power of its exponent (m,)."""
    logs = np.tensordot(exponents, np.log(np.maximum(proba, TINY)), axes=1)
    powers = np.exp(logs - logs.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def find_blend(mean: str, is_equal: bool, labels: np.ndarray, proba: np.ndarray) -> Blend:
    """The blend of predictions (m, n, C) that has the least log loss.

    Args:
        mean: "arithmetic" or "geometric".
        is_equal: whether all weights are the same; a geometric mean's temperature is found all the same.
        labels: (n,) int.
        proba: (m, n, C), rows sum to 1.
    """
    n_members = len(proba)
    equal = np.full(n_members, 1 / n_members)
    if mean == "arithmetic":
        return Blend(mean, _floats(equal if is_equal else find_weights(labels, proba)))
    if is_equal:
        return Blend(mean, _floats(equal), find_temperature(labels, log_pool(proba, equal)))
    exponents = find_exponents(labels, proba)
    return Blend(mean, _floats(exponents / exponents.sum()), float(1 / exponents.sum()))


def find_exponents(labels: np.ndarray, proba: np.ndarray) -> np.ndarray:
    """The exponents (m,) under which the log-linear pool of predictions (m, n, C) has the least log loss.

    They are 0 at least; their sum is what a temperature would be the reciprocal of, and has its limits. The
    loss is convex in them; SciPy's SLSQP finds them (logarithmic opinion pools, Heskes 1998).
    """
    from scipy.optimize import minimize

    logs = np.log(np.maximum(proba, TINY))
    right = logs[:, np.arange(len(labels)), labels]

    def loss(exponents: np.ndarray) -> tuple[float, np.ndarray]:
        scores = np.tensordot(exponents, logs, axes=1)
        most = scores.max(axis=1, keepdims=True)
        powers = np.exp(scores - most)
        sums = powers.sum(axis=1, keepdims=True)
        value = (most[:, 0] + np.log(sums[:, 0]) - exponents @ right).mean()
        return float(value), np.einsum("mnc,nc->m", logs, powers / sums) / len(labels) - right.mean(axis=1)

    found = minimize(
        loss,
        np.full(len(proba), 1 / len(proba)),
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 1 / COLDEST)] * len(proba),
        constraints=[
            {"type": "ineq", "fun": lambda exponents: exponents.sum() - 1 / HOTTEST},
            {"type": "ineq", "fun": lambda exponents: 1 / COLDEST - exponents.sum()},
        ],
    )
    exponents = np.clip(found.x, 0.0, 1 / COLDEST)
    return exponents * np.clip(exponents.sum(), 1 / HOTTEST, 1 / COLDEST) / exponents.sum()


def nested_blend(
    mean: str, is_equal: bool, labels: np.ndarray, proba: np.ndarray, fold: np.ndarray
) -> np.ndarray:
    """The blend (n, C) of predictions (m, n, C), each fold by what `find_blend` finds on the other folds."""
    mixed = np.empty(proba.shape[1:])
    for k in np.unique(fold):
        found = find_blend(mean, is_equal, labels[fold != k], proba[:, fold != k])
        mixed[fold == k] = found.of(proba[:, fold == k])
    return mixed


def _floats(values: np.ndarray) -> tuple[float, ...]:
    return tuple(map(float, values))
