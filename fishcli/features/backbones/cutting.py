"""Where a backbone can be cut: at a layer, or by the size of its maps."""

import math
from collections.abc import Sequence
from typing import Any

from fishcli.basics.errors import FishError, choose

STAGES = ("stage1", "stage2", "stage3", "stage4", "stage5")
"""Layers by the size of their maps: stageN is the last whose map has 1/2^N of the input's sides, before the
next stage widens it."""
POINTWISE = ("Activation", "BatchNormalization", "Dropout", "ReLU")
"""Classes of layers that see each place of a map by itself; so do 1x1 convolutions."""

MARGIN = 1.15
"""The sides of kept pixels as a multiple of the network's input: so crops of them lose little."""


def pixel_size(image_size: tuple[int, int]) -> tuple[int, int]:
    """The size (height, width) of the pixels that are kept for a network whose input is `image_size`."""
    return round(MARGIN * image_size[0]), round(MARGIN * image_size[1])


def network_size(kept: tuple[int, int]) -> tuple[int, int]:
    """The inverse of `pixel_size`."""
    return round(kept[0] / MARGIN), round(kept[1] / MARGIN)


def layer_of(keras: Any, model: Any, asked: str | None, image_size: tuple[int, int]) -> str:
    """The layer that is asked for, or the last one; of a stage the last that can be cut at, unwidened."""
    asked = asked or model.layers[-1].name
    if asked not in STAGES or asked in [layer.name for layer in model.layers]:
        return str(asked)
    sides = tuple(math.ceil(side / 2 ** int(asked[-1])) for side in image_size)
    for layer in reversed(model.layers):
        shape = getattr(layer.output, "shape", ())
        if tuple(shape[1:3]) == sides and len(shape) == 4:
            try:
                cut_at(keras, model, layer.name)
            except FishError:  # inside a branch
                continue
            return str(_before_widening(layer).name)
    raise FishError(
        f"--layer {asked}: no layer of {model.name} has maps of {sides[0]}x{sides[1]} for an input of "
        "{}x{}. Name another stage, or a layer.".format(*image_size)
    )


def _before_widening(layer: Any) -> Any:
    """The narrowest of the layers from which `layer` is computed place by place.

    An inverted residual begins with a 1x1 convolution to six times the channels, at the size of the stage
    before: cut behind it, maps would hold the same in six times the numbers.
    """
    narrowest = layer
    while _is_pointwise(layer):
        layer = layer.input._keras_history.operation
        if layer.output.shape[-1] < narrowest.output.shape[-1]:
            narrowest = layer
    return narrowest


def _is_pointwise(layer: Any) -> bool:
    kind = type(layer).__name__
    is_narrow = kind == "Conv2D" and (layer.kernel_size, layer.strides) == ((1, 1), (1, 1))
    return is_narrow or kind in POINTWISE


def cut_at(keras: Any, model: Any, layer: str) -> Any:
    """The part of `model` up to and including `layer`, if all that follows depends on its output alone."""
    known = [each.name for each in model.layers]
    output = model.get_layer(choose(layer, known, f"layer of {model.name}")).output
    if layer == known[-1]:
        return model
    try:
        keras.Model(output, model.output)
    except ValueError:
        raise FishError(
            f"--layer {layer} lies inside a branch of {model.name}: another path goes round it, so what "
            "follows can't be computed from its output. Choose a layer where the branches have met, such as "
            "a block's end."
        ) from None
    return keras.Model(model.input, output)


def trainable_layers(keras: Any, model: Any, stages: Sequence[str], image_size: tuple[int, int]) -> list[str]:
    """The layers that some of STAGES stand for, each once, where something above them can be trained."""
    layers: list[str] = []
    for stage in stages:
        try:
            layer = layer_of(keras, model, stage, image_size)
        except FishError:  # no maps of that size, or all inside branches
            continue
        if layer not in [*layers, model.layers[-1].name]:
            tail = keras.Model(model.get_layer(layer).output, model.output)
            layers += [layer] if tail.trainable_variables else []
    return layers
