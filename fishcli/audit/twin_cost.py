"""What near duplicates are worth to a score on random folds."""

import math
from dataclasses import dataclass

import numpy as np

from fishcli.intervals import paired_interval

MIN_IMAGES = 5
"""So many images of a class must have a twin in training, and so many none, for the class to be compared."""
INTERVAL = "95%, cluster bootstrap (expanded percentile) of the linearised difference"


@dataclass(frozen=True)
class TwinCost:
    """The held-out loss of images with a twin in training beside those without, within classes. In bits.

    Attributes:
        n_with: compared images that have a twin in training.
        n_without: compared images that have none.
        classes: those compared, which have 5 images of either kind.
        with_bits: mean loss of the first, each class weighted by all its images.
        without_bits: mean loss of the second, weighted in the same way.
        difference_bits: without less with; positive where twins make it easier.
        difference_low: the lower end of its interval; None where it is unknown.
        difference_high: the upper end.
        owed_bits: what the mean loss of the compared images would rise by if those with a twin lost as much
            as those of their class without: what the score on random folds owes to twins.
        owed_low: the lower end of its interval; None where it is unknown.
        owed_high: the upper end.
        interval: the method and what was drawn.
    """

    n_with: int
    n_without: int
    classes: list[str]
    with_bits: float
    without_bits: float
    difference_bits: float
    difference_low: float | None
    difference_high: float | None
    owed_bits: float
    owed_low: float | None
    owed_high: float | None
    interval: str


def measure_twin_cost(
    losses: np.ndarray,
    labels: np.ndarray,
    class_names: list[str],
    has_twin: np.ndarray,
    units: np.ndarray,
    drawn: str,
) -> TwinCost | None:
    """Compare the losses of images with and without a twin in training, class by class.

    Class by class, since twins are more frequent in some classes than in others, which are easier or harder
    for reasons of their own (direct standardisation to the class mix of all compared images). Within a class
    images with twins may still be easier otherwise: frames of long sequences, say. So it is a comparison,
    and no experiment.

    The interval: each image's share in the standardised mean (its influence, Huber 1964) makes the difference
    a plain mean over images, whose units are then drawn with replacement; the class mix is held fixed.

    Args:
        losses: (n,) held-out losses under random folds, nats.
        labels: (n,) int, index into `class_names`.
        class_names: sorted.
        has_twin: (n,) bool, whether there is a twin in the training part of the image's fold.
        units: (n,) int, what is drawn as a whole: groups, or families of twins.
        drawn: what the units are, for `TwinCost.interval`.

    Returns:
        None where no class has 5 images of either kind.
    """
    counts = np.array([np.bincount(labels[has_twin == kind], minlength=len(class_names)) for kind in (0, 1)])
    compared = counts.min(axis=0) >= MIN_IMAGES
    if not compared.any():
        return None
    rows = compared[labels]
    label, twin = labels[rows], has_twin[rows].astype(np.int64)
    loss = losses[rows] / math.log(2)
    sums = np.zeros(counts.shape)
    np.add.at(sums, (twin, label), loss)
    means = sums / np.maximum(counts, 1)  # (2, C), by twin
    share = np.where(compared, counts.sum(axis=0), 0) / len(loss)
    owing = np.where(compared, counts[1], 0) / len(loss)
    spread = (1 - 2 * twin) * (loss - means[twin, label]) / counts[twin, label] * len(loss)

    def mean_and_ends(weight: np.ndarray) -> tuple[float, float | None, float | None]:
        mean = float(weight @ (means[0] - means[1]))
        found = paired_interval(mean + weight[label] * spread, units[rows])
        return mean, _known(found.low), _known(found.high)

    difference, low, high = mean_and_ends(share)
    owed, owed_low, owed_high = mean_and_ends(owing)
    return TwinCost(
        n_with=int(twin.sum()),
        n_without=int(len(twin) - twin.sum()),
        classes=[name for name, is_in in zip(class_names, compared, strict=True) if is_in],
        with_bits=float(share @ means[1]),
        without_bits=float(share @ means[0]),
        difference_bits=difference,
        difference_low=low,
        difference_high=high,
        owed_bits=owed,
        owed_low=owed_low,
        owed_high=owed_high,
        interval=f"{INTERVAL}, {drawn} drawn",
    )


def _known(end: float) -> float | None:
    return None if math.isnan(end) else end
