"""The store or stores that heads take their features from: which are meant, and what they serve for."""

from pathlib import Path

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError, examples
from fishcli.dataset.metadata import SURENESS, check_metadata
from fishcli.features.store.again import features_line
from fishcli.features.store.picking import pick_store
from fishcli.features.store.store import FeatureStore
from fishcli.features.upkeep import Upkeep, bring_up_to_date
from fishcli.heads.choices import check_joined, check_store
from fishcli.heads.joined import HeadStore, joined, name_of, parts_of
from fishcli.options.data import StoreConfig
from fishcli.options.finetune import RunMaker
from fishcli.options.train import TrainConfig, split_stores
from fishcli.options.views import as_options
from fishcli.runs.locating.crops import with_regions


def pick_stores(stores_dir: Path, name: str | None) -> HeadStore:
    """The store of that name, or several joined; for None the one used last. FishError: there is none."""
    names: list[str | None] = [None] if name is None else [*split_stores(name)]
    return joined([pick_store(stores_dir, each) for each in names])


def check_serves(config: TrainConfig, store: HeadStore) -> None:
    """Refuse heads and metadata that the features can't serve, before anything is computed.

    Raises:
        FishError: a head that needs maps where there are none; the sureness of detections of whole photos.
    """
    first, *others = parts_of(store)
    if others:
        check_joined(config)
    else:
        views = as_options(config.chosen_views, config.view_set)
        maps_line = features_line(first.store_dir, pool="none", **views)
        check_store(config, first.recipe.pool == "none", first.recipe.name, maps_line)
    check_detections(config, store)


def check_detections(config: RunMaker, store: HeadStore) -> None:
    """Raise FishError where metadata are asked for that only crops have, and there are none."""
    if "detection" in check_metadata(config.metadata) and not has_detections(store):
        line = features_line(parts_of(store)[0].store_dir, crop="RUN")
        raise FishError(
            f"--metadata {config.metadata}: {name_of(store)} is of whole photos, in which nothing was looked "
            f"for. Compute features of crops, by a RUN of locate: {line}; then name them with --features."
        )


def has_detections(store: HeadStore) -> bool:
    """Whether any of the stores has crops, so that it is known how sure their detections are."""
    return any(part.recipe.crop is not None for part in parts_of(store))


def bring_up(
    config: StoreConfig,
    store: HeadStore,
    wanted: dict[str, tuple[pd.DataFrame, list[str]]],
    upkeep: Upkeep,
) -> dict[str, pd.DataFrame]:
    """Bring a store, or each of several, up to date; returns the tables of images as heads take them.

    Args:
        config: where the competition lies.
        store: the features.
        wanted: split -> (its images, the names of views and augmented copies).
        upkeep: how.

    Returns:
        The images of each split: of one crop store with their `region`; with the `sureness` of the surest
        detection where there are crops, of several crop stores the surest of all; NaN: nothing was found.
        Regions are each store's own: of several that are joined there are none, nor boxes.

    Raises:
        FishError: see `with_regions` and `bring_up_to_date`.
    """
    tables = {split: images for split, (images, _) in wanted.items()}
    found: dict[str, list[pd.DataFrame]] = {split: [] for split in wanted}
    for part in parts_of(store):
        regioned = with_regions(config, part, tables)
        bring_up_to_date(part, {split: (each, wanted[split][1]) for split, each in regioned.items()}, upkeep)
        if store is part:
            return regioned
        for split, each in regioned.items():
            found[split].append(each)
    return {split: with_surest(images, found[split]) for split, images in tables.items()}


def with_surest(images: pd.DataFrame, parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Images with the surest of all detections, where there are any, of the same images' tables by store."""
    sure = [each[SURENESS].to_numpy() for each in parts if SURENESS in each]
    return images.assign(**{SURENESS: np.fmax.reduce(sure)}) if sure else images


def check_same_images(stores: list[FeatureStore], train: pd.DataFrame) -> None:
    """Raise FishError where some training photos can be read in one store and not in another.

    Heads on both would learn from others, or be measured on others. All are up to date, so only the rules
    differ by which they read photos.

    Args:
        stores: the stores.
        train: `image` of the training photos there are now.
    """
    present = set(train["image"])
    first, *others = stores
    for other in others:
        lacked = [set(store.unreadable("train")) & present for store in (first, other)]
        if lacked[0] == lacked[1]:
            continue
        lacks, has = (first, other) if lacked[0] - lacked[1] else (other, first)
        images = sorted((lacked[0] - lacked[1]) or (lacked[1] - lacked[0]))
        rules = {name: getattr(has.recipe, name) for name in ("truncated", "transparency")}
        raise FishError(
            f"{lacks.recipe.name} lacks {len(images):,} training photos that {has.recipe.name} has: "
            f"{examples(images)}. Let it read photos by the same rules: "
            f"{features_line(lacks.store_dir, **rules)}, then name that store."
        )


def labels_of(stores: list[HeadStore]) -> dict[str, str]:
    """Short labels of features that are compared, by their names: what tells the stores apart.

    "whole", "crop" and "whole+crop", for example; their fingerprints where nothing else does.
    """
    parts = {part.recipe.name: part.recipe for store in stores for part in parts_of(store)}
    told = {
        name: (
            recipe.backbone,
            "whole" if recipe.crop is None else "crop",
            "{}x{}".format(*recipe.image_size),
            recipe.layer,
            recipe.resize,
        )
        for name, recipe in parts.items()
    }
    differing = [k for k in range(5) if len({facts[k] for facts in told.values()}) > 1]
    labels = {name: " ".join(facts[k] for k in differing) for name, facts in told.items()}
    if len(set(labels.values())) < len(labels):
        labels = {name: f"{labels[name]} {parts[name].fingerprint}".strip() for name in labels}
    return {
        name_of(store): "+".join(labels[part.recipe.name] for part in parts_of(store)) for store in stores
    }
