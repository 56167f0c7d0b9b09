"""A Keras network as a function of its weights: built once, and traced once, for all heads that are of it."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from fishcli.basics.backends import in_graph
from fishcli.basics.quiet import load_keras

PREDICT_BATCH = 128
"""Rows that heads predict at a time."""

Weights = tuple[list[Any], list[Any]]
"""The trainable and the other variables of a network, in its own order, as tensors of the backend."""


class Network:
    """A Keras model that computes with whatever weights it is given.

    Attributes:
        model: from named inputs to named outputs; its own weights are looked at by nobody.
    """

    def __init__(self, model: Any) -> None:
        """Take a built model."""
        self.model = model

    def outputs(self, weights: Weights, inputs: dict[str, Any]) -> dict[str, Any]:
        """The model's outputs by name, not in training."""
        found, _ = self.model.stateless_call(*weights, inputs, training=False)
        return dict(found)

    @cached_property
    def in_graph(self) -> Any:
        """`outputs` as one graph, whose weights are arguments: that of one head serves all."""
        return in_graph(self.outputs)

    def weights_of(self, arrays: dict[str, np.ndarray]) -> Weights:
        """Its variables with values by path; those that are no weights, such as seeds, are its own."""
        convert = load_keras().ops.convert_to_tensor
        trainable, others = (
            [convert(arrays.get(each.path, each.value), each.dtype) for each in variables]
            for variables in (self.model.trainable_variables, self.model.non_trainable_variables)
        )
        return trainable, others


@dataclass(frozen=True)
class OwnWeights:
    """A network with the weights of one head: what predicts as a Keras model does.

    Attributes:
        network: shared with other heads.
        weights: the head's own.
        is_graph: whether it computes as one graph, on batches of one size.
    """

    network: Network
    weights: Weights
    is_graph: bool = False

    @property
    def input(self) -> Any:
        """The network's inputs by name."""
        return self.network.model.input

    def count_params(self) -> int:
        """How many numbers the weights are."""
        return int(self.network.model.count_params())

    def as_graph(self) -> "OwnWeights":
        """The same as one graph."""
        return replace(self, is_graph=True)

    def __call__(self, inputs: dict[str, np.ndarray], training: bool = False) -> dict[str, Any]:
        """The outputs of at most PREDICT_BATCH rows; as a graph, fewer are filled up: none is traced anew."""
        if not self.is_graph:
            return self.network.outputs(self.weights, inputs)
        n = len(next(iter(inputs.values())))
        missing = PREDICT_BATCH - n
        filled = {
            name: np.concatenate([each, np.repeat(each[-1:], missing, axis=0)])
            for name, each in inputs.items()
        }
        found = self.network.in_graph(self.weights, filled if missing else inputs)
        return {name: each[:n] for name, each in found.items()}


def with_own_weights(model: Any) -> OwnWeights:
    """A Keras model by itself in that form."""
    network = Network(model)
    return OwnWeights(network, network.weights_of({}))
