"""The store of maps that a localiser learns on: one that is named, or one of its own."""

from pathlib import Path

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError
from fishcli.basics.progress import say
from fishcli.features.backbones.backbone import Backbone, load_backbone
from fishcli.features.backbones.choice import (
    BackboneChoice,
    as_asked,
    is_hub,
    is_kept_outside,
    is_onnx,
    named_backbone,
)
from fishcli.features.backbones.descriptors.names import is_descriptor
from fishcli.features.backbones.hub.presets import usual_size_of
from fishcli.features.backbones.onnx.graph import read_graph
from fishcli.features.backbones.onnx.loading import how_pixels_go_in
from fishcli.features.backbones.onnx.preprocessing import of_recipe
from fishcli.features.backbones.usual import SECOND, usual_backbone
from fishcli.features.store.lists import list_stores
from fishcli.features.store.picking import pick_store
from fishcli.features.store.recipe import parse_image_size
from fishcli.features.store.store import FeatureStore
from fishcli.options.locate import AUTO, LocateConfig
from fishcli.runs.folders.listing import LOCATE

LEAST_PIXELS, MOST_PIXELS = 224 * 224, 448 * 640
WANTED_SIDE = 128
"""Pixels across (the root of the area) that three of four things are to have: eight cells of a map."""
STEP = 32
"""The side of a backbone's input is a multiple of what its maps are smaller by."""


def store_of_maps(
    config: LocateConfig, train: pd.DataFrame, boxes: pd.DataFrame
) -> tuple[FeatureStore, Backbone | None]:
    """The store of maps that `config` asks for, made where it is missing; its backbone where it was loaded.

    Args:
        config: names it, or what it is made of.
        train: the training photos.
        boxes: theirs, one at least, as `read_boxes` returns them.

    Raises:
        FishError: a store of pooled features; no such backbone, layer or weights.
    """
    if config.features is not None:
        store = pick_store(config.stores_dir, config.features)
        if store.recipe.pool != "none":
            raise FishError(
                f"--features {config.features}: it holds pooled features, and a localiser needs maps. "
                "Leave it out: locate makes a store of its own."
            )
        return store, None
    name, weights, preprocessing = _backbone(config)
    fixed = read_graph(Path(weights)).image.size if is_onnx(name) else None
    if is_hub(name):
        fixed = usual_size_of(Path(weights))
    usual = fixed or fitting_size(train, boxes)
    size = usual if config.image_size == AUTO else parse_image_size(config.image_size)
    choice = BackboneChoice(
        name,
        weights,
        size,
        config.layer,
        transparency=config.transparency,
        truncated=config.truncated,
        preprocessing=preprocessing,
    )
    backbone = load_backbone(choice)
    say(f"maps of {backbone.recipe.layer} of {name} at {size[0]}x{size[1]}: {backbone.feature_shape}")
    return FeatureStore.create(config.stores_dir, backbone.recipe, weights, made_for=LOCATE), backbone


def _backbone(config: LocateConfig) -> tuple[str, str, str]:
    """The backbone's name, weights and, of an ONNX file, preprocessing: else those of the store used last.

    Stores of descriptors, which have no layers to choose from, are passed over.
    """
    told = None
    stores = (FeatureStore(each) for each in list_stores(config.stores_dir))
    last = next((each for each in stores if not is_descriptor(each.recipe.backbone)), None)
    if config.backbone is None and last is not None:
        recipe, of_store = last.recipe, last.weights
        told = of_recipe(recipe.preprocessing) if is_onnx(recipe.backbone) else None
        is_outside = is_kept_outside(recipe.backbone)
        asked = as_asked(recipe.backbone, of_store) if is_outside else recipe.backbone
        weights = config.weights or (None if is_outside else of_store)
    else:
        asked, weights = config.backbone or usual_backbone(config.weights), config.weights
    name, weights = named_backbone(asked, weights)
    if is_descriptor(name):
        raise FishError(
            f"--backbone {name}: a localiser learns on a layer of a network. Name a network, such as "
            f"{SECOND}; or a store of {name} with --features."
        )
    if is_onnx(name):
        return name, weights, how_pixels_go_in(Path(weights), config.preprocess or told)
    if config.preprocess is not None:
        raise FishError(f"--preprocess is for ONNX files, and {name} has its own. Leave it out.")
    return name, weights, ""


def fitting_size(images: pd.DataFrame, boxes: pd.DataFrame) -> tuple[int, int]:
    """An input (height, width) in the shape of most photos, of the size that their things need.

    Large things are boxed worse, and slower, in a large input: a map's cell then sees a part of them.

    Args:
        images: `height`, `width`, pixels; 0 where unknown.
        boxes: the things, one at least, as `read_boxes` returns them.

    Returns:
        Multiples of STEP, of LEAST_PIXELS to MOST_PIXELS, in which three of four things are WANTED_SIDE
        pixels across, or as many as MOST_PIXELS allow.
    """
    areas = (boxes["x_max"] - boxes["x_min"]) * (boxes["y_max"] - boxes["y_min"])
    pixels = float(np.clip(WANTED_SIDE**2 / np.quantile(areas, 0.25), LEAST_PIXELS, MOST_PIXELS))
    known = images[(images["height"] > 0) & (images["width"] > 0)]
    # Half of all photos are wider: extreme ones would be squashed most in any case.
    shape = float(np.clip(np.median(known["width"] / known["height"]), 0.5, 2.0)) if len(known) else 4 / 3
    height = round((pixels / shape) ** 0.5 / STEP) * STEP
    return height, round(pixels / height / STEP) * STEP
