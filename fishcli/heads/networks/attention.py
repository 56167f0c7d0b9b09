"""The head that weighs the places of maps: attention."""

from typing import Any

from fishcli.basics.quiet import load_keras
from fishcli.heads.networks.head_start import MOMENTUM, HeadStart

ATTENTION_UNITS = 128
"""Numbers that attention to a place is computed from."""


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
