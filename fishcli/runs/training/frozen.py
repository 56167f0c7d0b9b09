"""The frozen backbone's heads, from which fine-tuning starts: they are the same above whatever cut."""

import dataclasses
from typing import Any

import numpy as np

from fishcli.basics.progress import bar
from fishcli.heads.classical.fits import ClassicalHead
from fishcli.heads.inputs import HeadInputs, in_parts
from fishcli.tuning.network import pooled_by
from fishcli.tuning.start import HeadWeights, linear_start


class Frozen:
    """What the frozen backbone says of all images, and the heads that are fitted on that, each once.

    Attributes:
        pooled: the images under the plain views; their features are the last maps, averaged over places.
    """

    def __init__(self, pooled: HeadInputs) -> None:
        """Take what heads are fitted on."""
        self.pooled = pooled
        self._starts: dict[tuple[str, int, bytes], tuple[ClassicalHead, HeadWeights]] = {}

    def start(self, metadata: str, rows: np.ndarray, seed: int) -> tuple[ClassicalHead, HeadWeights]:
        """See `tuning.start.linear_start`."""
        key = metadata, seed, rows.tobytes()
        if key not in self._starts:
            self._starts[key] = linear_start(metadata, self.pooled, rows, seed)
        return self._starts[key]


def frozen_by(tail: Any, inputs: HeadInputs, n_views: int) -> Frozen:
    """The frozen backbone by its layers above a cut, and the maps (v, n, h, w, channels) of that cut.

    Args:
        tail: the layers, pre-trained.
        inputs: their features are the maps.
        n_views: so many of the first views are meant.
    """
    n_images = inputs.features.shape[1]
    found = np.empty((n_views, n_images, tail.output_shape[-1]), np.float16)
    with bar(n_views * n_images, "frozen features", "img") as progress:
        for view in range(n_views):
            for part in in_parts(np.arange(n_images)):
                found[view, part] = pooled_by(tail, inputs.features[view, part])
                progress.update(len(part))
    views, boxes = inputs.views[:n_views], inputs.boxes[:n_views]
    return Frozen(dataclasses.replace(inputs, views=views, features=found, boxes=boxes, decks=None))
