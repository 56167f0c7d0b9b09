"""How a fold's classes and boxes are fitted: arrays, or estimators of scikit-learn."""

import dataclasses
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from fishcli.dataset.classes import fill_missing_classes
from fishcli.heads.classical.arrays import Affine
from fishcli.heads.classical.blend import fit_blend, one_member, softmax
from fishcli.heads.classical.ridge import ridge_path
from fishcli.heads.classical.rows import Rows
from fishcli.heads.classical.softmax_regression import Linear, principal_axes, regression_path
from fishcli.heads.classical.tag_blend import fit_tag_blend, fit_tag_regression

CS = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0)
FIXED_C = 1e-2
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
    """Multinomial logistic regression with an L2 penalty, C of 1e-4, 1e-3, 0.01, 0.1, 1, 10 by `choose_c`.

    One decomposition of the rows serves all inner folds and every C: see `principal_axes`. Of tags, one of
    each: see `tag_blend.fit_tag_regression`.
    """
    if rows.labels.ndim == 2:
        return fit_tag_regression(rows, CS, FIXED_C)
    axes = principal_axes(rows.columns[rows.of_photos].astype(np.float32))
    rows = dataclasses.replace(rows, columns=rows.columns @ axes)
    chosen = choose_c(dataclasses.replace(rows, columns=rows.columns.astype(np.float32)))
    classes, (member,) = along_cs(rows.where(rows.teaching()), (chosen,))
    return classes, one_member(axes, member, chosen)


def _fit_blend(rows: Rows, seed: int) -> Classifier:
    """See `blend.fit_blend`, of tags `tag_blend.fit_tag_blend`."""
    return fit_blend(rows) if rows.labels.ndim == 1 else fit_tag_blend(rows)


def choose_c(rows: Rows) -> float:
    """The C of CS with the least log loss on inner folds, the smaller one of equals.

    Classes that an inner training part lacks are predicted at their smoothed prior, as outside. With balanced
    classes the loss is weighted like the fit. FIXED_C where nothing can be held out.
    """
    losses = np.zeros(len(CS))
    for k in rows.folds:
        train, held = rows.where(rows.teaching(k)), rows.where(rows.fold == k)
        counts = np.bincount(train.labels[train.of_photos], minlength=rows.labels.max() + 1)
        if (counts > 0).sum() < 2:
            continue  # the smoothed prior whatever C is
        classes, path = along_cs(train, CS)
        for place, (coefficients, intercepts) in enumerate(path):
            proba = np.zeros((len(held.labels), len(counts)))
            proba[:, classes] = softmax(held.columns @ coefficients + intercepts)
            proba = fill_missing_classes(proba, counts)
            right = np.maximum(proba[np.arange(len(proba)), held.labels], 1e-15)
            losses[place] -= held.class_weights @ np.log(right)
    return CS[int(losses.argmin())] if losses.any() else FIXED_C


def along_cs(rows: Rows, cs: tuple[float, ...]) -> tuple[np.ndarray, list[Linear]]:
    """The classes (k,) that `rows` have, and their regression at each C of scikit-learn's."""
    classes, labels = np.unique(rows.labels, return_inverse=True)
    # Of two classes scikit-learn has one score, whose square is twice the sum of squares of two.
    halved = tuple(c / 2 for c in cs) if len(classes) == 2 else cs
    return classes, regression_path(rows.columns, labels, rows.class_weights, halved)


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


def fit_affine_boxes(rows: Rows, seed: int) -> Affine:
    """Ridge regression, its penalty by `choose_alpha`."""
    return Affine(*ridge_path(rows.columns, rows.boxes, rows.weights, (choose_alpha(rows),))[0])


def choose_alpha(rows: Rows) -> float:
    """The penalty of ALPHAS with the least mean squared error on inner folds; FIXED_ALPHA without them."""
    folds = np.unique(rows.fold)
    if len(folds) < 2:
        return FIXED_ALPHA
    errors = np.zeros(len(ALPHAS))
    for k in folds:
        train, held = rows.where(rows.fold != k), rows.where(rows.fold == k)
        path = ridge_path(train.columns, train.boxes, train.weights, ALPHAS)
        errors += [((held.columns @ each.T + base - held.boxes) ** 2).mean() for each, base in path]
    return ALPHAS[int(errors.argmin())]


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
    "blend": (_fit_blend, fit_affine_boxes),
    "linear": (_fit_linear, fit_affine_boxes),
    "svm": (_fit_svm, _fit_svm_boxes),
    "forest": (_fit_forest, _fit_forest_boxes),
}
"""How each head fits classes and boxes from rows and a seed."""
