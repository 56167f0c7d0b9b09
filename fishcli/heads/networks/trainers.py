"""What trains heads that are built alike, one after the other; Keras is imported with this module."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from fishcli.basics.backends import backend_name
from fishcli.basics.cluster import stop_if_cancelled
from fishcli.heads.examples import Block
from fishcli.heads.networks.fitting import train_by_fit
from fishcli.heads.networks.losses import Loss
from fishcli.heads.networks.optimiser import HeadAdamW

Losses = dict[str, tuple[Loss, float]]
"""The loss and the weight of each output."""


class Trainer:
    """A model, its optimiser and the graph that trains it, lent to one head after the other.

    A head's weights and the seeds of its draws are copied in, trained, and copied out: it comes to what it
    would have come to by itself, but for the second or two that making a graph takes.
    """

    def __init__(self, model: Any, losses: Losses, optimizer: HeadAdamW) -> None:
        """Train what is built as `model`, whose own weights are nobody's, by `losses`, by its `optimizer`."""
        self.model, self._losses = model, losses
        self._variables = model.variables
        self._optimizer = optimizer
        self._take_steps: Callable[..., Any] | None = None
        if backend_name() != "tensorflow":
            model.compile(
                self._optimizer,
                loss={name: loss for name, (loss, _) in losses.items()},
                loss_weights={name: weight for name, (_, weight) in losses.items()},
            )

    def train(
        self, head: Any, blocks: Iterator[tuple[int, Block]], epochs: tuple[int, int], seed: int
    ) -> dict[str, list[float]]:
        """Train `head`, a model that was built as this trainer's.

        TensorFlow has a loop of its own, of which one graph takes many steps at a time: `fit` takes twice its
        time for a head of pooled features, which most are.

        Args:
            head: where training starts, and what it ends in.
            blocks: the examples of all epochs, with the number of their epoch. Each is made in a thread
                while the one before is trained on.
            epochs: how many, and the steps of each.
            seed: of what the head's own seeds leave open.

        Returns:
            Each epoch's mean losses by name, "loss" being the weighted total; up to the first that is not
            finite.
        """
        n_epochs, n_steps = epochs
        blocks = _ahead(blocks)
        for own, theirs in zip(self._variables, head.variables, strict=True):
            own.assign(theirs)
        self._optimizer.restart(n_epochs * n_steps)
        if backend_name() == "tensorflow":
            found = self._train_in_graph(blocks, epochs)
        else:
            found = train_by_fit(self.model, (block for _, block in blocks), epochs, seed)
        for own, theirs in zip(self._variables, head.variables, strict=True):
            theirs.assign(own)
        return found

    def _train_in_graph(
        self, blocks: Iterator[tuple[int, Block]], epochs: tuple[int, int]
    ) -> dict[str, list[float]]:
        """`train` by a TensorFlow graph."""
        n_epochs, n_steps = epochs
        sums = np.zeros((n_epochs, 1 + len(self._losses)))
        for number, block in blocks:
            stop_if_cancelled()
            targets = {name: block["targets"][name] for name in self._losses}
            part = (block["inputs"], targets, block["batches"]["ends"])
            self._take_steps = self._take_steps or self._step_taker(part)
            sums[number] += self._take_steps(*part).numpy()
            if not np.isfinite(sums[number]).all():
                break
        means = sums / n_steps
        return {name: means[:, column].tolist() for column, name in enumerate(("loss", *self._losses))}

    def _step_taker(self, example: tuple[Any, Any, Any]) -> Callable[[Any, Any, Any], Any]:
        """A graph that trains on a block of inputs and targets, a batch at a time; `ends` has their ends.

        It returns the sums of the batches' losses: the weighted total, then those of the outputs. `example`
        is a block that shows the shapes.
        """
        import tensorflow as tf

        variables, losses = self.model.trainable_variables, self._losses

        def take_steps(inputs: Any, targets: Any, ends: Any) -> Any:
            sums, start = tf.zeros(1 + len(losses)), 0
            for end in ends:
                x, y = (
                    {name: value[start:end] for name, value in part.items()} for part in (inputs, targets)
                )
                with tf.GradientTape() as tape:
                    output = self.model(x, training=True)
                    parts = [loss(y[name], output[name]) for name, (loss, _) in losses.items()]
                    total = tf.add_n(
                        [part * weight for part, (_, weight) in zip(parts, losses.values(), strict=True)]
                    )
                self._optimizer.apply(tape.gradient(total, variables), variables)
                sums += tf.stack([total, *parts])
                start = end
            return sums

        signature = tf.nest.map_structure(
            lambda each: tf.TensorSpec((None, *each.shape[1:]), each.dtype), example
        )
        return tf.function(take_steps, input_signature=signature)


def _ahead(items: Iterator[Any]) -> Iterator[Any]:
    """Iterate over `items`, each made in a thread while the caller works on the one before."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item
