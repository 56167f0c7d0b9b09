"""From image files to the feature store, decoding beside computing."""

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from fishcli.basics.errors import FishError
from fishcli.basics.progress import bar, say
from fishcli.dataset.photos.photo import warn_of_truncated
from fishcli.features.ahead import in_pieces, map_ahead
from fishcli.features.backbones.backbone import Backbone
from fishcli.features.backbones.descriptors.names import is_descriptor
from fishcli.features.backbones.engines.loading import Engine
from fishcli.features.photo_inputs import Inputs, SplitPlan, boxes_name, read_inputs
from fishcli.features.store.arrays import record_engine
from fishcli.features.store.recipe import INPUT
from fishcli.features.store.store import FeatureStore
from fishcli.features.todo import Todo, find_todo, lacking_in_any


def extract(
    stores: Sequence[FeatureStore],
    backbone: Backbone,
    engine: Engine,
    plan: SplitPlan,
    batch_size: int,
    n_workers: int,
) -> None:
    """Compute the chunks of a split's views that a store lacks, or several stores of one backbone's layers.

    Features do not depend on where an earlier run was interrupted. Memory holds a few chunks, however many
    images there are. Rows of images that can't be read are NaN; the store keeps the reasons.

    Args:
        stores: where the features go: a store, or one for each of the backbone's parts, whose lists of images
            and chunks are alike.
        backbone: the one that made the store, or all of them at once.
        engine: what computes it.
        plan: what to compute.
        batch_size: images a chunk of new arrays.
        n_workers: decoding threads.

    Raises:
        FishError: features that are not finite, or all zero in float16.
    """
    parts = backbone.parts or (backbone,)
    todos = [find_todo(*each, plan, batch_size) for each in zip(stores, parts, strict=True)]
    todo = lacking_in_any(todos)
    if not todo.chunks:
        return
    for store, own in zip(stores, todos, strict=True):
        for view, chunks in own.missing.items():
            if chunks:
                record_engine(store.store_dir / plan.split / view, chunks, engine.name)
    spent, truncated = _Seconds(), list[str]()
    started = time.perf_counter()
    total = sum(len(todo.rows(chunk)) for chunk in todo.chunks)
    with (
        ThreadPoolExecutor(n_workers) as readers,
        ThreadPoolExecutor(engine.n_threads) as computers,
        bar(total, f"features of {plan.split}", "img") as progress,
    ):

        def read(item: tuple[int, int]) -> "Inputs | str":
            chunk, row = item
            return read_inputs(plan, row, [view for view in plan.views if todo.lacks(view, chunk)], backbone)

        def compute(images: list[np.ndarray]) -> tuple[np.ndarray, float]:
            begun = time.perf_counter()
            return engine.compute(np.stack(images)), time.perf_counter() - begun

        to_read = ((chunk, [(chunk, row) for row in todo.rows(chunk)]) for chunk in todo.chunks)
        batches = _batches(stores, plan, todos, map_ahead(readers, read, to_read), (spent, truncated))
        jobs = ((batch, in_pieces(batch.pixels, engine.batch_size)) for batch in batches)
        for batch, pieces in map_ahead(computers, compute, jobs):
            begun = time.perf_counter()
            computed = zip(*(backbone.split(found) for found, _ in pieces), strict=True)
            of_parts = list(computed) or [()] * len(parts)  # of no readable image
            for own, part, values in zip(todos, parts, of_parts, strict=True):
                if own.lacks(batch.view, batch.chunk):
                    features = features_of(values, batch.readable, batch.n_images, part)
                    own.arrays[batch.view][batch.rows] = features
            spent.write += time.perf_counter() - begun
            spent.backbone += sum(seconds for _, seconds in pieces)
            progress.update(batch.n_images if batch.is_last else 0)
    warn_of_truncated(plan.split, truncated)
    say(_where_time_went(total, len(plan.views), time.perf_counter() - started, spent))


@dataclass(frozen=True)
class _Batch:
    """One chunk of one view: which rows, which of them can be read, and their pixels; is it its last view?"""

    view: str
    chunk: int
    rows: slice
    readable: list[int]
    pixels: list[np.ndarray]
    is_last: bool

    @property
    def n_images(self) -> int:
        return self.rows.stop - self.rows.start


@dataclass
class _Seconds:
    """Seconds of all threads, by what they did."""

    decode: float = 0.0
    views: float = 0.0
    backbone: float = 0.0
    write: float = 0.0


