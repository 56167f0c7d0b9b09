"""Training of one fold's Keras head."""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fishcli.basics.backends import backend_name
from fishcli.basics.errors import FishError
from fishcli.basics.quiet import seeded_keras
from fishcli.dataset.classes import smoothed_prior
from fishcli.dataset.metadata import MetadataEncoder
from fishcli.heads.examples import Examples, PseudoRows
from fishcli.heads.inputs import HeadInputs
from fishcli.heads.networks.architectures import build_head
from fishcli.heads.networks.losses import make_losses
from fishcli.heads.trained import KerasHead
from fishcli.options.train import TrainConfig

HELD_BYTES = 2**26
"""What the weights of all trainers that are held may take: the next fold may have one column more or less."""

_held: dict[tuple[Any, ...], Any] = {}
"""Trainers by all that their graphs know of: folds, seeds and repeats of a head have most in common."""


def fit_keras(
    config: TrainConfig, inputs: HeadInputs, train_rows: np.ndarray, seed: int, pseudo: PseudoRows | None
) -> tuple[KerasHead, dict[str, list[float]]]:
    """Train a head on a fixed schedule; the last epoch is kept. See `fit.fit_fold`.

    Each row and epoch draws one of the cached views and copies. One at a time: heads that are built alike are
    trained by one graph, which takes a second or two to make.
    """
    counts = inputs.counts(train_rows)
    encoder = MetadataEncoder.fit(config.metadata, inputs.images.iloc[train_rows])
    boxes = inputs.boxes[0, train_rows]
    known = boxes[~np.isnan(boxes).any(axis=1)]
    mean_box = known.mean(axis=0) if len(known) else None

    def build() -> Any:
        with seeded_keras(seed):
            shape, prior = inputs.features.shape[2:], smoothed_prior(counts)
            return build_head(config, shape, encoder, prior, mean_box, counts.ndim == 2)

    model = build()
    examples = Examples(config, inputs, train_rows, (encoder, counts), seed, pseudo)
    blocks = ((number, block) for number in range(config.epochs) for block in examples.epoch(number))
    trainer = _trainer(config, model, counts, build)
    losses = trainer.train(model, blocks, (config.epochs, examples.n_steps), seed)
    if not all(math.isfinite(value) for values in losses.values() for value in values):
        raise FishError(f"the training loss is not finite. Pass a lower --lr than {config.lr}.")
    return KerasHead(model, encoder, counts), losses


def _trainer(config: TrainConfig, model: Any, counts: np.ndarray, build: Callable[[], Any]) -> Any:
    """The trainer of heads that are built and learn like `model`, as `build` does; held for the next one."""
    alike = dataclasses.replace(config, seed=0, repeats=1, seeds=1, name=None, models_dir=Path())
    shapes = tuple(tuple(each.shape) for each in (*model.inputs, *model.variables))
    weights = tuple(counts.tolist()) if config.class_weight == "balanced" else ()
    from fishcli.heads.networks.optimiser import HeadAdamW
    from fishcli.heads.networks.trainers import Trainer

    key = (alike, tuple(model.output), shapes, weights, counts.ndim, backend_name())
    if key not in _held:
        n_bytes = [4 * each.model.count_params() for each in _held.values()]
        if sum(n_bytes) + 4 * model.count_params() > HELD_BYTES:
            _held.clear()
        own = build()
        losses = make_losses(config, counts, list(model.output))
        _held[key] = Trainer(own, losses, HeadAdamW(own, config.lr))
    return _held[key]
