"""What pooled features of images tell of a label: logistic regression on principal components, cross-fitted.

Of everything fitted here, nothing is fitted outside a fold's training rows.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from fishcli.audit.gains import row_losses
from fishcli.dataset.classes import fill_missing_classes

N_COMPONENTS = 64
"""The most principal components that are kept."""
MAX_TRAINING_ROWS = 20_000
"""Of a larger training part so many rows are drawn: more would cost minutes and hardly teach 64 numbers."""
PENALTIES = (0.03, 0.1, 0.3, 1.0)
"""C to choose from: the best is about 1 under random folds and 0.03 under grouped ones. There 1 may lose to
the prior: on egu_fish's videos, with MobileNetV2, 3.0 bits against 2.7."""
ROUGHLY = 1e-3
"""Tolerance of the fits that choose a penalty: ten times scikit-learn's own takes half the time."""
FIXED_PENALTY = (0.1,)
"""C where a choice costs too much: within 0.25 bits of the best under both kinds of folds."""


def training_rows(fold: np.ndarray, k: int) -> np.ndarray:
    """The rows (m,) that fold `k` of `fold` (n,) is learned from: all of the other folds, or a fixed draw."""
    rows = np.flatnonzero(fold != k)
    if len(rows) > MAX_TRAINING_ROWS:
        rows = np.sort(np.random.default_rng(k).choice(rows, MAX_TRAINING_ROWS, replace=False))
    return rows


def principal_scores(features: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Standardised features on their first principal components, both fitted on some of the rows.

    All components are scaled by one number, so that their mean variance is 1. The leading ones keep their
    lead, and a penalty weighs on them about as on a standardised column beside them.

    Args:
        features: (n, channels) float32, finite.
        rows: (m,) what scale and components are fitted on.

    Returns:
        (n, p) float64, p at most N_COMPONENTS; one column of zeros where nothing varies.
    """
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    if len(rows) < 2 or not np.ptp(features[rows], axis=0).any():
        return np.zeros((len(features), 1))
    scaler = StandardScaler().fit(features[rows])
    standardised = scaler.transform(features[rows])
    with threadpool_limits(1):  # small matrices: threads would wait for each other
        pca = PCA(min(N_COMPONENTS, features.shape[1], len(rows) - 1), random_state=0).fit(standardised)
        spread = np.sqrt(pca.explained_variance_.mean())
        # In one step, since a standardised copy of all rows may not fit into memory.
        turn = (pca.components_ / scaler.scale_).T / spread
        return (features @ turn.astype(features.dtype) - scaler.mean_ @ turn).astype(np.float64)


def held_out_proba(
    columns: np.ndarray,
    labels: np.ndarray,
    fold: np.ndarray,
    k: int,
    penalties: Sequence[float] = PENALTIES,
) -> np.ndarray:
    """What multinomial logistic regression (L2) says of the rows of fold `k`, learned from the other folds.

    Of several penalties that one is taken which does best where each of the other folds is held out in its
    turn; so no group is on both sides of that choice either.

    Args:
        columns: (n, p) float64, on about the scale of standardised columns.
        labels: (n,) int64 from 0.
        fold: (n,) int, the fold in which each row is held out.
        k: which fold.
        penalties: C to choose from.

    Returns:
        (rows of fold k, C) float64. Classes that the training part lacks get their smoothed prior.
    """
    from threadpoolctl import threadpool_limits

    rows, here = training_rows(fold, k), np.flatnonzero(fold == k)
    with threadpool_limits(1):
        chosen = _choose(columns, labels, fold, rows, penalties)
        return next(_along(columns, labels, rows, here, [chosen]))


def _choose(
    columns: np.ndarray, labels: np.ndarray, fold: np.ndarray, rows: np.ndarray, penalties: Sequence[float]
) -> float:
    """The penalty with the least log loss on folds of the training rows; a middle one where there is one."""
    folds = np.unique(fold[rows])
    if len(penalties) == 1 or len(folds) < 2:
        return penalties[0] if len(penalties) == 1 else FIXED_PENALTY[0]
    losses = np.zeros(len(penalties))
    for k in folds:
        train, held = rows[fold[rows] != k], rows[fold[rows] == k]
        found = _along(columns, labels, train, held, penalties, ROUGHLY)
        losses += [row_losses(labels[held], proba).sum() for proba in found]
    return penalties[int(losses.argmin())]


def _along(
    columns: np.ndarray,
    labels: np.ndarray,
    train: np.ndarray,
    held: np.ndarray,
    penalties: Sequence[float],
    tolerance: float = 1e-4,
) -> Iterator[np.ndarray]:
    """Probabilities of the rows `held` at each penalty, every fit starting where the last one ended."""
    from sklearn.linear_model import LogisticRegression

    counts = np.bincount(labels[train], minlength=int(labels.max()) + 1)
    model = LogisticRegression(max_iter=500, tol=tolerance, warm_start=True)
    for penalty in penalties:
        proba = np.zeros((len(held), len(counts)))
        if (counts > 0).sum() > 1:
            model.set_params(C=penalty).fit(columns[train], labels[train])
            proba[:, model.classes_] = model.predict_proba(columns[held])
        else:
            proba[:, counts > 0] = 1.0
        yield fill_missing_classes(proba, counts)
