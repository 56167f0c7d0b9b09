"""Training of one fold's head, and its predictions."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fishcli.configs import TrainConfig
from fishcli.dataset.classes import fill_missing_classes, smoothed_prior
from fishcli.dataset.metadata import MetadataEncoder
from fishcli.errors import FishError
from fishcli.heads.architectures import build_head
from fishcli.heads.inputs import HeadInputs, pool_maps
from fishcli.quiet import load_keras

HUBER_DELTA = 0.1
WEIGHT_DECAY = 0.05
WARM_UP = 0.1
PREDICT_BATCH = 256


@dataclass(frozen=True)
class FoldHead:
    """A trained head with all that it takes to predict.

    Attributes:
        model: the Keras model of `build_head`.
        encoder: of image sizes, fitted on the fold's training rows.
        counts: (C,) training images of each class.
    """

    model: Any
    encoder: MetadataEncoder
    counts: np.ndarray

    def predict(self, features: np.ndarray, images: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Predict from the features (n, ...) of one view of `images` (`height`, `width`).

        Maps are pooled first where the head was trained on pooled features.

        Returns:
            Probabilities (n, C) float64, and boxes (n, 4) float64 as fractions of the view's input,
            NaN where the head has no box output.
        """
        if features.ndim == 4 and len(self.model.input["features"].shape) == 2:
            features = pool_maps(features)
        inputs = _inputs(features, self.encoder.encode(images))
        output = self.model.predict(inputs, batch_size=PREDICT_BATCH, verbose=0)
        proba = np.asarray(output.get("class", np.ones((len(features), 1))), np.float64)
        proba = fill_missing_classes(proba / proba.sum(axis=1, keepdims=True), self.counts)
        boxes = output.get("box", np.full((len(proba), 4), np.nan))
        return proba, np.clip(np.asarray(boxes, np.float64), 0.0, 1.0)


def fit_fold(
    config: TrainConfig, inputs: HeadInputs, train_rows: np.ndarray, seed: int
) -> tuple[FoldHead, dict[str, list[float]]]:
    """Train a head on `train_rows`, on a fixed schedule; the last epoch is kept.

    AdamW (Loshchilov & Hutter 2019) with warm-up and cosine decay. Each row and epoch draws one of the cached
    views and copies. No row outside `train_rows` is looked at.

    Returns:
        The head, and each epoch's training losses by name.
    """
    keras = load_keras()
    keras.utils.set_random_seed(seed)
    counts = np.bincount(inputs.labels[train_rows], minlength=int(inputs.labels.max()) + 1)
    encoder = MetadataEncoder.fit(config.metadata, inputs.images.iloc[train_rows])
    boxes = inputs.boxes[0, train_rows]
    known = boxes[~np.isnan(boxes).any(axis=1)]
    mean_box = known.mean(axis=0) if len(known) else None
    model = build_head(config, inputs.features.shape[2:], encoder.n_columns, smoothed_prior(counts), mean_box)
    steps = math.ceil(len(train_rows) / config.batch_size) * config.epochs
    _compile(keras, model, config, steps)
    head = FoldHead(model, encoder, counts)
    batches = _batches(head, inputs, train_rows, config.batch_size, seed)
    history = model.fit(
        batches, epochs=config.epochs, verbose=0, callbacks=[keras.callbacks.TerminateOnNaN()]
    )
    losses = {name: [float(value) for value in values] for name, values in history.history.items()}
    if not all(math.isfinite(value) for values in losses.values() for value in values):
        raise FishError(f"the training loss is not finite. Pass a lower --lr than {config.lr}.")
    return head, losses


def load_fold(model_path: Path, encoder: MetadataEncoder, counts: np.ndarray) -> FoldHead:
    """Load a head that `fit_fold` trained; FishError where the file is missing or damaged."""
    keras = load_keras()
    try:
        model = keras.models.load_model(model_path, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise FishError(f"{model_path} can't be loaded ({str(error).splitlines()[0]}).") from None
    return FoldHead(model, encoder, counts)


def _inputs(features: np.ndarray, metadata: np.ndarray) -> dict[str, np.ndarray]:
    named = {"features": features}
    return {**named, "metadata": metadata} if metadata.shape[1] else named


def masked_huber(true: Any, predicted: Any) -> Any:
    """Huber loss of box corners over the rows that have a box (Huber 1964), delta 0.1 of the image.

    Args:
        true: (batch, 5): corners and 1, or five zeros where there is no box. Missing corners must already be
            replaced: NaN would survive the mask in the gradient.
        predicted: (batch, 4).
    """
    from keras import ops

    mask = true[:, 4]
    error = ops.abs(true[:, :4] - predicted)
    quadratic = 0.5 * error**2
    linear = HUBER_DELTA * (error - 0.5 * HUBER_DELTA)
    loss = ops.mean(ops.where(error <= HUBER_DELTA, quadratic, linear), axis=1)
    return ops.sum(loss * mask) / ops.maximum(ops.sum(mask), 1.0)


def _compile(keras: Any, model: Any, config: TrainConfig, n_steps: int) -> None:
    warm_up = max(1, round(WARM_UP * n_steps))
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, n_steps - warm_up), warmup_target=config.lr, warmup_steps=warm_up
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=WEIGHT_DECAY)
    optimizer.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    losses = {
        "class": keras.losses.CategoricalCrossentropy(label_smoothing=config.label_smoothing),
        "box": masked_huber,
    }
    weights = {"class": 1.0, "box": config.box_weight}
    outputs = list(model.output)
    model.compile(
        optimizer,
        {name: losses[name] for name in outputs},
        loss_weights={name: weights[name] for name in outputs},
        jit_compile=False,  # XLA would compile for seconds what trains in seconds
    )


def _batches(head: FoldHead, inputs: HeadInputs, rows: np.ndarray, batch_size: int, seed: int) -> Any:
    """A Keras PyDataset of shuffled batches, each row under one drawn view; new draws every epoch."""
    keras = load_keras()
    outputs = list(head.model.output)
    one_hot = np.eye(len(head.counts), dtype=np.float32)[inputs.labels]
    metadata = head.encoder.encode(inputs.images)
    has_box = ~np.isnan(inputs.boxes).any(axis=2, keepdims=True)
    targets = np.concatenate([inputs.boxes, np.ones_like(inputs.boxes[..., :1])], axis=2)
    targets = np.where(has_box, targets, np.float32(0.0))

    class Batches(keras.utils.PyDataset):  # type: ignore[name-defined]
        """Batches of one fold's training rows."""

        def __init__(self) -> None:
            super().__init__()
            self.rng = np.random.default_rng(seed)
            self.on_epoch_end()

        def __len__(self) -> int:
            return math.ceil(len(rows) / batch_size)

        def __getitem__(self, index: int) -> Any:
            part = slice(index * batch_size, (index + 1) * batch_size)
            row, view = self.order[part], self.view[part]
            y = {"class": one_hot[row], "box": targets[view, row]}
            return _inputs(inputs.features[view, row], metadata[row]), {name: y[name] for name in outputs}

        def on_epoch_end(self) -> None:
            """Draw the next epoch's order and views."""
            self.order = self.rng.permutation(rows)
            self.view = self.rng.integers(len(inputs.views), size=len(rows))

    return Batches()
