"""What is to be computed of a split, as the store's lists and the photos of today have it."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError
from fishcli.basics.files import digest
from fishcli.dataset.annotations import read_boxes
from fishcli.dataset.boxes import BOX_RULES, target_boxes
from fishcli.dataset.photos.photo import is_readable
from fishcli.features.backbones.engines.engine import EngineChoice
from fishcli.features.photo_inputs import SplitPlan, boxes_name, copy_made_by
from fishcli.features.photos.crops import REGION, regions_of
from fishcli.features.photos.recipes import PREFIX, recipe_of
from fishcli.features.photos.transplant import (
    RULES,
    Known,
    choose_donors,
    deck_of,
    find_known,
    is_transplanted,
)
from fishcli.features.store.contents import add_contents, set_checked
from fishcli.features.store.store import FeatureStore
from fishcli.options.reading import USUAL, Reading

BEST_ENGINE = EngineChoice()


@dataclass(frozen=True)
class Upkeep:
    """How to bring a store up to date.

    Attributes:
        data_dir: the competition's folder.
        reading: how photos are read, as the user says; a store keeps to its own recipe.
        batch_size: images a chunk of a new store.
        workers: decoding threads; None for one a core.
        skip_unreadable: go on without images that can't be read; None for what was chosen before.
        passes_unreadable: go on without them this once: nothing is chosen, and the caller says so.
        engine: what computes.
        scheduler: the address of a Dask scheduler whose workers compute; None for this process.
        box_categories: of which the boxes of augmented copies are; None for all.
    """

    data_dir: Path
    reading: Reading = USUAL
    batch_size: int = 32
    workers: int | None = None
    skip_unreadable: bool | None = None
    passes_unreadable: bool = False
    engine: EngineChoice = BEST_ENGINE
    scheduler: str | None = None
    box_categories: str | None = None


def renewed_plan(
    store: FeatureStore, split: str, images: pd.DataFrame, views: list[str], upkeep: Upkeep
) -> SplitPlan:
    """The plan for a split, whose list is brought up to date."""
    paths = dict(zip(images["image"], images["path"], strict=True))
    unreadable = store.unreadable(split)
    reading = store.recipe.reading(upkeep.reading.max_pixels)
    mended = {image for image in unreadable if image in paths and is_readable(paths[image], reading)}
    with_contents, checked_ns = add_contents(images, store.list_path(split))
    if REGION in images:
        with_contents[REGION] = list(images[REGION])
    store.update_images(split, with_contents, mended)
    if checked_ns is not None:
        set_checked(store.list_path(split), checked_ns)
    if mended:
        left = {image: reason for image, reason in unreadable.items() if image not in mended}
        store.set_unreadable(split, left)
    return make_plan(store, split, images, views, upkeep)


def make_plan(
    store: FeatureStore, split: str, images: pd.DataFrame, views: list[str], upkeep: Upkeep
) -> SplitPlan:
    """The plan for a split whose list is up to date."""
    paths = dict(zip(images["image"], images["path"], strict=True))
    listed = store.images(split)
    assert listed is not None
    ids = list(listed["image"])
    reading = store.recipe.reading(upkeep.reading.max_pixels)
    regions = regions_of(listed)
    plan = SplitPlan(split, views, ids, [paths.get(image) for image in ids], reading, regions=regions)
    if not any(view.startswith(PREFIX) for view in views):
        return plan
    boxes = read_boxes(upkeep.data_dir / "boxes", images, upkeep.box_categories)
    copies = [view for view in views if is_transplanted(view)]
    if boxes.empty:
        if copies:
            raise FishError(
                f"--augment {recipe_of(copies[0])}: {upkeep.data_dir / 'boxes'} has no boxes of training "
                "photos, so nothing can be laid on another deck. Name another recipe, such as light."
            )
        return plan
    targets = np.stack([target_boxes(boxes, ids, rule) for rule in BOX_RULES], axis=1)
    plan = dataclasses.replace(plan, boxes=targets, boxes_sha256=digest(targets.tobytes())[:12])
    return _with_decks(plan, copies, listed, paths, find_known(images, boxes)) if copies else plan


def _with_decks(
    plan: SplitPlan, copies: list[str], listed: pd.DataFrame, paths: dict[str, Path], known: Known
) -> SplitPlan:
    """The plan with what each photo's fish are laid on in those copies, by the photos of today."""
    contents = dict(zip(listed["image"], listed["content"], strict=True)) if "content" in listed else {}
    boxes = known.boxes
    described = [(image, contents.get(image, ""), boxes[image].tobytes()) for image in sorted(boxes)]
    sha256 = digest(RULES, *(part for parts in described for part in parts), *sorted(known.empty))[:12]
    decks = {}
    for copy in copies:
        donors = choose_donors(copy, plan.images, known)
        decks[copy] = [
            deck_of(image, donor, paths[donor], known) if donor else None
            for image, donor in zip(plan.images, donors, strict=True)
        ]
    return dataclasses.replace(plan, decks=decks, decks_sha256=sha256)


def is_complete(store: FeatureStore, plan: SplitPlan) -> bool:
    """Whether the store has all that the plan wants, augmented copies with the boxes of today."""
    for view in plan.views:
        if not store.is_complete(plan.split, view):
            return False
        if not view.startswith(PREFIX):
            continue
        if store.array(plan.split, view).attrs["made_by"] != copy_made_by(plan, view):
            return False
        if plan.boxes is not None and not store.is_complete(plan.split, boxes_name(view)):
            return False
    return True
