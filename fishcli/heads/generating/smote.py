"""Examples between neighbours of one class: SMOTE."""

import numpy as np

NEIGHBOURS = 5


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
