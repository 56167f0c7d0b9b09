"""Weights of an ensemble by greedy selection: run after run, as often as it helps."""

import numpy as np

TINY = 1e-15
N_BAGS = 20
N_STEPS = 50
"""Runs that a bag holds at most, each as often as it was taken."""
MIN_DRAWN = 4
"""Fewer runs than this are all in every bag."""


def select_weights(mean: str, labels: np.ndarray, proba: np.ndarray, seed: int = 0) -> np.ndarray:
    """Weights (m,) by bagged ensemble selection with replacement.

    Each of 20 bags has a random half of the runs. From an empty ensemble on, the run is added whose addition
    leaves the least log loss, whether it is in already or not; the ensemble of the step with the least loss
    is kept. A run's weight is its mean share of the bags. Few steps and bags keep it from fitting the rows
    (Caruana et al., "Ensemble selection from libraries of models", 2004).

    Args:
        mean: "arithmetic" or "geometric", of the runs in an ensemble.
        labels: (n,) int.
        proba: (m, n, C), rows sum to 1.
        seed: of the bags.
    """
    n_members = len(proba)
    drawn = n_members if n_members < MIN_DRAWN else -(-n_members // 2)
    rng = np.random.default_rng(seed)
    shares = np.zeros(n_members)
    for _ in range(N_BAGS if drawn < n_members else 1):
        bag = np.sort(rng.permutation(n_members)[:drawn])
        counts = _select(mean, labels, proba[bag])
        shares[bag] += counts / counts.sum()
    return shares / shares.sum()


def _select(mean: str, labels: np.ndarray, proba: np.ndarray) -> np.ndarray:
    """How often each member (m, n, C) is taken: (m,) int."""
    points = np.log(np.maximum(proba, TINY))
    if mean == "arithmetic":
        points = proba[:, np.arange(len(labels)), labels]  # all that the loss depends on
    total, counts = np.zeros(points.shape[1:]), np.zeros(len(proba), np.int64)
    best, best_loss = counts, np.inf
    for step in range(1, N_STEPS + 1):
        losses = [_loss(mean, labels, (total + point) / step) for point in points]
        taken = int(np.argmin(losses))
        total, counts = total + points[taken], counts.copy()
        counts[taken] += 1
        if losses[taken] < best_loss:
            best, best_loss = counts, losses[taken]
    return best


def _loss(mean: str, labels: np.ndarray, mixed: np.ndarray) -> float:
    """Log loss of mixed probabilities of the true class (n,), or of mixed logarithms (n, C)."""
    if mean == "arithmetic":
        return float(-np.log(np.maximum(mixed, TINY)).mean())
    most = mixed.max(axis=1)
    sums = np.log(np.exp(mixed - most[:, None]).sum(axis=1)) + most
    return float((sums - mixed[np.arange(len(labels)), labels]).mean())
