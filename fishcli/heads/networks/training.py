"""Training of one fold's Keras head."""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from fishcli.basics.backends import backend_name
from fishcli.basics.cluster import stop_if_cancelled
from fishcli.basics.errors import FishError
from fishcli.basics.quiet import seeded_keras
from fishcli.dataset.classes import smoothed_prior
from fishcli.dataset.metadata import MetadataEncoder
from fishcli.heads.inputs import HeadInputs
from fishcli.heads.networks.architectures import build_head
from fishcli.heads.networks.examples import Block, Examples, PseudoRows
from fishcli.heads.networks.fitting import train_by_fit
from fishcli.heads.networks.losses import Loss, make_losses
from fishcli.heads.trained import KerasHead
from fishcli.options.train import TrainConfig


def fit_keras(
    config: TrainConfig, inputs: HeadInputs, train_rows: np.ndarray, seed: int, pseudo: PseudoRows | None
) -> tuple[KerasHead, dict[str, list[float]]]:
    """Train a head on a fixed schedule; the last epoch is kept. See `fit.fit_fold`.

    Each row and epoch draws one of the cached views and copies.
    """
    counts = np.bincount(inputs.labels[train_rows], minlength=int(inputs.labels.max()) + 1)
    encoder = MetadataEncoder.fit(config.metadata, inputs.images.iloc[train_rows])
    boxes = inputs.boxes[0, train_rows]
    known = boxes[~np.isnan(boxes).any(axis=1)]
    mean_box = known.mean(axis=0) if len(known) else None
    with seeded_keras(seed):
        shape = inputs.features.shape[2:]
        model = build_head(config, shape, encoder, smoothed_prior(counts), mean_box)
    examples = Examples(config, inputs, train_rows, (encoder, counts), seed, pseudo)
    losses = _train(config, model, examples, counts)
    if not all(math.isfinite(value) for values in losses.values() for value in values):
        raise FishError(f"the training loss is not finite. Pass a lower --lr than {config.lr}.")
    return KerasHead(model, encoder, counts), losses


def _train(config: TrainConfig, model: Any, examples: Examples, counts: np.ndarray) -> dict[str, list[float]]:
    """Train `model`; returns each epoch's mean losses by name.

    TensorFlow has a loop of its own, of which one graph takes many steps at a time: `fit` takes twice its
    time for a head of pooled features, which most are. A thread makes the next examples ready.
    """
    from fishcli.heads.networks.optimiser import HeadAdamW

    outputs = list(model.output)
    optimizer = HeadAdamW(model, config.lr, examples.n_steps * config.epochs)
    losses = make_losses(config, counts, outputs)
    blocks = ((number, block) for number in range(config.epochs) for block in examples.epoch(number))
    if backend_name() == "tensorflow":
        return _train_in_graph(model, optimizer, losses, _ahead(blocks), (config.epochs, examples.n_steps))
    return train_by_fit(
        model, optimizer, losses, (block for _, block in _ahead(blocks)), (config.epochs, examples.n_steps)
    )


def _train_in_graph(
    model: Any,
    optimizer: Any,
    losses: dict[str, tuple[Loss, float]],
    blocks: Iterator[tuple[int, Block]],
    epochs: tuple[int, int],
) -> dict[str, list[float]]:
    """`train_by_fit` by a TensorFlow graph; `blocks` with the number of their epoch."""
    n_epochs, n_steps = epochs
    sums = np.zeros((n_epochs, 1 + len(losses)))
    take_steps = None
    for number, block in blocks:
        stop_if_cancelled()
        targets = {name: block["targets"][name] for name in losses}
        part = (block["inputs"], targets, block["batches"]["ends"])
        take_steps = take_steps or _step_taker(model, optimizer, losses, part)
        sums[number] += take_steps(*part).numpy()
        if not np.isfinite(sums[number]).all():
            break
    means = sums / n_steps
    return {name: means[:, column].tolist() for column, name in enumerate(("loss", *losses))}


def _ahead(items: Iterator[Any]) -> Iterator[Any]:
    """Iterate over `items`, each made in a thread while the caller works on the one before."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item


def _step_taker(
    model: Any, optimizer: Any, losses: dict[str, tuple[Loss, float]], example: tuple[Any, Any, Any]
) -> Callable[[Any, Any, Any], Any]:
    """A graph that trains on a block of inputs and targets, a batch at a time; `ends` says where each ends.

    It returns the sums of the batches' losses: the weighted total, then those of `losses`. `example` is a
    block that shows the shapes.
    """
    import tensorflow as tf

    variables = model.trainable_variables

    def take_steps(inputs: Any, targets: Any, ends: Any) -> Any:
        sums, start = tf.zeros(1 + len(losses)), 0
        for end in ends:
            x, y = ({name: value[start:end] for name, value in part.items()} for part in (inputs, targets))
            with tf.GradientTape() as tape:
                output = model(x, training=True)
                parts = [loss(y[name], output[name]) for name, (loss, _) in losses.items()]
                total = tf.add_n(
                    [part * weight for part, (_, weight) in zip(parts, losses.values(), strict=True)]
                )
            optimizer.apply(tape.gradient(total, variables), variables)
            sums += tf.stack([total, *parts])
            start = end
        return sums

    signature = tf.nest.map_structure(
        lambda each: tf.TensorSpec((None, *each.shape[1:]), each.dtype), example
    )
    return tf.function(take_steps, input_signature=signature)
