"""Pooled features that a generator draws: the space in which it works, and the way there and back."""

import numpy as np

from fishcli.heads.classical.softmax_regression import principal_axes, regression_path
from fishcli.heads.generating.adversarial import fit_generator

N_AXES = 128
"""Principal components of the features that differ in drawn rows; in others these are all at the mean."""
SPREAD = 64.0
"""The mean square of rows' distances from their mean, as the generator sees them."""
C = 0.1
"""The classifier's, in scikit-learn's terms."""


def draw_features(
    features: np.ndarray, labels: np.ndarray, wanted: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Fit a generator on photos, and draw rows of some classes.

    It sees signed roots, of which few strong channels drown the others less, each channel divided by what it
    varies by, the mean of all channels' variances added, as the head blend scales them; of these the first
    principal components. What is drawn stays in the range of values that each channel had: at 0 or above
    where features come out of a ReLU.

    Args:
        features: (v, n, channels) float16 of n photos under v views, each a row to learn from.
        labels: (n,) int, any; two of them at least.
        wanted: (m,) labels, of these.
        seed: of weights and draws.

    Returns:
        Features (v, m, channels) float16, drawn anew for each view; and for each of the m the photo (m,) of
        its class, 0 to n - 1, to which the first view's is nearest.
    """
    n_views, n, _ = features.shape
    roots = _signed(np.sqrt, features.reshape(n_views * n, -1).astype(np.float32))
    mean, variance = roots.mean(axis=0), roots.var(axis=0)
    scale = np.sqrt(variance + max(float(variance.mean()), 1e-12))
    rows = (roots - mean) / scale
    axes = principal_axes(rows)[:, :N_AXES]
    rows = rows @ axes
    unit = np.float32(max(float(rows.var(axis=0).sum()) / SPREAD, 1e-12) ** 0.5)
    rows /= unit
    classes, places = np.unique(labels, return_inverse=True)
    of_rows = np.tile(places, n_views)
    classifier = regression_path(rows, of_rows, np.ones(len(rows)), (C,))[0]
    generator = fit_generator(rows, of_rows, classifier, seed)
    rng = np.random.default_rng([seed, 1])
    of_wanted = np.searchsorted(classes, wanted)
    drawn = [generator.draw(of_wanted, rng) for _ in range(n_views)]
    made = np.stack([each @ (axes.T * unit) * scale + mean for each in drawn])
    made = np.clip(made, roots.min(axis=0), roots.max(axis=0))
    nearest = _nearest((drawn[0], of_wanted), (rows[:n], places))
    return _signed(np.square, made).astype(np.float16), nearest


def _nearest(made: tuple[np.ndarray, np.ndarray], photos: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The photo (m,) of its class that each made row is nearest to; both are rows and their classes."""
    found = np.zeros(len(made[0]), np.int64)
    for label in np.unique(made[1]):
        here, known = np.flatnonzero(made[1] == label), np.flatnonzero(photos[1] == label)
        rows, others = made[0][here], photos[0][known]
        distances = (others * others).sum(axis=1) - 2 * rows @ others.T  # but for a constant of the row
        found[here] = known[distances.argmin(axis=1)]
    return found


def _signed(function: np.ufunc, values: np.ndarray) -> np.ndarray:
    """A function of the absolute values, with their signs."""
    return np.asarray(np.sign(values) * function(np.abs(values)))
