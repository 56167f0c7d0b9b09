"""A dense localiser: a small fully convolutional network on frozen maps, and its losses."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from fishcli.basics.quiet import load_keras
from fishcli.heads.networks.losses import Loss

WIDTH = 48
DROPOUT = 0.1
SCORE_WEIGHT = 3.0
"""Of the cells' scores beside the boxes: their loss is a mean over all cells, most of which are easy."""
ENDS_WEIGHT = 1.0
"""Of heads and tails beside the boxes."""
ENDS_BEND = 0.1
"""Where the loss of heads and tails turns from square to straight, in longer sides of the box."""


def build_localiser(
    n_channels: int,
    moments: tuple[np.ndarray, np.ndarray],
    start: tuple[float, np.ndarray],
    looks_far: bool = False,
    with_ends: bool = False,
) -> Any:
    """Build a localiser in the manner of FCOS (Tian 2019), with one scale.

    Args:
        n_channels: of the features; maps may be of any size.
        moments: mean and variance (channels,) of the training rows' features, which are standardised by them.
        start: where its outputs start: the share of cells in a thing's middle, in (0, 1), and their mean
            distances (4,) to the box's sides.
        looks_far: whether a box's sides are looked for seven cells around, not one.
        with_ends: whether it says where head and tail are.

    Returns:
        An uncompiled Keras model from features (batch, h, w, channels) to "score" (batch, h, w, 1), the
        logit of lying in a thing's middle, and "distances" (batch, h, w, 4) to the left, upper, right and
        lower side of its box, fractions of the input, positive; perhaps to "ends" (batch, h, w, 4), from the
        cell's middle to head and tail (x, y, x, y), fractions of the input.
    """
    keras = load_keras()
    layers, constant = keras.layers, keras.initializers.Constant
    features = keras.Input((None, None, n_channels), name="features")
    mean, variance = moments
    standardised = layers.Normalization(mean=mean, variance=variance, name="standardised")(features)
    hidden = layers.Conv2D(WIDTH, 1, activation="relu", name="narrowed")(standardised)
    hidden = layers.SpatialDropout2D(DROPOUT)(hidden)
    hidden = layers.Conv2D(WIDTH, 3, padding="same", activation="relu", name="seen_around")(hidden)
    around_boxes = _around(standardised, "boxes") if looks_far else hidden
    share, distances = start
    score = layers.Conv2D(1, 1, bias_initializer=constant(float(np.log(share / (1 - share)))), name="score")
    log_distances = layers.Conv2D(
        4,
        1,
        kernel_initializer="zeros",
        bias_initializer=constant(np.log(distances).tolist()),
        activation="exponential",
        name="distances",
    )
    outputs = {"score": score(hidden), "distances": log_distances(around_boxes)}
    if with_ends:  # by layers of their own, which leave the boxes alone
        around_ends = _around(standardised, "ends")
        outputs["ends"] = layers.Conv2D(4, 1, kernel_initializer="zeros", name="ends")(around_ends)
    return keras.Model(features, outputs, name="localiser")


def _around(standardised: Any, name: str) -> Any:
    """What lies up to seven cells around a cell (batch, h, w, WIDTH).

    Sides and ends of a large thing are seen there, not at its middle. Dilated convolutions: Yu & Koltun 2016.
    """
    layers = load_keras().layers
    hidden = layers.Conv2D(WIDTH, 1, activation="relu", name=f"{name}_narrowed")(standardised)
    hidden = layers.SpatialDropout2D(DROPOUT, name=f"{name}_dropout")(hidden)
    for dilation in (1, 2, 4):
        hidden = layers.Conv2D(
            WIDTH,
            3,
            padding="same",
            dilation_rate=dilation,
            activation="relu",
            name=f"{name}_around{dilation}",
        )(hidden)
    return hidden


def learning_part(model: Any) -> Any:
    """What a localiser learns: the same layers, of features that are standardised already."""
    keras = load_keras()
    standardised = model.get_layer("standardised").output
    features = keras.Input(standardised.shape[1:], name="features")
    learned = keras.Model(standardised, model.output)(features)
    return keras.Model({"features": features}, learned, name=model.name)


def weighed_losses(outputs: Iterable[str]) -> dict[str, tuple[Loss, float]]:
    """The loss of each output, and its weight; targets as `targets.Targets` has them."""
    known: dict[str, tuple[Loss, float]] = {
        "score": (_score_loss, SCORE_WEIGHT),
        "distances": (_giou_loss, 1.0),
        "ends": (_ends_loss, ENDS_WEIGHT),
    }
    return {name: known[name] for name in outputs}


def _ends_loss(target: Any, offsets: Any) -> Any:
    """Smooth L1 (Girshick 2015) of head and tail, in longer sides of the box, over the cells that count."""
    ops = load_keras().ops
    weight = target[..., 4:]
    away = ops.abs(target[..., :4] - offsets) * weight
    bent = ops.where(away < ENDS_BEND, away**2 / (2 * ENDS_BEND), away - ENDS_BEND / 2)
    n_cells = ops.sum(ops.cast(weight > 0, "float32"))
    return ops.sum(bent) / (4 * n_cells + 1e-6)


def _score_loss(target: Any, logit: Any) -> Any:
    """Cross-entropy a cell, from the logit."""
    ops = load_keras().ops
    return ops.mean(ops.relu(logit) - logit * target + ops.log1p(ops.exp(-ops.abs(logit))))


def _giou_loss(target: Any, distances: Any) -> Any:
    """1 - GIoU (Rezatofighi 2019) of the boxes that distances from a cell span, over the cells that count."""
    ops = load_keras().ops
    true, counts = target[..., :4], target[..., 4]
    area, true_area, overlap, hull = (
        (each[..., 0] + each[..., 2]) * (each[..., 1] + each[..., 3])
        for each in (distances, true, ops.minimum(true, distances), ops.maximum(true, distances))
    )
    union = area + true_area - overlap
    loss = 1 - overlap / (union + 1e-9) + (hull - union) / (hull + 1e-9)
    return ops.sum(counts * loss) / (ops.sum(counts) + 1e-6)
