"""The backbone that made a store, loaded again."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

from fishcli.basics.errors import FishError
from fishcli.basics.files import whole_file
from fishcli.features.backbones.backbone import Backbone, load_backbone, load_tail
from fishcli.features.backbones.choice import (
    UNFILLED,
    BackboneChoice,
    as_asked,
    is_hub,
    is_kept_outside,
    is_onnx,
    weights_file,
)
from fishcli.features.backbones.descriptors.names import is_descriptor
from fishcli.features.backbones.ends import pixels_alone
from fishcli.features.backbones.hub.loading import pack_hub
from fishcli.features.backbones.networks.npz import save_npz
from fishcli.features.store.again import features_line
from fishcli.features.store.recipe import INPUT, INT8, Recipe
from fishcli.features.store.store import FeatureStore


def reload_backbone(store: FeatureStore) -> Backbone:
    """The backbone that made a store, to compute more with it.

    Raises:
        FishError: its weights are gone or are others now.
    """
    recipe = store.recipe
    path = weights_file(recipe.backbone, store.weights)
    if path is not None and not path.exists():
        is_named = is_kept_outside(recipe.backbone)
        again = {"backbone" if is_named else "weights": as_asked(recipe.backbone, "PATH")}
        raise FishError(
            f"the store {recipe.name} lacks features, and its weights {path} are gone. Pass them where they "
            f"are now: {features_line(store.store_dir, **again)}, then run the command again."
        )
    backbone = load_backbone(choice_of(store))
    if backbone.recipe != recipe:
        raise FishError(
            f"{recipe.backbone} with the weights {store.weights} is not what made the store {recipe.name} "
            "(other weights, or another version of Keras). Compute a new store: "
            f"{features_line(store.store_dir)}, train on it, then predict."
        )
    return backbone


def has_weights(recipe: Recipe) -> bool:
    """Whether there are weights behind features: not of kept pixels, and not of descriptors."""
    return recipe.layer != INPUT and not is_descriptor(recipe.backbone)


def pack_backbone(store: FeatureStore, path: Path) -> None:
    """Write the weights of the backbone that made a store, up to its layer, for `unpack_backbone`.

    An ONNX file is copied whole, and the files with its weights keep their places beside it.

    Raises:
        FishError: see `reload_backbone`; a store in 8 bits.
    """
    if store.recipe.precision == INT8:
        raise FishError(
            f"{store.recipe.name} is in 8 bits, which no pack holds. Compute a store without --precision, "
            f"train on it and pack that run: {features_line(store.store_dir, precision='auto')}."
        )
    backbone = reload_backbone(store)
    if is_hub(store.recipe.backbone):
        pack_hub(backbone, path)
        return
    if not is_onnx(store.recipe.backbone):
        save_npz(backbone.model, path)
        return
    graph = backbone.onnx.graph
    places = {each: path.parent / each.relative_to(graph.path.parent) for each in graph.data_files}
    for source, place in {graph.path: path, **places}.items():
        with whole_file(place) as partial:
            shutil.copyfile(source, partial)


def unpack_backbone(recipe: Recipe, path: Path | None, *, is_random: bool) -> Backbone:
    """The backbone of a recipe, its weights from a file of `pack_backbone`.

    Args:
        recipe: what the weights must make of photos.
        path: the file; None where `has_weights` says that there is none.
        is_random: whether they were drawn: then the recipe's digest is of the trainable ones alone.

    Raises:
        FishError: the file is damaged, or holds weights of another recipe.
    """
    if recipe.layer == INPUT:
        return pixels_alone(recipe)
    choice = _choice(recipe, "random" if is_random else UNFILLED)
    backbone = load_backbone(choice, packed=path)
    if backbone.recipe != recipe:
        if path is None:
            raise FishError(
                f"{recipe.name} was made by {recipe.preprocessing}, and this version of fishcli computes "
                f"{backbone.recipe.preprocessing}. Install the one that made the pack."
            )
        raise FishError(
            f"the weights {path} are not those of {recipe.name}, or this version of Keras builds "
            f"{recipe.backbone} otherwise."
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
    return _choice(store.recipe, store.weights)


def _choice(recipe: Recipe, weights: str) -> BackboneChoice:
    left_out = (
        {"weights"} if is_kept_outside(recipe.backbone) else {"weights", "preprocessing"}
    )  # others have their own
    fields = {field.name for field in dataclasses.fields(BackboneChoice)} - left_out
    return BackboneChoice(weights=weights, **{name: getattr(recipe, name) for name in fields})
