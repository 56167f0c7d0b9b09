"""Heads: small Keras networks from features and metadata to class probabilities and a box."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fishcli.basics.quiet import load_keras
from fishcli.dataset.metadata import MetadataEncoder
from fishcli.heads.networks.head_start import MOMENTUM, HeadStart
from fishcli.options.train import TrainConfig

EMBEDDING = 8
"""Numbers an image size is embedded in."""
BOX_CELLS = 10
"""Maps are averaged down to at most so many rows and columns before the box output flattens them."""


Builder = Callable[[HeadStart], dict[str, Any]]
"""From a start to linear class scores (batch, C) by name: "class", and perhaps "auxiliary"."""


def build_head(
    config: TrainConfig,
    feature_shape: tuple[int, ...],
    encoder: MetadataEncoder,
    prior: np.ndarray,
    mean_box: Any,
    is_tagged: bool = False,
) -> Any:
    """Build a head of `config.head`.

    Args:
        config: head, its options, dropout.
        feature_shape: (h, w, channels) of maps, or (channels,) of pooled features.
        encoder: of the metadata; its columns are the head's second input.
        prior: (C,) the class prior of the training rows; the class output starts there.
        mean_box: (4,) mean box of the training rows, where the box output starts; None for no box output.
        is_tagged: whether an image may have several classes, so that each has a probability of its own.

    Returns:
        An uncompiled model: inputs "features" (batch, ...) and, where there are columns, "metadata"
        (batch, n_columns); outputs "class" (batch, C), where there are two classes or more (and "auxiliary"
        likewise, for training), softmax, of tags sigmoid, or, for `--loss hinge`, scores; and perhaps "box"
        (batch, 4), corners as fractions of the input.
    """
    keras = load_keras()
    features = keras.Input(feature_shape, name="features")
    metadata = keras.Input((encoder.n_columns,), name="metadata") if encoder.n_columns else None
    joined = _embed(keras.layers, metadata, encoder.n_embedded)
    start = HeadStart(config, features, joined, np.asarray(prior, np.float64), is_tagged)
    outputs = {}
    if len(prior) > 1:
        activation = "sigmoid" if is_tagged else "linear" if config.loss == "hinge" else "softmax"
        for name, scores in builders()[config.head](start).items():
            outputs[name] = keras.layers.Activation(activation, name=name)(scores)
    if mean_box is not None:
        outputs["box"] = box_output(keras, features, config.dropout, np.asarray(mean_box, np.float64))
    inputs = {"features": features} if metadata is None else {"features": features, "metadata": metadata}
    return keras.Model(inputs, outputs, name=config.head)


def builders() -> dict[str, Builder]:
    """The builder of each head that Keras fits."""
    from fishcli.heads.networks import attention, convolutional

    return {
        "attention": attention.attention,
        "fcn": convolutional.fcn,
        "allconv": convolutional.allconv,
        "inception": convolutional.inception,
        "residual": convolutional.residual,
    }


def _embed(layers: Any, metadata: Any, n_embedded: int) -> Any:
    """The metadata with its first columns, a one-hot of sizes, embedded; an unknown size is embedded in 0."""
    if metadata is None or not n_embedded:
        return metadata
    embedded = layers.Dense(EMBEDDING, use_bias=False, name="size_embedding")(metadata[:, :n_embedded])
    if n_embedded == metadata.shape[1]:
        return embedded
    return layers.Concatenate()([embedded, metadata[:, n_embedded:]])


def box_output(keras: Any, features: Any, dropout: float, mean_box: np.ndarray) -> Any:
    """Box corners from sigmoid centre and size, branching off before any global pooling."""
    from fishcli.heads.networks.layers import NormalisedCells

    layers, ops = keras.layers, keras.ops
    if len(features.shape) == 4:
        rows, columns = (math.ceil(side / BOX_CELLS) for side in features.shape[1:3])
        hidden = NormalisedCells(64, (rows, columns), MOMENTUM)(features)
        hidden = layers.Flatten()(hidden)
    else:
        hidden = layers.BatchNormalization(momentum=MOMENTUM)(features)
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
