"""Keras layers that Keras lacks. Import this module inside functions: it loads Keras when it is imported."""

from typing import Any

from fishcli.basics.quiet import load_keras
from fishcli.features.backbones import pixels  # noqa: F401  registers its layer
from fishcli.features.backbones.hub import places  # noqa: F401  likewise

keras = load_keras()
ops = keras.ops

SMALLEST = 1e-6
"""Activations are lifted to it before their logarithm is taken."""
EPSILON = 1e-3
"""What batch norm adds to variances, in Keras as well."""


class RegionPooling2D(keras.layers.Layer):  # type: ignore[name-defined]
    """Base of poolings that turn each region of a map into one number."""

    def __init__(self, window: int | None = None, **options: Any) -> None:
        """Set the regions.

        Args:
            window: side of the square regions, which lie side by side; rows and columns left over at the end
                are dropped, as `MaxPooling2D` does. None: the whole map is one region.
            options: of every Keras layer.
        """
        super().__init__(**options)
        self.window = window

    def get_config(self) -> dict[str, Any]:
        """What `__init__` takes."""
        return {**super().get_config(), "window": self.window}

    def regions(self, maps: Any) -> Any:
        """Maps (batch, h, w, channels) as (batch, n, channels) or (batch, h', w', n, channels).

        n is the number of places in a region.
        """
        height, width, channels = maps.shape[1:]
        if self.window is None:
            return ops.reshape(maps, (-1, height * width, channels))
        side, rows, columns = self.window, height // self.window, width // self.window
        kept = maps[:, : rows * side, : columns * side]
        split = ops.reshape(kept, (-1, rows, side, columns, side, channels))
        return ops.reshape(ops.transpose(split, (0, 1, 3, 2, 4, 5)), (-1, rows, columns, side**2, channels))


@keras.saving.register_keras_serializable(package="fishcli")
class GeneralisedMeanPooling2D(RegionPooling2D):
    """The generalised mean, GeM, of each region: mean(x^p)^(1/p).

    One exponent p of all channels is learned: 1 is the average, infinity the maximum. Radenović, Tolias &
    Chum, "Fine-tuning CNN image retrieval with no human annotation", 2018. Negative activations count as 0.

    (batch, h, w, channels) -> (batch, channels), or (batch, h // window, w // window, channels).
    """

    def build(self, input_shape: Any) -> None:
        """Make the exponent; it starts at 3, as the paper's does."""
        self.exponent = self.add_weight(
            name="exponent",
            shape=(),
            initializer=keras.initializers.Constant(3.0),
            constraint=lambda exponent: ops.maximum(exponent, 1.0),
        )

    def call(self, maps: Any) -> Any:
        """Pool; in logarithms, since x^p would overflow for large exponents."""
        logs = ops.log(ops.maximum(self.regions(maps), SMALLEST))
        n_places = logs.shape[-2]
        log_mean = ops.logsumexp(self.exponent * logs, axis=-2) - ops.log(float(n_places))
        return ops.exp(log_mean / self.exponent)


@keras.saving.register_keras_serializable(package="fishcli")
class StochasticPooling2D(RegionPooling2D):
    """Draws one activation of each region and channel, with a probability proportional to the activation.

    At test time it is the mean with these probabilities as weights. Zeiler & Fergus, "Stochastic pooling for
    regularization of deep convolutional neural networks", 2013. Negative activations count as 0; a region of
    zeros gives 0.

    (batch, h, w, channels) -> (batch, channels), or (batch, h // window, w // window, channels).
    """

    def __init__(self, window: int | None = None, **options: Any) -> None:
        """As `RegionPooling2D`; `keras.utils.set_random_seed` sets the draws."""
        super().__init__(window, **options)
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, maps: Any, training: bool = False) -> Any:
        """Draw in training, else average."""
        activations = ops.relu(self.regions(maps))
        if training:
            weights = self._drawn(activations)
        else:
            # 0 / 0 is 0 here, and so is its gradient.
            weights = ops.divide_no_nan(activations, ops.sum(activations, axis=-2, keepdims=True))
        return ops.sum(weights * activations, axis=-2)

    def _drawn(self, activations: Any) -> Any:
        """1 for the drawn place of each region (..., n, channels), else 0.

        It is the first place where the running total exceeds a number drawn below the total.
        """
        running = ops.cumsum(activations, axis=-2)
        total = running[..., -1:, :]
        drawn = total * keras.random.uniform(ops.shape(total), dtype=total.dtype, seed=self.seed_generator)
        place = ops.argmax(ops.cast(running > drawn, "int32"), axis=-2, keepdims=True)
        return ops.cast(place == ops.arange(activations.shape[-2])[:, None], activations.dtype)


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
