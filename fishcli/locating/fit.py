"""Training of one fold's localiser."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from fishcli.basics.backends import backend_name
from fishcli.basics.errors import FishError
from fishcli.basics.quiet import seeded_keras
from fishcli.heads.examples import Block
from fishcli.heads.inputs import Features, in_parts
from fishcli.locating.network import build_localiser, learning_part, weighed_losses
from fishcli.locating.targets import Targets, cell_targets, stacked, window_of

BATCH = 16
BLOCK_STEPS = 4
"""Steps whose examples are in memory at a time; as many again are being made."""
RATE = 3e-3
WEIGHT_DECAY = 0.01
CLIPNORM = 1.0
FAR_CELLS = 400
"""Cells of a map up to which a box's sides are looked for far around. On larger ones that takes three times
as long: on 480 drawn photos (1,144 cells) it brought 0.026 of mean IoU for it."""
N_OF_MOMENTS = 64
"""So many photos tell the features' mean and variance well enough."""

_held: dict[tuple[Any, ...], Any] = {}
"""The trainer that was used last, by all that its graph knows of: folds have that in common."""


def usual_epochs(n_photos: int) -> int:
    """Epochs for so many photos: 12 from 480 on, more where they are few, 60 at most.

    200 photos of raccoons had a mean IoU of 0.779 after 30 epochs and of 0.783 after 60, on random folds.
    """
    return min(max(12, math.ceil(12 * (480 / max(1, n_photos)) ** 2)), 60)


@dataclass(frozen=True)
class LocaliserInputs:
    """What localisers learn from.

    Attributes:
        features: (v, n, h, w, channels) float16 maps of n photos under v views.
        boxes: of each view, of each photo: its boxes (k, 4), fractions of the view's input; NaN where lost.
        ends: likewise head and tail (k, 4) of the thing in each box; NaN where unknown. None: not learned.
    """

    features: Features
    boxes: list[list[np.ndarray]]
    ends: list[list[np.ndarray]] | None = None

    @property
    def map_shape(self) -> tuple[int, int, int]:
        """(h, w, channels)."""
        height, width, channels = self.features.shape[2:]
        return height, width, channels

    def targets(self, view: int, row: int) -> Targets:
        """What is learned of a photo under a view."""
        ends = None if self.ends is None else self.ends[view][row]
        return cell_targets(self.boxes[view][row], self.map_shape[:2], ends)


def fit_localiser(
    inputs: LocaliserInputs, train_rows: np.ndarray, epochs: int, seed: int, told: Callable[[], object]
) -> tuple[Any, list[float]]:
    """Train a localiser on a fixed schedule: AdamW, warm-up, cosine; the last epoch is kept.

    Each photo and epoch draws one of the views, and a window of its map with one of its things in it. One at
    a time: localisers that are built alike are trained by one graph, which takes seconds to make.

    Args:
        inputs: what it learns from.
        train_rows: (m,) photos; no other is looked at.
        epochs: how many.
        seed: of weights and draws.
        told: called after each epoch's last examples were drawn.

    Returns:
        The Keras model, and each epoch's training loss.

    Raises:
        FishError: none of the photos has a box, or the loss is not finite.
    """
    moments, start = _moments(inputs, train_rows), _start(inputs, train_rows)
    looks_far, with_ends = math.prod(inputs.map_shape[:2]) <= FAR_CELLS, inputs.ends is not None

    def build() -> Any:
        with seeded_keras(seed):
            return build_localiser(inputs.map_shape[2], moments, start, looks_far, with_ends)

    model = build()
    blocks = _blocks(inputs, train_rows, moments, (epochs, seed), told)
    trainer = _trainer((inputs.map_shape, looks_far, with_ends), build)
    n_steps = math.ceil(len(train_rows) / BATCH)
    found = trainer.train(learning_part(model), blocks, (epochs, n_steps), seed)["loss"]
    if not all(map(math.isfinite, found)):
        raise FishError("the localiser's training loss is not finite: its maps hold numbers too large.")
    return model, found


