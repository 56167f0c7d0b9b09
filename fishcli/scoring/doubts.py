"""Labels that out-of-fold predictions contradict."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Doubts:
    """Which labels are in doubt.

    Attributes:
        rows: (k,) int, the rows in doubt, the surest first.
        proposals: (k,) int, the class that the predictions propose.
        sureness: (k,) float, 0.5 to 1: the proposal's share of what it and the label are given.
    """

    rows: np.ndarray
    proposals: np.ndarray
    sureness: np.ndarray


def find_doubts(labels: np.ndarray, proba: np.ndarray) -> Doubts:
    """Find labels that out-of-fold predictions contradict, by confident learning.

    A photo counts as one of a class where that is given more than photos of this label are given on average,
    so that classes which a model is never sure of have a lower bar; of several such classes the likeliest. A
    label is in doubt where its photo counts as one of another class, which is more likely, too (Northcutt,
    Jiang & Chuang, "Confident learning: estimating uncertainty in dataset labels", 2021, off the diagonal of
    the confident joint; ordered by how much likelier the proposal is).

    Args:
        labels: (n,) int.
        proba: (n, C), rows sum to 1, of models that have not seen their row.
    """
    n, n_classes = proba.shape
    own = proba[np.arange(n), labels]
    counts = np.bincount(labels, minlength=n_classes)
    bars = np.full(n_classes, np.inf)
    known = counts > 0
    bars[known] = np.bincount(labels, own, n_classes)[known] / counts[known]
    confident = np.where(proba >= bars, proba, -1.0)
    proposals = confident.argmax(axis=1)
    likeliest = confident[np.arange(n), proposals]
    rows = np.flatnonzero((likeliest > own) & (proposals != labels))
    sureness = likeliest[rows] / (likeliest[rows] + own[rows])
    order = np.argsort(-sureness, kind="stable")
    return Doubts(rows[order], proposals[rows][order], sureness[order])


def doubts_of_twins(labels: np.ndarray, proba: np.ndarray, pairs: np.ndarray) -> Doubts:
    """Of two photos that show the same one has a wrong label: the one that the predictions of both deny.

    Args:
        labels: (n,) int.
        proba: (n, C), as above.
        pairs: (k, 2) int, rows of two labels; a row in several pairs is judged by its surest.
    """
    both = proba[pairs].mean(axis=1)
    found = labels[pairs]
    given = np.take_along_axis(both, found, axis=1)
    wrong = given.argmin(axis=1)
    at = np.arange(len(pairs))
    rows, proposals = pairs[at, wrong], found[at, 1 - wrong]
    sureness = given[at, 1 - wrong] / np.maximum(given.sum(axis=1), 1e-12)
    order = np.argsort(-sureness, kind="stable")
    _, first = np.unique(rows[order], return_index=True)
    kept = order[np.sort(first)]
    return Doubts(rows[kept], proposals[kept], sureness[kept])
