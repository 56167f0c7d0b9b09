"""Bringing a feature store up to date; every command that reads features starts here."""

import shutil
from collections.abc import Iterator

import numpy as np
import pandas as pd

from fishcli.basics.cluster import connected
from fishcli.basics.errors import FishError, examples
from fishcli.basics.locks import alone, remove_left_lock
from fishcli.basics.progress import say, warn
from fishcli.basics.remote import is_remote
from fishcli.features.backbones.backbone import Backbone
from fishcli.features.backbones.engines.loading import N_CHECKED, checked, load_engine
from fishcli.features.backbones.stored import reload_backbone
from fishcli.features.chunk_tasks import extract_on
from fishcli.features.extract import extract
from fishcli.features.int8_stores import make_int8
from fishcli.features.photo_inputs import SplitPlan, first_inputs
from fishcli.features.photos.crops import REGION
from fishcli.features.plans import Upkeep, is_complete, make_plan, renewed_plan
from fishcli.features.store.contents import is_checked
from fishcli.features.store.recipe import INT8
from fishcli.features.store.store import FeatureStore
from fishcli.features.todo import was_removed
from fishcli.options.reading import USUAL, Reading


def bring_up_to_date(
    store: FeatureStore,
    wanted: dict[str, tuple[pd.DataFrame, list[str]]],
    upkeep: Upkeep,
    backbone: Backbone | None = None,
) -> None:
    """Compute what a store lacks of the wanted features; another process that does so is waited for.

    Where nothing is lacking nothing is waited for.

    Args:
        store: the store.
        wanted: split -> (its images, the names of views and augmented copies); a crop store's images with
            their `region`.
        upkeep: how.
        backbone: the one that made the store, where it is at hand; else loaded if something is missing.

    Raises:
        FishError: images that can't be read, another data set, a backbone that can't be loaded.
    """
    if any((REGION in images) != (store.recipe.crop is not None) for images, _ in wanted.values()):
        raise ValueError("a crop store's images need their regions, and whole photos have none")
    _check_reading(store, upkeep.reading)
    if lacks_nothing(store, wanted, upkeep):
        remove_left_lock(store.store_dir)
        return
    with alone(store.store_dir):
        _bring_up_to_date(store, wanted, upkeep, backbone)


def _check_reading(store: FeatureStore, asked: Reading) -> None:
    """Refuse what a store can't do: photos read in two ways would lie side by side in it."""
    recipe = store.recipe
    for name in ("transparency", "truncated"):
        wanted, kept = getattr(asked, name), getattr(recipe, name)
        if wanted not in (getattr(USUAL, name), kept):
            option = f"--{name}" if wanted is True else f"--{name} {wanted}"
            raise FishError(
                f"{option}: the store {recipe.name} was made without it. Make one with it: fishcli features "
                f"{option} and its other options; or leave it out."
            )


def lacks_nothing(
    store: FeatureStore, wanted: dict[str, tuple[pd.DataFrame, list[str]]], upkeep: Upkeep
) -> bool:
    """Whether there is nothing to compute, to write or to say; only looks."""
    if upkeep.skip_unreadable is not None:
        return False
    for split, (images, views) in wanted.items():
        listed = store.images(split)
        if listed is None or store.unreadable(split) or not is_checked(images, store.list_path(split)):
            return False
        known = dict(zip(listed["image"], listed["n_bytes"], strict=True))
        if any(known.get(image) != n for image, n in zip(images["image"], images["n_bytes"], strict=True)):
            return False
        if REGION in images:
            regions = dict(zip(listed["image"], listed[REGION], strict=True))
            if any(
                regions[image] != each for image, each in zip(images["image"], images[REGION], strict=True)
            ):
                return False
        if not is_complete(store, make_plan(store, split, images, views, upkeep)):
            return False
    return True


def _bring_up_to_date(
    store: FeatureStore,
    wanted: dict[str, tuple[pd.DataFrame, list[str]]],
    upkeep: Upkeep,
    backbone: Backbone | None,
) -> None:
    plans = [renewed_plan(store, split, images, views, upkeep) for split, (images, views) in wanted.items()]
    todo = [plan for plan in plans if not is_complete(store, plan)]
    if todo:
        backbone = backbone or reload_backbone(store)
        announce(store, backbone, todo)
        store.sweep()
        for plan in _compute(store, backbone, todo, upkeep):
            if not (is_complete(store, plan) and store.list_path(plan.split).exists()):
                raise was_removed(store)
    for split, (images, _) in wanted.items():
        store.set_unreadable(split, store.unreadable(split), upkeep.skip_unreadable)
        if not upkeep.passes_unreadable:
            store.check_readable(split, set(images["image"]))
        if upkeep.skip_unreadable and (reasons := store.unreadable(split)):
            listed = examples([f"{image} ({reason})" for image, reason in reasons.items()])
            path = store.store_dir / split / "unreadable.json"
            warn(f"{len(reasons):,} images of {split} can't be read, and are skipped: {listed} ({path})")


def _compute(
    store: FeatureStore, backbone: Backbone, todo: list[SplitPlan], upkeep: Upkeep
) -> Iterator[SplitPlan]:
    """Compute plan by plan; yields each when it is done."""
    if backbone.recipe.precision == INT8:
        make_int8(store, backbone, todo[0])
    if upkeep.scheduler is not None:
        with connected(upkeep.scheduler) as cluster:
            for plan in todo:
                extract_on(cluster, store, backbone, plan, (upkeep.engine, upkeep.batch_size))
                yield plan
        return
    from joblib import cpu_count  # of this process, not of the machine

    engine = load_engine(backbone, upkeep.engine, upkeep.batch_size, store.store_dir)
    first = first_inputs(todo[0], backbone, N_CHECKED)
    engine = checked(engine, backbone, first, upkeep.batch_size)
    for plan in todo:
        extract([store], backbone, engine, plan, upkeep.batch_size, upkeep.workers or cpu_count())
        yield plan


def announce(store: FeatureStore, backbone: Backbone, plans: list[SplitPlan]) -> None:
    """Say what will be computed and how much room it takes at most."""
    n_bytes = sum(
        len(plan.images) * sum(not store.is_complete(plan.split, view) for view in plan.views)
        for plan in plans
    ) * (np.dtype(backbone.recipe.dtype).itemsize * int(np.prod(backbone.feature_shape)))
    free = ""
    if not is_remote(store.store_dir):
        free = f" ({shutil.disk_usage(store.store_dir).free / 2**30:,.1f} GiB free)"
    for plan in plans:
        say(f"{plan.split}: {len(plan.images):,} images x {len(plan.views)} views ({', '.join(plan.views)})")
        for copy, decks in plan.decks.items():
            say(f"{copy}: {sum(deck is None for deck in decks):,} images keep their own deck")
    say(
        f"features {backbone.feature_shape} {backbone.recipe.dtype}, at most {n_bytes / 2**20:,.1f} MiB "
        f"before compression in {store.store_dir}{free}"
    )
