"""Frozen backbones, cut at a layer, with their own preprocessing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fishcli.basics.errors import FishError, choose
from fishcli.basics.files import digest
from fishcli.basics.quiet import load_keras, seeded_keras
from fishcli.basics.remote import with_home
from fishcli.features.backbones import efficientnet_lite, fishnet
from fishcli.features.backbones.applications import APPLICATIONS, build_application
from fishcli.features.backbones.cutting import cut_at, layer_of, network_size, trainable_layers
from fishcli.features.backbones.efficientnet_lite import LITE
from fishcli.features.backbones.npz import load_npz
from fishcli.features.backbones.random_weights import SEED, calibrate
from fishcli.features.photos.crops import Crop
from fishcli.features.photos.decode import DECODER
from fishcli.features.store.recipe import INPUT, Recipe
from fishcli.options.reading import Transparency

FISHNET = "fishnet"
BACKBONES = (FISHNET, *LITE, *APPLICATIONS)
UNFILLED = "unfilled"
"""What stands for weights that are given once the network is built."""


@dataclass(frozen=True)
class Backbone:
    """A frozen model from preprocessed pixels to features.

    Attributes:
        recipe: all that changes its numbers, resize policy and decoder included.
        model: the Keras model, cut and pooled; its input is (batch, height, width, 3) float32.
        preprocess: from RGB in 0 to 255, float32, to what the model takes.
        is_whole: whether it is cut at its last layer, which nobody needs to name.
    """

    recipe: Recipe
    model: Any
    preprocess: Callable[[Any], Any]
    is_whole: bool = False

    @property
    def feature_shape(self) -> tuple[int, ...]:
        """The shape of one image's features: (h, w, channels), or (channels,) where pooled."""
        return tuple(self.model.output_shape[1:])


@dataclass(frozen=True)
class BackboneChoice:
    """What a user asks for; `load_backbone` turns it into a Backbone.

    Attributes:
        backbone: a name of BACKBONES.
        weights: "imagenet", or "formula" for fishnet; "random"; or the path of a file: .h5, fishnet's .npz or
            an EfficientNet-Lite's .pth.
        image_size: (height, width), pixels: of the input, or of those that are kept.
        layer: a layer's name, one of `cutting.STAGES`, None for the last, or INPUT to keep pixels.
        pool: "none", "avg" or "max".
        resize: one of `resizing.RESIZE_POLICIES`.
        transparency: as `Reading` has it, and part of the recipe.
        truncated: likewise.
        crop: of which regions of photos, None for whole ones; part of the recipe.
    """

    backbone: str
    weights: str
    image_size: tuple[int, int]
    layer: str | None = None
    pool: str = "none"
    resize: str = "squash"
    transparency: Transparency = "drop"
    truncated: bool = False
    crop: Crop | None = None


def default_weights(backbone: str) -> str:
    """The pre-trained weights that a backbone has: "formula" for fishnet, "imagenet" for the others."""
    return "formula" if backbone == FISHNET else "imagenet"


def weights_file(backbone: str, weights: str) -> Path | None:
    """The file that `weights` means, or None where it is a word."""
    return None if weights in (default_weights(backbone), "random", UNFILLED) else with_home(weights)


def load_backbone(choice: BackboneChoice, packed: Path | None = None) -> Backbone:
    """Build a backbone with its weights.

    Args:
        choice: which.
        packed: an .npz that `save_npz` wrote of it: its weights up to the layer, wherever those came from.

    Raises:
        FishError: an unknown name or layer, a cut inside a branch, an image too small, weights that are
            missing, can't be downloaded or don't fit.
    """
    keras = load_keras()
    of_file = replace(choice, weights=UNFILLED)
    model, preprocess, preprocessing = _build(keras, choice if packed is None else of_file)
    if choice.layer == INPUT:  # pixels are kept for all that follows, whose weights thus count
        if choice.pool != "none":
            raise FishError(f"--pool {choice.pool}: pixels are not pooled. Leave it out, or name a --layer.")
        layer, cut = INPUT, model
    else:
        layer = layer_of(keras, model, choice.layer, choice.image_size)
        cut = cut_at(keras, model, layer)
    if packed is not None:
        load_npz(cut, packed.read_bytes(), f"the weights {packed}")
    # What random weights are calibrated to differs in its last digits with the number of cores.
    weights = cut.trainable_weights if choice.weights == "random" else cut.weights
    weights_sha256 = digest(*(np.ascontiguousarray(weight).tobytes() for weight in weights))
    cut.trainable = False
    recipe = Recipe(
        backbone=choice.backbone,
        layer=layer,
        weights_sha256=weights_sha256,
        image_size=choice.image_size,
        resize=choice.resize,
        pool=choice.pool,
        preprocessing=preprocessing,
        decoder=DECODER,
        transparency=choice.transparency,
        truncated=choice.truncated,
        crop=choice.crop,
    )
    if layer == INPUT:
        return pixels_alone(recipe)
    return Backbone(recipe, _pool(keras, cut, choice.pool), preprocess, layer == model.layers[-1].name)