def _trainer(kind: tuple[Any, ...], build: Callable[[], Any]) -> Any:
    """The trainer of localisers of a kind, which `build` builds; held for the next one."""
    from fishcli.heads.networks.optimiser import HeadAdamW
    from fishcli.heads.networks.trainers import Trainer

    key = (*kind, backend_name())
    if key not in _held:
        _held.clear()
        own = learning_part(build())
        losses = weighed_losses(own.output)
        _held[key] = Trainer(own, losses, HeadAdamW(own, RATE, WEIGHT_DECAY, CLIPNORM))
    return _held[key]


def _blocks(
    inputs: LocaliserInputs,
    rows: np.ndarray,
    moments: tuple[np.ndarray, np.ndarray],
    drawn_by: tuple[int, int],
    told: Callable[[], object],
) -> Iterator[tuple[int, Block]]:
    """The batches of all epochs, some steps at a time, with the number of their epoch.

    Args:
        inputs: what is learned from.
        rows: (m,) photos, all of which an epoch shows once.
        moments: of their features, by which these are standardised.
        drawn_by: how many epochs, and the seed.
        told: called after each.
    """
    n_epochs, seed = drawn_by
    rng = np.random.default_rng(seed)
    mean, scale = moments[0], np.sqrt(moments[1])
    for number in range(n_epochs):
        order, views = rng.permutation(rows), rng.integers(len(inputs.boxes), size=len(rows))
        drawn = rng.random((len(rows), 3))
        for start in range(0, len(rows), BATCH * BLOCK_STEPS):
            part = slice(start, start + BATCH * BLOCK_STEPS)
            maps, targets = [], []
            whole = inputs.features[views[part], order[part]]
            for row, view, map_, numbers in zip(order[part], views[part], whole, drawn[part], strict=True):
                window = window_of(inputs.boxes[view][row], inputs.map_shape[:2], numbers)
                maps.append(map_[window])
                targets.append({name: each[window] for name, each in inputs.targets(view, row).items()})
            features = np.stack(maps).astype(np.float32)
            features -= mean
            features /= scale
            ends = np.minimum(np.arange(BATCH, len(maps) + BATCH, BATCH), len(maps)).astype(np.int32)
            named = {"inputs": {"features": features}, "targets": stacked(targets)}
            yield number, {**named, "batches": {"ends": ends}}
        told()


def _moments(inputs: LocaliserInputs, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance (channels,) of some plain photos' features, which have thousands of places."""
    sums, squares, n = 0.0, 0.0, 0
    for part in in_parts(rows[:: math.ceil(len(rows) / N_OF_MOMENTS)]):
        flat = inputs.features[0, part].astype(np.float32).reshape(-1, inputs.map_shape[2])
        sums, squares = (
            sums + flat.sum(axis=0, dtype=np.float64),
            squares + (flat.astype(np.float64) ** 2).sum(axis=0),
        )
        n += len(flat)
    mean = sums / n
    return np.asarray(mean, np.float32), np.asarray(np.maximum(squares / n - mean**2, 1e-6), np.float32)


def _start(inputs: LocaliserInputs, rows: np.ndarray) -> tuple[float, np.ndarray]:
    """The share of cells in a thing's middle, and those cells' mean distances (4,)."""
    targets = [cell_targets(inputs.boxes[0][row], inputs.map_shape[:2]) for row in rows]
    counts = np.stack([each["distances"][..., 4] for each in targets]) > 0
    if not counts.any():
        raise FishError(
            "a fold's training photos have no box: nothing to learn. Pass fewer --folds or other --groups, "
            "or annotate more photos."
        )
    distances = np.stack([each["distances"][..., :4] for each in targets])
    return float(counts.mean()), distances[counts].mean(axis=0)
