"""Heads with convolutions of their own: fully convolutional, inception, residual.

All begin with a 1x1 convolution to few channels: a 3x3 one on a backbone's 1,280 would have more weights than
a competition has images to learn them from.
"""

from typing import Any

from fishcli.basics.quiet import load_keras
from fishcli.heads.networks.head_start import MOMENTUM, HeadStart

WIDTH = 128
"""Channels of fcn, allconv and inception; those of fast.ai's lesson 7."""
RESIDUAL_WIDTH = 64
"""Channels of residual, whose blocks have two 3x3 convolutions each."""
N_BLOCKS = 2


def fcn(start: HeadStart) -> dict[str, Any]:
    """fast.ai's lesson 7 (2017), fully convolutional: 3x3 blocks with pooling between, then class maps."""
    return {"class": _scores_by_place(start, pools=True)}


def allconv(start: HeadStart) -> dict[str, Any]:
    """`fcn` without pooling: class maps as fine as the features."""
    return {"class": _scores_by_place(start, pools=False)}


def inception(start: HeadStart) -> dict[str, Any]:
    """Two inception blocks, each of which looks at 1x1, 3x3 and 5x5 places; then `gap`.

    Szegedy et al., "Going deeper with convolutions", 2015, with the batch norm of their next paper. With
    `--auxiliary`, its auxiliary classifier reads the first block, for gradients that come a shorter way.
    """
    hidden = _inception_block(_norm_relu(_reduced(start, WIDTH)))
    scores = {"auxiliary": _auxiliary_scores(start, hidden)} if start.config.auxiliary else {}
    return {"class": _pooled_scores(start, _inception_block(hidden)), **scores}


def residual(start: HeadStart) -> dict[str, Any]:
    """Two residual blocks of `--residual-version`, then `gap`.

    1: He et al., "Deep residual learning for image recognition", 2015: a ReLU after each sum. 2: He et al.,
    "Identity mappings in deep residual networks", 2016: batch norm and ReLU before each convolution, nothing
    after a sum.
    """
    hidden = _reduced(start, RESIDUAL_WIDTH)
    if start.config.residual_version == 1:
        hidden = _norm_relu(hidden)
        for _ in range(N_BLOCKS):
            hidden = _post_activation_block(hidden)
    else:
        for _ in range(N_BLOCKS):
            hidden = _pre_activation_block(hidden)
        hidden = _norm_relu(hidden)
    return {"class": _pooled_scores(start, hidden)}


def _scores_by_place(start: HeadStart, pools: bool) -> Any:
    """Class scores (batch, C) as the mean of class maps."""
    layers, dropout = load_keras().layers, start.config.dropout
    hidden = _norm_relu(_reduced(start, WIDTH))
    for block in range(N_BLOCKS):
        # A side of 2 would become 1, and then there would be no places left to tell apart.
        if pools and block > 0 and min(hidden.shape[1:3]) > 2:
            hidden = layers.MaxPooling2D(padding="same")(hidden)
        conv = layers.Conv2D(WIDTH, 3, padding="same", activation="relu", kernel_initializer="he_normal")
        hidden = _norm(conv(hidden))
    hidden = layers.SpatialDropout2D(dropout)(hidden)
    return start.scores_of_maps(start.score_maps(hidden, 3))


def _pooled_scores(start: HeadStart, hidden: Any) -> Any:
    """Class scores (batch, C) of maps (batch, h, w, k): global average, metadata, dropout."""
    layers = load_keras().layers
    joined = start.join(layers.GlobalAveragePooling2D()(hidden))
    return start.scores(layers.Dropout(start.config.dropout)(joined))


def _auxiliary_scores(start: HeadStart, hidden: Any) -> Any:
    """GoogLeNet's auxiliary classifier, with the global average of its maps: few weights at any map size."""
    layers = load_keras().layers
    hidden = layers.AveragePooling2D(5, strides=3, padding="same")(hidden)
    hidden = layers.GlobalAveragePooling2D()(_norm_relu(_conv(hidden, WIDTH, 1)))
    hidden = layers.Dense(WIDTH, "relu", kernel_initializer="he_normal")(start.join(hidden))
    return start.scores(layers.Dropout(start.config.dropout)(hidden), "auxiliary_scores")


def _inception_block(hidden: Any) -> Any:
    """Maps (batch, h, w, WIDTH) to maps of the same shape: 32 + 48 + 24 + 24 channels."""
    layers = load_keras().layers
    branches = [
        _norm_relu(_conv(hidden, 32, 1)),
        _norm_relu(_conv(_norm_relu(_conv(hidden, 32, 1)), 48, 3)),
        _norm_relu(_conv(_norm_relu(_conv(hidden, 16, 1)), 24, 5)),
        _norm_relu(_conv(layers.MaxPooling2D(3, strides=1, padding="same")(hidden), 24, 1)),
    ]
    return layers.Concatenate()(branches)


def _post_activation_block(hidden: Any) -> Any:
    layers = load_keras().layers
    added = _conv(_norm_relu(_conv(hidden, RESIDUAL_WIDTH, 3)), RESIDUAL_WIDTH, 3)
    return layers.ReLU()(layers.Add()([hidden, _norm(added)]))


def _pre_activation_block(hidden: Any) -> Any:
    added = hidden
    for _ in range(2):
        added = _conv(_norm_relu(added), RESIDUAL_WIDTH, 3)
    return load_keras().layers.Add()([hidden, added])


def _reduced(start: HeadStart, width: int) -> Any:
    """The features as maps (batch, h, w, width), by a 1x1 convolution, linear as yet."""
    layers = load_keras().layers
    # The convolution would undo a learned scale, and the batch norm after it a learned shift.
    hidden = _norm(start.features, center=False, scale=False)
    return _conv(layers.SpatialDropout2D(start.config.dropout / 2)(hidden), width, 1)


def _conv(maps: Any, n_channels: int, kernel_size: int) -> Any:
    """A linear convolution without bias, for batch norm comes after it."""
    options = {"padding": "same", "use_bias": False, "kernel_initializer": "he_normal"}
    return load_keras().layers.Conv2D(n_channels, kernel_size, **options)(maps)


def _norm_relu(maps: Any) -> Any:
    return load_keras().layers.ReLU()(_norm(maps))


def _norm(maps: Any, **options: Any) -> Any:
    return load_keras().layers.BatchNormalization(momentum=MOMENTUM, **options)(maps)
