"""Heads: small Keras networks from features and metadata to class probabilities and a box."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fishcli.configs import TrainConfig
from fishcli.errors import choose
from fishcli.quiet import load_keras


def build_head(
    config: TrainConfig, feature_shape: tuple[int, ...], n_metadata: int, prior: np.ndarray, mean_box: Any
) -> Any:
    """Build a head of `config.head`.

    Args:
        config: head, dropout.
        feature_shape: (h, w, channels) of maps, or (channels,) of pooled features.
        n_metadata: metadata columns, 0 for none.
        prior: (C,) the class prior of the training rows; the class output starts there.
        mean_box: (4,) mean box of the training rows, where the box output starts; None for no box output.

    Returns:
        An uncompiled model: inputs "features" (batch, ...) and, where n_metadata > 0, "metadata"
        (batch, n_metadata); outputs "class" (batch, C), softmax, where there are two classes or more, and
        perhaps "box" (batch, 4), corners as fractions of the input.
    """
    keras = load_keras()
    layers = keras.layers
    features = keras.Input(feature_shape, name="features")
    metadata = keras.Input((n_metadata,), name="metadata") if n_metadata else None
    outputs = {}
    if len(prior) > 1:
        hidden = HEADS[choose(config.head, HEADS, "head")](layers, features, metadata, config.dropout)
        start = keras.initializers.Constant(np.log(prior).tolist())
        outputs["class"] = layers.Dense(
            len(prior), "softmax", bias_initializer=start, kernel_initializer="zeros", name="class"
        )(hidden)
    if mean_box is not None:
        outputs["box"] = _box_output(keras, features, config.dropout, np.asarray(mean_box, np.float64))
    inputs = {"features": features} if metadata is None else {"features": features, "metadata": metadata}
    return keras.Model(inputs, outputs, name=config.head)


def needs_maps(head: str, has_boxes: bool) -> bool:
    """Whether a head makes use of maps; otherwise pooled features give the same result with less memory."""
    return has_boxes or choose(head, HEADS, "head") != "gap"


def _gap(layers: Any, features: Any, metadata: Any, dropout: float) -> Any:
    """Global average pooling, batch norm, dropout: multinomial regression with the noise of dropout."""
    pooled = layers.GlobalAveragePooling2D()(features) if len(features.shape) == 4 else features
    joined = _join(layers, layers.BatchNormalization(scale=False)(pooled), metadata)
    return layers.Dropout(dropout)(joined)


def _dense(layers: Any, features: Any, metadata: Any, dropout: float) -> Any:
    """fast.ai's lesson 7 (2017): max pooling, batch norm, dropout and two dense layers of 512."""
    hidden = features
    if len(features.shape) == 4:
        if min(features.shape[1:3]) > 1:
            hidden = layers.MaxPooling2D()(hidden)
        hidden = layers.BatchNormalization()(hidden)
        hidden = layers.Flatten()(layers.SpatialDropout2D(dropout / 2)(hidden))
    else:
        hidden = layers.Dropout(dropout / 2)(layers.BatchNormalization()(hidden))
    hidden = _join(layers, hidden, metadata)
    for share in (dropout, dropout / 2):
        hidden = layers.Dense(512, "relu")(hidden)
        hidden = layers.Dropout(share)(layers.BatchNormalization()(hidden))
    return hidden


def _join(layers: Any, hidden: Any, metadata: Any) -> Any:
    # After batch norm on purpose: a size's column is rare, and batch norm would blow it up.
    return hidden if metadata is None else layers.Concatenate()([hidden, metadata])


def _box_output(keras: Any, features: Any, dropout: float, mean_box: np.ndarray) -> Any:
    """Box corners from sigmoid centre and size, branching off before any global pooling."""
    layers, ops = keras.layers, keras.ops
    hidden = layers.BatchNormalization()(features)
    if len(features.shape) == 4:
        hidden = layers.Conv2D(64, 1, activation="relu")(hidden)
        hidden = layers.Flatten()(hidden)
    hidden = layers.Dropout(dropout / 2)(hidden)
    hidden = layers.Dense(128, "relu")(hidden)
    halves = []
    centre, size = (mean_box[:2] + mean_box[2:]) / 2, mean_box[2:] - mean_box[:2]
    for name, mean in (("box_centre", centre), ("box_size", size)):
        logits = np.log(np.clip(mean, 0.01, 0.99) / (1 - np.clip(mean, 0.01, 0.99)))
        start = keras.initializers.Constant(logits.tolist())
        dense = layers.Dense(2, "sigmoid", bias_initializer=start, kernel_initializer="zeros", name=name)
        halves.append(dense(hidden))
    corners = [ops.subtract(halves[0], halves[1] / 2), ops.add(halves[0], halves[1] / 2)]
    return layers.Concatenate(name="box")(corners)


HEADS: dict[str, Callable[[Any, Any, Any, float], Any]] = {"gap": _gap, "dense": _dense}
"""From (keras.layers, features, metadata or None, dropout) to what the class output is a regression on."""
