"""Training of a head by Keras' own `fit`: on any backend but TensorFlow, which `trainers` has a graph for."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from fishcli.basics.cluster import stop_if_cancelled
from fishcli.basics.quiet import load_keras
from fishcli.heads.examples import Block

Batch = tuple[dict[str, np.ndarray], dict[str, np.ndarray]]


def train_by_fit(
    model: Any, blocks: Iterable[Block], epochs: tuple[int, int], seed: int
) -> dict[str, list[float]]:
    """Train `model` in place.

    Args:
        model: of `build_head`, compiled with the losses of its outputs.
        blocks: the examples of all epochs.
        epochs: how many, and the steps of each.
        seed: of dropout on PyTorch, which draws from a generator of the process. Keras draws from it, too,
            when it looks at a compiled model for the first time; so it is set when that is over.

    Returns:
        Each epoch's mean losses by name, "loss" being the weighted total; up to the first that is not finite.
    """
    keras = load_keras()

    def at_start(logs: Any) -> None:
        keras.utils.set_random_seed(seed)

    def after_epoch(epoch: int, logs: dict[str, float]) -> None:
        stop_if_cancelled()
        model.stop_training = model.stop_training or not math.isfinite(logs["loss"])

    n_epochs, n_steps = epochs
    outputs = list(model.output)
    found = model.fit(
        _batches(blocks, outputs),
        epochs=n_epochs,
        steps_per_epoch=n_steps,
        shuffle=False,
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_train_begin=at_start, on_epoch_end=after_epoch)],
    ).history
    columns = {"loss": "loss", **{name: f"{name}_loss" for name in outputs}}
    if len(outputs) == 1:  # Keras has no column for the one that is all
        columns = dict.fromkeys(columns, "loss")
    return {name: [float(value) for value in found[column]] for name, column in columns.items()}


def _batches(blocks: Iterable[Block], outputs: list[str]) -> Iterator[Batch]:
    """The inputs and targets of one step after the other."""
    for block in blocks:
        start = 0
        for end in block["batches"]["ends"]:
            yield (
                {name: value[start:end] for name, value in block["inputs"].items()},
                {name: block["targets"][name][start:end] for name in outputs},
            )
            start = end
