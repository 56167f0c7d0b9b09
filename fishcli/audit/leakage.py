"""How well image size alone predicts the label: cross-fitted, beside the prior, with a p-value."""

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fishcli.dataset.classes import fill_missing_classes, fold_priors, labels_of
from fishcli.dataset.folds import make_folds
from fishcli.dataset.metadata import MIN_COUNT, log_sizes, size_keys
from fishcli.progress import track

INVERSE_PENALTY = 1.0


@dataclass(frozen=True)
class Leakage:
    """What a logistic regression on image size learns of the label under one kind of folds.

    The estimand: the gain of this learner, trained on this much data, on fresh images (random folds) or on
    fresh groups (grouped folds). It is negative where there is nothing to learn.

    Attributes:
        folds: "random" or "grouped".
        log_loss: held-out, nats.
        prior_log_loss: of the smoothed class prior of each fold's training part, nats.
        accuracy: share right.
    """

    folds: str
    log_loss: float
    prior_log_loss: float
    accuracy: float

    @property
    def bits(self) -> float:
        """What size tells of the label, bits an image."""
        return (self.prior_log_loss - self.log_loss) / math.log(2)


def measure_leakage(images: pd.DataFrame, groups: pd.Series | None, n_folds: int, seed: int) -> Leakage:
    """Cross-fit the label on image size, under grouped folds where `groups` are given.

    Args:
        images: `class_name`, `height`, `width`.
        groups: the group of each row, or None for random folds.
        n_folds: folds.
        seed: of the folds.
    """
    from threadpoolctl import threadpool_limits

    labels = labels_of(images["class_name"], sorted(images["class_name"].unique()))
    fold = make_folds(images["class_name"], groups, n_folds, seed)
    with threadpool_limits(1):  # the fits are small: BLAS threads would only wait for each other
        proba = _cross_fit(_size_table(images), labels, fold)
    return Leakage(
        folds="random" if groups is None else "grouped",
        log_loss=_log_loss(labels, proba),
        prior_log_loss=_log_loss(labels, fold_priors(labels, fold, proba.shape[1])),
        accuracy=float((proba.argmax(axis=1) == labels).mean()),
    )


def permutation_p_value(
    images: pd.DataFrame, bits: float, n_permutations: int, n_folds: int, seed: int
) -> float:
    """The p-value (1 + b) / (1 + B) of `bits` under labels shuffled over images, folds made anew.

    Right for independent images only: frames of one sequence make it too small (Phipson & Smyth 2010).
    """
    rng = np.random.default_rng(seed)
    n_as_large = 0
    for _ in track(range(n_permutations), "shuffling labels", "shuffle"):
        shuffled = images.assign(class_name=rng.permutation(images["class_name"].to_numpy()))
        fold_seed = int(rng.integers(2**31))
        n_as_large += measure_leakage(shuffled, None, n_folds, fold_seed).bits >= bits
    return (1 + n_as_large) / (1 + n_permutations)


def label_entropy(images: pd.DataFrame) -> float:
    """The entropy of the label, bits."""
    shares = images["class_name"].value_counts(normalize=True)
    return float(-(shares * np.log2(shares)).sum())


def class_by_size(images: pd.DataFrame, n_sizes: int = 12) -> pd.DataFrame:
    """Counts of each class (columns) by `size_key` (rows), frequent sizes first, the rest summed up."""
    keys = pd.Series(size_keys(images), index=images.index, name="size")
    frequent = keys.value_counts().index[:n_sizes]
    n_others = keys.nunique() - len(frequent)
    named = keys.where(keys.isin(frequent), f"{n_others} others")
    table = pd.crosstab(named, images["class_name"])
    order = [*frequent, *([f"{n_others} others"] if n_others else [])]
    return table.loc[order].reset_index()


def _size_table(images: pd.DataFrame) -> pd.DataFrame:
    logs = log_sizes(images)
    return pd.DataFrame(
        {"size_key": size_keys(images), "width": logs[:, 0], "height": logs[:, 1], "aspect": logs[:, 2]}
    )


def _learner() -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", min_frequency=MIN_COUNT), ["size_key"]),
        (StandardScaler(), ["width", "height", "aspect"]),
    )
    return make_pipeline(columns, LogisticRegression(C=INVERSE_PENALTY, max_iter=200))


def _cross_fit(table: pd.DataFrame, labels: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Held-out probabilities (n, C); all that is fitted is fitted on the fold's training rows."""
    n_classes = int(labels.max()) + 1
    proba = np.zeros((len(labels), n_classes))
    for k in np.unique(fold):
        here, rest = fold == k, fold != k
        counts = np.bincount(labels[rest], minlength=n_classes)
        if (counts > 0).sum() > 1:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # sizes unseen in training are what grouped folds are about
                learner = _learner().fit(table[rest], labels[rest])
                known = learner.predict_proba(table[here])
            found = np.zeros((int(here.sum()), n_classes))
            found[:, learner.classes_] = known
        else:
            found = np.tile((counts > 0).astype(float), (int(here.sum()), 1))
        proba[here] = fill_missing_classes(found, counts)
    return proba


def _log_loss(labels: np.ndarray, proba: np.ndarray) -> float:
    from sklearn.metrics import log_loss

    return float(log_loss(labels, proba, labels=np.arange(proba.shape[1])))
