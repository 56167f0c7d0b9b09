"""The network that is fine-tuned: the backbone's layers above the cut, pooled, and a dense softmax."""

from typing import Any

import numpy as np

from fishcli.basics.quiet import load_keras, seeded_keras
from fishcli.heads.networks.architectures import box_output
from fishcli.tuning.start import HeadWeights

BODY = "backbone_tail"
"""What the backbone's layers are called in the network."""
SCORES = "scores"
"""What the dense layer is called."""


def build_network(
    tail: Any, start: HeadWeights, n_metadata: int, mean_box: np.ndarray | None, how: tuple[float, int]
) -> Any:
    """Build the network as it stands before its first step.

    The backbone's batch norms stay as they are, statistics and all: small batches would only blur them.
    The box is told from the trained maps, but its loss does not move them: it is the class that is asked for.

    Args:
        tail: the pre-trained layers above the cut, from maps to the last maps; a copy of it is trained.
        start: the weights that class scores start from.
        n_metadata: columns of metadata beside the pooled features.
        mean_box: (4,) mean box of the training rows, where the box output starts; None for no box output.
        how: the share of pooled features that is dropped, and the seed of all that is drawn.

    Returns:
        An uncompiled model: inputs "features" (batch, h, w, channels) and, where there are columns,
        "metadata" (batch, n_metadata); outputs "class" (batch, C), softmax, and perhaps "box" (batch, 4).
    """
    keras = load_keras()
    layers, (dropout, seed) = keras.layers, how
    with seeded_keras(seed):
        body = keras.models.clone_model(tail)
        body.set_weights(tail.get_weights())
        for layer in body.layers:
            layer.trainable = not isinstance(layer, layers.BatchNormalization)
        features = keras.Input(tail.input_shape[1:], name="features")
        maps = body(features)
        hidden = layers.GlobalAveragePooling2D(name="pooled")(maps)
        inputs = {"features": features}
        if n_metadata:
            inputs["metadata"] = keras.Input((n_metadata,), name="metadata")
            hidden = layers.Concatenate(name="joined")([hidden, inputs["metadata"]])
        scores = layers.Dense(start.kernel.shape[1], name=SCORES)
        logits = scores(layers.Dropout(dropout, name="dropped")(hidden))
        outputs = {"class": layers.Activation("softmax", name="class")(logits)}
        if mean_box is not None:
            outputs["box"] = box_output(keras, keras.ops.stop_gradient(maps), dropout, mean_box)
        model = keras.Model(inputs, outputs, name="finetune")
    scores.set_weights([start.kernel, start.bias])
    return model


def pooled_by(tail: Any, maps: np.ndarray) -> np.ndarray:
    """What the frozen layers above the cut make of maps (n, h, w, channels), pooled: (n, k) float16."""
    ops = load_keras().ops
    pooled = ops.mean(tail(ops.convert_to_tensor(maps, "float32"), training=False), axis=(1, 2))
    return np.asarray(ops.convert_to_numpy(pooled), np.float16)
