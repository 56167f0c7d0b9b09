"""The store of maps that a localiser learns on: one that is named, or one of its own."""

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError, choose
from fishcli.basics.progress import say
from fishcli.features.backbones.backbone import (
    BACKBONES,
    Backbone,
    BackboneChoice,
    default_weights,
    load_backbone,
    weights_file,
)
from fishcli.features.backbones.usual import usual_backbone
from fishcli.features.store.lists import list_stores
from fishcli.features.store.picking import pick_store
from fishcli.features.store.recipe import parse_image_size
from fishcli.features.store.store import FeatureStore
from fishcli.options.locate import AUTO, LocateConfig
from fishcli.runs.listing import LOCATE

USUAL_PIXELS = 448 * 640
STEP = 32
"""The side of a backbone's input is a multiple of what its maps are smaller by."""


def store_of_maps(config: LocateConfig, train: pd.DataFrame) -> tuple[FeatureStore, Backbone | None]:
    """The store of maps that `config` asks for, made where it is missing; its backbone where it was loaded.

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
    name, weights = _backbone(config)
    size = fitting_size(train) if config.image_size == AUTO else parse_image_size(config.image_size)
    path = weights_file(name, weights)
    weights = str(path.resolve()) if path else weights
    choice = BackboneChoice(
        name, weights, size, config.layer, transparency=config.transparency, truncated=config.truncated
    )
    backbone = load_backbone(choice)
    say(f"maps of {backbone.recipe.layer} of {name} at {size[0]}x{size[1]}: {backbone.feature_shape}")
    return FeatureStore.create(config.stores_dir, backbone.recipe, weights, made_for=LOCATE), backbone


def _backbone(config: LocateConfig) -> tuple[str, str]:
    """The backbone's name and weights: those asked for, else those of the store used last."""
    if config.backbone is None and (store_dirs := list_stores(config.stores_dir)):
        store = FeatureStore(store_dirs[0])
        return store.recipe.backbone, config.weights or store.weights
    name = choose(config.backbone or usual_backbone(config.weights), BACKBONES, "backbone")
    return name, config.weights or default_weights(name)


def fitting_size(images: pd.DataFrame) -> tuple[int, int]:
    """An input (height, width) in the shape of most photos: USUAL_PIXELS, sides multiples of STEP.

    Args:
        images: `height`, `width`, pixels; 0 where unknown.
    """
    known = images[(images["height"] > 0) & (images["width"] > 0)]
    if known.empty:
        return 448, 640
    # Half of all photos are wider: extreme ones would be squashed most in any case.
    shape = float(np.clip(np.median(known["width"] / known["height"]), 0.5, 2.0))
    height = round((USUAL_PIXELS / shape) ** 0.5 / STEP) * STEP
    return height, round(USUAL_PIXELS / height / STEP) * STEP
