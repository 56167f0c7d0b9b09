"""Features of images on their principal components, each fold's found without its own rows."""

from collections.abc import Iterator
from itertools import accumulate

import numpy as np

from fishcli.basics.threads import threads_of

N_COMPONENTS = 64
"""The most principal components that are kept."""
N_SPARE, N_TURNS = 16, 3
"""Directions beyond those that are kept, and turns of two products each, of the search for them."""
MAX_TRAINING_ROWS = 20_000
"""Of more images so many are drawn to learn from: more would cost minutes and hardly teach 64 numbers."""
CONSTANT = 1e-6
"""A column whose variance is no larger a share of its mean square is constant but for rounding."""


def training_rows(fold: np.ndarray, k: int) -> np.ndarray:
    """The rows (m,) that fold `k` of `fold` (n,) is learned from: of the other folds, all or a fixed draw."""
    rows = drawn_rows(len(fold))
    return rows[fold[rows] != k]


def drawn_rows(n_rows: int) -> np.ndarray:
    """All of `n_rows` rows, or a fixed draw of MAX_TRAINING_ROWS: (m,) int64, rising."""
    if n_rows <= MAX_TRAINING_ROWS:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng(0).choice(n_rows, MAX_TRAINING_ROWS, replace=False))


def principal_scores(features: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Standardised features on their first principal components, both fitted on some of the rows.

    All components are scaled by one number, so that their mean variance is 1. The leading ones keep their
    lead, and a penalty weighs on them about as on a standardised column beside them.

    Args:
        features: (n, channels) float32, finite.
        rows: (m,) what scale and components are fitted on.

    Returns:
        (n, p) float32, p at most N_COMPONENTS; one column of zeros where nothing varies.
    """
    number, mean, squares = _spread(features[rows])
    return _scores(features, number, mean, squares)


def scores_by_fold(features: np.ndarray, fold: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Each fold's number and the `principal_scores` of all rows, fitted on its `training_rows`.

    Each fold's products are summed once and put together for every other fold (Chan, Golub & LeVeque 1979):
    those of the folds before it and those of the folds after it.
    """
    folds, rows = np.unique(fold), drawn_rows(len(fold))
    spreads = [_spread(features[rows[fold[rows] == k]]) for k in folds]
    numbers = np.array([number for number, _, _ in spreads])
    means = np.stack([mean for _, mean, _ in spreads])
    nothing = np.zeros_like(spreads[0][2])
    after = [nothing, *accumulate(squares for _, _, squares in spreads[:0:-1])][::-1]
    before = nothing
    for place, k in enumerate(folds):
        counts = np.where(np.arange(len(folds)) == place, 0, numbers)
        number = int(counts.sum())
        mean = counts @ means / max(number, 1)
        apart = (np.sqrt(counts)[:, None] * (means - mean)).astype(np.float32)
        yield k, _scores(features, number, mean, before + after[place] + apart.T @ apart)
        before = before + spreads[place][2]


def _spread(rows: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
    """Of rows (m, channels) their number, mean (channels,) and squared deviations (channels, channels)."""
    mean = rows.mean(axis=0, dtype=np.float64) if len(rows) else np.zeros(rows.shape[1])
    centred = (rows - mean).astype(np.float32)
    return len(rows), mean, centred.T @ centred


def _scores(features: np.ndarray, number: int, mean: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """The rows of `features` on the components of what `_spread` tells.

    The components are found by subspace iteration (Halko, Martinsson & Tropp 2011) from a fixed start.
    """
    variance = np.diag(squares) / max(number, 1)
    varies = variance > CONSTANT * (variance + mean**2)
    if number < 2 or not varies.any():
        return np.zeros((len(features), 1), np.float32)
    scale = np.zeros((len(mean), 1), np.float32)
    scale[varies, 0] = 1 / np.sqrt(variance[varies])

    def correlated(basis: np.ndarray) -> np.ndarray:
        return scale * (squares @ (scale * basis)) / np.float32(number - 1)

    n_kept = min(N_COMPONENTS, len(mean), number - 1)
    basis = np.random.default_rng(0).standard_normal((len(mean), min(n_kept + N_SPARE, len(mean))))
    with threads_of("numpy").limit(limits=1):  # small matrices: threads would wait for each other
        basis = basis.astype(np.float32)
        for _ in range(N_TURNS):
            basis = np.linalg.qr(correlated(correlated(basis)))[0]
        variances, turn = np.linalg.eigh(basis.T @ correlated(basis))
        variances, turn = variances[::-1][:n_kept], turn[:, ::-1][:, :n_kept]  # the largest first
        turn = scale * (basis @ turn) / np.sqrt(variances.mean())
        # In one step, since a standardised copy of all rows may not fit into memory.
        return features @ turn - (mean @ turn).astype(np.float32)
