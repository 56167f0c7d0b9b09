"""Fishnet, the backbone in the box: a small residual network pre-trained on images drawn by formula."""

import hashlib
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from fishcli.basics.errors import FishError
from fishcli.basics.files import whole_file
from fishcli.features.backbones.networks.npz import load_npz

WEIGHTS_FILE = "fishnet.npz"
WEIGHTS_SHA256 = "60bb6a5f9b124c5fa9b97b9beb2aac2970626bbcb21927c5e12f26e6a167a63f"

STEM_WIDTH = 32
# Of each stage: the width, the number of blocks, and whether they are bottlenecks. Each stage halves the map.
STAGES = ((32, 1, False), (64, 2, False), (256, 3, True), (512, 2, True))
BOTTLENECK = 4


def build_fishnet(keras: Any, input_shape: tuple[int | None, int | None, int] = (None, None, 3)) -> Any:
    """Fishnet with fresh weights.

    Pre-activation residual blocks (He et al., "Identity Mappings in Deep Residual Networks", 2016), basic
    while the map is large and bottlenecks after; shortcuts that halve the map average before they project
    (He et al., "Bag of Tricks", 2019). Layers are named as in keras.applications' ResNetV2.

    Returns:
        A Keras model from (batch, height, width, 3) float32 in -1 to 1 to maps (batch, ceil(height / 32),
        ceil(width / 32), 512), non-negative.
    """
    images = keras.Input(input_shape)
    maps = _conv(keras, images, STEM_WIDTH, 3, 2, "conv1_conv")
    for stage, (width, n_blocks, bottleneck) in enumerate(STAGES, start=2):
        for block in range(1, n_blocks + 1):
            stride = 2 if block == 1 else 1
            maps = _block(keras, maps, width, stride, bottleneck, f"conv{stage}_block{block}")
    return keras.Model(images, _norm_relu(keras, maps, "post"), name="fishnet")


def _block(keras: Any, maps: Any, width: int, stride: int, bottleneck: bool, name: str) -> Any:
    activated = _norm_relu(keras, maps, f"{name}_preact")
    shortcut = maps
    if stride > 1 or maps.shape[-1] != width:
        shortcut = activated
        if stride > 1:
            shortcut = keras.layers.AveragePooling2D(stride, padding="same", name=f"{name}_0_pool")(shortcut)
        shortcut = _conv(keras, shortcut, width, 1, 1, f"{name}_0_conv")
    # (width, kernel, stride) of each convolution in the residual branch.
    inner = width // BOTTLENECK
    plain = [(width, 3, stride), (width, 3, 1)]
    branch = [(inner, 1, 1), (inner, 3, stride), (width, 1, 1)] if bottleneck else plain
    residual = activated
    for index, (channels, kernel, step) in enumerate(branch, start=1):
        if index > 1:
            residual = _norm_relu(keras, residual, f"{name}_{index - 1}")
        residual = _conv(keras, residual, channels, kernel, step, f"{name}_{index}_conv")
    return keras.layers.Add(name=f"{name}_out")([shortcut, residual])


def _conv(keras: Any, maps: Any, width: int, kernel: int, stride: int, name: str) -> Any:
    layer = keras.layers.Conv2D(width, kernel, strides=stride, padding="same", use_bias=False, name=name)
    return layer(maps)


def _norm_relu(keras: Any, maps: Any, name: str) -> Any:
    maps = keras.layers.BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(maps)
    return keras.layers.Activation("relu", name=f"{name}_relu")(maps)


def preprocess(images: Any) -> Any:
    """From RGB in 0 to 255 to -1 to 1, float32, any shape."""
    return images / 127.5 - 1.0


def load_weights(model: Any, path: Path | None = None) -> None:
    """Give a fishnet its pre-trained weights.

    Args:
        model: from `build_fishnet`.
        path: an .npz as `save_weights` writes it; None for the one in the package.

    Raises:
        FishError: the file is damaged or doesn't hold this network's weights.
    """
    source = f"the weights {path}" if path else "fishnet's weights in the package"
    content = (
        _read(path) if path else (files("fishcli.features.backbones.networks") / WEIGHTS_FILE).read_bytes()
    )
    if path is None and hashlib.sha256(content).hexdigest() != WEIGHTS_SHA256:
        raise FishError(
            f"{source} are damaged. Install fishcli again: pip install --force-reinstall fishcli."
        )
    load_npz(model, content, source)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FishError(f"the weights {path} can't be read: {error.strerror}.") from None


def save_weights(model: Any, path: Path) -> str:
    """Write a fishnet's weights as float16 .npz, an array a variable, and return the file's sha256."""
    arrays = {variable.path: np.asarray(variable, np.float16) for variable in model.variables}
    with whole_file(path) as partial:
        np.savez_compressed(partial, allow_pickle=False, **arrays)
    return hashlib.sha256(path.read_bytes()).hexdigest()
