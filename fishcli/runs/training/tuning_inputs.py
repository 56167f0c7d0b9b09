"""What fine-tuning reads: the store of the cut's maps, made where missing, and all that `train` joins."""

import dataclasses

from fishcli.basics.errors import FishError, choose
from fishcli.basics.progress import say
from fishcli.dataset.layout.images import load_train
from fishcli.features.backbones.backbone import (
    BACKBONES,
    BackboneChoice,
    default_weights,
    load_backbone,
    weights_file,
)
from fishcli.features.backbones.stored import choice_of
from fishcli.features.backbones.usual import usual_backbone, usual_size
from fishcli.features.photos.recipes import copies_of, parse_recipes
from fishcli.features.store.lists import list_stores
from fishcli.features.store.picking import pick_store
from fishcli.features.store.recipe import parse_image_size
from fishcli.features.store.store import FeatureStore
from fishcli.features.upkeep import Upkeep
from fishcli.heads.joined import parts_of
from fishcli.options.finetune import FINETUNE, FinetuneConfig
from fishcli.runs.locating.crops import keep_crops_of
from fishcli.runs.stores import check_detections
from fishcli.runs.training.inputs import TrainData, join_train_data
from fishcli.tuning.fit import usual_epochs


def load_tuning_data(config: FinetuneConfig) -> TrainData:
    """Read all but the maps of the cut, and bring their store up to date; it is made where it is missing.

    Raises:
        FishError: see `join_train_data`; one class only; no such backbone, layer or weights.
    """
    views = config.chosen_views
    train = load_train(config.data_dir, config.reading)
    store = store_above(config)
    check_detections(config, store)
    upkeep = Upkeep(
        config.data_dir,
        config.reading,
        skip_unreadable=config.skip_unreadable or None,
        box_categories=config.box_categories,
    )
    copies = [copy for recipe in parse_recipes(config.augment) for copy in copies_of(recipe, config.copies)]
    data = join_train_data(config, store, train, [*views, *copies], upkeep)
    if len(data.class_names) == 1:
        raise FishError(
            f"train/ has one class only ({data.class_names[0]}): there is nothing to tell apart. Boxes alone "
            "are learned by fishcli train."
        )
    return data


def store_above(config: FinetuneConfig) -> FeatureStore:
    """The store of the cut's maps, made where it is missing.

    What is not asked for is that of the store that is named, or of the one that the user made last.
    """
    source = None
    if config.features is not None or list_stores(config.stores_dir):
        source = pick_store(config.stores_dir, config.features)
    choice = _choice(config, source)
    backbone = load_backbone(choice)
    height, width = choice.image_size
    say(
        f"trains what follows {backbone.recipe.layer} of {choice.backbone} at {height}x{width}, whose maps "
        f"are {backbone.feature_shape}"
    )
    sources = {} if source is None or choice.crop is None else {"detections": source.detections}
    store = FeatureStore.create(
        config.stores_dir, backbone.recipe, choice.weights, made_for=FINETUNE, **sources
    )
    if source is not None and choice.crop is not None:
        keep_crops_of(source, store)
    return store


def _choice(config: FinetuneConfig, source: FeatureStore | None) -> BackboneChoice:
    if source is None:
        name = config.backbone or usual_backbone(config.weights)
        choice = BackboneChoice(
            name, "", usual_size(name), transparency=config.transparency, truncated=config.truncated
        )
    else:
        choice = choice_of(source)
    name = choose(config.backbone or choice.backbone, BACKBONES, "backbone")
    kept = choice.weights if name == choice.backbone else ""
    weights = config.weights or kept or default_weights(name)
    path = weights_file(name, weights)
    size = parse_image_size(config.image_size) if config.image_size else choice.image_size
    return dataclasses.replace(
        choice,
        backbone=name,
        weights=str(path.resolve()) if path else weights,
        image_size=size,
        layer=config.cut,
        pool="none",
    )


def settled(config: FinetuneConfig, data: TrainData) -> FinetuneConfig:
    """The config with all that follows from the data said outright: two ways to say one run are one run."""
    return dataclasses.replace(
        config,
        cut=parts_of(data.store)[0].recipe.layer,
        epochs=config.epochs or usual_epochs(len(data.images)),
        augment=",".join(parse_recipes(config.augment)),
        interpolate=config.interpolate.strip(),
    )
