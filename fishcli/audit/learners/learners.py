"""The two learners that tell how much metadata gives away, and what they say of rows they have not seen."""

from typing import Any

import numpy as np

from fishcli.audit.learners.encoding import Coded
from fishcli.audit.learners.logistic import Fits, fit
from fishcli.audit.table import AuditTable
from fishcli.basics.threads import threads_of
from fishcli.dataset.classes import fill_missing_classes

INVERSE_PENALTY = 0.1
"""C of the logistic regression."""
BOOSTING: dict[str, Any] = {
    "max_iter": 5,
    "learning_rate": 0.4,
    "max_leaf_nodes": 8,
    "min_samples_leaf": 20,
    "l2_regularization": 10.0,
    "early_stopping": False,  # its inner split would put one group on both sides
    "random_state": 0,
}
"""Of the gradient boosting: shrunken, since the default loses 0.8 bits on ten fields of noise. Forty rounds
of 0.05 end at the same place (docs/measured.md)."""
UNCHECKED = {"skip_parameter_validation": True}
LEARNERS = ("logistic regression", "gradient boosting")


def cross_fit(table: AuditTable, fold: np.ndarray, n_folds: int | None = None) -> dict[str, np.ndarray]:
    """What each of LEARNERS says of rows it hasn't seen; all that is fitted is fitted on the other folds.

    Args:
        table: n rows.
        fold: (n,) int, the fold in which each row is held out.
        n_folds: how many folds are held out, the first ones; None for all.

    Returns:
        Probabilities (n, C) float64 by learner; of folds that are not held out 0. Classes that a fold's
        training part lacks get their smoothed prior.
    """
    coded = Coded.of(table.columns, table.fields)
    proba = {name: np.zeros((len(table.labels), table.n_classes)) for name in LEARNERS}
    for k in np.unique(fold)[:n_folds]:
        known, asked = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        for name, found in proba.items():
            found[asked] = learned(name, table, coded, known, asked)
    return proba


def learned(
    name: str,
    table: AuditTable,
    coded: Coded,
    known: np.ndarray,
    asked: np.ndarray,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """What one of LEARNERS, fitted on the rows `known`, says of the rows `asked`: (m, C) float64.

    `weights` are those of the rows `known`; 1 each where None.
    """
    labels = table.labels[known]
    counts = np.bincount(labels, minlength=table.n_classes)
    rows = np.concatenate([known, asked])
    here = Coded(coded.numbers[rows], coded.codes[rows])
    training = np.arange(len(known))
    is_known = np.isfinite(here.numbers[training]).any(axis=0)
    here = Coded(here.numbers[:, is_known], here.codes)
    if (counts > 0).sum() < 2 or not here.numbers.shape[1] + here.codes.shape[1]:
        return fill_missing_classes(np.tile(counts / counts.sum(), (len(asked), 1)), counts)
    with threads_of("sklearn.ensemble").limit(limits=1):  # small fits: threads would wait for each other
        said = (_regressed if name == LEARNERS[0] else _boosted)(here, labels, weights, table.n_classes)
    return fill_missing_classes(said, counts)


def _regressed(coded: Coded, labels: np.ndarray, weights: np.ndarray | None, n_classes: int) -> np.ndarray:
    """What logistic regression says of the rows after the first ones, whose labels it learns: (m, C)."""
    n = len(labels)
    columns = coded.linear(np.arange(n))
    penalty = np.array([1 / INVERSE_PENALTY])
    weight = np.ones(n) if weights is None else weights
    known = Fits(columns[:n], labels[None], weight[None].astype(np.float32), penalty, n_classes)
    return fit(known).say(columns[n:])[0]


def _boosted(coded: Coded, labels: np.ndarray, weights: np.ndarray | None, n_classes: int) -> np.ndarray:
    """The same of gradient boosting."""
    from sklearn import config_context
    from sklearn.ensemble import HistGradientBoostingClassifier

    n = len(labels)
    columns = coded.ordinal(np.arange(n))
    is_categorical = np.arange(columns.shape[1]) < coded.codes.shape[1]
    proba = np.zeros((len(columns) - n, n_classes))
    with config_context(**UNCHECKED):  # checks of options take as long as a fit
        boosting = HistGradientBoostingClassifier(categorical_features=is_categorical, **BOOSTING).fit(
            columns[:n], labels, weights
        )
        proba[:, boosting.classes_] = boosting.predict_proba(columns[n:])
    return proba
