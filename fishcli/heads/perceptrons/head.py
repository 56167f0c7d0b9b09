"""A trained perceptron: what it predicts, how it is kept and read back."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError, cut
from fishcli.basics.files import whole_file
from fishcli.basics.remote import read_bytes
from fishcli.basics.threads import threads_of
from fishcli.dataset.metadata import MetadataEncoder
from fishcli.heads.classical.arrays import read_arrays
from fishcli.heads.perceptrons.architecture import (
    Architecture,
    Chains,
    Start,
    build,
    from_json,
    n_numbers,
)
from fishcli.heads.perceptrons.layers import Layer, Shown
from fishcli.heads.perceptrons.losses import sigmoid, softmax
from fishcli.heads.perceptrons.pooling import BOX_CELLS
from fishcli.heads.trained import NetworkHead

NAMED = "architecture"
"""Under what a file keeps which layers there are."""
BATCH = 128
"""Images at a time."""


@dataclass(frozen=True)
class Perceptron:
    """What a perceptron is.

    Attributes:
        architecture: which layers there are.
        chains: the layers, by what they say: "class" and "box".
    """

    architecture: Architecture
    chains: Chains

    def layers(self) -> dict[str, Layer]:
        """All layers, as "part/layer"."""
        return {
            f"{part}/{name}": layer
            for part, chain in self.chains.items()
            for name, layer in chain.layers.items()
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """All that the layers are, as "part/layer/name"."""
        return {
            f"{part}/{name}": array
            for part, chain in self.chains.items()
            for name, array in chain.arrays().items()
        }


@dataclass(frozen=True)
class PerceptronHead(NetworkHead):
    """The head "gap" or "dense"; `model` is a `Perceptron`."""

    @property
    def takes_pooled(self) -> bool:
        """Whether the head was trained on pooled features."""
        return not self.model.architecture.has_maps

    @property
    def n_parameters(self) -> int:
        """How many numbers its layers are."""
        return sum(array.size for array in self.model.arrays().values())

    def save(self, path: Path) -> None:
        """Write a file of arrays, without pickles."""
        described = json.dumps(asdict(self.model.architecture))
        with whole_file(path) as partial:
            np.savez(partial, allow_pickle=False, **{NAMED: np.array(described)}, **self.model.arrays())

    def scores(self, features: np.ndarray, metadata: np.ndarray) -> np.ndarray:
        """Class scores (n, C) of features (n, ...) and metadata (n, m), before they become probabilities."""
        architecture = self.model.architecture
        return _in_batches(
            lambda part: self._forward("class", architecture.class_features(features[part]), metadata[part]),
            len(features),
        )

    def calibrated(self, kernel: np.ndarray, offsets: np.ndarray) -> "PerceptronHead":
        """The same head, whose scores go through an affine map, (C, C) and (C,), that makes them logits."""
        architecture = replace(self.model.architecture, is_calibrated=True)
        model = Perceptron(architecture, build(architecture, Start()))
        arrays = model.arrays()
        for name, array in self.model.arrays().items():
            arrays[name][...] = array
        arrays["class/calibrated/kernel"][...], arrays["class/calibrated/bias"][...] = kernel, offsets
        return replace(self, model=model)

    def score_weights(self) -> np.ndarray:
        """How much each feature's mean over the places adds to each class's score: (channels, C).

        Of the head "gap" whose pooling is the average: its scores are linear in these means.
        """
        n_channels = self.model.architecture.feature_shape[-1]
        shown = np.vstack([np.zeros((1, n_channels)), np.eye(n_channels)]).astype(np.float32)
        metadata = np.zeros((n_channels + 1, self.model.architecture.n_columns), np.float32)
        scores = self._forward("class", shown, metadata)
        return np.asarray(scores[1:] - scores[0])

    def place_weights(self, features: np.ndarray, images: pd.DataFrame, labels: np.ndarray) -> np.ndarray:
        """How much the score of each image's class rises with each channel at all places: (n, channels).

        It is Grad-CAM's sum of gradients over the places; of the class's score less that of all on average.

        Args:
            features: (n, h, w, channels) of one view of `images`.
            images: `height`, `width`.
            labels: (n,) the classes.
        """
        architecture, metadata = self.model.architecture, self.encoder.encode(images)
        n_classes = architecture.n_classes

        def weights(part: slice) -> np.ndarray:
            seen = architecture.class_features(features[part])
            self._forward("class", seen, metadata[part])
            slope = np.eye(n_classes, dtype=np.float32)[labels[part]] - np.float32(1 / n_classes)
            found = self.model.chains["class"].backward(slope, to_input=True)
            return found.reshape(len(found), -1, found.shape[-1]).sum(axis=1)

        return _in_batches(weights, len(features))

    def box_slopes(self, features: np.ndarray) -> np.ndarray:
        """How much each corner of the box rises with each place's channels: (4, n, h, w, channels)."""
        architecture = self.model.architecture
        chain = self.model.chains["box"]
        chain.forward(architecture.box_features(features), Shown())
        found = []
        for corner in range(4):
            slope = np.zeros((len(features), 4), np.float32)
            slope[:, corner] = 1
            found.append(_spread(chain.backward(slope, to_input=True), features.shape))
        return np.stack(found)

    def _forward(self, part: str, seen: np.ndarray, metadata: np.ndarray) -> np.ndarray:
        return self.model.chains[part].forward(seen, Shown(metadata))

    def _outputs(
        self, features: np.ndarray, metadata: np.ndarray
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        architecture, chains = self.model.architecture, self.model.chains
        proba = boxes = None
        if "class" in chains:
            scores = self.scores(features, metadata).astype(np.float64)
            proba = sigmoid(scores) if architecture.is_tagged else softmax(scores)
        if "box" in chains:
            boxes = _in_batches(
                lambda part: self._forward("box", architecture.box_features(features[part]), metadata[part]),
                len(features),
            )
        return proba, boxes


def load_perceptron(path: Path, encoder: MetadataEncoder, counts: np.ndarray) -> PerceptronHead:
    """Load a head that `PerceptronHead.save` wrote.

    Args:
        path: the file.
        encoder: of the head.
        counts: of the head.

    Raises:
        FishError: the file is missing or damaged, or is no such head's.
    """
    try:
        held = read_arrays(read_bytes(path))
        architecture = from_json(json.loads(str(held.pop(NAMED))))
        _check_serves(architecture, encoder, counts)
        if n_numbers(architecture) != sum(array.size for array in held.values()):
            raise ValueError("its weights are not those of its architecture")
        model = Perceptron(architecture, build(architecture, Start()))
        arrays = model.arrays()
        shapes = {name: (array.shape, array.dtype) for name, array in held.items()}
        if shapes != {name: (array.shape, array.dtype) for name, array in arrays.items()}:
            raise ValueError("its weights are not those of its architecture")
        if not all(np.isfinite(array).all() for array in held.values()):
            raise ValueError("its weights are not finite numbers")
        for name, array in held.items():
            arrays[name][...] = array
    except Exception as error:  # what a damaged zip raises has no common base
        reason = cut((str(error) or type(error).__name__).splitlines()[0], 160)
        raise FishError(f"{path} can't be loaded ({reason}).") from None
    return PerceptronHead(model, encoder, counts)


def _check_serves(architecture: Architecture, encoder: MetadataEncoder, counts: np.ndarray) -> None:
    """Raise ValueError where an architecture is not of a run's classes and metadata."""
    n_classes = counts.shape[-1] if counts.shape[-1] > 1 else 0
    if (architecture.n_classes, architecture.is_tagged) != (n_classes, counts.ndim == 2):
        raise ValueError("its classes are not the run's")
    if (architecture.n_columns, architecture.n_embedded) != (encoder.n_columns, encoder.n_embedded):
        raise ValueError("its metadata are not the run's")


def _in_batches(work: Callable[[slice], Any], n: int) -> np.ndarray:
    """What `work` makes of n rows, some at a time; by one thread, for several would add in another order."""
    with threads_of("numpy").limit(limits=1):
        return np.concatenate([work(slice(start, start + BATCH)) for start in range(0, max(n, 1), BATCH)])


def _spread(cells: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Gradients (n, cells, channels) by cells' means as those by their places: `shape`."""
    sizes = []
    for side in shape[1:3]:
        width = -(-side // BOX_CELLS)
        starts = np.arange(0, side, width)
        sizes.append(np.diff(np.append(starts, side)))
    rows, columns = sizes
    grid = cells.reshape(shape[0], len(rows), len(columns), shape[-1])
    grid = grid / np.multiply.outer(rows, columns)[:, :, None]
    return np.asarray(grid.repeat(rows, axis=1).repeat(columns, axis=2))
