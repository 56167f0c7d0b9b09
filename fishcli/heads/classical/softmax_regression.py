"""Logistic regression at rising strengths of its penalty, fast enough for folds within folds."""

import numpy as np

ENDS = {"float32": (200, 1e-4, 1e-7), "float64": (2000, 1e-6, 1e-11)}
"""Where L-BFGS ends, by the rows' type: after so many steps, at so small a slope, or when the loss falls by
so small a share."""
MEMORY = 10
"""Steps that L-BFGS keeps its picture of the curvature from."""

Linear = tuple[np.ndarray, np.ndarray]
"""Coefficients (columns, k) and intercepts (k,) of k classes' scores."""


def principal_axes(columns: np.ndarray) -> np.ndarray:
    """An orthonormal basis (columns, r) float32 of all that the rows (n, columns) of a matrix span.

    A penalty on the sum of squares keeps coefficients in the rows' span, so rows turned into the basis, and
    any part of them, have the same optimum; and there the loss's curvature is nearly diagonal.
    """
    wide = columns.shape[0] < columns.shape[1]
    values, vectors = np.linalg.eigh(
        (columns @ columns.T if wide else columns.T @ columns).astype(np.float64)
    )
    kept = values > values[-1] * 1e-6  # of float32 columns less is rounding
    axes = vectors[:, kept][:, ::-1]
    if wide:
        axes = columns.T.astype(np.float64) @ (axes / np.sqrt(values[kept][::-1]))
    return np.ascontiguousarray(axes, np.float32)


def regression_path(
    columns: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    cs: tuple[float, ...],
) -> list[Linear]:
    """Logistic regression with an L2 penalty at each C, every fit starting where the last one ended.

    The optimum is that of scikit-learn's LogisticRegression: the least weighted sum of log losses plus
    |coefficients|^2 / (2 C). L-BFGS (Liu & Nocedal 1989) finds it in coordinates scaled by the curvature that
    the class prior alone would give them, in a few dozen steps whatever C is.

    Args:
        columns: (n, r), turned into `principal_axes`; float32, or float64 for digits that take longer.
        labels: (n,) int, of k classes from 0, each with a row at least: a multinomial regression; or (n, k),
            0 and 1, some rows having each tag and some not: a regression of each tag.
        weights: (n,) of the rows.
        cs: rising.
    """
    from scipy.optimize import minimize

    is_tagged = labels.ndim == 2
    n_columns, n_classes = columns.shape[1], labels.shape[1] if is_tagged else int(labels.max()) + 1
    kind, (max_iter, gtol, ftol) = columns.dtype, ENDS[columns.dtype.name]
    total = float(weights.sum())
    share = (weights / total).astype(kind)[:, None]
    true = labels.astype(kind) if is_tagged else np.eye(n_classes, dtype=kind)[labels]
    prior = (share * true).sum(axis=0)
    curvature = prior * (1 - prior) if is_tagged else float((prior * (1 - prior)).mean())
    squares = (share * columns * columns).sum(axis=0)[:, None]
    coefficients = np.zeros((n_columns, n_classes), kind)
    intercepts = np.log(prior / (1 - prior)) if is_tagged else np.log(prior)
    fit_of = _sigmoid_fit if is_tagged else _softmax_fit
    found = []
    for c in cs:
        scales = np.sqrt(squares * curvature + 1 / (c * total)).astype(kind)

        def loss(at: np.ndarray, c: float = c, scales: np.ndarray = scales) -> tuple[float, np.ndarray]:
            turned = at.astype(kind).reshape(n_columns + 1, n_classes)
            weighed = turned[:-1] / scales
            scores = columns @ weighed + turned[-1]
            proba, losses = fit_of(scores, true)
            each = share[:, 0] * losses
            penalty = float(np.sum(weighed * weighed, dtype=np.float64)) / (2 * c * total)
            residuals = (proba - true) * share
            slope = (columns.T @ residuals + weighed / (c * total)) / scales
            slopes = np.concatenate([slope, residuals.sum(axis=0)[None]])
            return float(each.sum(dtype=np.float64)) + penalty, slopes.ravel().astype(np.float64)

        start = np.concatenate([coefficients * scales, intercepts[None]]).ravel().astype(np.float64)
        options = {"maxiter": max_iter, "maxcor": MEMORY, "gtol": gtol, "ftol": ftol}
        ended = minimize(loss, start, jac=True, method="L-BFGS-B", options=options)
        turned = ended.x.astype(kind).reshape(n_columns + 1, n_classes)
        coefficients, intercepts = turned[:-1] / scales, turned[-1]
        found.append((coefficients, intercepts))
    return found


def _softmax_fit(scores: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (n, k) of scores (n, k), and the log loss (n,) of the true classes (n, k)."""
    scores -= scores.max(axis=1, keepdims=True)
    proba = np.exp(scores)
    sums = proba.sum(axis=1, keepdims=True)
    proba /= sums
    return proba, np.log(sums[:, 0]) - (scores * true).sum(axis=1)


def _sigmoid_fit(scores: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same of tags: an image's loss is the sum of its tags'."""
    from scipy.special import expit

    return expit(scores), (np.logaddexp(np.float32(0), scores) - scores * true).sum(axis=1)
