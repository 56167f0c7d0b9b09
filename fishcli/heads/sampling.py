"""Which rows training sees more often than others, so that groups are evened out."""

import numpy as np
import pandas as pd

MAX_ROUNDS = 1000
TOLERANCE = 1e-9


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
