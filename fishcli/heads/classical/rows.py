"""What a classical head is fitted on: rows of all views, and inner folds to choose and calibrate by."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fishcli.dataset.classes import can_learn, counts_of
from fishcli.dataset.folds import make_folds
from fishcli.dataset.tags import as_text
from fishcli.heads.inputs import HeadInputs
from fishcli.options.train import TrainConfig

INNER_FOLDS = 4
OF_ALL = -1
"""The fold of a row that is no photo's, but was made of all."""


def made_without(k: int) -> int:
    """The fold of a row that was made of all photos but those of fold `k`."""
    return -2 - int(k)


@dataclass(frozen=True)
class Rows:
    """Training rows, one for each view and image, r in all.

    Attributes:
        columns: (r, columns) float64, or float32 of encodings.
        labels: (r,); of tags (r, C).
        boxes: (r, 4), NaN where there is none.
        weights: (r,) 1 / views, so that an image counts once.
        class_weights: (r,) the same for the classifier; times the class's weight where that is "balanced".
        groups: (r,) int, alike for all views of an image; without groups each image is its own.
        fold: (r,) `inner_folds`, likewise; of rows that are no photos, but made of some, OF_ALL or
            `made_without`.
    """

    columns: np.ndarray
    labels: np.ndarray
    boxes: np.ndarray
    weights: np.ndarray
    class_weights: np.ndarray
    groups: np.ndarray
    fold: np.ndarray

    def where(self, chosen: np.ndarray) -> "Rows":
        """The rows that `chosen` (r,) bool names."""
        return Rows(*(getattr(self, field.name)[chosen] for field in dataclasses.fields(self)))

    @property
    def of_photos(self) -> np.ndarray:
        """Which rows (r,) bool are a photo's."""
        return self.fold >= 0

    @property
    def folds(self) -> np.ndarray:
        """The inner folds that there are, rising."""
        return np.unique(self.fold[self.of_photos])

    def teaching(self, k: int | None = None) -> np.ndarray:
        """Which rows (r,) bool teach where fold `k` is held out; where none is, without it."""
        if k is None:
            return self.fold >= OF_ALL
        return (self.of_photos & (self.fold != k)) | (self.fold == made_without(k))


def inner_folds(labels: np.ndarray, groups: np.ndarray | None, seed: int) -> np.ndarray:
    """Folds of a head's own training images, to choose or calibrate by: (m,) int64, at most INNER_FOLDS.

    Groups don't straddle them, unless groups can't be held out at all: there is one only, or whatever is held
    out, what is left has one class only. Then, and without groups, images are held out at random. Where that
    fails too (two images, say), all are in fold 0.

    Args:
        labels: (m,) of the images; of tags (m, C).
        groups: (m,) of the images, or None.
        seed: of the shuffle.
    """
    classes = pd.Series(_texts(labels))
    n_classes = labels.shape[1] if labels.ndim == 2 else int(labels.max(initial=0)) + 1
    for units in [None] if groups is None else [pd.Series(groups), None]:
        n_units = len(labels) if units is None else units.nunique()
        for n_folds in range(min(INNER_FOLDS, n_units), 1, -1):
            fold = make_folds(classes, units, n_folds, seed)
            if any(can_learn(counts_of(labels[fold != k], n_classes)) for k in range(n_folds)):
                return fold
    return np.zeros(len(labels), np.int64)


def _texts(labels: np.ndarray) -> list[str]:
    """Labels, or tags, as texts that folds can be dealt by."""
    if labels.ndim == 1:
        return [str(label) for label in labels]
    return [as_text([str(tag) for tag in np.flatnonzero(row)]) for row in labels]


def split_lone_groups(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Groups (m,) int64 in which the images of a class that has one group only stand for themselves.

    Held out with its group, such a class would never be on both sides, and could not be calibrated at all.

    Args:
        labels: (m,).
        groups: (m,) int64.
    """
    n_groups = pd.Series(groups).groupby(labels).transform("nunique").to_numpy()
    return np.where(n_groups > 1, groups, groups.max() + 1 + np.arange(len(groups)))


def make_rows(
    config: TrainConfig,
    inputs: HeadInputs,
    train_rows: np.ndarray,
    columns: np.ndarray,
    seed: int,
    fold: np.ndarray | None = None,
) -> Rows:
    """The rows that a head is fitted on.

    Args:
        config: the head and its class weights.
        inputs: what heads see.
        train_rows: (m,) rows of `inputs`.
        columns: (views * m, columns) of these, view by view.
        seed: of the inner folds.
        fold: (m,) `Rows.fold`, where some rows are no photos.
    """
    labels, n_views = inputs.labels[train_rows], len(inputs.views)
    groups = None if inputs.groups is None else pd.factorize(inputs.groups[train_rows])[0]
    if config.head == "svm" and groups is not None:
        groups = split_lone_groups(labels, groups)
    class_weights = np.ones(len(labels))
    if config.class_weight == "balanced":
        learned = labels if fold is None else labels[fold >= OF_ALL]
        counts = np.bincount(learned)
        class_weights = len(learned) / ((counts > 0).sum() * counts[labels])
    return Rows(
        columns=columns,
        labels=np.concatenate([labels] * n_views),
        boxes=np.concatenate(inputs.boxes[:, train_rows]).astype(np.float64),
        weights=np.full(len(columns), 1 / n_views),
        class_weights=np.tile(class_weights, n_views) / n_views,
        groups=np.tile(np.arange(len(labels)) if groups is None else groups, n_views),
        fold=np.tile(inner_folds(labels, groups, seed) if fold is None else fold, n_views),
    )
