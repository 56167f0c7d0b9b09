"""Linear discriminants of tags, each against its absence, from one scatter of all rows."""

import numpy as np

from fishcli.heads.classical.discriminant import HALF_SURE
from fishcli.heads.classical.softmax_regression import Linear

MOST_EXPLAINED = 0.95
"""A tag takes no more of the scatter along its own direction: groups that differ could make it all."""


def tag_discriminants(
    columns: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    groups: np.ndarray,
    shrinkages: tuple[float, ...],
) -> list[Linear]:
    """The discriminants of `discriminant.discriminants`, of each tag by itself.

    Spread within a class is what is left of the spread of all rows when the two classes' distance is taken
    out, a change of rank one that needs no factor of its own (Sherman & Morrison 1950). So thousands of tags
    cost one factor for each shrinkage. Spread is that of images in a group, and of groups, as there; centres
    are the means of groups' means.

    Args:
        columns: (n, r) float32.
        targets: (n, k), 0 or 1; some rows have each tag and some lack it.
        weights: (n,) of the rows.
        groups: (n,) int; without groups, each image is its own.
        shrinkages: in (0, 1]; the share of the identity.

    Returns:
        For each shrinkage the logits' coefficients (r, k) and intercepts (k,); of few rows far too sure.
    """
    from scipy.linalg import cho_factor, cho_solve

    names, group = np.unique(groups, return_inverse=True)
    has = targets.astype(np.float64)
    share = (weights @ has) / weights.sum()
    centres = [_centres(columns, each * weights[:, None], group) for each in (1.0 - has, has)]
    distances, middles = (centres[1] - centres[0]).T, (centres[0] + centres[1]).T / 2
    scatter = _scatter(columns, weights, group, len(names))
    identity = np.eye(len(scatter)) * max(float(np.trace(scatter)) / len(scatter), 1e-12)
    found = []
    for shrinkage in shrinkages:
        factor = cho_factor((1 - shrinkage) * scatter + shrinkage * identity, lower=True)
        directions = cho_solve(factor, distances)
        taken = (1 - shrinkage) * share * (1 - share) * (distances * directions).sum(axis=0)
        coefficients = directions / (1 - np.minimum(taken, MOST_EXPLAINED))
        intercepts = np.log(share / (1 - share)) - (middles * coefficients).sum(axis=0)
        found.append((coefficients.astype(np.float32), intercepts.astype(np.float32)))
    return found


def _scatter(columns: np.ndarray, weights: np.ndarray, group: np.ndarray, n_groups: int) -> np.ndarray:
    """The spread (r, r) of images in their group, and of the groups' means."""
    sizes = np.bincount(group, weights)
    means = _sums(columns * weights[:, None], group, n_groups) / sizes[:, None]
    within = ((columns - means[group]) * np.sqrt(weights)[:, None]).astype(np.float32)
    say = sizes / (sizes + HALF_SURE)
    between = (means - np.average(means, axis=0, weights=say)) * np.sqrt(say)[:, None]
    of_images = (within.T @ within).astype(np.float64) / weights.sum()
    return np.asarray(of_images + between.T @ between / say.sum())


def _centres(columns: np.ndarray, weights: np.ndarray, group: np.ndarray) -> np.ndarray:
    """The mean (k, r) of groups' means, of rows that weigh (n, k); a large group has more say."""
    sizes = _sums(weights, group, int(group.max()) + 1)
    say = sizes / (sizes + HALF_SURE)
    a_row = np.divide(say, sizes, out=np.zeros_like(say), where=sizes > 0)[group]
    return np.asarray((weights * a_row).T @ columns.astype(np.float64) / say.sum(axis=0)[:, None])


def _sums(rows: np.ndarray, part: np.ndarray, n_parts: int) -> np.ndarray:
    """The sums (n_parts, ...) of the rows (n, ...) of each part."""
    from scipy.sparse import csr_array

    of_part = csr_array((np.ones(len(part)), (part, np.arange(len(part)))), (n_parts, len(part)))
    return np.asarray(of_part @ rows.astype(np.float64))