def pixels_alone(recipe: Recipe) -> Backbone:
    """What makes features of a recipe that keeps pixels: nothing is computed, and no weights are needed."""
    keras = load_keras()
    pixels = keras.Input((*recipe.image_size, 3))
    return Backbone(recipe, keras.Model(pixels, pixels), lambda images: images)


def load_tail(choice: BackboneChoice) -> Any:
    """What follows `choice.layer` in a backbone: a Keras model from that layer's maps to the last maps.

    Of INPUT that is all of it, at the size whose `pixel_size` is the choice's, from pixels in 0 to 255.

    Raises:
        FishError: nothing follows; or see `load_backbone`.
    """
    keras = load_keras()
    model, _, preprocessing = _build(keras, choice)
    if choice.layer == INPUT:
        from fishcli.features.backbones.pixels import from_pixels

        return from_pixels(model, preprocessing)
    last = model.layers[-1].name
    if choice.layer in (None, last):
        raise FishError(
            f"--cut {last}: it is the last layer of {choice.backbone}, so nothing follows that could be "
            "trained. Name a stage, such as stage3, or a layer before it."
        )
    start = cut_at(keras, model, str(choice.layer)).output
    return keras.Model(start, model.output, name="backbone_tail")


def cuts_at(choice: BackboneChoice, stages: Sequence[str]) -> list[str]:
    """The layers that stages stand for in a backbone, those above which something can be trained.

    Raises:
        FishError: see `load_backbone`.
    """
    keras = load_keras()
    model, _, _ = _build(keras, choice)
    return trainable_layers(keras, model, stages, choice.image_size)


def _build(keras: Any, choice: BackboneChoice) -> tuple[Any, Callable[[Any], Any], str]:
    """The whole model with its weights, its preprocessing and what that is called."""
    name, weights = choose(choice.backbone, BACKBONES, "backbone"), choice.weights
    size = network_size(choice.image_size) if choice.layer == INPUT else choice.image_size
    path = weights_file(name, weights)
    if path is not None and not path.is_file():
        raise FishError(
            f"--weights {weights}: no such file. Expected {default_weights(name)}, random or the path of a "
            f"file with weights of {name}."
        )
    # Some layers are named by a count over the process; the recipe must not depend on what was built before.
    keras.utils.clear_session()
    with seeded_keras(SEED):
        if name == FISHNET:
            model = fishnet.build_fishnet(keras, (*size, 3))
            preprocess, preprocessing = fishnet.preprocess, "fishnet"
            if weights not in ("random", UNFILLED):
                fishnet.load_weights(model, path)
        elif name in LITE:
            model = efficientnet_lite.build_lite(keras, name, (*size, 3))
            preprocess, preprocessing = efficientnet_lite.preprocess, "efficientnet_lite"
            if weights not in ("random", UNFILLED):
                efficientnet_lite.load_weights(model, path)
        else:
            model = build_application(keras, name, "random" if weights == UNFILLED else weights, size)
            module = APPLICATIONS[name].module
            preprocess = getattr(keras.applications, module).preprocess_input
            preprocessing = f"keras.applications.{module}"
    if weights == "random":
        calibrate(model, preprocess, size)
    return model, preprocess, preprocessing


def _pool(keras: Any, model: Any, pool: str) -> Any:
    if pool == "none":
        return model
    layers = {"avg": keras.layers.GlobalAveragePooling2D, "max": keras.layers.GlobalMaxPooling2D}
    return keras.Model(model.input, layers[pool]()(model.output))
