"""Where a network begins and ends that others cut: pixels as they are, and maps that are pooled."""

from typing import Any

from fishcli.basics.quiet import load_keras
from fishcli.features.backbones.network import Backbone, Network
from fishcli.features.store.recipe import Recipe


def pixels_alone(recipe: Recipe) -> Backbone:
    """What makes features of a recipe that keeps pixels: nothing is computed, and no weights are needed."""
    return Backbone(recipe, (*recipe.image_size, 3), lambda: identity(recipe.image_size))


def identity(image_size: tuple[int, int]) -> Network:
    """The network whose features are its pixels."""
    keras = load_keras()
    pixels = keras.Input((*image_size, 3))
    return Network(keras.Model(pixels, pixels), lambda images: images)


def pooled(keras: Any, model: Any, pool: str) -> Any:
    """A network with its maps pooled: "none", "avg" or "max"."""
    if pool == "none":
        return model
    layers = {"avg": keras.layers.GlobalAveragePooling2D, "max": keras.layers.GlobalMaxPooling2D}
    return keras.Model(model.input, layers[pool]()(model.output))
