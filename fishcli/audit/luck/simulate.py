"""Data sets whose leak is known, of the shape of The Nature Conservancy Fisheries Monitoring competition."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fishcli.audit.table import AuditTable
from fishcli.dataset.fields import FIELDS

CLASS_COUNTS = {
    "ALB": 1719,
    "BET": 200,
    "DOL": 117,
    "LAG": 67,
    "NoF": 465,
    "OTHER": 299,
    "SHARK": 176,
    "YFT": 734,
}
N_IMAGES = sum(CLASS_COUNTS.values())
SIZES = np.array(
    [
        (1280, 720),
        (1280, 750),
        (1280, 974),
        (1276, 718),
        (1192, 670),
        (1244, 700),
        (1334, 750),
        (1518, 854),
        (1732, 974),
        (1280, 924),
    ]
)
"""Width and height, pixels."""
SIZE_SHARES = np.array([0.58, 0.16, 0.105, 0.055, 0.052, 0.016, 0.012, 0.010, 0.006, 0.004])
N_BOATS = 40
BOAT_PURITY = 0.5
"""Concentration of a boat's catch: the lower, the more it catches one species."""
FIELD_NAMES = ("width", "height", "aspect", "megapixels", "size_key", "n_bytes", "file_number")


@dataclass(frozen=True)
class World:
    """A law that data sets are drawn from.

    Attributes:
        bits: what size tells of the label at best (the mutual information), where images are independent.
        boats: whether images come from boats with a size and a catch of their own, which have nothing to do
            with each other: a leak that lives only within groups.
    """

    bits: float = 0.0
    boats: bool = False

    def draw(self, n_images: int, seed: int | tuple[int, ...]) -> AuditTable:
        """Draw a data set of `n_images`; with groups where the world has boats."""
        rng = np.random.default_rng(seed)
        prior = np.array(list(CLASS_COUNTS.values())) / N_IMAGES
        if self.boats:
            weights = rng.dirichlet(np.full(N_BOATS, 0.7))
            boat = np.sort(rng.choice(N_BOATS, n_images, p=weights))
            catch = rng.dirichlet(BOAT_PURITY * len(prior) * prior, N_BOATS)
            size = rng.choice(len(SIZES), N_BOATS, p=SIZE_SHARES)[boat]
            labels = _draw_rows(rng, catch[boat])
            return _table(rng, labels, size, pd.factorize(boat)[0])
        size = rng.choice(len(SIZES), n_images, p=SIZE_SHARES)
        return _table(rng, _draw_rows(rng, label_law(self.bits)[size]), size, None)


def label_law(bits: float) -> np.ndarray:
    """The class shares at each size, (sizes, C), such that size tells `bits` of the label.

    A share of the images of each size is of one class, and the rest as the prior has it.
    """
    from scipy.optimize import brentq

    prior = np.array(list(CLASS_COUNTS.values())) / N_IMAGES
    favourite = np.eye(len(prior))[np.arange(len(SIZES)) % len(prior)]

    def law(share: float) -> np.ndarray:
        return (1 - share) * prior + share * favourite

    if bits == 0:
        return law(0.0)
    return law(brentq(lambda share: _mutual_bits(law(share)) - bits, 0.0, 1.0 - 1e-9))


def _mutual_bits(law: np.ndarray) -> float:
    """The mutual information of size and label."""
    from scipy.stats import entropy

    return float(entropy(SIZE_SHARES @ law, base=2) - SIZE_SHARES @ entropy(law, base=2, axis=1))


def _draw_rows(rng: np.random.Generator, proba: np.ndarray) -> np.ndarray:
    """One class of each row's probabilities (n, C): (n,) int64."""
    drawn = (rng.random((len(proba), 1)) > proba.cumsum(axis=1)).sum(axis=1)
    return np.minimum(drawn, proba.shape[1] - 1)


def _table(
    rng: np.random.Generator, labels: np.ndarray, size: np.ndarray, groups: np.ndarray | None
) -> AuditTable:
    """The fields of images of known sizes; the bytes and the number of a file are noise."""
    width, height = SIZES[size].T.astype(float)
    values = {
        "width": width,
        "height": height,
        "aspect": width / height,
        "megapixels": width * height / 1e6,
        "size_key": [f"{w:.0f}x{h:.0f}" for w, h in zip(width, height, strict=True)],
        "n_bytes": np.round(rng.lognormal(12, 0.3, len(labels))),
        "file_number": rng.integers(10_000, size=len(labels)).astype(float),
    }
    columns = pd.DataFrame({name: values[name] for name in FIELD_NAMES})
    return AuditTable(list(CLASS_COUNTS), labels, groups, columns, [FIELDS[name] for name in FIELD_NAMES])
