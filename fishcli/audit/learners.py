"""The two learners that tell how much metadata gives away, and what they say of rows they have not seen."""

import warnings
from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from fishcli.audit.table import AuditTable
from fishcli.dataset.classes import fill_missing_classes
from fishcli.dataset.fields import Field

MIN_COUNT = 5
"""A category seen in fewer training rows is treated as unseen: its column would only be learned by heart."""
MAX_CATEGORIES = 100
"""The most categories of a field; rarer ones count as one."""
INVERSE_PENALTY = 0.1
"""C of the logistic regression."""
BOOSTING: dict[str, Any] = {
    "max_leaf_nodes": 8,
    "min_samples_leaf": 20,
    "l2_regularization": 10.0,
    "early_stopping": False,  # its inner split would put one group on both sides
    "random_state": 0,
}
"""Of the gradient boosting: shrunken, since the default loses 0.8 bits on ten fields of noise."""
LEARNING, MIN_ROUNDS, MAX_ROUNDS, MAX_TREES = 2.0, 10, 40, 1000
"""Learning rate times rounds of the boosting, and how many rounds: one grows a tree a class, so of more than
25 classes there are fewer, longer steps. They end at the same place: 10 for 40 rounds move 0.005 bits of 0.92
with 120 classes, and take a quarter of the time."""
UNCHECKED = {"skip_parameter_validation": True}
LEARNERS = ("logistic regression", "gradient boosting")


def encoder(fields: Iterable[Field]) -> Any:
    """An unfitted ColumnTransformer from a table's columns to numbers (n, p) float64, for linear learners.

    A categorical field becomes one column a category; a numeric field becomes itself, standardised. Unknown
    numbers count as the median and get a column that says so.
    """
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    categorical, numeric = _by_kind(fields)
    one_hot = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=MIN_COUNT,
        max_categories=MAX_CATEGORIES,
        sparse_output=False,
    )
    known = SimpleImputer(strategy="median", keep_empty_features=True, add_indicator=True)
    return make_column_transformer((one_hot, categorical), (make_pipeline(known, StandardScaler()), numeric))


def cross_fit(table: AuditTable, fold: np.ndarray) -> dict[str, np.ndarray]:
    """What each of LEARNERS says of rows it hasn't seen; all that is fitted is fitted on the other folds.

    Args:
        table: n rows.
        fold: (n,) int, the fold in which each row is held out.

    Returns:
        Probabilities (n, C) float64 by learner. Classes that a fold's training part lacks get their smoothed
        prior.
    """
    proba = {name: np.zeros((len(table.labels), table.n_classes)) for name in LEARNERS}
    for k in np.unique(fold):
        here = fold == k
        for name, found in proba.items():
            found[here] = learned(name, table.rows(~here), table.columns[here])
    return proba


def learned(name: str, known: AuditTable, columns: pd.DataFrame) -> np.ndarray:
    """What one of LEARNERS, fitted on `known`, says of other rows' columns: (m, C) float64."""
    from sklearn import config_context

    counts = np.bincount(known.labels, minlength=known.n_classes)
    proba = np.zeros((len(columns), known.n_classes))
    known = known.only([field.name for field in known.fields if known.columns[field.name].notna().any()])
    if (counts > 0).sum() > 1 and known.fields:
        # Small fits: threads would wait for each other, and checks of options take as long as a fit.
        with warnings.catch_warnings(), _threads().limit(limits=1), config_context(**UNCHECKED):
            warnings.simplefilter("ignore", UserWarning)  # unseen categories are what folds are about
            learner = _learner(name, known.fields, known.n_classes).fit(known.columns, known.labels)
            proba[:, learner.classes_] = learner.predict_proba(columns)
    else:
        proba[:] = counts / counts.sum()
    return fill_missing_classes(proba, counts)


@cache
def _threads() -> Any:
    """What sets the number of threads; to look for the libraries that have some takes 10 ms, hence once."""
    import sklearn.ensemble
    import sklearn.linear_model  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _learner(name: str, fields: list[Field], n_classes: int) -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    if name == "logistic regression":
        return make_pipeline(encoder(fields), LogisticRegression(C=INVERSE_PENALTY, max_iter=200, tol=1e-3))
    categorical, numeric = _by_kind(fields)
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        min_frequency=MIN_COUNT,
        max_categories=MAX_CATEGORIES,
    )
    columns = make_column_transformer((codes, categorical), ("passthrough", numeric))
    is_categorical = [True] * len(categorical) + [False] * len(numeric)
    rounds = int(np.clip(MAX_TREES // n_classes, MIN_ROUNDS, MAX_ROUNDS))
    boosting = HistGradientBoostingClassifier(
        max_iter=rounds, learning_rate=LEARNING / rounds, categorical_features=is_categorical, **BOOSTING
    )
    return make_pipeline(columns, boosting)


def _by_kind(fields: Iterable[Field]) -> tuple[list[str], list[str]]:
    """The names of the categorical and of the numeric fields."""
    named = [(field.name, field.kind) for field in fields]
    return [n for n, kind in named if kind == "categorical"], [n for n, kind in named if kind == "numeric"]
