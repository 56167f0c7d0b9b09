"""`fishcli features`: frozen-conv features of every image and view into the feature store."""

from pathlib import Path

import pandas as pd

from fishcli.basics.errors import FishError, choose
from fishcli.basics.progress import say
from fishcli.dataset.layout.images import load_tests, load_tests_if_any, load_train
from fishcli.features.backbones.backbone import load_layers
from fishcli.features.backbones.choice import BackboneChoice, is_hub, is_onnx, named_backbone
from fishcli.features.backbones.descriptors.loading import check_is_usual
from fishcli.features.backbones.descriptors.names import is_descriptor
from fishcli.features.backbones.engines.loading import EngineChoice
from fishcli.features.backbones.listing import list_backbones, list_layers
from fishcli.features.backbones.network import Backbone
from fishcli.features.backbones.onnx.loading import how_pixels_go_in
from fishcli.features.backbones.usual import usual_backbone, usual_size
from fishcli.features.photos.recipes import copies_asked
from fishcli.features.store.again import WHOLE
from fishcli.features.store.picking import make_last
from fishcli.features.store.recipe import BFLOAT16, INT8, parse_image_size
from fishcli.features.store.store import FeatureStore
from fishcli.features.together import bring_layers_up_to_date
from fishcli.features.upkeep import Upkeep
from fishcli.features.verify import verify_stores
from fishcli.options.features import FeaturesConfig
from fishcli.options.views import chosen_views
from fishcli.runs.locating.crops import keep_crops, regions_in
from fishcli.runs.locating.found import FoundCrops, all_photos, check_crops, find_crops


def run(config: FeaturesConfig) -> str:
    """Compute what stores lack; returns the folder of each, a line. Or verify stores, or list things."""
    if config.verify:
        return verify_stores(config)
    if config.list_backbones:
        return list_backbones()
    check_crops(config)
    asked = config.backbone or usual_backbone(config.weights)
    name, weights = named_backbone(asked, config.weights)  # before anything slow
    size = usual_size(name, weights) if config.image_size is None else parse_image_size(config.image_size)
    if config.list_layers:
        return list_layers(BackboneChoice(name, weights, size))
    engine = EngineChoice(config.engine, config.precision)
    if is_descriptor(name):  # before there is a store, which other commands would take up
        check_is_usual(name, engine)
    preprocessing = _preprocessing(config, name, weights)
    views = chosen_views(config.views, config.view_set, config.view_names)
    copies = copies_asked(config.augment)
    tables = _load_splits(config)
    how = (config.layer, config.pool, config.resize, config.transparency, config.truncated)
    found = None
    if config.crop is not None:
        found = find_crops(config, tables if config.splits is None else all_photos(config))
    crop = None if found is None else found.crop
    precision = config.precision if config.precision in (INT8, BFLOAT16) else "auto"
    choice = BackboneChoice(name, weights, size, *how, crop, preprocessing, config.tokens, precision)
    if weights == "random":
        say("weights random: features without any training, for trying things out; expect weak scores")
    layers = [(_store_of(config, backbone, weights, found), backbone) for backbone in load_layers(choice)]
    if found is not None:
        tables = regions_in(found.crop, found.table, tables)
    wanted = {
        split: (images, [*views, *copies] if split == "train" else views) for split, images in tables.items()
    }
    upkeep = Upkeep(
        data_dir=config.data_dir,
        reading=config.reading,
        batch_size=config.batch_size,
        workers=config.workers,
        skip_unreadable=config.skip_unreadable,
        engine=engine,
        scheduler=config.scheduler,
        box_categories=config.box_categories,
    )
    bring_layers_up_to_date(layers, wanted, upkeep)
    for store, _ in layers:
        make_last(store)
    return "\n".join(str(store.store_dir) for store, _ in layers)


def _store_of(
    config: FeaturesConfig, backbone: Backbone, weights: str, found: FoundCrops | None
) -> FeatureStore:
    sources = {} if found is None else {"detections": found.source}
    if backbone.is_whole:
        sources[WHOLE] = "yes"
    store = FeatureStore.create(config.stores_dir, backbone.recipe, weights, **sources)
    if found is not None:
        keep_crops(store, found)
    return store


def _preprocessing(config: FeaturesConfig, name: str, weights: str) -> str:
    """How pixels go into an ONNX file; "" of another backbone, FishError where options ask for that of it."""
    if is_onnx(name):
        return how_pixels_go_in(Path(weights), config.preprocess)
    if config.preprocess:
        raise FishError(f"--preprocess is for ONNX files, and {name} has its own. Leave it out.")
    if config.tokens != "maps" and not is_hub(name):
        raise FishError(f"--tokens is for ONNX files and presets, and {name} has none. Leave it out.")
    return ""


def _load_splits(config: FeaturesConfig) -> dict[str, pd.DataFrame]:
    if config.splits is None:
        train = load_train(config.data_dir, config.reading)
        tests = load_tests_if_any(config.data_dir, config.reading)
        if not tests:
            say(f"no test images: there is no folder {config.data_dir}/test*")
        return {"train": train, **tests}
    names = [name.strip() for name in config.splits.split(",") if name.strip()]
    if not names:
        raise FishError("--splits is empty. Name splits such as train,test.")
    tables = {}
    tests = load_tests(config.data_dir, config.reading) if names != ["train"] else {}
    for name in names:
        choose(name, ["train", *tests], "split")
        tables[name] = load_train(config.data_dir, config.reading) if name == "train" else tests[name]
    return tables
