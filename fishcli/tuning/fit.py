"""Training one fold's network, epoch by epoch."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fishcli.basics.backends import backend_name
from fishcli.basics.cluster import stop_if_cancelled
from fishcli.basics.errors import FishError
from fishcli.basics.quiet import load_keras
from fishcli.heads.networks.losses import box_loss
from fishcli.options.finetune import FinetuneConfig
from fishcli.options.train import TrainConfig
from fishcli.tuning.checkpoint import go_on_from, restore, save_checkpoint, state_of
from fishcli.tuning.network import BODY
from fishcli.tuning.rows import TuningRows

N_MEASURED = 6
"""So many steps tell what one takes; the first one, which makes ready, doesn't count."""


@dataclass(frozen=True)
class TuningPlan:
    """How a fold's network is trained.

    Attributes:
        config: rates, batches; its epochs are settled.
        source: what it learns from.
        seed: of all that is drawn.
        checkpoint: where each epoch's end is kept until the last.
    """

    config: FinetuneConfig
    source: TuningRows
    seed: int
    checkpoint: Path

    @property
    def n_epochs(self) -> int:
        """Epochs; ValueError where they are not settled."""
        if self.config.epochs is None:
            raise ValueError("the number of epochs is not settled")
        return self.config.epochs

    @property
    def n_steps(self) -> int:
        """Steps an epoch."""
        return self.source.n_steps(self.config.batch_size)

    def batches(self, epoch: int) -> Any:
        """An epoch's batches: `tuning.batches.EpochBatches`, with which Keras is imported."""
        from fishcli.tuning.batches import EpochBatches

        return EpochBatches(self.source, self.config.batch_size, self.seed, epoch)


def usual_epochs(n_photos: int) -> int:
    """Epochs for so many photos: 400 over their square root, 4 to 30. 15 for 700, 6 for 4,000.

    So the number of steps grows with the square root of the number of photos.
    """
    return int(np.clip(round(400 / math.sqrt(max(1, n_photos))), 4, 30))


def make_ready(model: Any, plan: TuningPlan) -> Any:
    """Compile a network for its training; returns what is trained, with the network in it or itself."""
    keras = load_keras()
    from fishcli.tuning.optimiser import TuningAdamW

    variables = model.trainable_variables
    body = {id(each) for each in model.get_layer(BODY).trainable_variables}
    fast = [each for each in variables if id(each) not in body]
    losses: dict[str, Any] = {"class": keras.losses.CategoricalCrossentropy()}
    weights = {"class": 1.0}
    if plan.source.with_boxes:
        usual = TrainConfig()
        losses["box"], weights["box"] = box_loss(usual.box_loss), usual.box_weight
    trained = model
    if plan.source.drawn is not None:
        from fishcli.tuning.augmenting import augmented

        trained = augmented(model, plan.source.inputs.features.shape[2:4], plan.source.drawn)
    trained.compile(
        optimizer=TuningAdamW(plan.config.lr, plan.n_steps * plan.n_epochs, variables, fast),
        loss=losses,
        loss_weights=weights,
        jit_compile=backend_name() == "jax",  # TensorFlow's is 8 times slower for MobileNetV2 on CPUs
    )
    return trained


def seconds_of_steps(model: Any, plan: TuningPlan) -> tuple[float, float]:
    """Seconds until the first step is done, and that each other one takes here; measured on a few.

    The network is afterwards as it was.
    """
    keras = load_keras()
    ends: list[float] = [time.perf_counter()]

    class Clock(keras.callbacks.Callback):  # type: ignore[name-defined]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            ends.append(time.perf_counter())
            self.model.stop_training = len(ends) > N_MEASURED

    state = state_of(model)
    model.fit(plan.batches(0), epochs=1, shuffle=False, verbose=0, callbacks=[Clock()])
    restore(model, state)
    first, *others = np.diff(ends)
    return float(first), float(np.median(others)) if others else 0.0


def tune(model: Any, plan: TuningPlan, on_step: Callable[[float], None]) -> dict[str, list[float]]:
    """Train a network that `make_ready` compiled, or go on where a killed training ended.

    Args:
        model: as it stands before its first step; trained in place.
        plan: how.
        on_step: told each step's loss, the mean since the epoch began.

    Returns:
        Each epoch's mean losses by name: "loss" and each output's.

    Raises:
        FishError: a loss that is not finite.
    """
    keras = load_keras()

    class Watch(keras.callbacks.Callback):  # type: ignore[name-defined]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            on_step(float(logs["loss"]))

    losses = go_on_from(plan.checkpoint, model)
    for _ in range(len(losses.get("loss", [])) * plan.n_steps):
        on_step(losses["loss"][-1])
    for epoch in range(len(losses.get("loss", [])), plan.n_epochs):
        stop_if_cancelled()
        found = model.fit(plan.batches(epoch), shuffle=False, verbose=0, callbacks=[Watch()]).history
        for name, values in _named(found).items():
            losses.setdefault(name, []).append(values)
        if not math.isfinite(losses["loss"][-1]):
            raise FishError(f"the training loss is not finite. Pass a lower --lr than {plan.config.lr}.")
        save_checkpoint(plan.checkpoint, model, losses)
    return losses


def _named(history: dict[str, list[float]]) -> dict[str, float]:
    """An epoch's losses as heads' are named: "loss", and each output's by its name."""
    named = {name.removesuffix("_loss"): float(values[-1]) for name, values in history.items()}
    return {"loss": named["loss"], "class": named.get("class", named["loss"]), **named}
