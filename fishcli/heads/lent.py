"""Copies that show another photo's deck: a fold's head sees those of its own training photos alone."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fishcli.heads.inputs import Features, HeadInputs


@dataclass(frozen=True)
class Replaced:
    """Features (v, n, ...) in which some views of some images are replaced by others.

    Attributes:
        features: as they are.
        views: (v, n) which of their views stands for each view of an image.
    """

    features: Features
    views: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        """(v, n, ...)."""
        return self.features.shape

    def __getitem__(self, key: tuple[Any, Any]) -> np.ndarray:
        """See `Features`."""
        return self.features[self.views[key], key[1]]


def learned_from(inputs: HeadInputs, rows: np.ndarray) -> HeadInputs:
    """The inputs that a head which learns from `rows` (m,) may see.

    A copy that shows the deck of any other photo, whose pixels must stay unseen, is replaced by the plain
    photo, the first view.
    """
    if inputs.decks is None:
        return inputs
    known = ["", *inputs.images["image"].iloc[rows]]
    own = np.arange(len(inputs.views))[:, None]
    views = np.where(np.isin(inputs.decks, known), own, 0)
    boxes = inputs.boxes[views, np.arange(len(inputs.images))]
    return replace(inputs, features=Replaced(inputs.features, views), boxes=boxes)
