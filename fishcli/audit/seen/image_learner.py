"""What pooled features of images tell of a label: logistic regression on principal components, cross-fitted.

Of everything fitted here, nothing is fitted outside a fold's training rows.
"""

import numpy as np

from fishcli.audit.gains import row_losses
from fishcli.audit.learners.logistic import Fits, fit
from fishcli.audit.seen.components import training_rows
from fishcli.basics.threads import threads_of
from fishcli.dataset.classes import fill_missing_classes

PENALTIES = (0.03, 0.1, 0.3, 1.0)
"""C to choose from: the best is about 1 under random folds and 0.03 under grouped ones. There 1 may lose to
the prior: on egu_fish's videos, with MobileNetV2, 3.0 bits against 2.7."""
N_BLOCKS = 3
"""The other folds are held out in so many blocks to choose one."""
ROUGHLY = 1e-5
"""Tolerance of the fits that choose a penalty: ten times that of the others takes two thirds of the time."""
FIXED_PENALTY = 0.1
"""C where a choice costs too much: within 0.25 bits of the best under both kinds of folds."""


def held_out_proba(columns: np.ndarray, labels: np.ndarray, fold: np.ndarray, k: int) -> np.ndarray:
    """What multinomial logistic regression (L2) says of the rows of fold `k`, learned from the other folds.

    Of PENALTIES that one is taken which does best where the other folds are held out, a third of them at a
    time; so no group is on both sides of that choice either.

    Args:
        columns: (n, p) float32, on about the scale of standardised columns.
        labels: (n,) int64 from 0.
        fold: (n,) int, the fold in which each row is held out.
        k: which fold.

    Returns:
        (rows of fold k, C) float64. Classes that the training part lacks get their smoothed prior.
    """
    n_classes, rows = int(labels.max()) + 1, training_rows(fold, k)
    with threads_of("numpy").limit(limits=1):  # small matrices: threads would wait for each other
        penalty, start = _choose(columns[rows], labels[rows], fold[rows], n_classes)
    return _fitted(columns, labels[None], fold, k, penalty, start)[0]


def held_out_of_many(columns: np.ndarray, labels: np.ndarray, fold: np.ndarray, k: int) -> np.ndarray:
    """The same of several labels (B, n) at once, with FIXED_PENALTY: (B, rows of fold k, C)."""
    return _fitted(columns, labels, fold, k, FIXED_PENALTY, None)


def _fitted(
    columns: np.ndarray,
    labels: np.ndarray,
    fold: np.ndarray,
    k: int,
    penalty: float,
    start: np.ndarray | None,
) -> np.ndarray:
    n_classes, rows = int(labels.max()) + 1, training_rows(fold, k)
    known = labels[:, rows]
    counts = [np.bincount(each, minlength=n_classes) for each in known]
    with threads_of("numpy").limit(limits=1):
        penalties = np.full(len(labels), 1 / penalty)
        fits = Fits(columns[rows], known, np.ones(known.shape, np.float32), penalties, n_classes)
        said = fit(fits, start).say(columns[fold == k])
    return np.stack([fill_missing_classes(*each) for each in zip(said, counts, strict=True)])


def _choose(
    columns: np.ndarray, labels: np.ndarray, fold: np.ndarray, n_classes: int
) -> tuple[float, np.ndarray | None]:
    """The penalty with the least log loss on blocks of folds, and where to begin the fit that has it.

    A middle penalty where there is one fold.
    """
    place = np.unique(fold, return_inverse=True)[1]
    n_blocks = min(N_BLOCKS, int(place.max()) + 1)
    if n_blocks < 2:
        return FIXED_PENALTY, None
    held = place % n_blocks == np.arange(n_blocks)[:, None]
    each, weights = np.tile(labels, (n_blocks, 1)), (~held).astype(np.float32)
    start, starts, losses = None, [], []
    for penalty in PENALTIES:
        fits = Fits(columns, each, weights, np.full(n_blocks, 1 / penalty), n_classes)
        fitted = fit(fits, start, ROUGHLY)
        start = fitted.coefficients
        starts.append(start.mean(axis=0))
        said = fitted.say(columns)
        counts = [np.bincount(labels, weight, n_classes) for weight in weights]
        of_blocks = zip(held, said, counts, strict=True)
        losses.append(
            sum(row_losses(labels[rows], fill_missing_classes(p[rows], c)).sum() for rows, p, c in of_blocks)
        )
    best = int(np.argmin(losses))
    return PENALTIES[best], starts[best]
