"""Averages of predictions, and blends whose weights are found on out-of-fold predictions."""

from dataclasses import dataclass, replace

import numpy as np

from fishcli.dataset.tags import in_pairs, out_of_pairs
from fishcli.scoring.calibration import find_temperature
from fishcli.scoring.pooling import find_exponents, log_pool
from fishcli.scoring.selection import select_weights
from fishcli.scoring.stacking import Stack, fit_stack

TINY = 1e-15
MEANS = ("arithmetic", "geometric")
"""Of a blend; an even choice falls on the first."""


def average(proba: np.ndarray, mean: str, is_tagged: bool = False) -> np.ndarray:
    """Average the predictions of m members.

    Args:
        proba: (m, n, C), rows sum to 1; or (m, ..., C) for the first two means.
        mean: "arithmetic"; "geometric" (of probabilities, renormalised); or "vote": the share of members
            that find a class most probable, smoothed to (votes + 1/2) / (m + C/2) so that none is 0.
        is_tagged: whether each column is a tag, a class of two by itself.

    Returns:
        (n, C) float64, rows sum to 1, but for tags.
    """
    if is_tagged and mean != "arithmetic":
        return out_of_pairs(average(in_pairs(proba), mean), proba.shape[-1])
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
        is_tagged: whether what they predict are tags.
    """

    mean: str
    weights: tuple[float, ...]
    temperature: float = 1.0
    is_tagged: bool = False

    def of(self, proba: np.ndarray) -> np.ndarray:
        """The blend (n, C) of predictions (m, n, C)."""
        if self.mean == "arithmetic":
            return blend(proba, np.array(self.weights))
        if self.is_tagged:
            pooled = log_pool(in_pairs(proba), np.array(self.weights) / self.temperature)
            return out_of_pairs(pooled, proba.shape[-1])
        return log_pool(proba, np.array(self.weights) / self.temperature)


def find_blend(
    weights: str, mean: str, labels: np.ndarray, proba: np.ndarray, fold: np.ndarray
) -> Blend | Stack:
    """How the predictions of runs become one, found on out-of-fold predictions.

    Args:
        weights: "oof" for those of the least log loss, "equal" (a geometric mean's temperature is found all
            the same), "greedy" for `select_weights`', "stack" for a learner in place of weights.
        mean: "arithmetic" or "geometric"; of a stack neither.
        labels: (n,) int, or tags (n, C), of which there is no stack.
        proba: (m, n, C), rows sum to 1, but for tags.
        fold: (n,) int, by which a stack chooses.
    """
    if labels.ndim == 2:
        pairs, of_pairs = in_pairs(proba), np.repeat(fold, labels.shape[1])
        blended = find_blend(weights, mean, labels.ravel().astype(np.int64), pairs, of_pairs)
        if isinstance(blended, Stack):
            raise ValueError("a stack of tags")
        return replace(blended, is_tagged=True)
    if weights == "stack":
        return fit_stack(labels, proba, fold)
    if weights == "oof" and mean == "geometric":
        exponents = find_exponents(labels, proba)
        return Blend(mean, _floats(exponents / exponents.sum()), float(1 / exponents.sum()))
    if weights == "oof":
        found = find_weights(labels, proba)
    elif weights == "greedy":
        found = select_weights(mean, labels, proba)
    else:
        found = np.full(len(proba), 1 / len(proba))
    hot = find_temperature(labels, log_pool(proba, found)) if mean == "geometric" else 1.0
    return Blend(mean, _floats(found), hot)


def nested_blend(
    weights: str, mean: str, labels: np.ndarray, proba: np.ndarray, fold: np.ndarray
) -> np.ndarray:
    """The blend (n, C) of predictions (m, n, C), each fold by what `find_blend` finds on the other folds."""
    mixed = np.empty(proba.shape[1:])
    for k in np.unique(fold):
        others = fold != k
        found = find_blend(weights, mean, labels[others], proba[:, others], fold[others])
        mixed[~others] = found.of(proba[:, ~others])
    return mixed


def _floats(values: np.ndarray) -> tuple[float, ...]:
    return tuple(map(float, values))
