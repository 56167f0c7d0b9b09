"""A pack made ready: networks built, heads loaded; and what they say of a block of photos."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError
from fishcli.basics.files import read_json
from fishcli.dataset.detections import as_read_again
from fishcli.features.backbones.stored import unpack_backbone
from fishcli.features.passing import Extractor, Passing, compute, make_ready
from fishcli.heads.joined import side_by_side
from fishcli.locating.sureness import Sureness
from fishcli.options.reading import Reading
from fishcli.runs.folders.listing import METRICS
from fishcli.runs.locating.crops import regions_in
from fishcli.runs.locating.folds import find_boxes
from fishcli.runs.locating.localiser import LocaliserRun
from fishcli.runs.locating.report import in_table
from fishcli.runs.packing.files import OpenPack
from fishcli.runs.packing.manifest import PackedMember
from fishcli.runs.packing.pace import Level, Spent, Work
from fishcli.runs.predicting.images import Heads, averaging_of, load_heads, predict_images
from fishcli.runs.predicting.views import views_of
from fishcli.runs.run import Run
from fishcli.runs.stores import with_surest

Clock = Callable[[], float]
"""Tells seconds."""


@dataclass(frozen=True)
class ReadyMember:
    """A run with its heads loaded; of several fold seeds each one's run and heads."""

    packed: PackedMember
    parts: list[tuple[Run, Heads]]


@dataclass(frozen=True)
class ReadyLocaliser:
    """A localiser with its networks loaded, and the store of its maps."""

    run: LocaliserRun
    models: list[Any]
    sureness: Sureness
    store: str


@dataclass(frozen=True)
class ReadyPack:
    """A pack made ready.

    Attributes:
        pack: what it was made of.
        extractors: what computes the features of each store.
        localisers: by name.
        members: the runs, in order.
    """

    pack: OpenPack
    extractors: dict[str, Extractor]
    localisers: dict[str, ReadyLocaliser]
    members: list[ReadyMember]

    @property
    def work(self) -> Work:
        """What there is to do for a photo."""
        views = self.views(Level(max(each.packed.n_views for each in self.members), 1))
        of_runs = [(each.packed.n_views, len(heads)) for each in self.members for _, heads in each.parts]
        return Work([len(names) for names in views.values()], of_runs)

    def views(self, level: Level) -> dict[str, list[str]]:
        """The views that each store of a head is asked for."""
        found: dict[str, list[str]] = {}
        for member in self.members:
            names = views_of(member.parts[0][0], min(member.packed.n_views, level.n_views))
            for store in member.packed.stores:
                found[store] = list(dict.fromkeys([*found.get(store, []), *names]))
        return found


def load_pack(pack: OpenPack, images: pd.DataFrame, reading: Reading, n_workers: int) -> ReadyPack:
    """Make a pack ready for some photos.

    Args:
        pack: it is open.
        images: the photos: `image`, `path`.
        reading: how they are read, but for what recipes say.
        n_workers: decoding threads.

    Raises:
        FishError: what is in it is of another version, or can't be loaded.
    """
    packed = pack.packed
    try:
        extractors = {}  # first: where one is built, Keras forgets what was before
        for name, store in packed.stores.items():
            path = pack.root / store.weights if store.weights else None
            backbone = unpack_backbone(store.recipe, path, is_random=store.is_random)
            rules = store.recipe.reading(reading.max_pixels)
            extractors[name] = make_ready(backbone, images, rules, n_workers)
        localisers = {}
        for name, known in packed.localisers.items():
            found_by = LocaliserRun.open(pack.root / known.run)
            sureness = Sureness.from_json(read_json(found_by.run_dir / METRICS)["sureness"])
            localisers[name] = ReadyLocaliser(found_by, found_by.load_models(), sureness, known.store)
        members = []
        for each in packed.members:
            runs = [Run.open(pack.root / place) for place in each.runs]
            parts = [(this_run, load_heads(this_run, len(images) * each.n_views)) for this_run in runs]
            members.append(ReadyMember(each, parts))
    except (FishError, KeyError, TypeError, ValueError) as error:
        reason = str(error).replace(str(pack.root), pack.name).split(". ")[0]
        raise FishError(
            f"the pack {pack.name}, made by fishcli {pack.version}, can't be loaded here: {reason}. Install "
            "the versions in its requirements.txt, or pack the runs again."
        ) from None
    return ReadyPack(pack, extractors, localisers, members)


@dataclass(frozen=True)
class Block:
    """What was said of a block of photos.

    Attributes:
        proba: (n, C).
        reasons: why photos can't be read, by id.
        truncated: the ids of those whose file lacks its last bytes.
    """

    proba: np.ndarray
    reasons: dict[str, str]
    truncated: list[str]


