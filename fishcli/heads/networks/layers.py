"""Keras layers that Keras lacks. Import this module inside functions: it loads Keras when it is imported."""

from typing import Any

from fishcli.basics.quiet import load_keras
from fishcli.features.backbones import pixels  # noqa: F401  registers its layer

keras = load_keras()
ops = keras.ops

SMALLEST = 1e-6
"""Activations are lifted to it before their logarithm is taken."""


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
