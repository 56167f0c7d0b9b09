"""A store's chunks as the tasks of a cluster."""

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fishcli.basics.cluster import Cluster, stop_if_cancelled
from fishcli.basics.errors import FishError
from fishcli.basics.progress import bar, say
from fishcli.basics.remote import is_remote
from fishcli.dataset.photos.photo import warn_of_truncated
from fishcli.features.backbones.backbone import Backbone
from fishcli.features.backbones.engines.loading import (
    N_CHECKED,
    Engine,
    EngineChoice,
    checked,
    choice_of,
    load_engine,
)
from fishcli.features.backbones.stored import reload_backbone
from fishcli.features.extract import features_of, write_boxes
from fishcli.features.photo_inputs import Inputs, SplitPlan, boxes_name, first_inputs, read_inputs
from fishcli.features.photos.recipes import PREFIX
from fishcli.features.store.arrays import record_engine
from fishcli.features.store.store import FeatureStore
from fishcli.features.todo import Todo, find_todo


@dataclass(frozen=True)
class ChunkTask:
    """One chunk of a split, in all the views that lack it.

    Attributes:
        store_dir: the store.
        start: the chunk's first row.
        plan: of the chunk's images and those views only.
        choice: what computes.
        engine: its name, the same on all workers; "" for the first task, which asks for it.
        batch_size: images that Keras takes at a time.
        unreadable: images that are known to be so.
    """

    store_dir: Path
    start: int
    plan: SplitPlan
    choice: EngineChoice
    engine: str
    batch_size: int
    unreadable: frozenset[str]


@dataclass(frozen=True)
class ChunkDone:
    """What became of a chunk.

    Attributes:
        task: it.
        unreadable: why images can't be read that were not known to be so; then nothing was written.
        truncated: images that were read though their file lacks its last bytes.
    """

    task: ChunkTask
    unreadable: dict[str, str]
    truncated: tuple[str, ...] = ()


def extract_on(
    cluster: Cluster, store: FeatureStore, backbone: Backbone, plan: SplitPlan, how: tuple[EngineChoice, int]
) -> None:
    """Compute on a cluster what `extract` computes here, to the same bytes.

    Workers write their chunks themselves: they share no file, so nothing needs a lock. The store's other
    files are written here.

    Args:
        cluster: whose workers see the data and the store under the same paths as this process.
        store: where the features go.
        backbone: the one that made the store.
        plan: what to compute.
        how: the engine, and the images of a batch.
    """
    todo = find_todo(store, backbone, plan, how[1])
    if not todo.chunks:
        return
    tasks = _tasks(store, todo, plan, how)
    (engine,) = cluster.run(name_engine, [(next(_tasks(store, todo, plan, how)),)])
    say(f"engine of the workers: {engine}")
    choice = choice_of(engine)
    for view, chunks in todo.missing.items():
        record_engine(store.store_dir / plan.split / view, chunks, engine)
    again: list[ChunkTask] = []
    truncated: list[str] = []
    total = sum(len(todo.rows(chunk)) for chunk in todo.chunks)
    with bar(total, f"features of {plan.split}", "img") as progress:
        while True:
            calls = ((replace(task, choice=choice, engine=engine),) for task in tasks)
            with closing(cluster.run(compute_chunk, calls)) as results:
                for done in results:
                    if done.unreadable:  # before the chunk counts as done
                        store.add_unreadable(plan.split, done.unreadable)
                        unreadable = frozenset(store.unreadable(plan.split))
                        again.append(replace(done.task, unreadable=unreadable))
                    else:
                        truncated += done.truncated
                        progress.update(len(done.task.plan.images))
            if not again:
                break
            tasks, again = iter(again), []
    warn_of_truncated(plan.split, sorted(truncated))


