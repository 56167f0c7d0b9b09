"""The backbone that made a store, loaded again."""

import dataclasses
from typing import Any

from fishcli.basics.errors import FishError
from fishcli.features.backbones.backbone import (
    Backbone,
    BackboneChoice,
    load_backbone,
    load_tail,
    weights_file,
)
from fishcli.features.store.again import features_line
from fishcli.features.store.store import FeatureStore


def reload_backbone(store: FeatureStore) -> Backbone:
    """The backbone that made a store, to compute more with it.

    Raises:
        FishError: its weights are gone or are others now.
    """
    recipe = store.recipe
    path = weights_file(recipe.backbone, store.weights)
    if path is not None and not path.is_file():
        raise FishError(
            f"the store {recipe.name} lacks features, and its weights {path} are gone. Pass them where they "
            f"are now: {features_line(store.store_dir, weights='PATH')}, then run the command again."
        )
    backbone = load_backbone(choice_of(store))
    if backbone.recipe != recipe:
        raise FishError(
            f"{recipe.backbone} with the weights {store.weights} is not what made the store {recipe.name} "
            "(other weights, or another version of Keras). Compute a new store: "
            f"{features_line(store.store_dir)}, train on it, then predict."
        )
    return backbone


def reload_tail(store: FeatureStore) -> Any:
    """The pre-trained layers that remain after the layer that a store was cut at: a Keras model.

    Raises:
        FishError: none remain, or see `reload_backbone`.
    """
    reload_backbone(store)
    return load_tail(choice_of(store))


def choice_of(store: FeatureStore) -> BackboneChoice:
    """What a user asked for who made a store."""
    fields = {field.name for field in dataclasses.fields(BackboneChoice)} - {"weights"}
    return BackboneChoice(weights=store.weights, **{name: getattr(store.recipe, name) for name in fields})
