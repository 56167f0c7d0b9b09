"""What a backbone is: its recipe, and the network that is built when it is needed."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fishcli.features.backbones.onnx.running import OnnxNetwork
from fishcli.features.store.recipe import Recipe


@dataclass(frozen=True)
class Network:
    """A backbone that is built.

    Attributes:
        model: the Keras model, cut and pooled; its input is (batch, height, width, 3) float32.
        preprocess: from RGB in 0 to 255, float32, to what the model takes.
    """

    model: Any
    preprocess: Callable[[Any], Any]


@dataclass(frozen=True)
class Backbone:
    """A frozen model from preprocessed pixels to features, built when it is first needed.

    Attributes:
        recipe: all that changes its numbers, resize policy and decoder included.
        feature_shape: of one image's features: (h, w, channels), or (channels,) where pooled.
        build: builds it.
        is_whole: whether it is cut at its last layer, which nobody needs to name.
    """

    recipe: Recipe
    feature_shape: tuple[int, ...]
    build: Callable[[], Network | OnnxNetwork]
    is_whole: bool = False

    @property
    def model(self) -> Any:
        """The Keras model, as `Network` has it."""
        return self._of_keras.model

    @property
    def preprocess(self) -> Callable[[Any], Any]:
        """The preprocessing, as `Network` has it."""
        return self._of_keras.preprocess

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
