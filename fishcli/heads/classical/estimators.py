"""How scikit-learn fits a fold: its estimators of classes and boxes."""

import dataclasses
import os
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from fishcli.basics.progress import say
from fishcli.dataset.classes import fill_missing_classes
from fishcli.heads.classical.blend import fit_blend
from fishcli.heads.classical.rows import Rows

CS = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0)
FIXED_C = 1e-2
MAX_ITER = 5000
ALPHAS = (1e1, 1e2, 1e3, 1e4, 1e5)
FIXED_ALPHA = 1e3
SVM_C = 10.0
SVM_EPSILON = 0.02
TREES = 300
SPLIT_COLUMNS = 0.1
"""Of the columns, for a split to choose from: square roots, the custom, make weak trees of conv features."""

Classifier = tuple[np.ndarray, Any]
"""The classes that were learned (k,), and what was fitted to tell them apart, None where nothing was."""


def _fit_linear(rows: Rows, seed: int) -> Classifier:
    """Multinomial logistic regression with an L2 penalty, C of 1e-4, 1e-3, 0.01, 0.1, 1, 10 by `choose_c`."""
    turn = None
    if len(rows.columns) < rows.columns.shape[1]:
        # The penalty keeps the coefficients in the span of the rows, so fewer columns, turned into that
        # span, have the same optimum, and any part of the rows has it too.
        turn = np.linalg.svd(rows.columns, full_matrices=False)[2]
        rows = dataclasses.replace(rows, columns=rows.columns @ turn.T)
    model = next(islice(_along_cs(rows), CS.index(choose_c(rows)), None))
    if model.n_iter_.max() >= MAX_ITER:
        say(f"the fit of C = {model.C:g} stopped short of its minimum, after {MAX_ITER:,} steps")
    if turn is not None:
        model.coef_, model.n_features_in_ = model.coef_ @ turn, turn.shape[1]
    return model.classes_, model


def _fit_blend(rows: Rows, seed: int) -> Classifier:
    """See `blend.fit_blend`."""
    return fit_blend(rows)


def choose_c(rows: Rows) -> float:
    """The C of CS with the least log loss on inner folds, the smaller one of equals.

    Classes that an inner training part lacks are predicted at their smoothed prior, as outside. With balanced
    classes the loss is weighted like the fit. FIXED_C where nothing can be held out.
    """
    losses = np.zeros(len(CS))
    for k in np.unique(rows.fold):
        train, held = rows.where(rows.fold != k), rows.where(rows.fold == k)
        counts = np.bincount(train.labels, minlength=rows.labels.max() + 1)
        if (counts > 0).sum() < 2:
            continue  # the smoothed prior whatever C is
        for place, model in enumerate(_along_cs(train)):
            proba = np.zeros((len(held.labels), len(counts)))
            proba[:, model.classes_] = model.predict_proba(held.columns)
            proba = fill_missing_classes(proba, counts)
            right = np.maximum(proba[np.arange(len(proba)), held.labels], 1e-15)
            losses[place] -= held.class_weights @ np.log(right)
    return CS[int(losses.argmin())] if losses.any() else FIXED_C


def _along_cs(rows: Rows) -> Iterator[Any]:
    """Logistic regression of `rows` at each of CS, every fit starting where the last one ended."""
    from sklearn.linear_model import LogisticRegression

    # At scikit-learn's own tol, 1e-4, the fits of high C stop far from their minimum.
    model = LogisticRegression(tol=1e-5, max_iter=MAX_ITER, warm_start=True)
    for c in CS:
        yield model.set_params(C=c).fit(rows.columns, rows.labels, rows.class_weights)


def _fit_svm(rows: Rows, seed: int) -> Classifier:
    """A support vector machine (RBF) for each class against all others, calibrated by a sigmoid (Platt 1999).

    The sigmoid is fitted on the scores of held-out rows, pooled over the inner folds, so that a rare class is
    calibrated by all its images. A class that some inner training part lacks, having one image or all its
    groups in one fold, can't be calibrated: it gets no machine and is predicted at its smoothed prior. Its
    images still count among the others.

    One machine of all classes, as scikit-learn has it, scores by votes, which sigmoids calibrate badly.
    """
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.model_selection import PredefinedSplit
    from sklearn.multioutput import MultiOutputClassifier
    from sklearn.svm import SVC

    parts = [set(rows.labels[rows.fold != k]) for k in np.unique(rows.fold)]
    learned = np.array(sorted(set.intersection(*parts)), np.int64)
    if len(learned) < 2:
        return learned[:0], None
    machine = CalibratedClassifierCV(SVC(C=SVM_C), cv=PredefinedSplit(rows.fold), ensemble=False)
    machines = MultiOutputClassifier(machine)
    machines.fit(rows.columns, rows.labels[:, None] == learned, sample_weight=rows.class_weights)
    for each in (machines.estimator, *machines.estimators_):
        each.set_params(cv=None)  # which rows were held out need not be kept
    return learned, machines


def _fit_forest(rows: Rows, seed: int) -> Classifier:
    """A random forest."""
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(**_forest_settings(rows, seed))
    forest.fit(rows.columns, rows.labels, rows.class_weights)
    return forest.classes_, forest.set_params(n_jobs=1)


def _forest_settings(rows: Rows, seed: int) -> dict[str, Any]:
    """What both forests share.

    A tree draws as many rows as there are images, so more views don't make trees more alike. Trees are the
    same however many threads grow them, but in prediction threads sum up votes in any order: one thread then.
    """
    n_images = max(1, round(rows.weights.sum()))
    shared = {"n_estimators": TREES, "max_features": SPLIT_COLUMNS, "max_samples": n_images}
    return {**shared, "random_state": seed, "n_jobs": os.cpu_count()}


def _fit_linear_boxes(rows: Rows, seed: int) -> Any:
    """Ridge regression, its penalty of ALPHAS by the squared error on inner folds; FIXED_ALPHA without."""
    from sklearn.linear_model import Ridge, RidgeCV
    from sklearn.model_selection import PredefinedSplit

    if len(np.unique(rows.fold)) < 2:
        return Ridge(FIXED_ALPHA).fit(rows.columns, rows.boxes, rows.weights)
    model = RidgeCV(ALPHAS, scoring="neg_mean_squared_error", cv=PredefinedSplit(rows.fold))
    return model.fit(rows.columns, rows.boxes, sample_weight=rows.weights).set_params(cv=None)


def _fit_svm_boxes(rows: Rows, seed: int) -> Any:
    """Support vector regression (RBF) of each corner."""
    from sklearn.multioutput import MultiOutputRegressor
    from sklearn.svm import SVR

    return MultiOutputRegressor(SVR(epsilon=SVM_EPSILON)).fit(rows.columns, rows.boxes, rows.weights)


def _fit_forest_boxes(rows: Rows, seed: int) -> Any:
    """A random forest of all four corners."""
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(**_forest_settings(rows, seed))
    return forest.fit(rows.columns, rows.boxes, rows.weights).set_params(n_jobs=1)


FITTERS: dict[str, tuple[Callable[[Rows, int], Classifier], Callable[[Rows, int], Any]]] = {
    "blend": (_fit_blend, _fit_linear_boxes),
    "linear": (_fit_linear, _fit_linear_boxes),
    "svm": (_fit_svm, _fit_svm_boxes),
    "forest": (_fit_forest, _fit_forest_boxes),
}
"""How each head fits classes and boxes from rows and a seed."""
