"""Which rows training sees more often than others: groups evened out, small classes filled up."""

import numpy as np
import pandas as pd

MAX_ROUNDS = 1000
TOLERANCE = 1e-9
NEIGHBOURS = 5


def balanced_weights(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Chances to draw each row so that groups show the same mix of classes as far as they can.

    Classes and groups keep their shares of the rows; only which class stands in which group is evened out:
    of all tables of class by group with these margins, and with nothing where there is no row, the one
    nearest to independence, found by iterative proportional fitting (Deming & Stephan 1940). A group of one
    class alone can't be mended: nothing else can be drawn from it.

    Args:
        labels: (n,) int.
        groups: (n,) any values.

    Returns:
        (n,) float64, sums to 1; equal within each class of a group.
    """
    table = pd.crosstab(labels, groups)
    counts = table.to_numpy(np.float64)
    classes, columns = counts.sum(axis=1, keepdims=True), counts.sum(axis=0, keepdims=True)
    wanted = (counts > 0) * classes * columns
    for _ in range(MAX_ROUNDS):
        before = wanted
        wanted = wanted * classes / wanted.sum(axis=1, keepdims=True)
        wanted = wanted * columns / wanted.sum(axis=0, keepdims=True)
        if np.abs(wanted - before).max() <= TOLERANCE * len(labels):
            break
    each = np.divide(wanted, counts, out=np.zeros_like(wanted), where=counts > 0)
    row = table.index.get_indexer(pd.Index(labels))
    column = table.columns.get_indexer(pd.Index(groups))
    weights = each[row, column]
    return weights / weights.sum()


def smote_pairs(features: np.ndarray, labels: np.ndarray, seed: int) -> tuple[np.ndarray, ...]:
    """Examples between neighbours of the same class, which fill every class up to the largest one's size.

    SMOTE (Chawla et al. 2002) as imbalanced-learn has it. A class of one row has no neighbour and stays.

    Args:
        features: (n, channels) float32, in which neighbours are found.
        labels: (n,) int.
        seed: of the draws.

    Returns:
        Three arrays (m,): a row, its neighbour, and the neighbour's share, at most 1/2.
    """
    from imblearn.over_sampling import SMOTE
    from scipy.sparse import csr_matrix, hstack, identity

    counts = np.bincount(labels)
    largest = int(counts.max())
    small = np.flatnonzero((counts > 1) & (counts < largest))
    neighbours = np.minimum(NEIGHBOURS, counts - 1)
    n, n_columns = features.shape
    # Every row gets a column of its own: this moves all rows equally far apart, so neighbours stay the same,
    # and tells afterwards which two rows, and how much of each, a made one lies between.
    marked = hstack([csr_matrix(features.astype(np.float64)), identity(n, format="csr")], format="csr")
    found = []
    for k in np.unique(neighbours[small]):
        wanted = {int(label): largest for label in small if neighbours[label] == k}
        smote = SMOTE(sampling_strategy=wanted, k_neighbors=int(k), random_state=seed)
        made = smote.fit_resample(marked, labels)[0][n:, n_columns:].tocsr()
        ends = zip(made.indptr[:-1], made.indptr[1:], strict=True)
        found += [(made.indices[start:end], made.data[start:end]) for start, end in ends]
    most = np.array([rows[np.argmax(share)] for rows, share in found], np.int64)
    least = np.array([rows[np.argmin(share)] for rows, share in found], np.int64)
    share = np.array([share.min() if len(share) > 1 else 0.0 for _, share in found])
    return most, least, share
