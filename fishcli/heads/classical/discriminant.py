"""Linear discriminant analysis that expects a class to look another way in the next group."""

import numpy as np

from fishcli.heads.classical.softmax_regression import Linear

HALF_SURE = 5.0
"""A group's images of a class have half the say that endless ones would have where they are so many."""


def discriminants(
    columns: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    groups: np.ndarray,
    shrinkages: tuple[float, ...],
) -> list[Linear]:
    """Discriminants whose spread within a class is that of images in a group and of groups in the class.

    Within-class scatter as usual counts images, so that one large group's own look passes for the class's.
    Here a class is the mean of its groups, and what groups differ by is noise of its own, as in
    probabilistic linear discriminant analysis (Prince & Elder 2007). The covariance is shrunk towards a
    multiple of the identity (Friedman 1989; Ledoit & Wolf 2004).

    Args:
        columns: (n, r) float32.
        labels: (n,) int, of k classes from 0, each with a row at least.
        weights: (n,) of the rows.
        groups: (n,) int; without groups, each image is its own.
        shrinkages: in (0, 1]; the share of the identity.

    Returns:
        For each shrinkage the class scores' coefficients and intercepts; of few rows far too sure.
    """
    from scipy.linalg import cho_factor, cho_solve

    n_classes = int(labels.max()) + 1
    cells, cell = np.unique(groups * n_classes + labels, return_inverse=True)
    of_class = cells % n_classes
    sizes = np.bincount(cell, weights)
    rows = columns.astype(np.float64) * weights[:, None]
    means = _sums(rows, cell, len(cells)) / sizes[:, None]
    say = sizes / (sizes + HALF_SURE)
    centres = _sums(means * say[:, None], of_class, n_classes) / np.bincount(of_class, say)[:, None]
    within = ((columns - means[cell]) * np.sqrt(weights)[:, None]).astype(np.float32)
    between = (means - centres[of_class]) * np.sqrt(say)[:, None]
    scatter = (within.T @ within).astype(np.float64) / weights.sum() + between.T @ between / say.sum()
    identity = np.eye(len(scatter)) * max(float(np.trace(scatter)) / len(scatter), 1e-12)
    log_prior = np.log(np.bincount(labels, weights) / weights.sum())
    found = []
    for shrinkage in shrinkages:
        factor = cho_factor((1 - shrinkage) * scatter + shrinkage * identity, lower=True)
        coefficients = cho_solve(factor, centres.T)
        intercepts = log_prior - (centres.T * coefficients).sum(axis=0) / 2
        found.append((coefficients.astype(np.float32), intercepts.astype(np.float32)))
    return found


def _sums(rows: np.ndarray, part: np.ndarray, n_parts: int) -> np.ndarray:
    """The sum (n_parts, columns) of the rows of each part."""
    order = np.argsort(part, kind="stable")
    starts = np.searchsorted(part[order], np.arange(n_parts))
    return np.add.reduceat(rows[order], starts, axis=0)
