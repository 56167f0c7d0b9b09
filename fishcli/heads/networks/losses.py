"""What training makes small: class losses, and box losses over the rows that have a box."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fishcli.basics.quiet import load_keras
from fishcli.options.train import TrainConfig

HUBER_DELTA = 0.1
AUXILIARY_WEIGHT = 0.3
"""Of an auxiliary classifier's loss (Szegedy et al. 2015)."""

Loss = Callable[[Any, Any], Any]
"""From targets and outputs of a batch to a number."""


def make_losses(config: TrainConfig, counts: np.ndarray, outputs: list[str]) -> dict[str, tuple[Loss, float]]:
    """The loss and the weight of each output of a head.

    Args:
        config: the losses wanted.
        counts: (C,) training images of each class; of tags (2, C).
        outputs: names among "class", "auxiliary", "box".
    """
    of_classes = class_loss(config, counts)
    known: dict[str, tuple[Loss, float]] = {
        "class": (of_classes, 1.0),
        "auxiliary": (of_classes, AUXILIARY_WEIGHT),
        "box": (box_loss(config.box_loss), config.box_weight),
    }
    return {name: known[name] for name in outputs}


def class_loss(config: TrainConfig, counts: np.ndarray) -> Loss:
    """The mean class loss over a batch.

    Cross-entropy with label smoothing (Szegedy et al. 2016); focal cross-entropy for gamma > 0 (Lin et al.
    2017); or the multiclass hinge (Crammer & Singer 2001). With `--class-weight balanced` a row counts
    N / (C n_c) times, as in scikit-learn. Targets and outputs are (batch, C). Of tags it is the sum of each
    one's binary cross-entropy, focal or not.
    """
    keras = load_keras()
    ops, losses = keras.ops, keras.losses
    smoothing = config.label_smoothing
    each: Loss
    if np.ndim(counts) == 2:
        kinds = {True: losses.BinaryFocalCrossentropy, False: losses.BinaryCrossentropy}
        gamma = {"gamma": config.focal} if config.focal else {}
        mean_of_tags = kinds[bool(gamma)](label_smoothing=smoothing, reduction=None, **gamma)
        return lambda true, predicted: ops.mean(mean_of_tags(true, predicted)) * true.shape[1]
    if config.loss == "hinge":

        def each(true: Any, predicted: Any) -> Any:
            others = ops.max(predicted - 1e9 * true, axis=1)  # Keras' own would count a 0 among them
            return ops.relu(1.0 + others - ops.sum(true * predicted, axis=1))

    elif config.focal:
        each = losses.CategoricalFocalCrossentropy(
            alpha=1.0, gamma=config.focal, label_smoothing=smoothing, reduction=None
        )
    else:
        each = losses.CategoricalCrossentropy(label_smoothing=smoothing, reduction=None)
    present = np.asarray(counts) > 0
    weights = np.where(present, counts.sum() / (present.sum() * np.maximum(counts, 1)), 0.0)

    def loss(true: Any, predicted: Any) -> Any:
        found = each(true, predicted)
        if config.class_weight == "balanced":
            found = found * ops.sum(true * ops.cast(weights, true.dtype), axis=1)
        return ops.mean(found)

    return loss


def box_loss(kind: str) -> Loss:
    """The mean box loss over the rows of a batch that have a box; 0 where none has.

    "huber" (Huber 1964, delta 0.1 of the image), "mae", "mse" of the corners, or "giou", 1 - GIoU
    (Rezatofighi et al. 2019).

    The loss takes targets (batch, 5): corners and 1, or five zeros where there is no box; missing corners
    must already be replaced, since NaN would survive the mask in the gradient. Outputs are corners
    (batch, 4).
    """
    ops = load_keras().ops
    each = {"huber": _huber, "mae": _mae, "mse": _mse, "giou": _giou}[kind]

    def loss(true: Any, predicted: Any) -> Any:
        mask = true[:, 4]
        found = each(ops, true[:, :4], predicted)
        return ops.sum(found * mask) / ops.maximum(ops.sum(mask), 1.0)

    return loss


def _huber(ops: Any, true: Any, predicted: Any) -> Any:
    error = ops.abs(true - predicted)
    linear = HUBER_DELTA * (error - 0.5 * HUBER_DELTA)
    return ops.mean(ops.where(error <= HUBER_DELTA, 0.5 * error**2, linear), axis=1)


def _mae(ops: Any, true: Any, predicted: Any) -> Any:
    return ops.mean(ops.abs(true - predicted), axis=1)


def _mse(ops: Any, true: Any, predicted: Any) -> Any:
    return ops.mean((true - predicted) ** 2, axis=1)


def _giou(ops: Any, true: Any, predicted: Any) -> Any:
    def area(low: Any, high: Any) -> Any:
        sides = ops.maximum(high - low, 0.0)
        return sides[:, 0] * sides[:, 1]

    (t_low, t_high), (p_low, p_high) = (true[:, :2], true[:, 2:]), (predicted[:, :2], predicted[:, 2:])
    overlap = area(ops.maximum(t_low, p_low), ops.minimum(t_high, p_high))
    union = area(t_low, t_high) + area(p_low, p_high) - overlap
    hull = area(ops.minimum(t_low, p_low), ops.maximum(t_high, p_high))
    tiny = 1e-7  # a row without a box may have an empty hull: finite, then masked
    return 1.0 - overlap / (union + tiny) + (hull - union) / (hull + tiny)
