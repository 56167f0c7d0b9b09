"""What is known of a competition before any model."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fishcli.dataset.boxes import target_boxes


@dataclass(frozen=True)
class Competition:
    """What is known of a competition.

    Attributes:
        source: its folder.
        images: the table of `load_train`, with `problem` also for photos that can't be decoded, and `group`
            where groups are known.
        tests: likewise, by split.
        boxes: of `read_boxes`.
    """

    source: str
    images: pd.DataFrame
    tests: dict[str, pd.DataFrame]
    boxes: pd.DataFrame

    @property
    def targets(self) -> np.ndarray:
        """(n, 4) the largest box of each training image, NaN where it has none."""
        return target_boxes(self.boxes, list(self.images["image"]), "largest").astype(float)
