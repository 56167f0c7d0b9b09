"""Training of one fold's perceptron."""

import math
from dataclasses import replace
from functools import partial

import numpy as np

from fishcli.basics.cluster import stop_if_cancelled
from fishcli.basics.errors import FishError
from fishcli.basics.side_by_side import stop_if_given_up
from fishcli.basics.threads import threads_of
from fishcli.dataset.classes import smoothed_prior
from fishcli.dataset.metadata import MetadataEncoder
from fishcli.heads.choices import pooling_of
from fishcli.heads.examples import Examples, PseudoRows
from fishcli.heads.inputs import HeadInputs
from fishcli.heads.perceptrons.architecture import Architecture, Start, build, n_numbers
from fishcli.heads.perceptrons.chain import AdamW
from fishcli.heads.perceptrons.head import Perceptron, PerceptronHead
from fishcli.heads.perceptrons.layers import Shown
from fishcli.heads.perceptrons.losses import Loss, box_loss, class_loss
from fishcli.heads.perceptrons.seen import seen_by
from fishcli.options.train import TrainConfig

EPOCHS = {"class": 1.0, "box": 0.5}
"""What share of the epochs each part of a head is trained for. The box takes most of the time; half of them
bring it to a mean IoU of 0.320 on whole photos and of 0.542 on crops, where all bring 0.329 and 0.539."""


def fit_perceptron(
    config: TrainConfig, inputs: HeadInputs, train_rows: np.ndarray, seed: int, pseudo: PseudoRows | None
) -> tuple[PerceptronHead, dict[str, list[float]]]:
    """Train a head on a fixed schedule; the last epoch is kept. See `heads.fit.fit_fold`.

    Each row and epoch draws one of the cached views and copies. It works in one thread, so that the result
    does not depend on how many there are.
    """
    counts = inputs.counts(train_rows)
    encoder = MetadataEncoder.fit(config.metadata, inputs.images.iloc[train_rows])
    boxes = inputs.boxes[0, train_rows]
    known = boxes[~np.isnan(boxes).any(axis=1)]
    architecture = replace(
        _architecture(config, inputs),
        n_columns=encoder.n_columns,
        n_embedded=encoder.n_embedded,
        has_box=len(known) > 0,
    )
    rng = np.random.default_rng([seed, 1])  # examples are drawn by the seed alone
    start = Start(rng, smoothed_prior(counts), known.mean(axis=0) if len(known) else None)
    model = Perceptron(architecture, build(architecture, start))
    losses = {
        "class": (class_loss(config, counts), 1.0),
        "box": (box_loss(config.box_loss), config.box_weight),
    }
    see = partial(seen_by, architecture, n_bytes=config.memory_budget * 2**30)
    examples = Examples(config, inputs, train_rows, (encoder, counts), seed, pseudo, see)
    # Whatever overflows, a loss that is not finite says it.
    with threads_of("numpy").limit(limits=1), np.errstate(all="ignore"):
        found = _train(config, model, examples, losses, rng)
    return PerceptronHead(model, encoder, counts), found


def training_bytes(config: TrainConfig, inputs: HeadInputs) -> int:
    """About how much memory the training of one head takes: its weights, slopes, steps, and a batch."""
    n_weights = n_numbers(_architecture(config, inputs))
    return 4 * (5 * n_weights + 6 * config.batch_size * int(np.prod(inputs.features.shape[2:])))


def _architecture(config: TrainConfig, inputs: HeadInputs) -> Architecture:
    """What a head is, without metadata."""
    n_classes, is_tagged = inputs.n_classes, inputs.labels.ndim == 2
    return Architecture(
        head=config.head,
        pooling=pooling_of(config),
        feature_shape=tuple(inputs.features.shape[2:]),
        n_classes=n_classes if n_classes > 1 else 0,
        n_columns=0,
        n_embedded=0,
        has_box=not np.isnan(inputs.boxes).all(),
        is_tagged=is_tagged,
        is_calibrated=False,
        dropout=config.dropout,
    )


def _n_epochs(config: TrainConfig, part: str) -> int:
    """How many epochs a part is trained for; all where the last ones show other rows than the first."""
    return config.epochs if config.sample_pairing else math.ceil(config.epochs * EPOCHS[part])


def _train(
    config: TrainConfig,
    model: Perceptron,
    examples: Examples,
    losses: dict[str, tuple[Loss, float]],
    rng: np.random.Generator,
) -> dict[str, list[float]]:
    """Train in place; returns each epoch's mean losses by name, "loss" being the weighted total.

    Raises:
        FishError: a loss that is not finite.
    """
    n_steps = examples.n_steps
    n_epochs = {name: _n_epochs(config, name) for name in model.chains}
    optimisers = {
        name: AdamW(chain, config.lr, n_epochs[name] * n_steps) for name, chain in model.chains.items()
    }
    found = {name: np.zeros(max(n_epochs.values())) for name in ("loss", *model.chains)}
    for number in range(max(n_epochs.values())):
        done = [name for name in model.chains if number >= n_epochs[name]]
        for batch in examples.batches(number, but=done):
            stop_if_cancelled()
            stop_if_given_up()
            shown = Shown(batch["inputs"].get("metadata"), rng)
            for name, chain in model.chains.items():
                if name in done:
                    continue
                loss, weight = losses[name]
                output = chain.forward(batch["inputs"][name], shown)
                value, slope = loss(batch["targets"][name], output)
                chain.backward(slope * np.float32(weight))
                optimisers[name].step()
                found[name][number] += value / n_steps
        for name in done:  # it stays as it is
            found[name][number] = found[name][number - 1]
        found["loss"][number] = sum(losses[name][1] * found[name][number] for name in model.chains)
        if not np.isfinite(found["loss"][number]):
            raise FishError(f"the training loss is not finite. Pass a lower --lr than {config.lr}.")
    return {name: each.tolist() for name, each in found.items()}
