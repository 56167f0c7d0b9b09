"""The encodings: from maps and a codebook to one vector an image. Needs NumPy alone."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fishcli.heads.encoding.codebooks import Codebook, components_of, fit_mixture, fit_words, nearest_words
from fishcli.heads.encoding.places import descriptors_of
from fishcli.heads.encoding.pyramid import Reduce, parts_of_grid, pyramid

NUMBERS_AT_ONCE = 2**23
"""Codes of so many numbers are in memory together: 32 MiB."""
LLC_PENALTY = 1e-4
"""Of words that are far from a place, relative to the distances of its words."""


@dataclass(frozen=True)
class Encoding:
    """How maps become vectors.

    Attributes:
        size: words or Gaussians of the codebook where the user names none.
        fit: the codebook, of a sample of descriptors (m, channels), its size and a seed.
        pooled: what a cell of components (n, places, d) comes to: (n, ...).
        reduce: how four cells become one.
        vector_of: from what was pooled (n, cells, ...) to vectors (n, cells, dimensions).
    """

    size: int
    fit: Callable[[np.ndarray, int, int], Codebook]
    pooled: Callable[[Codebook, np.ndarray], np.ndarray]
    reduce: Reduce
    vector_of: Callable[[Codebook, np.ndarray], np.ndarray]


def encode(head: str, codebook: Codebook, levels: int, maps: np.ndarray) -> np.ndarray:
    """The vectors (n, dimensions) float32, of length 1, of maps (n, h, w, channels) float16.

    Args:
        head: a name of ENCODINGS.
        codebook: as its `fit` made it.
        levels: of the pyramid.
        maps: of any number of images.
    """
    encoding = ENCODINGS[head]
    size = max(len(codebook.get("words", ())), maps.shape[-1])
    step = max(1, NUMBERS_AT_ONCE // (maps.shape[1] * maps.shape[2] * size))
    found = []
    for start in range(0, len(maps), step):
        seen = components_of(codebook, descriptors_of(maps[start : start + step]))
        cells = [
            encoding.pooled(codebook, seen[:, rows, columns].reshape(len(seen), -1, seen.shape[-1]))
            for rows, columns in parts_of_grid(maps.shape[1], maps.shape[2], levels)
        ]
        finest = np.stack(cells, axis=1)
        found.append(pyramid(finest, encoding.reduce, lambda each: encoding.vector_of(codebook, each)))
    return np.concatenate(found)


def _soft_counts(codebook: Codebook, seen: np.ndarray) -> np.ndarray:
    """How many places each word has (n, k), each place shared out among its nearest words.

    Localised soft assignment (Liu, Wang & Liu 2011): a share falls exponentially with the squared distance,
    by e over the codebook's `spread`.
    """
    distances, nearest = nearest_words(codebook["words"], seen.reshape(-1, seen.shape[-1]))
    shares = np.exp((distances[:, :1] - distances) / codebook["spread"])
    shares /= shares.sum(axis=1, keepdims=True)
    size = len(codebook["words"])
    image = np.arange(len(seen)).repeat(seen.shape[1])[:, None] * size
    counts = np.bincount((image + nearest).ravel(), shares.ravel(), minlength=len(seen) * size)
    return counts.reshape(len(seen), size)


def _roots_of_counts(codebook: Codebook, counts: np.ndarray) -> np.ndarray:
    """Products of roots are Bhattacharyya's coefficient, by which histograms are compared."""
    return np.sqrt(counts)


def _largest_codes(codebook: Codebook, seen: np.ndarray) -> np.ndarray:
    """The largest code that each word has anywhere (n, k); 0 where it has none, or none above 0.

    Locality-constrained linear coding (Wang et al. 2010), approximated as there: the weights, summing to 1,
    by which a place's nearest words come nearest to it.
    """
    words = codebook["words"].astype(np.float64)
    places = seen.reshape(-1, seen.shape[-1])
    largest = np.zeros((len(seen), len(words)))
    if not len(places):
        return largest
    _, nearest = nearest_words(codebook["words"], places)
    between = (words @ words.T)[nearest[:, :, None], nearest[:, None, :]]
    to_place = np.take_along_axis(places @ words.T, nearest, axis=1)
    own = (places.astype(np.float64) ** 2).sum(axis=1)[:, None, None]
    scatter = between - to_place[:, :, None] - to_place[:, None, :] + own
    trace = np.trace(scatter, axis1=1, axis2=2)[:, None, None]
    scatter += np.eye(nearest.shape[1]) * (LLC_PENALTY * np.maximum(trace, 0) + 1e-8)
    codes = np.linalg.solve(scatter, np.ones((*nearest.shape, 1)))[..., 0]
    codes /= codes.sum(axis=1, keepdims=True)
    image = np.arange(len(seen)).repeat(seen.shape[1])[:, None]
    np.maximum.at(largest, (image, nearest), codes)
    return largest


def _as_they_are(codebook: Codebook, codes: np.ndarray) -> np.ndarray:
    return codes


def _moments(codebook: Codebook, seen: np.ndarray) -> np.ndarray:
    """What each Gaussian has of the places: (n, k, 1 + 2 d), their sum, their mean and their squares' sum.

    Each place counts as much as it is probable to be of the Gaussian.
    """
    means, precisions = codebook["means"], 1 / codebook["variances"]
    constant = np.log(codebook["weights"]) + 0.5 * (np.log(precisions) - means**2 * precisions).sum(axis=1)
    logs = constant + seen @ (means * precisions).T - 0.5 * seen**2 @ precisions.T
    shares = np.exp(logs - logs.max(axis=-1, keepdims=True, initial=-np.inf))
    shares /= shares.sum(axis=-1, keepdims=True)
    ones = np.ones((*seen.shape[:2], 1), np.float32)
    return shares.transpose(0, 2, 1) @ np.concatenate([ones, seen, seen**2], axis=-1)


def _fisher(codebook: Codebook, moments: np.ndarray) -> np.ndarray:
    """The improved Fisher vector (Perronnin, Sanchez & Mensink 2010) but for its length: (n, cells, 2 k d).

    The gradients of the places' log likelihood by the means and the standard deviations, in units of what
    they vary by; then signed roots.
    """
    means, variances, weights = codebook["means"], codebook["variances"], codebook["weights"][:, None]
    count, first, second = np.split(moments, [1, 1 + means.shape[1]], axis=-1)
    by_means = (first - means * count) / np.sqrt(variances * weights)
    by_spreads = second - 2 * means * first + (means**2 - variances) * count
    by_spreads = by_spreads / (variances * np.sqrt(2 * weights))
    found = np.concatenate([by_means, by_spreads], axis=-1)
    found = found.reshape(*found.shape[:2], -1)
    return np.asarray(np.sign(found) * np.sqrt(np.abs(found)))


ENCODINGS = {
    "bow": Encoding(256, fit_words, _soft_counts, "sum", _roots_of_counts),
    "llc": Encoding(256, fit_words, _largest_codes, "max", _as_they_are),
    "fisher": Encoding(32, fit_mixture, _moments, "sum", _fisher),
}
"""How each head encodes."""
