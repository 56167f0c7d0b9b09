"""What a fold's network learns from."""

import math
from dataclasses import dataclass

import numpy as np

from fishcli.features.photos.recipes import Magnitudes
from fishcli.heads.inputs import HeadInputs


@dataclass(frozen=True)
class TuningRows:
    """What a fold's network learns from.

    Attributes:
        inputs: of all images; their features are the cut's maps.
        rows: (m,) the fold's training rows.
        views: which of the inputs' views and copies are drawn from, as numbers.
        metadata: (n, columns) float32 of all images.
        n_classes: of the competition.
        with_boxes: whether boxes are learned, too.
        drawn: the magnitudes by which pixels are augmented as they are shown; None for features as they are.
    """

    inputs: HeadInputs
    rows: np.ndarray
    views: np.ndarray
    metadata: np.ndarray
    n_classes: int
    with_boxes: bool
    drawn: Magnitudes | None = None

    def n_steps(self, batch_size: int) -> int:
        """Batches an epoch."""
        return math.ceil(len(self.rows) / batch_size)
