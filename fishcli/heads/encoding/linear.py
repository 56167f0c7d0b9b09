"""The linear classifier and the linear boxes on encodings: arrays, their penalties found by inner folds."""

import dataclasses

import numpy as np

from fishcli.heads.classical.arrays import Affine
from fishcli.heads.classical.estimators import along_cs, choose_c, fit_affine_boxes
from fishcli.heads.classical.rows import Rows
from fishcli.heads.classical.softmax_regression import principal_axes

MOST_AXES = 3000
"""Columns that encodings are turned into at most: to find those takes time by the cube of their number."""


@dataclasses.dataclass(frozen=True)
class Fitted:
    """What was fitted.

    Attributes:
        classes: (k,) those that were learned, none where there is one only.
        scores: their scores' coefficients (k, columns) and intercepts (k,).
        boxes: the corners; None where no row has a box.
    """

    classes: np.ndarray
    scores: Affine
    boxes: Affine | None


def fit_linear(rows: Rows, seed: int) -> Fitted:
    """Multinomial logistic regression with an L2 penalty by `choose_c`, and ridge regression of the boxes.

    The columns are turned into what the rows span, where both have the same optimum; of very many rows and
    columns, into what some of the rows span.

    Args:
        rows: with columns (r, columns) float32.
        seed: of which rows those are.
    """
    seen = rows.columns
    if min(seen.shape) > MOST_AXES:
        seen = seen[np.sort(np.random.default_rng(seed).permutation(len(seen))[:MOST_AXES])]
    axes = principal_axes(seen)
    turned = dataclasses.replace(rows, columns=rows.columns @ axes)
    classes, n_columns = np.unique(rows.labels), len(axes)
    scores = Affine(np.zeros((0, n_columns), np.float32), np.zeros(0, np.float32))
    if len(classes) > 1:
        coefficients, intercepts = along_cs(turned, (choose_c(turned),))[1][-1]
        scores = Affine((axes @ coefficients).T, intercepts)
    has_box = ~np.isnan(rows.boxes).any(axis=1)
    boxes = None
    if has_box.any():
        found = fit_affine_boxes(turned.where(has_box), seed)
        boxes = Affine((found.coef_ @ axes.T).astype(np.float32), found.intercept_.astype(np.float32))
    return Fitted(classes if len(classes) > 1 else classes[:0], scores, boxes)
