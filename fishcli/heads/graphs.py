"""Keras heads that predict as one graph: what pays for fine-tuned networks and many photos."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fishcli.basics.backends import backend_name
from fishcli.heads.trained import PREDICT_BATCH, FoldHead, KerasHead

MANY = 500
"""From so many rows on a graph pays, which takes about a second to make.

MobileNetV2 0.35 above block_5_add at 160x160, one core, milliseconds an image: 3.5 layer by layer, 1.1 as a
graph, 1.1 by OpenVINO, which takes twice as long to make ready; above block_12_add 1.5, 0.4 and 0.8.
"""


@dataclass(frozen=True)
class Graph:
    """A Keras model that is called as one graph, on batches of one size.

    Attributes:
        model: from named inputs to named outputs.
    """

    model: Any

    @property
    def input(self) -> Any:
        """The model's inputs by name."""
        return self.model.input

    def __call__(self, inputs: dict[str, np.ndarray], training: bool = False) -> dict[str, np.ndarray]:
        """The outputs of at most PREDICT_BATCH rows; smaller batches are filled up: none is traced anew."""
        n = len(next(iter(inputs.values())))
        missing = PREDICT_BATCH - n
        filled = {
            name: np.concatenate([each, np.repeat(each[-1:], missing, axis=0)])
            for name, each in inputs.items()
        }
        found = self.model.predict_on_batch(filled if missing else inputs)
        return {name: each[:n] for name, each in found.items()}


def as_graph(head: FoldHead) -> FoldHead:
    """A head that predicts the same, as one graph; one of scikit-learn as it is."""
    if not isinstance(head, KerasHead):
        return head
    head.model.jit_compile = backend_name() == "jax"  # TensorFlow's makes it slower on CPUs
    return replace(head, model=Graph(head.model))
