"""Keras layers that Keras lacks. Import this module inside functions: it loads Keras when it is imported."""

from typing import Any

from fishcli.basics.quiet import load_keras
from fishcli.features.backbones import pixels  # noqa: F401  registers its layer
from fishcli.features.backbones.hub import places  # noqa: F401  likewise

keras = load_keras()
ops = keras.ops

EPSILON = 1e-3
"""What batch norm adds to variances, in Keras as well."""


@keras.saving.register_keras_serializable(package="fishcli")
class NormalisedCells(keras.layers.Layer):  # type: ignore[name-defined]
    """Batch norm (Ioffe & Szegedy 2015), means of cells and a 1x1 convolution with a ReLU, in one product.

    All but the ReLU are linear in the maps, once their means and variances are known. So nothing as large as
    the maps is made, and no gradient goes back to them: of a layer that comes first nobody asks for it.

    (batch, h, w, channels) -> (batch, ceil(h / rows), ceil(w / columns), units).
    """

    def __init__(
        self, units: int, cells: tuple[int, int] = (1, 1), momentum: float = 0.99, **options: Any
    ) -> None:
        """Set the output.

        Args:
            units: channels of the output.
            cells: rows and columns of a cell; those at the end may be smaller.
            momentum: of the running means and variances, as batch norm has it.
            options: of every Keras layer.
        """
        super().__init__(**options)
        self.units, self.cells, self.momentum = units, tuple(cells), momentum

    def get_config(self) -> dict[str, Any]:
        """What `__init__` takes."""
        own = {"units": self.units, "cells": list(self.cells), "momentum": self.momentum}
        return {**super().get_config(), **own}

    def build(self, input_shape: Any) -> None:
        """Make the variables of batch norm and of the convolution, which start as theirs do."""
        n_channels = input_shape[-1]

        def vector(name: str, start: str, **options: Any) -> Any:
            return self.add_weight(name=name, shape=(n_channels,), initializer=start, **options)

        self.gamma, self.beta = vector("gamma", "ones"), vector("beta", "zeros")
        self.moving_mean = vector("moving_mean", "zeros", trainable=False)
        self.moving_variance = vector("moving_variance", "ones", trainable=False)
        self.kernel = self.add_weight(
            name="kernel", shape=(n_channels, self.units), initializer="glorot_uniform"
        )
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")

    def call(self, maps: Any, training: bool = False) -> Any:
        """Normalise by the batch in training, else by the running means."""
        mean, variance = self.moving_mean, self.moving_variance
        if training:
            mean = ops.mean(maps, axis=(0, 1, 2))
            variance = ops.maximum(ops.mean(ops.square(maps), axis=(0, 1, 2)) - ops.square(mean), 0.0)
            for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving * self.momentum + now * (1.0 - self.momentum))
        scales = self.gamma * ops.rsqrt(variance + EPSILON)
        shift = ops.matmul(self.beta - mean * scales, self.kernel) + self.bias
        if max(self.cells) > 1:
            maps = ops.average_pool(maps, self.cells, padding="same")
        return ops.relu(ops.matmul(maps, scales[:, None] * self.kernel) + shift)
