"""Heads trained by the hinge loss, whose scores are turned into probabilities on inner folds."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from fishcli.basics.errors import FishError
from fishcli.heads.classical.rows import inner_folds
from fishcli.heads.inputs import HeadInputs, in_parts
from fishcli.heads.trained import NetworkHead
from fishcli.options.train import TrainConfig

NEVER = -30.0
"""Score of a class that training lacks; `FoldHead.predict` gives it its prior."""

_one_at_a_time = threading.Lock()
"""Of calibrations: limits that overlap would not end as they began."""
Fitted = tuple[NetworkHead, dict[str, list[float]]]


def fit_hinge(
    fit: Callable[..., Any], config: TrainConfig, inputs: HeadInputs, train_rows: np.ndarray, seed: int
) -> Fitted:
    """Train a head of scores, and calibrate it by logistic regression on scores of held-out rows.

    The rows are held out by inner folds (grouped where the outer ones are), so this trains some heads more;
    it is Platt's method (1999) for many classes. The saved model ends in the calibration. See `fit.fit_fold`.

    Args:
        fit: trains the heads.
        config: how.
        inputs: what heads see.
        train_rows: (m,) rows of `inputs`.
        seed: of weights, draws and inner folds.

    Raises:
        FishError: nothing can be held out.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    head, losses = fit(config, inputs, train_rows, seed, None)
    if len(head.counts) == 1:
        return head, losses
    labels = inputs.labels[train_rows]
    fold = inner_folds(labels, None if inputs.groups is None else inputs.groups[train_rows], seed)
    if len(np.unique(fold)) < 2:
        raise FishError("--loss hinge needs images to calibrate on: pass --loss cross-entropy for so few.")
    scores = np.zeros((len(labels), len(head.counts)))
    for k in np.unique(fold):
        inner, _ = fit(config, inputs, train_rows[fold != k], seed, None)
        scores[fold == k] = _scores(inner, inputs, train_rows[fold == k])
    mean = scores.mean(axis=0)
    weight = "balanced" if config.class_weight == "balanced" else None
    with _one_at_a_time, threadpool_limits(1):  # small matrices: threads would wait for each other
        # Centred, since the solver takes hundreds of steps more, and ends early, where all scores are low.
        regression = LogisticRegression(max_iter=5000, class_weight=weight).fit(scores - mean, labels)
    bias = regression.intercept_ - regression.coef_ @ mean
    return _calibrated(head, regression.classes_, regression.coef_, bias), losses


def _scores(head: NetworkHead, inputs: HeadInputs, rows: np.ndarray) -> np.ndarray:
    """Class scores (m, C) of the plain photos of `rows`."""
    parts = []
    for part in in_parts(rows):
        metadata = head.encoder.encode(inputs.images.iloc[part])
        parts.append(head.scores(inputs.features[0, part], metadata))
    return np.concatenate(parts)


def _calibrated(head: NetworkHead, classes: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> NetworkHead:
    """The head with its calibration: weights (k, C) and bias (k,) of the k classes that were seen."""
    if len(classes) == 2:  # scikit-learn has one row then, for the second class
        weights, bias = np.vstack([-weights, weights]) / 2, np.append(-bias, bias) / 2
    n_classes = len(head.counts)
    kernel, offsets = np.zeros((n_classes, n_classes)), np.full(n_classes, NEVER)
    kernel[:, classes], offsets[classes] = weights.T, bias
    return head.calibrated(kernel, offsets)
