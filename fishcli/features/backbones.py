"""Frozen backbones from keras.applications, cut at a layer, with their own preprocessing."""

import contextlib
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fishcli.errors import FishError, choose
from fishcli.features.decode import DECODER
from fishcli.features.recipe import Recipe
from fishcli.files import digest
from fishcli.quiet import load_keras


@dataclass(frozen=True)
class Spec:
    """Where keras.applications keeps a backbone: its module, its constructor and what that takes."""

    module: str
    constructor: str
    arguments: dict[str, Any] = field(default_factory=dict)


BACKBONES = {
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

RANDOM_SEED = 0


@dataclass(frozen=True)
class Backbone:
    """A frozen model from preprocessed pixels to features.

    Attributes:
        recipe: all that changes its numbers, resize policy and decoder included.
        model: the Keras model, cut and pooled; its input is (batch, height, width, 3) float32.
        preprocess: from RGB in 0 to 255, float32, to what the model takes.
    """

    recipe: Recipe
    model: Any
    preprocess: Callable[[Any], Any]

    @property
    def feature_shape(self) -> tuple[int, ...]:
        """The shape of one image's features: (h, w, channels), or (channels,) where pooled."""
        return tuple(self.model.output_shape[1:])


@dataclass(frozen=True)
class BackboneChoice:
    """What a user asks for; `load_backbone` turns it into a Backbone.

    Attributes:
        backbone: a name of BACKBONES.
        weights: "imagenet", "random" or the path of an .h5 file.
        image_size: (height, width), pixels.
        layer: a layer's name, or None for the last.
        pool: "none", "avg" or "max".
        resize: one of `views.RESIZE_POLICIES`.
    """

    backbone: str
    weights: str
    image_size: tuple[int, int]
    layer: str | None = None
    pool: str = "none"
    resize: str = "squash"


def load_backbone(choice: BackboneChoice) -> Backbone:
    """Build a backbone with its weights.

    Raises:
        FishError: an unknown name or layer, a cut inside a branch, an image too small, weights that are
            missing, can't be downloaded or don't fit.
    """
    spec = BACKBONES[choose(choice.backbone, BACKBONES, "backbone")]
    keras = load_keras()
    # Some layers are named by a count over the process; the recipe must not depend on what was built before.
    keras.utils.clear_session()
    model = _build(keras, spec, choice)
    module = getattr(keras.applications, spec.module)
    layer = choice.layer or model.layers[-1].name
    cut = _cut(keras, model, layer)
    if choice.weights == "random":
        _calibrate(cut, module.preprocess_input, choice.image_size)
    cut.trainable = False
    weights_sha256 = digest(*(np.ascontiguousarray(weight).tobytes() for weight in cut.get_weights()))
    recipe = Recipe(
        backbone=choice.backbone,
        layer=layer,
        weights_sha256=weights_sha256,
        image_size=choice.image_size,
        resize=choice.resize,
        pool=choice.pool,
        preprocessing=f"keras.applications.{spec.module}",
        decoder=DECODER,
    )
    return Backbone(recipe, _pool(keras, cut, choice.pool), module.preprocess_input)


def load_tail(choice: BackboneChoice) -> Any:
    """What follows `choice.layer` in a backbone: a Keras model from that layer's maps to the last maps.

    Raises:
        FishError: nothing follows; or see `load_backbone`.
    """
    spec = BACKBONES[choose(choice.backbone, BACKBONES, "backbone")]
    keras = load_keras()
    keras.utils.clear_session()
    model = _build(keras, spec, choice)
    last = model.layers[-1].name
    if choice.layer in (None, last):
        raise FishError(
            f"--head tail trains the layers of {choice.backbone} after the cached ones, but these features "
            f"are of its last layer, {last}. Cut earlier: fishcli features --backbone {choice.backbone} "
            "--layer NAME, such as the end of the last block but one."
        )
    if choice.weights == "random":
        _calibrate(model, getattr(keras.applications, spec.module).preprocess_input, choice.image_size)
    start = _cut(keras, model, str(choice.layer)).output
    return keras.Model(start, model.output, name="backbone_tail")


def _build(keras: Any, spec: Spec, choice: BackboneChoice) -> Any:
    weights = {"random": None}.get(choice.weights, choice.weights)
    if weights not in (None, "imagenet") and not Path(weights).is_file():
        raise FishError(
            f"--weights {weights}: no such file. Expected imagenet, random or the path of an .h5 file."
        )
    keras.utils.set_random_seed(RANDOM_SEED)
    constructor = getattr(keras.applications, spec.constructor)
    arguments = {**spec.arguments, "include_top": False, "input_shape": (*choice.image_size, 3)}
    try:
        # Keras announces its downloads on stdout, where only results belong.
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return constructor(weights=weights, **arguments)
    except ValueError as error:
        if "nput size must be" in str(error) or "egative dimension" in str(error):
            height, width = choice.image_size
            raise FishError(
                f"--image-size {height}x{width} is too small for {choice.backbone}: {error}"
            ) from None
        raise FishError(
            f"the weights {weights} don't fit {choice.backbone} (without its top): {_first_line(error)} "
            "Pass the .h5 file that keras.applications offers for exactly this backbone."
        ) from None
    except OSError as error:
        raise FishError(f"the weights {weights} can't be read as an .h5 file: {_first_line(error)}") from None
    except Exception as error:
        if "URL fetch failure" not in str(error):
            raise
        url = next((word for word in str(error).split() if word.startswith("http")), "").rstrip(":.")
        raise FishError(
            f"ImageNet weights of {choice.backbone} can't be downloaded. On a machine with internet get\n  "
            f"{url}\n"
            f"then put it into {Path.home() / '.keras' / 'models'}, or pass its path: --weights PATH. "
            "Without any: --weights random."
        ) from None


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".") + "."


