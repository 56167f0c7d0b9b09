"""What fine-tuning reads: the store of a cut's maps, made where missing, and all that `train` joins."""

import dataclasses

from fishcli.basics.errors import FishError
from fishcli.basics.progress import say
from fishcli.dataset.layout.images import is_tagged, load_train
from fishcli.features.backbones.backbone import cuts_at, load_backbone, load_tail
from fishcli.features.backbones.choice import BackboneChoice, as_asked, is_hub, is_onnx, named_backbone
from fishcli.features.backbones.cutting import network_size, pixel_size
from fishcli.features.backbones.descriptors.names import is_descriptor
from fishcli.features.backbones.stored import choice_of
from fishcli.features.backbones.usual import FIRST, usual_backbone, usual_size
from fishcli.features.photos.recipes import copies_of, parse_recipes
from fishcli.features.store.lists import list_stores
from fishcli.features.store.picking import pick_store
from fishcli.features.store.recipe import INPUT, parse_image_size
from fishcli.features.store.store import FeatureStore
from fishcli.features.upkeep import Upkeep
from fishcli.heads.joined import parts_of
from fishcli.options.finetune import AUTO_CUT, FINETUNE, STAGES_TRIED, FinetuneConfig
from fishcli.runs.locating.crops import keep_crops, keep_crops_of
from fishcli.runs.locating.found import FoundCrops, all_photos, check_crops, find_crops
from fishcli.runs.stores import bring_up, check_detections, check_same_images
from fishcli.runs.tagged import refuse_tags
from fishcli.runs.training.inputs import TrainData, join_train_data
from fishcli.tuning.fit import usual_epochs


def load_tuning_data(config: FinetuneConfig) -> list[TrainData]:
    """Read all but the maps of the cut, or of each that is tried, and bring their stores up to date.

    Raises:
        FishError: see `join_train_data`; one class only; no such backbone, layer or weights.
    """
    views = config.chosen_views
    train = load_train(config.data_dir, config.reading)
    refuse_tags(is_tagged(train), "finetune", "fishcli train learns them")
    first, *others = stores_above(config)
    check_detections(config, first)
    upkeep = Upkeep(
        config.data_dir,
        config.reading,
        skip_unreadable=config.skip_unreadable or None,
        box_categories=config.box_categories,
    )
    recipes = [] if config.cut == INPUT else parse_recipes(config.augment)
    wanted = [*views, *(copy for recipe in recipes for copy in copies_of(recipe, config.copies))]
    data = join_train_data(config, first, train, wanted, upkeep)
    if len(data.class_names) == 1:
        raise FishError(
            f"train/ has one class only ({data.class_names[0]}): there is nothing to tell apart. Boxes alone "
            "are learned by fishcli train."
        )
    for store in others:
        bring_up(config, store, {"train": (train, wanted)}, upkeep)
    check_same_images([first, *others], train)
    names = tuple(store.recipe.name for store in (first, *others))
    return [dataclasses.replace(data, store=store, other_stores=names) for store in (first, *others)]


def stores_above(config: FinetuneConfig) -> list[FeatureStore]:
    """The store of the cut's maps, made where it is missing; of `--cut auto` those of all that are tried.

    What is not asked for is that of the store that is named, or of the one that the user made last.

    Raises:
        FishError: see `load_backbone` and `find_crops`.
    """
    check_crops(config)
    source = None
    if config.features is not None or list_stores(config.stores_dir):
        source = pick_store(config.stores_dir, config.features)
    choice, found = _choice(config, source), None
    if config.crop is not None:
        found = find_crops(config, all_photos(config))
        choice = dataclasses.replace(choice, crop=found.crop)
    crops = source if found is None else found
    if config.cut != AUTO_CUT:
        return [_store_of(config, choice, crops)]
    layers = cuts_at(choice, STAGES_TRIED)
    if not layers:
        raise FishError(
            f"--cut auto: {choice.backbone} has none of {', '.join(STAGES_TRIED)}. Name a layer, as fishcli "
            "features --layer does."
        )
    return [_store_of(config, dataclasses.replace(choice, layer=layer), crops) for layer in layers]


def _store_of(
    config: FinetuneConfig, choice: BackboneChoice, crops: FeatureStore | FoundCrops | None
) -> FeatureStore:
    """The store of a cut's maps; `crops`: the store whose crops it takes, if it has any, or those found."""
    if is_hub(choice.backbone):  # what can't be trained there is refused before anything is computed
        load_tail(choice)
    backbone = load_backbone(choice)
    height, width = choice.image_size
    if choice.layer == INPUT:
        own = "{}x{}".format(*network_size(choice.image_size))
        say(f"trains all of {choice.backbone} at {own}, from pixels of {height}x{width}")
    else:
        say(
            f"trains what follows {backbone.recipe.layer} of {choice.backbone} at {height}x{width}, whose "
            f"maps are {backbone.feature_shape}"
        )
    sources = {}
    if crops is not None and choice.crop is not None:
        sources = {"detections": crops.source if isinstance(crops, FoundCrops) else crops.detections}
    store = FeatureStore.create(
        config.stores_dir, backbone.recipe, choice.weights, made_for=FINETUNE, **sources
    )
    if isinstance(crops, FoundCrops):
        keep_crops(store, crops)
    elif sources and crops is not None:
        keep_crops_of(crops, store)
    return store


def _choice(config: FinetuneConfig, source: FeatureStore | None) -> BackboneChoice:
    if source is None:
        name = config.backbone or usual_backbone(config.weights)
        choice = BackboneChoice(
            name, "", usual_size(name), transparency=config.transparency, truncated=config.truncated
        )
    else:
        choice = choice_of(source)
    asked = config.backbone or choice.backbone
    if is_onnx(asked):
        raise FishError(
            f"{asked} is an ONNX file, which is only ever run forward: nothing in it can be trained. Name "
            f"another backbone: fishcli finetune --backbone {FIRST}."
        )
    if is_descriptor(asked):
        raise FishError(
            f"{asked} is no network: nothing in it can be trained. Name a network: fishcli finetune "
            f"--backbone {FIRST}."
        )
    kept = choice.weights if asked == choice.backbone else ""
    if kept and is_hub(asked):
        asked, kept = as_asked(asked, kept), ""
    name, weights = named_backbone(asked, config.weights or kept or None)
    size = network_size(choice.image_size) if choice.layer == INPUT else choice.image_size
    if (name, weights) != (choice.backbone, choice.weights) and is_hub(name):
        size = usual_size(name, weights)
    size = parse_image_size(config.image_size) if config.image_size else size
    return dataclasses.replace(
        choice,
        backbone=name,
        weights=weights,
        image_size=pixel_size(size) if config.cut == INPUT else size,
        layer=config.cut,
        pool="none",
        tokens="maps",
        preprocessing="",
    )


def settled(config: FinetuneConfig, data: TrainData) -> FinetuneConfig:
    """The config with all that follows from the data said outright: two ways to say one run are one run."""
    cut = AUTO_CUT if config.cut == AUTO_CUT else parts_of(data.store)[0].recipe.layer
    return dataclasses.replace(
        config,
        cut=cut,
        epochs=config.epochs or usual_epochs(len(data.images)),
        augment=",".join(parse_recipes(config.augment)),
        interpolate=config.interpolate.strip(),
    )
