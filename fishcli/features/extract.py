"""From image files to the feature store: decoding ahead in threads, one decode for all views of an image."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from fishcli.errors import FishError
from fishcli.features.augment import PREFIX, augment, augmentation_digest
from fishcli.features.backbones import Backbone
from fishcli.features.decode import UnreadableImageError, decode
from fishcli.features.store import FeatureStore
from fishcli.features.views import VIEWS, boxes_to_input, resize
from fishcli.progress import bar

Item = TypeVar("Item")
Result = TypeVar("Result")
CHUNKS_AHEAD = 2


@dataclass(frozen=True)
class SplitPlan:
    """What to compute of one split.

    Attributes:
        split: "train" or a test folder's name.
        views: names of views and of augmented copies.
        images: the image ids, in the order of the store's list.
        paths: the file of each image; None where it is gone.
        boxes: for augmented copies, the boxes (n, m, 4) that move with the pixels, fractions of the photo;
            None where the data set has none.
        boxes_sha256: identifies them.
    """

    split: str
    views: list[str]
    images: list[str]
    paths: list[Path | None]
    boxes: np.ndarray | None = None
    boxes_sha256: str = ""

    def boxes_of(self, row: int) -> np.ndarray:
        """The boxes (m, 4) of an image, m = 0 where the data set has none."""
        return np.zeros((0, 4), np.float32) if self.boxes is None else self.boxes[row]


def boxes_name(copy: str) -> str:
    """The name under which an augmented copy's boxes stand in the store."""
    return f"{copy}_boxes"


def copies_made_by(plan: SplitPlan) -> str:
    """What augmented copies depend on besides the recipe: the augmentation and the boxes it moved."""
    return f"albumentations {augmentation_digest()}, boxes {plan.boxes_sha256}"


