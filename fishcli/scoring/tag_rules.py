"""Which tags an image is said to have, by its probabilities, and thresholds that a metric rewards."""

from collections.abc import Callable

import numpy as np

HALF = 0.5
CUTS = np.array([0.01, 0.02, 0.03, *np.arange(0.05, 0.96, 0.05)])
"""Thresholds that are tried, finer where rare tags are."""
N_ROUNDS = 3
"""So often each tag's threshold is looked for once more, the others standing as they are."""


def said_tags(proba: np.ndarray, cuts: np.ndarray | float = HALF, may_be_none: bool = False) -> np.ndarray:
    """The tags (n, C) bool whose probability (n, C) is at least a cut, one for all or one each (C,).

    An image of which none is gets its most probable tag, unless it `may_be_none`.
    """
    said = np.asarray(proba >= cuts)
    if not may_be_none:
        bare = np.flatnonzero(~said.any(axis=1))
        said[bare, proba[bare].argmax(axis=1)] = True
    return said


def mean_f(beta: float) -> Callable[[np.ndarray, np.ndarray], float]:
    """The mean of images' F-measures, of tags (n, C) that are true and that are said; 1 of none and none."""

    def score(labels: np.ndarray, said: np.ndarray) -> float:
        hits = (labels * said).sum(axis=1, dtype=np.float64)
        return float(_f(beta, hits, labels.sum(axis=1), said.sum(axis=1)).mean())

    return score


def _f(beta: float, hits: np.ndarray, n_true: np.ndarray, n_said: np.ndarray) -> np.ndarray:
    parts = beta**2 * n_true + n_said
    return np.where(parts > 0, (1 + beta**2) * hits / np.maximum(parts, 1e-9), 1.0)


def cuts_for_mean_f(labels: np.ndarray, proba: np.ndarray, beta: float, may_be_none: bool) -> np.ndarray:
    """A threshold a tag (C,) for the mean of images' F-measures.

    First the best that all share, then each tag's in turn, the others standing as they are: coordinate
    ascent, after Fan & Lin, "A study on threshold selection for multi-label classification", 2007. A tag's
    moves only where that is better, so a rare one keeps what all share.

    Args:
        labels: (n, C), 0 or 1.
        proba: (n, C).
        beta: how much more recall weighs than precision.
        may_be_none: as in `said_tags`.
    """
    shared = [mean_f(beta)(labels, said_tags(proba, cut, may_be_none)) for cut in CUTS]
    cuts = np.full(proba.shape[1], CUTS[int(np.argmax(shared))])
    is_true, n_true = labels > 0, labels.sum(axis=1)
    likeliest = is_true[np.arange(len(proba)), proba.argmax(axis=1)]
    said = proba >= cuts
    for _ in range(N_ROUNDS):
        before = cuts.copy()
        for tag in range(proba.shape[1]):
            others = said.sum(axis=1) - said[:, tag]
            hits = (said & is_true).sum(axis=1) - (said & is_true)[:, tag]
            own = proba[:, tag] >= np.append(CUTS, cuts[tag])[:, None]
            n_said, n_hits = others + own, hits + (own & is_true[:, tag])
            if not may_be_none:
                n_hits = np.where(n_said == 0, likeliest, n_hits)
                n_said = np.maximum(n_said, 1)
            values = _f(beta, n_hits, n_true, n_said).mean(axis=1)
            if values[:-1].max() > values[-1] + 1e-12:
                cuts[tag] = CUTS[int(values[:-1].argmax())]
                said[:, tag] = proba[:, tag] >= cuts[tag]
        if (cuts == before).all():
            break
    return cuts


def macro_f1_of_tags(labels: np.ndarray, said: np.ndarray) -> float:
    """The mean F1 of the tags that occur in `labels` (n, C) or in `said` (n, C)."""
    hits = (labels * said).sum(axis=0, dtype=np.float64)
    named = labels.sum(axis=0, dtype=np.float64) + said.sum(axis=0)
    return float((2 * hits[named > 0] / named[named > 0]).mean()) if named.any() else 1.0


def cuts_for_macro_f1(labels: np.ndarray, proba: np.ndarray) -> np.ndarray:
    """A threshold a tag (C,) for the mean F1 of tags: each tag's own best."""
    best = np.full(proba.shape[1], HALF)
    for tag in range(proba.shape[1]):
        said = proba[:, tag] >= CUTS[:, None]
        hits = (said & (labels[:, tag] > 0)).sum(axis=1)
        values = 2 * hits / np.maximum(said.sum(axis=1) + labels[:, tag].sum(), 1e-9)
        if values.max() > 0:
            best[tag] = CUTS[int(values.argmax())]
    return best


def auc_of_tags(labels: np.ndarray, proba: np.ndarray) -> float:
    """The mean of each tag's area under the ROC curve; NaN where a tag has no image, or all."""
    from scipy.stats import rankdata

    n_with = labels.sum(axis=0, dtype=np.float64)
    n_without = len(labels) - n_with
    if (n_with == 0).any() or (n_without == 0).any():
        return float("nan")
    ranks = (rankdata(proba, axis=0) * (labels > 0)).sum(axis=0)
    return float(((ranks - n_with * (n_with + 1) / 2) / (n_with * n_without)).mean())
