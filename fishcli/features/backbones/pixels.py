"""From pixels to a backbone's input, as a layer; Keras is imported with this module."""

from typing import Any

from fishcli.basics.quiet import load_keras
from fishcli.features.backbones.hub.scaling import STARTS, parse_scaling
from fishcli.features.backbones.networks import efficientnet_lite, fishnet

keras: Any = load_keras()
ops = keras.ops

OWN = {"fishnet": fishnet.preprocess, "efficientnet_lite": efficientnet_lite.preprocess}
"""Preprocessing that is none of keras.applications', by its name in recipes."""


@keras.saving.register_keras_serializable(package="fishcli")
class PixelInput(keras.layers.Layer):
    """RGB in 0 to 255 of any size (batch, h, w, 3), brought to a network's input."""

    def __init__(self, size: tuple[int, int], preprocessing: str, **options: Any) -> None:
        """Set the network's input (height, width), and the preprocessing as recipes name it."""
        super().__init__(**options)
        self.size, self.preprocessing = tuple(size), preprocessing

    def get_config(self) -> dict[str, Any]:
        """What `__init__` takes."""
        return {**super().get_config(), "size": self.size, "preprocessing": self.preprocessing}

    def call(self, pixels: Any) -> Any:
        """Resize, without the aliases of skipped pixels, and preprocess."""
        if tuple(pixels.shape[1:3]) != self.size:
            pixels = ops.image.resize(pixels, self.size, antialias=True)
        if self.preprocessing in OWN:
            return OWN[self.preprocessing](pixels)
        if self.preprocessing.startswith(STARTS):
            return parse_scaling(self.preprocessing)(pixels)
        module = self.preprocessing.removeprefix("keras.applications.")
        return getattr(keras.applications, module).preprocess_input(pixels)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The network's input."""
        return (input_shape[0], *self.size, 3)


def from_pixels(model: Any, preprocessing: str) -> Any:
    """A backbone with its preprocessing before it: one flat model, of pixels (batch, h, w, 3) of any size."""
    pixels = keras.Input((None, None, 3))
    seen = PixelInput(tuple(model.input_shape[1:3]), preprocessing, name="pixel_input")(pixels)

    def call(layer: Any, *inputs: Any, **options: Any) -> Any:
        return layer(*(seen if each is pixels else each for each in inputs), **options)

    whole = keras.models.clone_model(model, input_tensors=pixels, call_function=call)
    whole.set_weights(model.get_weights())
    whole.name = "backbone_tail"
    return whole
