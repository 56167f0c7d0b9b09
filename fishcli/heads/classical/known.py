"""From the classes that a classifier learned to all of a competition's."""

import numpy as np

from fishcli.dataset.classes import smoothed_prior


def over_known_classes(
    counts: np.ndarray, classes: np.ndarray, said: np.ndarray, prior_share: float
) -> np.ndarray:
    """Probabilities (n, C): known classes that were not learned get their prior, the others what is left.

    Args:
        counts: (C,) training images of each class; of tags (2, C), each of which is a question of its own.
        classes: (k,) those that were learned.
        said: (n, k) probabilities of these, above 0 in sum.
        prior_share: what share of the learned ones is their prior in any case.
    """
    is_tagged, prior = counts.ndim == 2, smoothed_prior(counts)
    if not is_tagged:
        prior = np.where(counts > 0, prior, 0.0)
        prior = prior / prior.sum()
    proba = np.tile(prior, (len(said), 1))
    if not len(classes):
        return proba
    learned = proba[:, classes]
    if not is_tagged:
        said = said * (learned.sum(axis=1, keepdims=True) / said.sum(axis=1, keepdims=True))
    proba[:, classes] = prior_share * learned + (1.0 - prior_share) * said
    return proba
