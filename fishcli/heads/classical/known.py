"""From the classes that a classifier learned to all of a competition's."""

import numpy as np

from fishcli.dataset.classes import smoothed_prior


def over_known_classes(
    counts: np.ndarray, classes: np.ndarray, said: np.ndarray, prior_share: float
) -> np.ndarray:
    """Probabilities (n, C): known classes that were not learned get their prior, the others what is left.

    Args:
        counts: (C,) training images of each class.
        classes: (k,) those that were learned.
        said: (n, k) probabilities of these, above 0 in sum.
        prior_share: what share of the learned ones is their prior in any case.
    """
    prior = np.where(counts > 0, smoothed_prior(counts), 0.0)
    proba = np.tile(prior / prior.sum(), (len(said), 1))
    if not len(classes):
        return proba
    learned = proba[:, classes]
    said = said * (learned.sum(axis=1, keepdims=True) / said.sum(axis=1, keepdims=True))
    proba[:, classes] = prior_share * learned + (1.0 - prior_share) * said
    return proba
