"""Ridge regression at several strengths of its penalty, by one decomposition."""

import numpy as np


def ridge_path(
    columns: np.ndarray, targets: np.ndarray, weights: np.ndarray, alphas: tuple[float, ...]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Ridge regression (Hoerl & Kennard 1970) at each alpha, as scikit-learn's Ridge has it.

    The least weighted sum of squared errors plus alpha |coefficients|^2, intercepts free: all alphas have the
    eigenvectors of the rows' products in common.

    Args:
        columns: (n, c) float64.
        targets: (n, t) float64.
        weights: (n,) of the rows.
        alphas: above 0.

    Returns:
        For each alpha the coefficients (t, c) and the intercepts (t,).
    """
    mean, middle = (np.average(each, axis=0, weights=weights) for each in (columns, targets))
    scales = np.sqrt(weights)[:, None]
    rows, wanted = (columns - mean) * scales, (targets - middle) * scales
    is_wide = rows.shape[0] < rows.shape[1]
    values, vectors = np.linalg.eigh(rows @ rows.T if is_wide else rows.T @ rows)
    values = np.maximum(values, 0.0)  # rounding may leave some below
    turned = vectors.T @ (wanted if is_wide else rows.T @ wanted)
    found = []
    for alpha in alphas:
        solved = vectors @ (turned / (values + alpha)[:, None])
        coefficients = (rows.T @ solved if is_wide else solved).T
        found.append((coefficients, middle - coefficients @ mean))
    return found