def _batches(
    stores: Sequence[FeatureStore],
    plan: SplitPlan,
    todos: list[Todo],
    read: "Iterable[tuple[int, list[Inputs | str]]]",
    notes: "tuple[_Seconds, list[str]]",
) -> Iterator[_Batch]:
    """Chunk by chunk, view by view; boxes of augmented copies and the unreadable are written on the way.

    `notes` are added to: the seconds spent, and the images whose file lacks its last bytes.
    """
    (spent, truncated), todo = notes, lacking_in_any(todos)
    for chunk, inputs in read:
        rows = slice(todo.rows(chunk).start, todo.rows(chunk).stop)
        ids = plan.images[rows]
        reasons = {image: each for image, each in zip(ids, inputs, strict=True) if isinstance(each, str)}
        for store in stores if reasons else []:  # before the chunk counts as done
            store.add_unreadable(plan.split, reasons)
        readable = {i: each for i, each in enumerate(inputs) if isinstance(each, Inputs)}
        spent.decode += sum(each.decode_s for each in readable.values())
        spent.views += sum(each.views_s for each in readable.values())
        truncated += [ids[i] for i, each in readable.items() if each.is_truncated]
        wanted = [view for view in plan.views if todo.lacks(view, chunk)]
        for view in wanted:
            for own in todos:
                if boxes_name(view) in own.arrays and own.lacks(view, chunk):
                    write_boxes(own.arrays[boxes_name(view)], rows, view, readable)
            pixels = [each.pixels[view] for each in readable.values()]
            yield _Batch(view, chunk, rows, list(readable), pixels, view == wanted[-1])


def _where_time_went(n_images: int, n_views: int, seconds: float, spent: _Seconds) -> str:
    """The time of all threads, by what they did."""
    parts = {"decode": spent.decode, "views": spent.views, "backbone": spent.backbone, "write": spent.write}
    whole = max(sum(parts.values()), 1e-9)
    shares = ", ".join(f"{name} {part / whole:.0%}" for name, part in parts.items())
    views = f" x {n_views} views" if n_views > 1 else ""
    rate = n_images / max(seconds, 1e-9)
    return (
        f"{n_images:,} images{views} in {seconds:,.1f} s, {rate:,.1f} img/s; of all threads' time: {shares}"
    )


def write_boxes(array: Any, rows: slice, copy: str, readable: dict[int, Inputs]) -> None:
    """Write a chunk's boxes of an augmented copy; `readable` by place in the chunk."""
    boxes = np.full((rows.stop - rows.start, *array.shape[1:]), np.nan, np.float32)
    for i, each in readable.items():
        boxes[i] = each.boxes[copy]
    array[rows] = boxes


def features_of(
    pieces: Sequence[np.ndarray], readable: list[int], n_images: int, backbone: Backbone
) -> np.ndarray:
    """A chunk's features (n_images, ...) in the recipe's type; NaN, or black, where an image can't be read.

    Args:
        pieces: what the engine computed of the readable images, in order.
        readable: their places in the chunk.
        n_images: of the chunk.
        backbone: for what it is called.

    Raises:
        FishError: features that are worth nothing.
    """
    is_pixels = backbone.recipe.layer == INPUT
    empty = 0 if is_pixels else np.nan
    features = np.full((n_images, *backbone.feature_shape), empty, backbone.recipe.dtype)
    if pieces:
        features[readable] = np.concatenate(pieces) if is_pixels else _checked(pieces, backbone)
    return features


def _checked(pieces: Sequence[np.ndarray], backbone: Backbone) -> np.ndarray:
    """Computed features in float16; FishError where they are worth nothing."""
    with np.errstate(over="ignore"):
        features = np.concatenate(pieces).astype(np.float16)
    where = f"{backbone.recipe.backbone}'s features at layer {backbone.recipe.layer}"
    if not np.isfinite(features).all():
        raise FishError(
            f"{where} are not finite in float16 (over 65504, or NaN): these weights are damaged or made for "
            "other preprocessing. Pass other --weights or another --layer."
        )
    if not features.any() and not is_descriptor(backbone.recipe.backbone):  # to which an even photo is zeros
        raise FishError(
            f"{where} are all zero in float16: the signal dies out with these weights. Pass other --weights "
            "(imagenet, or random, which is calibrated) or an earlier --layer."
        )
    return features
