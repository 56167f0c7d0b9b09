"""What a head is trained on: features of images by view, labels and boxes, joined on image id."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError, examples
from fishcli.dataset.boxes import BOX_RULES
from fishcli.dataset.classes import counts_of
from fishcli.features.extract import boxes_name
from fishcli.features.photos.crops import boxes_into_regions, seen_sizes
from fishcli.features.photos.recipes import PREFIX
from fishcli.features.photos.resizing import boxes_to_input
from fishcli.features.photos.views import view_of
from fishcli.features.store.again import line_for
from fishcli.features.store.store import FeatureStore

ROWS_AT_ONCE = 256


class Features(Protocol):
    """Features (v, n, ...) of n images under v views, float16 or uint8: an array, or rows of a file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(v, n, ...)."""

    def __getitem__(self, key: tuple[Any, Any]) -> np.ndarray:
        """`features[views, rows]` (m, ...): two index arrays (m,), either of which may be one number."""


@dataclass(frozen=True)
class HeadInputs:
    """Everything of n images that a head sees.

    Attributes:
        images: (n rows) `image`, `class_name`, `height`, `width`.
        labels: (n,) int64; of tags (n, C) float32, 0 or 1.
        groups: (n,) what must not straddle a fold, or None for random folds.
        views: the names of the v cached views and augmented copies.
        features: (v, n, ...) float16, maps or pooled.
        boxes: (v, n, 4) float32, fractions of each view's input, NaN where there is none.
        decks: (v, n) the id of the photo on whose deck a copy shows the image's fish, "" where on its own;
            None where all are.
    """

    images: pd.DataFrame
    labels: np.ndarray
    groups: np.ndarray | None
    views: list[str]
    features: Features
    boxes: np.ndarray
    decks: np.ndarray | None = None

    @property
    def n_classes(self) -> int:
        """How many classes, or tags, there are."""
        return int(self.labels.shape[1] if self.labels.ndim == 2 else self.labels.max() + 1)

    def counts(self, rows: np.ndarray) -> np.ndarray:
        """Images of each class among some `rows` (m,): (C,) int64; of tags (2, C)."""
        return counts_of(self.labels[rows], self.n_classes)


class Listed(Protocol):
    """A store, or several joined, that knows in which row an image is."""

    @property
    def store_dir(self) -> Path:
        """Its folder."""

    def images(self, split: str) -> pd.DataFrame | None:
        """The image list of a split."""


def store_rows(store: Listed, split: str, images: Sequence[str]) -> np.ndarray:
    """The rows (n,) of `images` in the store's arrays of a split.

    Raises:
        FishError: an image has no features.
    """
    listed = store.images(split)
    known = {} if listed is None else {image: row for row, image in enumerate(listed["image"])}
    lacking = [image for image in images if image not in known]
    if lacking:
        raise FishError(
            f"the store {store.store_dir.name} lacks {len(lacking):,} images of {split}: "
            f"{examples(lacking)}. Compute them: {line_for(store.store_dir, split, [])}."
        )
    return np.array([known[image] for image in images], np.int64)


def check_finite(store: FeatureStore, split: str, rows: np.ndarray, features: np.ndarray) -> None:
    """Raise FishError where the features (n, ...) of some `rows` of a split are not finite numbers."""
    bad = ~np.isfinite(features.reshape(len(features), -1)).all(axis=1)
    if not bad.any():
        return
    listed = store.images(split)
    ids: Sequence[str] = [] if listed is None else list(listed["image"].iloc[rows[bad]])
    raise FishError(
        f"the features of {examples(ids)} in {store.store_dir / split} are not finite numbers. Remove "
        f"that folder and compute it again: {line_for(store.store_dir, split, [])}; if it stays so, float16 "
        "is too narrow for this layer: choose another --layer."
    )


def in_parts(rows: np.ndarray) -> list[np.ndarray]:
    """Rows (n,) in parts whose maps fit into memory together."""
    return np.split(rows, range(ROWS_AT_ONCE, len(rows), ROWS_AT_ONCE))


def pool_maps(maps: np.ndarray) -> np.ndarray:
    """Average maps (n, h, w, channels) float16 over their places: (n, channels) float16."""
    return maps.mean(axis=(1, 2), dtype=np.float32).astype(np.float16)


def with_metadata(seen: dict[str, Any], metadata: Any) -> dict[str, Any]:
    """What a head takes by name; no metadata (n, m) where there are no columns."""
    return {**seen, "metadata": metadata} if metadata.shape[1] else seen


def pooled_once(read: Callable[[str], np.ndarray]) -> Callable[[str], np.ndarray]:
    """The features that `read` reads under a view, pooled: read once for all who ask, as they are small."""

    @cache
    def pooled(view: str) -> np.ndarray:
        features = read(view)
        return pool_maps(features) if features.ndim == 4 else features

    return pooled


def view_boxes(
    store: FeatureStore, images: pd.DataFrame, views: list[str], boxes: np.ndarray, rule: str
) -> np.ndarray:
    """Where each image's target box lies in the backbone's input, for each view: (v, n, 4) float32.

    Args:
        store: its recipe says how photos were resized; it holds the boxes of augmented copies.
        images: the training images (`image`, `height`, `width`; of a crop store `region`).
        views: names of views and augmented copies.
        boxes: (n, 4) targets, fractions of the photo, NaN where there is none.
        rule: "largest" or "union"; which of the copies' boxes is meant.
    """
    sizes, boxes = seen_sizes(images), boxes_into_regions(boxes, images)
    placed = np.full((len(views), len(images), 4), np.nan, np.float32)
    if np.isnan(boxes).all():
        return placed
    for v, view in enumerate(views):
        if view.startswith(PREFIX):
            rows = store_rows(store, "train", list(images["image"]))
            placed[v] = store.read("train", boxes_name(view), rows)[:, BOX_RULES.index(rule)]
        else:
            known, recipe = view_of(view), store.recipe
            seen = known.apply_boxes(boxes)
            placed[v] = boxes_to_input(seen, known.sizes(sizes), recipe.image_size, recipe.resize)
    return placed
