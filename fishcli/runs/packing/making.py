"""Making a pack: a run, or several blended, with the stores' recipes, weights and localisers behind them."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from fishcli.basics.errors import FishError
from fishcli.basics.files import write_text
from fishcli.basics.progress import say
from fishcli.basics.remote import local_copy, parse_path
from fishcli.features.backbones.choice import ONNX, is_onnx
from fishcli.features.backbones.stored import has_weights, pack_backbone
from fishcli.features.store.again import features_line
from fishcli.features.store.picking import pick_store
from fishcli.features.store.recipe import Recipe
from fishcli.features.store.store import FeatureStore
from fishcli.heads.joined import parts_of
from fishcli.options.command_lines import advised
from fishcli.options.locate import LocateConfig
from fishcli.runs.folders.listing import CONFIG, METRICS
from fishcli.runs.locating.localiser import LocaliserRun
from fishcli.runs.packing.files import seal, written_pack
from fishcli.runs.packing.manifest import (
    REQUIREMENTS,
    Packed,
    PackedForm,
    PackedLocaliser,
    PackedMember,
    PackedStore,
)
from fishcli.runs.packing.requirements import requirements_text
from fishcli.runs.predicting.submission import n_train_of
from fishcli.runs.run import Run
from fishcli.runs.stores import pick_stores
from fishcli.scoring.decisions import Decision
from fishcli.scoring.ensembling import Blend


@dataclass(frozen=True)
class ToPack:
    """What goes into a pack.

    Attributes:
        runs: they are complete, and of the same classes.
        numbers: how many views each averages.
        blend: how their predictions become one.
        mean: how each one's folds are averaged.
        decision: how labels are decided.
        form: of the answers, where the competition has a sample.
    """

    runs: list[Run]
    numbers: list[int]
    blend: Blend
    mean: str
    decision: Decision
    form: PackedForm | None


def make_pack(out: Path, stores_dir: Path, wanted: ToPack) -> int:
    """Write a pack; returns the bytes of its files.

    Args:
        out: the folder or zip file that it becomes.
        stores_dir: where the runs' stores lie.
        wanted: what goes into it.

    Raises:
        FishError: a fold, store, weights or localiser that is gone or damaged; crops by another tool.
    """
    with written_pack(out) as folder:
        stores: dict[str, PackedStore] = {}
        localisers: dict[str, PackedLocaliser] = {}
        members = []
        for number, (this_run, n_views) in enumerate(zip(wanted.runs, wanted.numbers, strict=True)):
            parts = parts_of(pick_stores(stores_dir, this_run.store))
            for store in parts:
                _add_store(folder, store, stores, localisers)
            say(f"packing {this_run.name}: {this_run.settings['folds']} folds, {n_views} views")
            places = []
            for each in this_run.by_seed():
                places.append("/".join(["runs", str(number), *dict.fromkeys([this_run.name, each.name])]))
                _copy_run(each, folder / places[-1])
            members.append(PackedMember(tuple(places), tuple(part.recipe.name for part in parts), n_views))
        first = wanted.runs[0]
        packed = Packed(
            class_names=first.class_names,
            n_train=n_train_of(first),
            stores=stores,
            localisers=localisers,
            members=members,
            blend=wanted.blend,
            mean=wanted.mean,
            decision=wanted.decision,
            form=wanted.form,
        )
        backbones = [store.recipe.backbone for store in stores.values()]
        write_text(folder / REQUIREMENTS, requirements_text(backbones))
        return seal(folder, packed)


def _add_store(
    folder: Path,
    store: FeatureStore,
    stores: dict[str, PackedStore],
    localisers: dict[str, PackedLocaliser],
) -> None:
    """Add how a store's features are made, where that is not known: weights, and the localiser of crops."""
    recipe = store.recipe
    if recipe.name in stores:
        return
    weights = ""
    if has_weights(recipe):
        weights = f"backbones/{_weights_place(recipe)}"
        if not (folder / weights).exists():  # whole photos and crops, say, by the same one
            say(f"packing {recipe.backbone} up to {recipe.layer}")
            pack_backbone(store, folder / weights)
    localiser = ""
    if recipe.crop is not None:
        found_by = localiser_of(store)
        localiser = f"{recipe.crop.boxes_sha256}-{found_by.name}"
        if localiser not in localisers:
            maps = pick_store(store.store_dir.parent, found_by.store)
            place = f"localisers/{len(localisers)}/{found_by.name}"
            say(f"packing {found_by.name}, which finds what the crops are of")
            _copy_localiser(found_by, folder / place)
            localisers[localiser] = PackedLocaliser(place, maps.recipe.name)
            _add_store(folder, maps, stores, localisers)
    stores[recipe.name] = PackedStore(recipe, weights, store.weights == "random", localiser)


def _weights_place(recipe: Recipe) -> str:
    """Where a backbone's weights lie: what an ONNX file keeps beside it has a folder of its own."""
    name, digits = recipe.backbone, recipe.weights_sha256[:12]
    return f"{name.removesuffix(ONNX)}-{digits}/{name}" if is_onnx(name) else f"{name}-{digits}.npz"


def localiser_of(store: FeatureStore) -> LocaliserRun:
    """The localiser behind a crop store; FishError where the crops are another tool's."""
    source = parse_path(store.detections)
    if not source.exists():
        raise FishError(
            f"the crops of {store.recipe.name} are of {source}, which is gone. Put it back, or make crops by "
            f"another RUN of locate: {features_line(store.store_dir, crop='RUN')}."
        )
    if not source.is_dir():
        raise FishError(
            f"the crops of {store.recipe.name} are of boxes that another tool found ({source}): nobody could "
            "find them in new photos, so it can't be packed. Learn to find them here: "
            f"{advised('locate', LocateConfig)}, then train on its crops."
        )
    return LocaliserRun.open(source)


def _copy_run(this_run: Run, folder: Path) -> None:
    """Copy what a run predicts with."""
    this_run.load_folds()  # so that what is damaged is said here
    files = [this_run.run_dir / CONFIG, this_run.run_dir / METRICS]
    files += [this_run.fold_path(k, ".json") for k in range(this_run.settings["folds"])]
    _copy([*files, *this_run.model_files()], folder)


def _copy_localiser(this_run: LocaliserRun, folder: Path) -> None:
    """Copy what a localiser looks with."""
    this_run.load_models()
    files = [this_run.run_dir / CONFIG, this_run.run_dir / METRICS]
    for k in range(this_run.settings["folds"]):
        files += [this_run.fold_path(k, suffix) for suffix in (".json", ".keras")]
    _copy(files, folder)


def _copy(paths: list[Path], folder: Path) -> None:
    folder.mkdir(parents=True)
    for path in paths:
        with local_copy(path) as local:
            shutil.copyfile(local, folder / path.name)
