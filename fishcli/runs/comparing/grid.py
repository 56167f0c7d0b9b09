"""The grid of a comparison: its features, its entries as configs of train, and the runs of each."""

import dataclasses
import itertools
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

from fishcli.basics.errors import FishError, choose
from fishcli.basics.progress import say
from fishcli.dataset.metadata import check_metadata
from fishcli.heads.choices import HEADS, check_options, default_of, unused_options, without_boxes
from fishcli.heads.joined import HeadStore, parts_of
from fishcli.options.command_lines import flag
from fishcli.options.train import CompareConfig, FitConfig, TrainConfig, split_stores
from fishcli.runs.locating.crops import kind_of_folds
from fishcli.runs.stores import check_serves, has_detections, pick_stores


@dataclass(frozen=True)
class Cell:
    """One entry of the grid, on one kind of folds.

    Attributes:
        kind: "grouped" or "random".
        configs: the runs of it, one a fold seed.
    """

    kind: str
    configs: list[TrainConfig]


def kinds_of_crops(stores: dict[str, HeadStore]) -> list[str]:
    """The kind of folds that crops were found on, to which all heads must keep; none where there are none."""
    parts = {part.recipe.name: part for store in stores.values() for part in parts_of(store)}
    kinds = {name: kind for name, part in parts.items() if (kind := kind_of_folds(part))}
    for name, kind in kinds.items():
        say(f"the crops of {name} were found on {kind} folds: only those are compared")
    if len(set(kinds.values())) > 1:
        raise FishError("--features: their crops were found on different kinds of folds. Compare one kind.")
    return list(kinds.values())[:1]


def grid_entries(config: CompareConfig) -> list[TrainConfig]:
    """The grid as configs of train, each checked; options that a head has no use for are left out."""
    asked: list[str | None] = [None]
    if config.features is not None:
        asked = ["+".join(split_stores(each)) for each in _listed(config.features, "--features")]
    shared = {field.name: getattr(config, field.name) for field in dataclasses.fields(FitConfig)}
    known_boxes = get_args(get_type_hints(TrainConfig)["boxes"])
    boxes = [choose(each, known_boxes, "boxes") for each in _listed(config.boxes, "--boxes")]
    heads, metadata = _listed(config.heads, "--heads"), _listed(config.metadata, "--metadata")
    entries: list[TrainConfig] = []
    useless: dict[str, str] | None = None
    left_out: dict[str, None] = {}
    for name, head, kind, rule in itertools.product(asked, heads, metadata, boxes):
        values: dict[str, Any] = {**shared, "features": name, "head": head, "metadata": kind, "boxes": rule}
        choose(head, HEADS, "head")
        entry = without_boxes(TrainConfig(**values))
        if why := _why_left_out(entry, len(asked)):
            left_out[why] = None
            continue
        unused = unused_options(entry)
        useless = (
            unused if useless is None else {name: why for name, why in useless.items() if name in unused}
        )
        entry = dataclasses.replace(entry, **{name: default_of(name) for name in unused})
        check_options(entry)
        if entry not in entries:  # kinds of boxes are all the same where none is learned
            entries.append(entry)
    for why in left_out:
        say(why)
    if not entries:
        raise FishError("nothing is left to compare. Pass other --heads or --metadata.")
    for name, why in (useless or {}).items():
        raise FishError(f"{flag(name)} means nothing to any of these heads ({why}). Leave it out.")
    return entries


def _why_left_out(entry: TrainConfig, n_features: int) -> str:
    """Why an entry of the grid is left out that makes sense with other entries only; "" where it isn't."""
    kind = HEADS[entry.head]
    if kind.fitted_by == "sklearn" and "size-embedding" in entry.metadata:
        return f"{entry.head} is left out with {entry.metadata}, which only Keras learns"
    if n_features > 1 and kind.looks_at == "maps" and len(entry.store_names or []) > 1:
        return f"{entry.head} is left out on {entry.features}: it needs maps, and pooled features are joined"
    return ""


def on_stores(
    config: CompareConfig, entries: list[TrainConfig]
) -> tuple[dict[str, HeadStore], list[TrainConfig]]:
    """The features that are compared, of one store each or of several joined, and the entries they serve for.

    Where features are compared, metadata of detections are left out on those of whole photos.

    Returns:
        The stores by what names them in `features` of the entries; entries that named none name theirs now.

    Raises:
        FishError: no such store, or an entry that its features can't serve.
    """
    stores, kept = {}, []
    for asked in dict.fromkeys(each.features for each in entries):
        store = pick_stores(config.stores_dir, asked)
        stores[asked or parts_of(store)[0].store_dir.name] = store
    for entry in entries:
        if entry.features is None:
            entry = dataclasses.replace(entry, features=next(iter(stores)))
        store = stores[str(entry.features)]
        is_detected = "detection" in check_metadata(entry.metadata)
        if len(stores) > 1 and is_detected and not has_detections(store):
            continue
        check_serves(entry, store)
        kept.append(entry)
    if len(kept) < len(entries):
        say("metadata of detections are left out on features of whole photos, where nothing was looked for")
    return stores, kept


def _listed(text: str, option: str) -> list[str]:
    parts = [part.strip() for part in text.split(",")]
    if not all(parts) or len(set(parts)) < len(parts):
        raise FishError(f"{option} {text!r}: expected different names with commas between them.")
    return parts


def cell_of(config: CompareConfig, entry: TrainConfig, kind: str, n_features: int) -> Cell:
    """The runs of an entry of the grid: they lie in the comparison's own folder, as runs like any others.

    Where features are compared, their fingerprints are a part of the runs' names.
    """
    configs = []
    prints = [name.rpartition("-")[2] for name in entry.store_names or []]
    features = f"-{'+'.join(prints)}" if n_features > 1 else ""
    for repeat in range(config.repeats):
        seed = config.seed + repeat
        name = f"{entry.head}-{entry.metadata}-{entry.boxes}{features}-{kind}-{seed}"
        changes: dict[str, Any] = {"name": name, "seed": seed, "models_dir": config.models_dir / config.name}
        groups = entry.groups if kind == "grouped" else "none"
        configs.append(dataclasses.replace(entry, groups=groups, **changes))
    return Cell(kind, configs)