def answer(
    ready: ReadyPack, split: str, images: pd.DataFrame, level: Level, timing: tuple[Clock, Spent]
) -> Block:
    """Predict a block of photos: crops are found, features computed, and all is forgotten but the answers.

    Args:
        ready: what predicts.
        split: the split that the photos are of.
        images: as `load_tests` has them.
        level: how many views and folds take part.
        timing: tells seconds, and what they are added to.
    """
    (clock, spent), packed = timing, ready.pack.packed
    started = clock()
    surest = {name: _find(each, ready, split, images) for name, each in ready.localisers.items()}
    located = clock()
    tables, found = {}, {}
    for store, views in ready.views(level).items():
        crop, localiser = packed.stores[store].recipe.crop, packed.stores[store].localiser
        tables[store] = images
        if crop is not None:
            tables[store] = regions_in(crop, surest[localiser], {split: images})[split]
        found[store] = compute(ready.extractors[store], split, tables[store], views)
    computed = clock()
    proba = []
    for member in ready.members:
        proba.append(_predict(member, ready, images, (tables, found), level))
    spent.crops += located - started
    spent.features += computed - located
    spent.heads += clock() - computed
    reasons = {image: reason for each in found.values() for image, reason in each.reasons.items()}
    truncated = list(dict.fromkeys(image for each in found.values() for image in each.truncated))
    return Block(packed.blend.of(np.stack(proba)), reasons, truncated)


def prior(ready: ReadyPack, n_images: int) -> np.ndarray:
    """What the pack answers (n, C) for photos that nobody looks at."""
    unseen = pd.DataFrame({"height": 0, "width": 0, "is_readable": False}, index=range(n_images))
    level = Level(1, 1)
    proba = [_said(member, ready, unseen, lambda view: np.empty(0), level) for member in ready.members]
    return ready.pack.packed.blend.of(np.stack(proba))


def _find(localiser: ReadyLocaliser, ready: ReadyPack, split: str, images: pd.DataFrame) -> pd.DataFrame:
    """Each photo's surest box, as a file of detections would have it."""
    extractor, views = ready.extractors[localiser.store], localiser.run.view_names
    maps = compute(extractor, split, images, views)
    is_readable = ~images["image"].isin(list(maps.reasons)).to_numpy()
    seen = images[is_readable]
    here = [(view, maps.features[view][is_readable]) for view in views]
    if seen.empty:
        return in_table([], localiser.sureness)
    boxes = find_boxes(extractor.backbone.recipe, localiser.models, here, seen)
    rows = ((split, image, each) for image, each in zip(seen["image"], boxes, strict=True))
    detections = as_read_again(in_table(rows, localiser.sureness), images.assign(split=split))
    return detections.drop_duplicates(["split", "image"])


def _predict(
    member: ReadyMember,
    ready: ReadyPack,
    images: pd.DataFrame,
    known: tuple[dict[str, pd.DataFrame], dict[str, Passing]],
    level: Level,
) -> np.ndarray:
    """What a run says (n, C) of a block; `known`: the tables and the features of each store."""
    tables, found = known
    stores = member.packed.stores
    table = tables[stores[0]] if len(stores) == 1 else with_surest(images, [tables[each] for each in stores])
    unreadable = [image for store in stores for image in found[store].reasons]
    table = table.assign(is_readable=~images["image"].isin(unreadable))
    rows = np.flatnonzero(table["is_readable"])
    read = partial(_read, [found[store] for store in stores], rows)
    return _said(member, ready, table, read, level)


def _said(
    member: ReadyMember,
    ready: ReadyPack,
    table: pd.DataFrame,
    read: Callable[[str], np.ndarray],
    level: Level,
) -> np.ndarray:
    """What a run says (n, C) of images as `predict_images` takes them; fold seeds are averaged."""
    recipe = ready.extractors[member.packed.stores[0]].backbone.recipe
    n_views, proba = min(member.packed.n_views, level.n_views), []
    for this_run, heads in member.parts:
        how = averaging_of(this_run, n_views, ready.pack.packed.mean)
        proba.append(predict_images(heads[: level.n_folds], read, recipe, table, how)[0])
    return np.asarray(np.mean(proba, axis=0))


def _read(found: list[Passing], rows: np.ndarray, view: str) -> np.ndarray:
    """The features of rows under a view, of several stores side by side."""
    parts = [each.features[view][rows] for each in found]
    return parts[0] if len(parts) == 1 else side_by_side(parts)
