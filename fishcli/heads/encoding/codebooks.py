"""Codebooks: what scikit-learn finds in a sample of descriptors."""

import warnings

import numpy as np

N_NEAREST = 5
"""Words that a place is assigned to."""
DIMENSIONS = 64
"""The most that are kept of a descriptor."""
LEAST_VARIANCE = 1e-3
"""Of a Gaussian along an axis."""

Codebook = dict[str, np.ndarray]


def fit_words(sample: np.ndarray, size: int, seed: int) -> Codebook:
    """The centres of k-means among the sample's components.

    Args:
        sample: (m, channels) float32.
        size: how many; as many as there are descriptors where those are fewer.
        seed: of the first ones.

    Returns:
        What `_components` finds; `words` (k, d) float32, and `spread` (): how much farther, squared, the last
        of the N_NEAREST words is than the nearest one, on average over the sample.
    """
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.exceptions import ConvergenceWarning

    found = _components(sample)
    seen = components_of(found, sample)
    means = MiniBatchKMeans(min(size, len(sample)), n_init=1, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # descriptors that are all alike
        words = means.fit(seen).cluster_centers_.astype(np.float32)
    distances, _ = nearest_words(words, seen)
    spread = float((distances[:, -1] - distances[:, 0]).mean())
    return {**found, "words": words, "spread": np.array(max(spread, 1e-6), np.float32)}


def nearest_words(words: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squared distances (p, N_NEAREST) of components (p, d) to their nearest words, and which.

    In rising order; of fewer words there are fewer.
    """
    squares = (words**2).sum(axis=1) - 2 * seen @ words.T
    n_nearest = min(N_NEAREST, len(words))
    nearest = np.argpartition(squares, n_nearest - 1, axis=1)[:, :n_nearest]
    distances = np.take_along_axis(squares, nearest, axis=1)
    order = np.argsort(distances, axis=1, kind="stable")
    distances = np.take_along_axis(distances, order, axis=1) + (seen**2).sum(axis=1, keepdims=True)
    return np.maximum(distances, 0), np.take_along_axis(nearest, order, axis=1)


def fit_mixture(sample: np.ndarray, size: int, seed: int) -> Codebook:
    """A mixture of Gaussians with diagonal covariances, of the sample's components.

    Args:
        sample: (m, channels) float32.
        size: how many Gaussians; at most a tenth of the descriptors.
        seed: of the first ones.

    Returns:
        What `_components` finds; `weights` (k,), `means` (k, d) and `variances` (k, d) of the Gaussians,
        float32.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    found = _components(sample)
    mixture = GaussianMixture(
        max(1, min(size, len(sample) // 10)),
        covariance_type="diag",
        reg_covar=LEAST_VARIANCE,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # near the optimum is as good
        mixture.fit(components_of(found, sample))
    fitted = {"weights": mixture.weights_, "means": mixture.means_, "variances": mixture.covariances_}
    return {**found, **{name: each.astype(np.float32) for name, each in fitted.items()}}


def _components(sample: np.ndarray) -> Codebook:
    """The first DIMENSIONS principal components of a sample (m, channels), or as many as it has.

    Returns:
        `centre` (channels,) and `axes` (channels, d) float32; components vary by 1 on average.
    """
    from sklearn.decomposition import PCA

    found = PCA(min(DIMENSIONS, *sample.shape), svd_solver="covariance_eigh").fit(sample)
    scale = 1 / np.sqrt(max(float(found.explained_variance_.mean()), 1e-12))
    axes = (found.components_.T * scale).astype(np.float32)
    return {"centre": found.mean_.astype(np.float32), "axes": axes}


def components_of(codebook: Codebook, places: np.ndarray) -> np.ndarray:
    """The components (..., d) float32 of descriptors (..., channels)."""
    return np.asarray((places - codebook["centre"]) @ codebook["axes"])