def _tasks(
    store: FeatureStore, todo: Todo, plan: SplitPlan, how: tuple[EngineChoice, int]
) -> Iterator[ChunkTask]:
    known = frozenset(store.unreadable(plan.split))
    for chunk in todo.chunks:
        rows = slice(todo.rows(chunk).start, todo.rows(chunk).stop)
        part = replace(
            plan,
            views=[view for view in plan.views if todo.lacks(view, chunk)],
            images=plan.images[rows],
            paths=[
                path.absolute() if path is not None and _seen(path) else None for path in plan.paths[rows]
            ],
            boxes=None if plan.boxes is None else plan.boxes[rows],
            regions=None if plan.regions is None else plan.regions[rows],
            decks={
                copy: [each and each.absolute() for each in decks[rows]] for copy, decks in plan.decks.items()
            },
        )
        yield ChunkTask(store.store_dir.absolute(), rows.start, part, how[0], "", how[1], known)


_lock = threading.Lock()
_ready: dict[tuple[Path, int], tuple[FeatureStore, Backbone, Engine]] = {}
"""On a worker: the store that it computes for, with its backbone; one, for memory's sake."""


def _seen(path: Path) -> bool:
    """Whether a photo can be opened; of a remote one that is seen when it is read."""
    return is_remote(path) or path.exists()


def name_engine(task: ChunkTask) -> str:
    """On a worker: load the backbone, compare the engine with Keras, and say which it is."""
    return _make_ready(task)[2].name


def _make_ready(task: ChunkTask) -> tuple[FeatureStore, Backbone, Engine]:
    key = (task.store_dir, task.batch_size)
    with _lock:
        if key not in _ready or _ready[key][2].name != task.engine:
            _ready.clear()
            store = FeatureStore(task.store_dir)
            backbone = reload_backbone(store)
            engine = load_engine(backbone, task.choice, task.batch_size, task.store_dir)
            if not task.engine:
                engine = checked(
                    engine, backbone, first_inputs(task.plan, backbone, N_CHECKED), task.batch_size
                )
            _ready[key] = (store, backbone, engine)
        return _ready[key]


def compute_chunk(task: ChunkTask) -> ChunkDone:
    """On a worker: compute a chunk and write it.

    Raises:
        FishError: the worker doesn't see the photos or the store, or would compute by another engine.
    """
    store, backbone, engine = _make_ready(task)
    if engine.name != task.engine:
        raise FishError(
            f"it computes with {engine.name}, another worker with {task.engine}. Start workers of one kind, "
            "or choose what all have: --engine keras --precision float32."
        )
    plan = task.plan
    decks = (deck.path for of_copy in plan.decks.values() for deck in of_copy if deck is not None)
    if gone := [path for path in (*plan.paths, *decks) if path is not None and not _seen(path)]:
        raise FishError(f"{gone[0]} is not there. Every worker must see the photos under the same path.")
    found = [read_inputs(plan, row, plan.views, backbone) for row in range(len(plan.images))]
    reasons = {image: each for image, each in zip(plan.images, found, strict=True) if isinstance(each, str)}
    if not reasons.keys() <= task.unreadable:
        return ChunkDone(task, reasons)
    readable = {i: each for i, each in enumerate(found) if isinstance(each, Inputs)}
    rows = slice(task.start, task.start + len(plan.images))
    for view in plan.views:
        stop_if_cancelled()  # else a photo that was replaced meanwhile could have its old features
        if plan.boxes is not None and view.startswith(PREFIX):
            write_boxes(store.array(plan.split, boxes_name(view)), rows, view, readable)
        pixels = [each.pixels[view] for each in readable.values()]
        pieces = [
            engine.compute(np.stack(pixels[i : i + engine.batch_size]))
            for i in range(0, len(pixels), engine.batch_size)
        ]
        features = features_of(pieces, list(readable), len(found), backbone)
        stop_if_cancelled()
        store.array(plan.split, view)[rows] = features
    return ChunkDone(task, {}, tuple(plan.images[i] for i, each in readable.items() if each.is_truncated))
