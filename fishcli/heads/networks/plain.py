"""Keras heads that are a few matrix products, computed by NumPy: Keras takes seconds to import.

A head's architecture is Keras' own description of it. Where all its layers are of KINDS, with options as
in USUAL, NumPy says what Keras says but for what float32 rounds off.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]
Options = dict[str, Any]

USUAL = {"axis": -1, "data_format": "channels_last", "keepdims": False, "padding": "valid", "cells": [1, 1]}
"""What those options of layers must be that NumPy leaves aside."""
CELLS_EPSILON = 1e-3
"""What `layers.NormalisedCells` adds to variances."""


@dataclass(frozen=True)
class Input:
    """What a network is fed: of `shape`, whose first is the batch, None."""

    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class Layer:
    """A layer of an architecture: its name, its place in KINDS, Keras' options, and what it takes.

    `sources` are names of layers and inputs, or numbers.
    """

    name: str
    kind: str
    options: Options
    sources: tuple[Any, ...]


@dataclass(frozen=True)
class PlainNetwork:
    """A network that NumPy computes, with the weights of one head.

    Attributes:
        layers: each behind those that it takes from.
        input: what it is fed, by name.
        outputs: the layers that its outputs are of, by name.
        weights: float32, by layer and by name: the kernel of the layer "dense" is "dense/kernel".
    """

    layers: tuple[Layer, ...]
    input: dict[str, Input]
    outputs: dict[str, str]
    weights: Arrays

    def __call__(self, inputs: Arrays, training: bool = False) -> Arrays:
        """The outputs (n, ...) float32 by name, of inputs (n, ...) by name; there is no training."""
        known: dict[str, Any] = {name: np.asarray(inputs[name], np.float32) for name in self.input}
        for layer in self.layers:
            compute, shapes = KINDS[layer.kind]
            taken = [known[each] if isinstance(each, str) else each for each in layer.sources]
            own = {name: self.weights[f"{layer.name}/{name}"] for name in shapes(0, layer.options)}
            known[layer.name] = compute(taken, layer.options, own)
        return {name: known[layer] for name, layer in self.outputs.items()}

    def score_weights(self) -> np.ndarray:
        """How much each feature's mean over the places adds to each class's score: (channels, C).

        Of a network whose scores, before the softmax, are linear in these means.
        """
        (top,) = (each for each in self.layers if each.name == self.outputs["class"])
        wanted: set[Any] = set(top.sources)
        for layer in reversed(self.layers):
            wanted |= set(layer.sources) if layer.name in wanted else set()
        below = tuple(each for each in self.layers if each.name in wanted)
        network = replace(self, layers=below, outputs={"scores": top.sources[0]})
        shape = self.input["features"].shape
        n_channels = shape[-1] or 0
        shown = {
            name: np.zeros((n_channels + 1, each.shape[-1] or 0), np.float32)
            for name, each in self.input.items()
        }
        shown["features"][1:] = np.eye(n_channels)
        if len(shape) == 4:  # a map of one place, whose mean that is
            shown["features"] = shown["features"][:, None, None]
        scores = network(shown)["scores"]
        return np.asarray(scores[1:] - scores[0])

    def count_params(self) -> int:
        """How many numbers the weights are."""
        return sum(each.size for each in self.weights.values())


def plain_network(architecture: dict[str, Any], weights: Arrays) -> PlainNetwork | None:
    """What Keras' description of a network says; None where NumPy has no words for it.

    Args:
        architecture: Keras' description, of the digest that it was written with.
        weights: of a head, by the paths of its variables.

    Raises:
        ValueError: the weights are not those of the architecture.
    """
    config = architecture["config"]
    named = config["input_layers"], config["output_layers"]
    if not all(isinstance(each, dict) for each in named) or "features" not in named[0]:
        return None
    inputs, layers = {}, []
    wanted: dict[str, tuple[int, ...]] = {}
    for each in config["layers"]:
        name, options = each["name"], each["config"]
        if each["class_name"] == "InputLayer":
            inputs[name] = Input(tuple(options["batch_shape"]))
            continue
        nodes = each["inbound_nodes"]
        is_usual = all(options.get(option, value) == value for option, value in USUAL.items())
        is_usual = is_usual and options.get("strides") == options.get("pool_size")
        is_known = options.get("activation", "linear") in ACTIVATIONS and each["class_name"] in KINDS
        if not (is_usual and is_known and len(nodes) == 1):
            return None
        taken = _taken(nodes[0]["args"])
        layer = Layer(name, each["class_name"], options, tuple(source for source, _ in taken))
        shapes = KINDS[layer.kind][1](taken[0][1], options)
        wanted |= {f"{name}/{weight}": shape for weight, shape in shapes.items()}
        layers.append(layer)
    if wanted != {name: array.shape for name, array in weights.items()}:
        raise ValueError("its weights are not those of its architecture")
    outputs = {name: each[0] for name, each in config["output_layers"].items()}
    return PlainNetwork(tuple(layers), inputs, outputs, weights)


def _taken(value: Any) -> list[tuple[Any, int]]:
    """What a layer takes: names of layers and the channels of their outputs, or numbers, which have none."""
    if isinstance(value, list):
        return [each for part in value for each in _taken(part)]
    if isinstance(value, dict):
        return [(value["config"]["keras_history"][0], value["config"]["shape"][-1])]
    return [(value, 0)]


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "linear": lambda scores: scores,
    "relu": lambda scores: np.maximum(scores, 0),
    "sigmoid": lambda scores: 0.5 + 0.5 * np.tanh(scores / 2),
    "softmax": _softmax,
}


def _activation(inputs: list[Any], options: Options, own: Arrays) -> Any:
    return ACTIVATIONS[options["activation"]](inputs[0])


def _dense(inputs: list[Any], options: Options, own: Arrays) -> Any:
    scores = inputs[0] @ own["kernel"]
    return ACTIVATIONS[options["activation"]](scores + own["bias"] if options["use_bias"] else scores)


def _batch_norm(inputs: list[Any], options: Options, own: Arrays) -> Any:
    scales = own.get("gamma", 1) / np.sqrt(own["moving_variance"] + np.float32(options["epsilon"]))
    return inputs[0] * scales + (own.get("beta", 0) - own["moving_mean"] * scales)


def _cells(inputs: list[Any], options: Options, own: Arrays) -> Any:
    scales = own["gamma"] / np.sqrt(own["moving_variance"] + np.float32(CELLS_EPSILON))
    shift = (own["beta"] - own["moving_mean"] * scales) @ own["kernel"] + own["bias"]
    return np.maximum(inputs[0] @ (scales[:, None] * own["kernel"]) + shift, 0)


def _max_pooling(inputs: list[Any], options: Options, own: Arrays) -> Any:
    (n, height, width, channels), (rows, columns) = inputs[0].shape, options["pool_size"]
    height, width = height // rows, width // columns
    whole = inputs[0][:, : height * rows, : width * columns]
    return whole.reshape(n, height, rows, width, columns, channels).max(axis=(2, 4))


def _dense_shapes(channels: int, options: Options) -> dict[str, tuple[int, ...]]:
    units = options["units"]
    return {"kernel": (channels, units), **({"bias": (units,)} if options["use_bias"] else {})}


def _batch_norm_shapes(channels: int, options: Options) -> dict[str, tuple[int, ...]]:
    names = ["moving_mean", "moving_variance"]
    names += [name for name, option in (("gamma", "scale"), ("beta", "center")) if options[option]]
    return dict.fromkeys(names, (channels,))


def _cells_shapes(channels: int, options: Options) -> dict[str, tuple[int, ...]]:
    vectors = dict.fromkeys(("gamma", "beta", "moving_mean", "moving_variance"), (channels,))
    return {**vectors, "kernel": (channels, options["units"]), "bias": (options["units"],)}


def _none(channels: int, options: Options) -> dict[str, tuple[int, ...]]:
    return {}


KINDS: dict[str, tuple[Callable[[list[Any], Options, Arrays], Any], Callable[[int, Options], Any]]] = {
    "Activation": (_activation, _none),
    "Add": (lambda inputs, options, own: inputs[0] + inputs[1], _none),
    "BatchNormalization": (_batch_norm, _batch_norm_shapes),
    "Concatenate": (lambda inputs, options, own: np.concatenate(inputs, axis=-1), _none),
    "Dense": (_dense, _dense_shapes),
    "Dropout": (lambda inputs, options, own: inputs[0], _none),
    "Flatten": (lambda inputs, options, own: inputs[0].reshape(len(inputs[0]), -1), _none),
    "GlobalAveragePooling2D": (lambda inputs, options, own: inputs[0].mean(axis=(1, 2)), _none),
    "GlobalMaxPooling2D": (lambda inputs, options, own: inputs[0].max(axis=(1, 2)), _none),
    "MaxPooling2D": (_max_pooling, _none),
    "NormalisedCells": (_cells, _cells_shapes),
    "SpatialDropout2D": (lambda inputs, options, own: inputs[0], _none),
    "Subtract": (lambda inputs, options, own: inputs[0] - inputs[1], _none),
    "TrueDivide": (lambda inputs, options, own: inputs[0] / inputs[1], _none),
}
"""What each kind of layer computes of its inputs, its options and its weights, and the weights' shapes."""
