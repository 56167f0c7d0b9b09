"""The places of maps, each a local descriptor, and a sample of them that a codebook is fitted on."""

import numpy as np

from fishcli.heads.classical.columns import roots
from fishcli.heads.inputs import HeadInputs, in_parts

SAMPLE = 20_000
MOST_NUMBERS = 2**25
"""The most places of a sample, and the most numbers, which take 128 MiB."""
MOST_IMAGES = 5_000


def descriptors_of(maps: np.ndarray) -> np.ndarray:
    """The places of maps (n, h, w, channels) float16 as descriptors (n, h, w, channels) float32.

    They are the signed roots of their shares: of SIFT that is RootSIFT (Arandjelovic & Zisserman 2012), and
    of any other map how strong a place is matters not. Each has the length 1, or is 0 all through.
    """
    return roots(maps.reshape(-1, maps.shape[-1])).reshape(maps.shape)


def sample_places(inputs: HeadInputs, rows: np.ndarray, seed: int) -> np.ndarray:
    """Descriptors (m, channels) float32 of places drawn from maps, as many of each image, of any view.

    Args:
        inputs: what heads see; features are maps.
        rows: (n,) those of its images that may be looked at; of more than MOST_IMAGES some are drawn.
        seed: of the draws.
    """
    n_views, _, height, width, channels = inputs.features.shape
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(rows)[:MOST_IMAGES])
    n_wanted = max(1, min(SAMPLE, MOST_NUMBERS // channels) // len(chosen))
    found = []
    for part in in_parts(chosen):
        maps = inputs.features[rng.integers(n_views, size=len(part)), part]
        for places in maps.reshape(len(part), height * width, channels):
            found.append(places[rng.permutation(len(places))[:n_wanted]])
    return roots(np.concatenate(found))
