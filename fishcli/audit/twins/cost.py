"""What near duplicates are worth to a score on random folds."""

import math
from dataclasses import dataclass

import numpy as np

from fishcli.basics.intervals import paired_interval

MIN_IMAGES = 5
"""So many images of a class, of two groups at least, must have a twin in training, and so many none."""
INTERVAL = "95%, bootstrap (expanded percentile) of jackknife pseudo-values"


@dataclass(frozen=True)
class TwinCost:
    """The held-out loss of images with a twin in training beside those without, within classes. In bits.

    Attributes:
        n_with: compared images that have a twin in training.
        n_without: compared images that have none.
        classes: those compared: they have 5 images of either kind, from two groups at least.
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

    The interval: leaving each unit (group, or family of twins) out in turn gives jackknife pseudo-values
    (Tukey 1958), moved so that their mean is the estimate, and `paired_interval` draws among them; the class
    mix is held fixed. Where twins were worth 0.4 nats, more in some groups than in others, the intervals held
    that in 0.94 of 300 simulations with 12 groups, 0.93 with 40 and 0.94 with 200.

    Args:
        losses: (n,) held-out losses under random folds, nats.
        labels: (n,) int, index into `class_names`.
        class_names: sorted.
        has_twin: (n,) bool, whether there is a twin in the training part of the image's fold.
        units: (n,) int, what is drawn as a whole: groups, or families of twins.
        drawn: what the units are, for `TwinCost.interval`.

    Returns:
        None where no class can be compared.
    """
    n_classes = len(class_names)
    _, unit = np.unique(units, return_inverse=True)
    cells = np.ravel_multi_index((unit, has_twin.astype(np.int64), labels), (unit.max() + 1, 2, n_classes))
    shape = (unit.max() + 1, 2, n_classes)
    counts = np.bincount(cells, minlength=math.prod(shape)).reshape(shape)
    sums = np.bincount(cells, losses / math.log(2), math.prod(shape)).reshape(shape)
    n_images, n_units = counts.sum(axis=0), (counts > 0).sum(axis=0)
    compared = (n_images.min(axis=0) >= MIN_IMAGES) & (n_units.min(axis=0) > 1)
    if not compared.any():
        return None
    counts, sums, n_images = counts[..., compared], sums[..., compared], n_images[:, compared]
    means = sums.sum(axis=0) / n_images  # (2, classes), without a twin, then with
    left_out = (sums.sum(axis=0) - sums) / (n_images - counts)
    share, owing = n_images.sum(axis=0) / n_images.sum(), n_images[1] / n_images.sum()

    def mean_and_ends(weight: np.ndarray) -> tuple[float, float | None, float | None]:
        mean = float((means[0] - means[1]) @ weight)
        without_unit = (left_out[:, 0] - left_out[:, 1]) @ weight
        pull = (len(counts) - 1) * (without_unit.mean() - without_unit)  # pseudo-values, less their mean
        found = paired_interval(mean + pull, None)
        return mean, _known(found.low), _known(found.high)

    difference, low, high = mean_and_ends(share)
    owed, owed_low, owed_high = mean_and_ends(owing)
    return TwinCost(
        n_with=int(n_images[1].sum()),
        n_without=int(n_images[0].sum()),
        classes=[name for name, is_in in zip(class_names, compared, strict=True) if is_in],
        with_bits=float(means[1] @ share),
        without_bits=float(means[0] @ share),
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
