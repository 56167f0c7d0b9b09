"""Averages of predictions, and convex weights found on out-of-fold predictions."""

import numpy as np

from fishcli.scoring.metrics import log_loss

TINY = 1e-15


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


def nested_loss(labels: np.ndarray, proba: np.ndarray, fold: np.ndarray) -> float:
    """The blend's log loss when each fold is predicted with weights found on the other folds."""
    mixed = np.empty(proba.shape[1:])
    for k in np.unique(fold):
        weights = find_weights(labels[fold != k], proba[:, fold != k])
        mixed[fold == k] = blend(proba[:, fold == k], weights)
    return log_loss(labels, mixed)