def extract(
    store: FeatureStore, backbone: Backbone, plan: SplitPlan, batch_size: int, n_workers: int
) -> None:
    """Compute the chunks of a split's views that the store lacks.

    A batch is always one chunk of the store, padded to its full size: the features do not depend on where an
    earlier run was interrupted. Memory holds a few chunks, however many images there are. Rows of images that
    can't be read are NaN; the store keeps the reasons.

    Raises:
        FishError: features that are not finite, or all zero in float16.
    """
    arrays = _require_arrays(store, backbone, plan, batch_size)
    missing = {view: store.missing_chunks(plan.split, view) for view in plan.views}
    for view in missing:
        if boxes_name(view) in arrays:
            missing[view] |= store.missing_chunks(plan.split, boxes_name(view))
    chunks = sorted(set().union(*missing.values()))
    n_images, chunk_size = len(plan.images), arrays[plan.views[0]].chunks[0]
    rows_of = {chunk: range(chunk * chunk_size, min((chunk + 1) * chunk_size, n_images)) for chunk in chunks}
    compute = compiled(backbone)

    def read(row: int) -> "_Inputs | str":
        wanted = [view for view in plan.views if row // chunk_size in missing[view]]
        return _read_inputs(plan, row, wanted, backbone)

    total = sum(len(rows) for rows in rows_of.values())
    with ThreadPoolExecutor(n_workers) as pool, bar(total, f"features of {plan.split}", "img") as progress:
        for chunk, inputs in zip(chunks, map_ahead(pool, read, rows_of.values()), strict=True):
            rows = slice(rows_of[chunk].start, rows_of[chunk].stop)
            ids = plan.images[rows]
            reasons = {image: each for image, each in zip(ids, inputs, strict=True) if isinstance(each, str)}
            if reasons:  # before the chunk counts as done
                store.set_unreadable(plan.split, {**store.unreadable(plan.split), **reasons}, skipped=False)
            readable = {i: each for i, each in enumerate(inputs) if isinstance(each, _Inputs)}
            for view in plan.views:
                if chunk not in missing[view]:
                    continue
                if boxes_name(view) in arrays:
                    boxes = np.full((len(inputs), *arrays[boxes_name(view)].shape[1:]), np.nan, np.float32)
                    for i, each in readable.items():
                        boxes[i] = each.boxes[view]
                    arrays[boxes_name(view)][rows] = boxes
                pixels = {i: each.pixels[view] for i, each in readable.items()}
                features = np.full((len(inputs), *backbone.feature_shape), np.nan, np.float16)
                if pixels:
                    features[list(pixels)] = _features_of(compute, pixels, backbone, chunk_size)
                arrays[view][rows] = features
            progress.update(len(inputs))


@dataclass(frozen=True)
class _Inputs:
    """One image's inputs to the backbone and, for augmented copies, its boxes there, by view name."""

    pixels: dict[str, np.ndarray]
    boxes: dict[str, np.ndarray]


def _require_arrays(
    store: FeatureStore, backbone: Backbone, plan: SplitPlan, batch_size: int
) -> dict[str, Any]:
    n_images = len(plan.paths)
    chunk_size = store.chunk_size(plan.split) or batch_size  # so that one decode serves all views
    arrays = {}
    for view in plan.views:
        made_by = copies_made_by(plan) if view.startswith(PREFIX) else ""
        if view.startswith(PREFIX) and plan.boxes is not None:
            shape: tuple[int, ...] = (n_images, *plan.boxes.shape[1:])
            name = boxes_name(view)
            arrays[name] = store.require_array(plan.split, name, shape, chunk_size, "float32", made_by)
        shape = (n_images, *backbone.feature_shape)
        arrays[view] = store.require_array(plan.split, view, shape, chunk_size, made_by=made_by)
    return arrays


def _read_inputs(plan: SplitPlan, row: int, views: list[str], backbone: Backbone) -> _Inputs | str:
    """Decode an image once and make the inputs of all `views`; or say why it can't be read."""
    path, recipe = plan.paths[row], backbone.recipe
    if path is None:
        return "the file is missing"
    try:
        photo = decode(path)
    except UnreadableImageError as error:
        return str(error)
    pixels, boxes = {}, {}
    for view in views:
        if view.startswith(PREFIX):
            upright = resize(photo, recipe.image_size, recipe.resize)
            boxes_here = plan.boxes_of(row)
            sizes = np.repeat([photo.shape[:2]], len(boxes_here), axis=0)
            placed = boxes_to_input(boxes_here, sizes, recipe.image_size, recipe.resize)
            pixels[view], boxes[view] = augment(upright, placed, plan.images[row], view)
        else:
            pixels[view] = resize(VIEWS[view].apply(photo), recipe.image_size, recipe.resize)
    return _Inputs(pixels, boxes)


def _features_of(
    compute: Callable[[np.ndarray], np.ndarray],
    pixels: dict[int, np.ndarray],
    backbone: Backbone,
    chunk_size: int,
) -> np.ndarray:
    """Features float16 of the images in `pixels`, by their place in the chunk, checked."""
    batch = np.zeros((chunk_size, *backbone.recipe.image_size, 3), np.uint8)
    for i, image in pixels.items():
        batch[i] = image
    with np.errstate(over="ignore"):
        features = compute(batch)[list(pixels)].astype(np.float16)
    where = f"{backbone.recipe.backbone}'s features at layer {backbone.recipe.layer}"
    if not np.isfinite(features).all():
        raise FishError(
            f"{where} are not finite in float16 (over 65504, or NaN): these weights are damaged or made for "
            "other preprocessing. Pass other --weights or another --layer."
        )
    if not features.any():
        raise FishError(
            f"{where} are all zero in float16: the signal dies out with these weights. Pass other --weights "
            "(imagenet, or random, which is calibrated) or an earlier --layer."
        )
    return features


def compiled(backbone: Backbone) -> Callable[[np.ndarray], np.ndarray]:
    """The backbone as one TensorFlow graph: (batch, h, w, 3) uint8 RGB -> (batch, ...) float32."""
    import tensorflow as tf

    @tf.function(reduce_retracing=True)
    def run(images: Any) -> Any:
        return backbone.model(backbone.preprocess(tf.cast(images, tf.float32)), training=False)

    return lambda images: run(tf.constant(images)).numpy()


def map_ahead(
    pool: ThreadPoolExecutor, work: Callable[[Item], Result], jobs: Iterable[Iterable[Item]]
) -> Iterator[list[Result]]:
    """Apply `work` to every item of every job, a few jobs ahead; yield each job's results in order."""
    pending: deque[list[Future[Result]]] = deque()
    try:
        for job in jobs:
            pending.append([pool.submit(work, item) for item in job])
            if len(pending) > CHUNKS_AHEAD:
                yield [future.result() for future in pending.popleft()]
        while pending:
            yield [future.result() for future in pending.popleft()]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
