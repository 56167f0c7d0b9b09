"""The share of class-map mass inside an image's true boxes, out of fold, and the drawings of it."""

from collections.abc import Sequence

import pandas as pd

from fishcli.commands.runs import Run
from fishcli.configs import RunConfig


def class_map_mass(run: Run, config: RunConfig) -> pd.DataFrame | None:
    """Each labelled, boxed image's share of its true class's map mass inside its true boxes, out of fold.

    Returns:
        `image, class_name, group, fold, share` (0 to 1; NaN where the map has no mass), `area` (the boxes' share
        of the photo); None where the run's features, boxes or class maps are missing.
    """
    return None


def draw_heatmap(run: Run, config: RunConfig, images: Sequence[str]) -> dict[str, bytes]:
    """The PNG of each image's class map over its photo, by the head of the image's own fold.

    Returns:
        PNG bytes by image; images that can't be read, and all where the run can't be drawn, are left out.
    """
    return {}
