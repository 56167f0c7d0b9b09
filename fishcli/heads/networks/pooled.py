"""Heads that pool maps into a vector: global pooling, dense layers, attention."""

from typing import Any

from fishcli.basics.quiet import load_keras
from fishcli.heads.choices import pooling_of
from fishcli.heads.networks.head_start import MOMENTUM, HeadStart

ATTENTION_UNITS = 128
"""Numbers that attention to a place is computed from."""


def gap(start: HeadStart) -> dict[str, Any]:
    """Global pooling, batch norm, dropout: multinomial regression with the noise of dropout."""
    pooled = _globally_pooled(start) if start.has_maps else start.features
    return {"class": _regression(start, pooled)}


def dense(start: HeadStart) -> dict[str, Any]:
    """fast.ai's lesson 7 (2017): local pooling, batch norm, dropout and two dense layers of 512."""
    layers, dropout = load_keras().layers, start.config.dropout
    if start.has_maps:
        hidden = layers.BatchNormalization(momentum=MOMENTUM)(_locally_pooled(start))
        hidden = layers.Flatten()(layers.SpatialDropout2D(dropout / 2)(hidden))
    else:
        hidden = layers.Dropout(dropout / 2)(layers.BatchNormalization(momentum=MOMENTUM)(start.features))
    hidden = start.join(hidden)
    for share in (dropout, dropout / 2):
        hidden = layers.Dense(512, "relu")(hidden)
        hidden = layers.Dropout(share)(layers.BatchNormalization(momentum=MOMENTUM)(hidden))
    return {"class": start.scores(hidden)}


def attention(start: HeadStart) -> dict[str, Any]:
    """Attention pooling: a weighted mean of all places, each place weighing as much as its features earn.

    The attention of Ilse, Tomczak & Welling, "Attention-based deep multiple instance learning", 2018, with
    places for instances. The weights (batch, h, w, 1) are the output of the layer "attention_map"; they start
    out equal, so that the head starts as `gap`.
    """
    keras = load_keras()
    layers, ops = keras.layers, keras.ops
    maps = layers.BatchNormalization(momentum=MOMENTUM, scale=False)(start.features)
    hidden = layers.Conv2D(ATTENTION_UNITS, 1, activation="tanh")(maps)
    # No bias: the softmax would not see it.
    earned = layers.Conv2D(1, 1, use_bias=False, kernel_initializer="zeros")(hidden)
    weights = layers.Softmax(axis=(1, 2), name="attention_map")(earned)
    hidden = start.join(ops.sum(ops.multiply(maps, weights), axis=(1, 2)))
    return {"class": start.scores(layers.Dropout(start.config.dropout)(hidden))}


def _globally_pooled(start: HeadStart) -> Any:
    """Maps (batch, h, w, channels), pooled over all places by `--pooling`: (batch, channels)."""
    from fishcli.heads.networks.layers import GeneralisedMeanPooling2D, StochasticPooling2D

    layers, pooling = load_keras().layers, pooling_of(start.config)
    if pooling == "overlap":
        return layers.GlobalAveragePooling2D()(_locally_pooled(start))
    kinds = {
        "avg": layers.GlobalAveragePooling2D,
        "max": layers.GlobalMaxPooling2D,
        "gem": GeneralisedMeanPooling2D,
        "stochastic": StochasticPooling2D,
    }
    return kinds[pooling]()(start.features)


def _locally_pooled(start: HeadStart) -> Any:
    """Maps (batch, h, w, channels), pooled in small windows by `--pooling`: (batch, h', w', channels).

    Windows lie side by side, but for "overlap": Krizhevsky, Sutskever & Hinton, "ImageNet classification with
    deep convolutional neural networks", 2012. Maps smaller than a window stay as they are.
    """
    from fishcli.heads.networks.layers import GeneralisedMeanPooling2D, StochasticPooling2D

    layers, pooling = load_keras().layers, pooling_of(start.config)
    window = 3 if pooling == "overlap" else 2
    if min(start.features.shape[1:3]) < window:
        return start.features
    kinds = {
        "avg": layers.AveragePooling2D,
        "max": layers.MaxPooling2D,
        "gem": GeneralisedMeanPooling2D,
        "stochastic": StochasticPooling2D,
        "overlap": lambda size: layers.MaxPooling2D(size, strides=2),
    }
    return kinds[pooling](window)(start.features)


def _regression(start: HeadStart, pooled: Any) -> Any:
    layers = load_keras().layers
    hidden = start.join(layers.BatchNormalization(momentum=MOMENTUM, scale=False)(pooled))
    return start.scores(layers.Dropout(start.config.dropout)(hidden))
