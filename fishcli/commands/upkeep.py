"""Bringing a feature store up to date; every command that reads features starts here."""

import dataclasses
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fishcli.dataset.annotations import read_boxes
from fishcli.dataset.boxes import target_boxes
from fishcli.errors import FishError, choose
from fishcli.features.augment import PREFIX
from fishcli.features.backbones import Backbone, BackboneChoice, load_backbone
from fishcli.features.decode import UnreadableImageError, decode
from fishcli.features.extract import SplitPlan, copies_made_by, extract
from fishcli.features.store import FEATURE_BYTES, FeatureStore, open_stores
from fishcli.files import digest
from fishcli.heads.inputs import BOX_RULES
from fishcli.progress import say


@dataclass(frozen=True)
class Upkeep:
    """How to bring a store up to date.

    Attributes:
        data_dir: the competition's folder.
        batch_size: images a chunk of a new store.
        workers: decoding threads; None for one a core.
        skip_unreadable: go on without images that can't be read.
    """

    data_dir: Path
    batch_size: int = 32
    workers: int | None = None
    skip_unreadable: bool = False


def pick_store(stores_dir: Path, name: str | None) -> FeatureStore:
    """The store of that name, or the one used last.

    Raises:
        FishError: there is none.
    """
    stores = open_stores(stores_dir)
    if not stores:
        raise FishError(f"no features in {stores_dir}. Compute them first: fishcli features --backbone NAME.")
    if name is None:
        say(f"features {stores[0].recipe.name} (the newest; --features NAME picks another)")
        return stores[0]
    by_name = {store.recipe.name: store for store in stores}
    return by_name[choose(name, by_name, "features")]


def reload_backbone(store: FeatureStore) -> Backbone:
    """The backbone that made a store, to compute more with it.

    Raises:
        FishError: its weights are gone or are others now.
    """
    recipe = store.recipe
    fields = {field.name for field in dataclasses.fields(BackboneChoice)} - {"weights"}
    choice = BackboneChoice(weights=store.weights, **{name: getattr(recipe, name) for name in fields})
    backbone = load_backbone(choice)
    if backbone.recipe != recipe:
        raise FishError(
            f"{recipe.backbone} with the weights {store.weights} is not what made the store {recipe.name} "
            "(other weights, or another version of Keras). Compute a new store with fishcli features, "
            "train on it, then predict."
        )
    return backbone


def bring_up_to_date(
    store: FeatureStore,
    wanted: dict[str, tuple[pd.DataFrame, list[str]]],
    upkeep: Upkeep,
    backbone: Backbone | None = None,
) -> None:
    """Compute what a store lacks of the wanted features.

    Args:
        store: the store.
        wanted: split -> (its images, the names of views and augmented copies).
        upkeep: how.
        backbone: the one that made the store, where it is at hand; else loaded if something is missing.

    Raises:
        FishError: images that can't be read, another data set, a backbone that can't be loaded.
    """
    store.sweep()
    plans = [_plan(store, split, images, views, upkeep) for split, (images, views) in wanted.items()]
    todo = [plan for plan in plans if not _is_complete(store, plan)]
    if todo:
        backbone = backbone or reload_backbone(store)
        _announce(store, backbone, todo)
        for plan in todo:
            extract(store, backbone, plan, upkeep.batch_size, upkeep.workers or os.cpu_count() or 1)
    for plan in plans:
        if upkeep.skip_unreadable:
            store.set_unreadable(plan.split, store.unreadable(plan.split), True)
        store.check_readable(plan.split)


def _plan(
    store: FeatureStore, split: str, images: pd.DataFrame, views: list[str], upkeep: Upkeep
) -> SplitPlan:
    paths = dict(zip(images["image"], images["path"], strict=True))
    unreadable = store.unreadable(split)
    mended = {image for image in unreadable if image in paths and _is_readable(paths[image])}
    store.update_images(split, images, mended)
    if mended:
        left = {image: reason for image, reason in unreadable.items() if image not in mended}
        store.set_unreadable(split, left, False)
    listed = store.images(split)
    assert listed is not None
    ids = list(listed["image"])
    plan = SplitPlan(split, views, ids, [paths.get(image) for image in ids])
    if not any(view.startswith(PREFIX) for view in views):
        return plan
    boxes = read_boxes(upkeep.data_dir / "boxes", images)
    if boxes.empty:
        return plan
    targets = np.stack([target_boxes(boxes, ids, rule) for rule in BOX_RULES], axis=1)
    return dataclasses.replace(plan, boxes=targets, boxes_sha256=digest(targets.tobytes())[:12])


def _is_complete(store: FeatureStore, plan: SplitPlan) -> bool:
    """Whether the store has all that the plan wants, augmented copies with the boxes of today."""
    for view in plan.views:
        if not store.is_complete(plan.split, view):
            return False
        if view.startswith(PREFIX) and store.array(plan.split, view).attrs["made_by"] != copies_made_by(plan):
            return False
    return True


def _is_readable(path: Path) -> bool:
    try:
        decode(path)
    except UnreadableImageError:
        return False
    return True


def _announce(store: FeatureStore, backbone: Backbone, plans: list[SplitPlan]) -> None:
    """Say what will be computed and how much room it takes at most."""
    n_bytes = sum(
        len(plan.images) * sum(not store.is_complete(plan.split, view) for view in plan.views)
        for plan in plans
    ) * (FEATURE_BYTES * int(np.prod(backbone.feature_shape)))
    free = shutil.disk_usage(store.store_dir).free
    for plan in plans:
        say(f"{plan.split}: {len(plan.images):,} images x {len(plan.views)} views ({', '.join(plan.views)})")
    say(
        f"features {backbone.feature_shape} float16, at most {n_bytes / 2**20:,.1f} MiB before compression "
        f"in {store.store_dir} ({free / 2**30:,.1f} GiB free)"
    )
