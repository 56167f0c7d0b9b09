"""The head blend: regressions of several strengths and discriminants, weighed by what held-out rows say."""

import numpy as np

from fishcli.dataset.classes import fill_missing_classes
from fishcli.heads.classical.discriminant import discriminants
from fishcli.heads.classical.rows import Rows
from fishcli.heads.classical.softmax_regression import Linear, principal_axes, regression_path

CS = (1e-3, 0.1, 10.0)
SHRINKAGES = (0.2, 0.5, 0.8)
EXPECTED = np.array([0.1] * len(CS) + [0.03] * len(SHRINKAGES))
"""The exponents that a blend has where nothing speaks for others: about those of five sets of photos."""
GROUPS_WORTH = 8.0
"""How strongly exponents are held to EXPECTED: a group that is held out counts as one observation."""
LEAST = 1e-15
"""No member finds a class less probable: far from all that it has seen a discriminant is sure beyond reason,
and alone would decide."""

Blend = dict[str, np.ndarray]
"""Members' `coefficients` (m, k, columns) and `intercepts` (m, k), float32, and `exponents` (m,); of the head
linear, whose only member counts as it is, also `cs` (m,): the C that was chosen."""


def fit_blend(rows: Rows) -> tuple[np.ndarray, Blend]:
    """Fit the members on all rows, and find the exponents on the rows of inner folds.

    Args:
        rows: of two classes at least.

    Returns:
        The classes (k,) that were learned, and the blend.
    """
    columns = rows.columns.astype(np.float32)
    axes = principal_axes(columns[rows.of_photos])
    turned = columns @ axes
    classes, members = _fit_members(rows, turned, rows.teaching())
    return classes, {
        "coefficients": np.stack([(axes @ coefficients).T for coefficients, _ in members]),
        "intercepts": np.stack([intercepts for _, intercepts in members]),
        "exponents": _find_exponents(rows, turned),
    }


def blended(blend: Blend, columns: np.ndarray) -> np.ndarray:
    """Probabilities (n, k) float64 of columns (n, columns): the product of the members' powers.

    That is a logarithmic opinion pool (Heskes 1998); each member's probabilities are LEAST at least.
    """
    columns = columns.astype(np.float32)
    logs = np.zeros((len(columns), blend["intercepts"].shape[1]))
    for coefficients, intercepts, exponent in zip(
        blend["coefficients"], blend["intercepts"], blend["exponents"], strict=True
    ):
        proba, _ = _softmax(columns @ coefficients.T + intercepts)
        logs += exponent * np.log(np.maximum(proba, LEAST))
    return _softmax(logs)[0]


def pooled_scores(blend: Blend) -> Linear:
    """Coefficients (k, columns) and intercepts (k,) of scores whose softmax the blend says, but for LEAST."""
    powers = blend["exponents"]
    return np.tensordot(powers, blend["coefficients"], axes=1), powers @ blend["intercepts"]


def one_member(axes: np.ndarray, member: Linear, c: float) -> Blend:
    """A regression on columns turned by `axes` (columns, r), at strength `c`, as a blend of itself alone."""
    coefficients, intercepts = member
    return {
        "coefficients": (axes @ coefficients).T[None],
        "intercepts": intercepts[None],
        "exponents": np.ones(1),
        "cs": np.array([c]),
    }


def _fit_members(rows: Rows, turned: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, list[Linear]]:
    """The classes (k,) that the `chosen` rows (n,) bool have, and all members fitted on them."""
    classes, labels = np.unique(rows.labels[chosen], return_inverse=True)
    columns, weights = turned[chosen], rows.class_weights[chosen]
    regressions = regression_path(columns, labels, weights, CS)
    return classes, regressions + discriminants(columns, labels, weights, rows.groups[chosen], SHRINKAGES)


def _find_exponents(rows: Rows, turned: np.ndarray) -> np.ndarray:
    """The members' exponents (m,): those of the least log loss of held-out rows that lie near EXPECTED.

    The loss is a mean over images, but what was held out together is wrong together: as many groups as there
    are speak against EXPECTED, images where there are no groups. Rows of a class that was held out altogether
    say nothing of members.
    """
    from scipy.optimize import minimize

    logs = np.zeros((len(EXPECTED), len(rows.labels), int(rows.labels.max()) + 1))
    weights = np.zeros(len(rows.labels))
    for k in rows.folds:
        train, held = rows.teaching(k), rows.fold == k
        counts = np.bincount(rows.labels[train & rows.of_photos], minlength=logs.shape[2])
        if (counts > 0).sum() < 2:
            continue  # the smoothed prior, whatever the members
        classes, members = _fit_members(rows, turned, train)
        weights[held] = rows.class_weights[held] * (counts[rows.labels[held]] > 0)
        for place, (coefficients, intercepts) in enumerate(members):
            proba = np.zeros((held.sum(), len(counts)))
            proba[:, classes] = _softmax(turned[held] @ coefficients + intercepts)[0]
            logs[place, held] = np.log(np.maximum(fill_missing_classes(proba, counts), LEAST))
    if not weights.any():
        return EXPECTED
    share, right = weights / weights.sum(), np.eye(logs.shape[2])[rows.labels]
    held_to = GROUPS_WORTH / len(np.unique(rows.groups[rows.of_photos]))

    def loss(exponents: np.ndarray) -> tuple[float, np.ndarray]:
        proba, log_sums = _softmax(np.tensordot(exponents, logs, axes=1))
        said = np.einsum("m,mnc,nc->n", exponents, logs, right)
        away = exponents - EXPECTED
        slopes = np.einsum("mnc,nc->m", logs, (proba - right) * share[:, None])
        return float(share @ (log_sums - said) + held_to * away @ away), slopes + 2 * held_to * away

    bounds = [(0.0, None)] * len(EXPECTED)
    return np.asarray(minimize(loss, EXPECTED, jac=True, method="L-BFGS-B", bounds=bounds).x)


def softmax(scores: np.ndarray) -> np.ndarray:
    """Probabilities (n, k) float64 of scores (n, k)."""
    return _softmax(scores)[0]


def _softmax(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (n, k) of scores (n, k), and the logarithms (n,) of the sums of the scores' powers."""
    scores = scores.astype(np.float64)
    most = scores.max(axis=1, keepdims=True)
    powers = np.exp(scores - most)
    sums = powers.sum(axis=1, keepdims=True)
    return powers / sums, (most + np.log(sums))[:, 0]