def _cut(keras: Any, model: Any, layer: str) -> Any:
    """The part of `model` up to and including `layer`, if all that follows depends on its output alone."""
    known = [each.name for each in model.layers]
    output = model.get_layer(choose(layer, known, f"layer of {model.name}")).output
    if layer == known[-1]:
        return model
    try:
        keras.Model(output, model.output)
    except ValueError:
        raise FishError(
            f"--layer {layer} lies inside a branch of {model.name}: another path goes round it, so what "
            "follows "
            "can't be computed from its output. Choose a layer where the branches have met, such as a "
            "block's end."
        ) from None
    return keras.Model(model.input, output)


def _calibrate(model: Any, preprocess: Callable[[Any], Any], image_size: tuple[int, int]) -> None:
    """Set the batch-norm statistics of random weights from one batch, so that signals keep their scale.

    Freshly initialised MobileNets shrink to 1e-9, zeros in float16. The batch is drawn (smooth coloured
    noise), so that equal recipes have equal weights whatever the data set.
    """
    norms = [layer for layer in model.layers if "BatchNormalization" in type(layer).__name__]
    if not norms:
        return
    for layer in norms:
        layer.momentum = 0.0
    model(preprocess(_coloured_noise(16, image_size)), training=True)


def _coloured_noise(n_images: int, image_size: tuple[int, int]) -> np.ndarray:
    """Smooth noise with about as much detail at each scale as photos have: (n, h, w, 3) float32, 0 to 255."""
    rng = np.random.default_rng(RANDOM_SEED)
    height, width = image_size
    images = np.zeros((n_images, height, width, 3))
    for cells in (2, 4, 8, 16, 32, 64):
        grid = rng.normal(size=(n_images, cells, cells, 3)) / cells**0.5
        rows = np.arange(height) * cells // height
        columns = np.arange(width) * cells // width
        images += grid[:, rows][:, :, columns]
    spread = images.std(axis=(1, 2), keepdims=True)
    return np.clip(128.0 + 55.0 * images / spread, 0.0, 255.0).astype(np.float32)


def _pool(keras: Any, model: Any, pool: str) -> Any:
    if pool == "none":
        return model
    layers = {"avg": keras.layers.GlobalAveragePooling2D, "max": keras.layers.GlobalMaxPooling2D}
    return keras.Model(model.input, layers[pool]()(model.output))
