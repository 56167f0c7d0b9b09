"""The heads blend and linear where an image has several labels: each tag against its absence.

All tags are fitted at once: what they have in common, the rows' axes and their scatter, is computed once.
Tags that the training rows all have, or all lack, are not learned.
"""

from collections.abc import Iterator

import numpy as np

from fishcli.heads.classical.blend import CS, EXPECTED, GROUPS_WORTH, LEAST, SHRINKAGES, Blend, one_member
from fishcli.heads.classical.rows import Rows
from fishcli.heads.classical.softmax_regression import Linear, principal_axes, regression_path
from fishcli.heads.classical.tag_discriminant import tag_discriminants

FARTHEST = float(np.log((1 - LEAST) / LEAST))
"""No member's logit is larger."""


def fit_tag_blend(rows: Rows) -> tuple[np.ndarray, Blend]:
    """What `blend.fit_blend` does, of tags: members for each, exponents that all share.

    Args:
        rows: `labels` (r, C), one of which some rows have and some lack.

    Returns:
        The tags (k,) that were learned, and the blend.
    """
    columns = rows.columns.astype(np.float32)
    axes = principal_axes(columns)
    turned = columns @ axes
    learned, members = _fit_members(rows, turned, np.ones(len(turned), bool))
    return learned, _as_blend(axes, members, _find_exponents(rows, turned))


def fit_tag_regression(rows: Rows, cs: tuple[float, ...], usual_c: float) -> tuple[np.ndarray, Blend]:
    """Logistic regression of each tag, at the C of `cs` that has the least loss on inner folds for all.

    Returns:
        The tags (k,) that were learned, and a blend of one member. C is `usual_c` where nothing can be held
        out.
    """
    columns = rows.columns.astype(np.float32)
    axes = principal_axes(columns)
    turned = columns @ axes
    losses = np.zeros(len(cs))
    for train, held in _held_out(rows):
        learned = _varying(rows.labels[train])
        path = regression_path(turned[train], rows.labels[train][:, learned], rows.class_weights[train], cs)
        for place, (coefficients, intercepts) in enumerate(path):
            logits = _capped(turned[held] @ coefficients + intercepts)
            each = np.logaddexp(0.0, logits) - logits * rows.labels[held][:, learned]
            losses[place] += rows.class_weights[held] @ each.sum(axis=1)
    best = int(losses.argmin()) if losses.any() else cs.index(usual_c)
    learned = _varying(rows.labels)
    path = regression_path(turned, rows.labels[:, learned], rows.class_weights, cs[: best + 1])
    return learned, one_member(axes, path[-1], cs[best])


def blended_tags(blend: Blend, columns: np.ndarray) -> np.ndarray:
    """Probabilities (n, k) float64 of tags for columns (n, columns): each one's logits, weighed and summed.

    That is the logarithmic opinion pool of `blend.blended`, of two answers.
    """
    columns = columns.astype(np.float32)
    logits = np.zeros((len(columns), blend["intercepts"].shape[1]))
    for coefficients, intercepts, exponent in zip(
        blend["coefficients"], blend["intercepts"], blend["exponents"], strict=True
    ):
        logits += exponent * _capped(columns @ coefficients.T + intercepts)
    return _sigmoid(logits)


def _fit_members(rows: Rows, turned: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, list[Linear]]:
    """The tags (k,) that some of the `chosen` rows (n,) bool have and some lack, and all members on them."""
    learned = _varying(rows.labels[chosen])
    targets, columns, weights = rows.labels[chosen][:, learned], turned[chosen], rows.class_weights[chosen]
    regressions = regression_path(columns, targets, weights, CS)
    groups = rows.groups[chosen]
    return learned, regressions + tag_discriminants(columns, targets, weights, groups, SHRINKAGES)


def _find_exponents(rows: Rows, turned: np.ndarray) -> np.ndarray:
    """The members' exponents (m,): those of the least log loss of held-out rows that lie near EXPECTED.

    As in `blend`; an image's loss is the sum of its tags'. Of a fold, tags that can't be learned on the other
    rows say nothing of members.
    """
    from scipy.optimize import minimize

    logits = np.zeros((len(EXPECTED), *rows.labels.shape))
    says = np.zeros(rows.labels.shape)
    for train, held in _held_out(rows):
        learned, members = _fit_members(rows, turned, train)
        cells = np.ix_(np.flatnonzero(held), learned)
        says[cells] = rows.class_weights[held][:, None]
        for place, (coefficients, intercepts) in enumerate(members):
            logits[place][cells] = _capped(turned[held] @ coefficients + intercepts)
    if not says.any():
        return EXPECTED
    says /= says.any(axis=1) @ rows.class_weights
    held_to = GROUPS_WORTH / len(np.unique(rows.groups))

    def loss(exponents: np.ndarray) -> tuple[float, np.ndarray]:
        pooled = np.tensordot(exponents, logits, axes=1)
        away = exponents - EXPECTED
        value = (says * (np.logaddexp(0.0, pooled) - pooled * rows.labels)).sum() + held_to * away @ away
        slopes = np.tensordot(logits, says * (_sigmoid(pooled) - rows.labels), axes=2)
        return float(value), slopes + 2 * held_to * away

    bounds = [(0.0, None)] * len(EXPECTED)
    return np.asarray(minimize(loss, EXPECTED, jac=True, method="L-BFGS-B", bounds=bounds).x)


def _held_out(rows: Rows) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The rows, (n,) bool, that teach and that are held out, of inner folds that leave a tag to learn."""
    for k in np.unique(rows.fold):
        train = rows.fold != k
        if train.any() and len(_varying(rows.labels[train])):
            yield train, ~train


def _varying(targets: np.ndarray) -> np.ndarray:
    """The tags (k,) int64 that some rows of `targets` (n, C) have and some lack."""
    return np.flatnonzero(targets.min(axis=0) != targets.max(axis=0))


def _as_blend(axes: np.ndarray, members: list[Linear], exponents: np.ndarray) -> Blend:
    return {
        "coefficients": np.stack([(axes @ coefficients).T for coefficients, _ in members]),
        "intercepts": np.stack([intercepts for _, intercepts in members]),
        "exponents": exponents,
    }


def _capped(logits: np.ndarray) -> np.ndarray:
    return np.clip(logits.astype(np.float64), -FARTHEST, FARTHEST)


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    from scipy.special import expit

    return np.asarray(expit(logits))
