"""Trained heads: what they predict, how they are kept and read back."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError, cut
from fishcli.basics.quiet import load_keras
from fishcli.basics.remote import local_copy
from fishcli.dataset.classes import fill_missing_classes, smoothed_prior
from fishcli.dataset.metadata import MetadataEncoder
from fishcli.heads.inputs import pool_maps, with_metadata
from fishcli.heads.networks.kept import Networks, network_for, read_weights, save_network
from fishcli.heads.networks.shared import PREDICT_BATCH, Network, OwnWeights

OLD_SUFFIX = ".keras"
"""Of a whole Keras model, weights and all, in a file a fold."""


@dataclass(frozen=True)
class FoldHead(ABC):
    """A trained head with all that it takes to predict.

    Attributes:
        model: what was fitted.
        encoder: of image sizes, fitted on the fold's training rows.
        counts: (C,) training images of each class; of tags (2, C), without and with each.
    """

    model: Any
    encoder: MetadataEncoder
    counts: np.ndarray

    def predict(self, features: np.ndarray, images: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Predict from the features (n, ...) of one view of `images` (`height`, `width`).

        Maps are pooled first where the head was trained on pooled features.

        Returns:
            Probabilities (n, C) float64, whose rows sum to 1 but for tags, and boxes (n, 4) float64 as
            fractions of the view's input, NaN where the head has no box output.
        """
        if features.ndim == 4 and self.takes_pooled:
            features = pool_maps(features)
        proba, boxes = self._outputs(features, self.encoder.encode(images))
        if self.is_tagged:
            proba = np.tile(smoothed_prior(self.counts), (len(features), 1)) if proba is None else proba
        else:
            proba = np.ones((len(features), 1)) if proba is None else np.asarray(proba, np.float64)
            proba = proba / proba.sum(axis=1, keepdims=True)
        proba = fill_missing_classes(proba, self.counts)
        boxes = np.full((len(features), 4), np.nan) if boxes is None else np.asarray(boxes, np.float64)
        return proba, np.clip(boxes, 0.0, 1.0)

    @property
    def is_tagged(self) -> bool:
        """Whether an image may have several of its classes."""
        return self.counts.ndim == 2

    @property
    @abstractmethod
    def takes_pooled(self) -> bool:
        """Whether the head was trained on pooled features."""

    @property
    @abstractmethod
    def n_parameters(self) -> int:
        """How many numbers were fitted or taken over from the backbone."""

    @abstractmethod
    def save(self, path: Path) -> None:
        """Write the fitted model to `path`, whole, whose suffix is that of `heads.fit.suffix_of`."""

    @abstractmethod
    def _outputs(
        self, features: np.ndarray, metadata: np.ndarray
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Probabilities (n, C) or None for one class, and boxes (n, 4) or None, of features and metadata."""


@dataclass(frozen=True)
class NetworkHead(FoldHead):
    """A head that is trained step by step, whose scores may be calibrated behind it."""

    @abstractmethod
    def scores(self, features: np.ndarray, metadata: np.ndarray) -> np.ndarray:
        """Class scores (n, C) of features (n, ...) and metadata (n, m); of a head of the hinge loss."""

    @abstractmethod
    def calibrated(self, kernel: np.ndarray, offsets: np.ndarray) -> "NetworkHead":
        """The same head, of whose scores (n, C) an affine map, (C, C) and (C,), makes logits."""


@dataclass(frozen=True)
class KerasHead(NetworkHead):
    """A head of `build_head`.

    `model` is a Keras model; of a head that is to predict and no more, one that shares its network with other
    heads.
    """

    @property
    def takes_pooled(self) -> bool:
        """Whether the head was trained on pooled features."""
        return len(self.model.input["features"].shape) == 2

    @property
    def n_parameters(self) -> int:
        """How many numbers were fitted or taken over from the backbone."""
        return int(self.model.count_params())

    def save(self, path: Path) -> None:
        """Write the weights, and what they are of beside them: see `networks.kept.save_network`."""
        save_network(self.model, path)

    def maps(self, features: np.ndarray, images: pd.DataFrame, layer: str = "class_maps") -> np.ndarray:
        """The output of a layer for maps `features` (n, h, w, channels): where the head looks.

        Args:
            features: of one view of `images`.
            images: `height`, `width`.
            layer: "class_maps" of fully convolutional heads: scores (n, h', w', C) whose mean over the
                places is the class score; or "attention_map" of the head attention: (n, h, w, 1) weights
                that sum to 1.

        Raises:
            ValueError: the head has no such layer.
        """
        keras = load_keras()
        model = keras.Model(self.model.input, self.model.get_layer(layer).output)
        inputs = named_inputs(features, self.encoder.encode(images))
        return np.asarray(in_batches(model, inputs))

    def scores(self, features: np.ndarray, metadata: np.ndarray) -> np.ndarray:
        """See `NetworkHead`."""
        return np.asarray(in_batches(self.model, named_inputs(features, metadata))["class"])

    def calibrated(self, kernel: np.ndarray, offsets: np.ndarray) -> "KerasHead":
        """See `NetworkHead`."""
        keras = load_keras()
        layer = keras.layers.Dense(len(offsets), "softmax", name="calibrated")
        outputs = {**self.model.output, "class": layer(self.model.output["class"])}
        layer.set_weights([kernel, offsets])
        return replace(self, model=keras.Model(self.model.input, outputs, name=self.model.name))

    def _outputs(
        self, features: np.ndarray, metadata: np.ndarray
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        output = in_batches(self.model, named_inputs(features, metadata))
        return output.get("class"), output.get("box")


def named_inputs(features: Any, metadata: Any) -> dict[str, Any]:
    """A Keras head's inputs; no metadata where there are no columns."""
    return with_metadata({"features": features}, metadata)


def in_batches(model: Any, inputs: dict[str, np.ndarray]) -> Any:
    """The outputs of a Keras model, called batch by batch: `predict` would trace a graph for each call."""
    n = len(inputs["features"])
    parts = []
    for start in range(0, n, PREDICT_BATCH):
        part = {name: value[start : start + PREDICT_BATCH] for name, value in inputs.items()}
        parts.append(model(part, training=False))
    if not isinstance(parts[0], dict):
        return np.concatenate([_array(part) for part in parts])
    return {name: np.concatenate([_array(part[name]) for part in parts]) for name in parts[0]}


def _array(output: Any) -> np.ndarray:
    """A tensor of the backend as an array."""
    return np.asarray(load_keras().ops.convert_to_numpy(output))


def load_keras_head(
    path: Path, encoder: MetadataEncoder, counts: np.ndarray, networks: Networks | None = None
) -> FoldHead:
    """Load a head that Keras fitted: its weights, or a whole .keras file, as older versions wrote it.

    Args:
        path: the file.
        encoder: of the head.
        counts: of the head.
        networks: where heads are loaded that only predict: those that were built so far, which it may share.

    Raises:
        FishError: the file is missing or damaged, holds no head, or holds code (a Lambda layer).
    """
    weights: dict[str, np.ndarray] = {}
    try:
        if path.suffix == OLD_SUFFIX:
            network = _whole(path)
        else:
            sha256, weights = read_weights(path)
            network = network_for(path.parent, sha256, weights, {} if networks is None else networks)
        if not isinstance(network.model.input, dict) or "features" not in network.model.input:
            raise ValueError("it holds no head")
        if networks is not None:
            return KerasHead(OwnWeights(network, network.weights_of(weights)), encoder, counts)
        for variable in network.model.weights if weights else []:
            variable.assign(weights[variable.path])
    except Exception as error:  # what a damaged zip raises has no common base
        reason = cut((str(error) or type(error).__name__).splitlines()[0], 160)
        if "safe_mode" in str(error):  # Keras tells so last, after the layer's whole config
            reason = "it holds code, such as a Lambda layer, which fishcli never runs"
        raise FishError(f"{path} can't be loaded ({reason}).") from None
    return KerasHead(network.model, encoder, counts)


def _whole(path: Path) -> Network:
    """The network of a .keras file, which has its weights itself."""
    keras = load_keras()
    from fishcli.heads.networks import layers  # noqa: F401  registers fishcli's own layers

    with local_copy(path) as local:
        return Network(keras.models.load_model(local, compile=False, safe_mode=True))
