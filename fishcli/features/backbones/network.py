"""What a backbone is: its recipe, and the network that is built when it is needed."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from fishcli.features.backbones.onnx.running import OnnxNetwork
from fishcli.features.store.recipe import Recipe


@dataclass(frozen=True)
class Network:
    """A backbone that is built.

    Attributes:
        model: the Keras model, cut and pooled; its input is (batch, height, width, 3) float32.
        preprocess: from RGB in 0 to 255, float32, to what the model takes.
        config: what builds a preset's network again, JSON; "" of others.
    """

    model: Any
    preprocess: Callable[[Any], Any]
    config: str = ""


@dataclass
class Shared:
    """One network for several cuts of it: built when it is first asked for."""

    kept: Any = None

    def once(self, build: Callable[[], Any]) -> Any:
        """What `build` has built, now or before."""
        if self.kept is None:
            self.kept = build()
        return self.kept


@dataclass(frozen=True)
class Backbone:
    """A frozen model from preprocessed pixels to features, built when it is first needed.

    Attributes:
        recipe: all that changes its numbers, resize policy and decoder included.
        feature_shape: of one image's features: (h, w, channels), or (channels,) where pooled.
        build: builds it.
        is_whole: whether it is cut at its last layer, which nobody needs to name.
        parts: of several layers computed at once: the backbone of each; its features are then theirs, laid
            behind each other as one vector.
    """

    recipe: Recipe
    feature_shape: tuple[int, ...]
    build: Callable[[], Network | OnnxNetwork]
    is_whole: bool = False
    parts: tuple["Backbone", ...] = ()

    def split(self, features: np.ndarray) -> list[np.ndarray]:
        """Features (n, ...) of each part; of a backbone that has none, all."""
        if not self.parts:
            return [features]
        ends = np.cumsum([math.prod(part.feature_shape) for part in self.parts])
        pieces = np.split(features, ends[:-1], axis=1)
        return [
            piece.reshape(len(features), *part.feature_shape)
            for piece, part in zip(pieces, self.parts, strict=True)
        ]

    @property
    def model(self) -> Any:
        """The Keras model, as `Network` has it."""
        return self._of_keras.model

    @property
    def preprocess(self) -> Callable[[Any], Any]:
        """The preprocessing, as `Network` has it."""
        return self._of_keras.preprocess

    @property
    def config(self) -> str:
        """What builds a preset's network again, as `Network` has it."""
        return self._of_keras.config

    @property
    def onnx(self) -> OnnxNetwork:
        """The ONNX file, where the backbone is one."""
        assert isinstance(self._network, OnnxNetwork)
        return self._network

    @property
    def _of_keras(self) -> Network:
        assert isinstance(self._network, Network)
        return self._network

    @cached_property
    def _network(self) -> Network | OnnxNetwork:
        return self.build()
