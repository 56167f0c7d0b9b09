"""Training of one fold's localiser."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fishcli.basics.cluster import stop_if_cancelled
from fishcli.basics.errors import FishError
from fishcli.basics.quiet import load_keras, seeded_keras
from fishcli.heads.inputs import Features, in_parts
from fishcli.locating.network import ENDS_WEIGHT, SCORE_WEIGHT, build_localiser, losses
from fishcli.locating.targets import Targets, cell_targets, stacked, window_of

BATCH = 16
RATE = 3e-3
WARM_UP = 0.1
FAR_CELLS = 400
"""Cells of a map up to which a box's sides are looked for far around. On larger ones that takes three times
as long: on 480 drawn photos (1,144 cells) it brought 0.026 of mean IoU for it."""
N_OF_MOMENTS = 64
"""So many photos tell the features' mean and variance well enough."""


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

    Each photo and epoch draws one of the views, and a window of its map with one of its things in it.

    Args:
        inputs: what it learns from.
        train_rows: (m,) photos; no other is looked at.
        epochs: how many.
        seed: of weights and draws.
        told: called after each epoch.

    Returns:
        The Keras model, and each epoch's training loss.

    Raises:
        FishError: none of the photos has a box, or the loss is not finite.
    """
    keras = load_keras()
    examples = _examples(keras, inputs, train_rows, seed)
    with_ends = inputs.ends is not None
    with seeded_keras(seed):
        model = build_localiser(
            inputs.map_shape[2],
            _moments(inputs, train_rows),
            _start(inputs, train_rows),
            math.prod(inputs.map_shape[:2]) <= FAR_CELLS,
            with_ends,
        )
    n_steps = epochs * len(examples)
    rate = keras.optimizers.schedules.CosineDecay(
        RATE / 100, n_steps, warmup_target=RATE, warmup_steps=max(1, int(WARM_UP * n_steps))
    )
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=0.01, global_clipnorm=1.0),
        loss=losses(with_ends),
        loss_weights={
            "score": SCORE_WEIGHT,
            "distances": 1.0,
            **({"ends": ENDS_WEIGHT} if with_ends else {}),
        },
        jit_compile=False,
    )

    def after_epoch(*_: Any) -> None:
        stop_if_cancelled()
        told()

    history = model.fit(
        examples,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=after_epoch)],
    )
    found = [float(loss) for loss in history.history["loss"]]
    if not all(map(math.isfinite, found)):
        raise FishError("the localiser's training loss is not finite: its maps hold numbers too large.")
    return model, found


def _examples(keras: Any, inputs: LocaliserInputs, rows: np.ndarray, seed: int) -> Any:
    """The batches of an epoch, drawn anew for each."""
    rng = np.random.default_rng(seed)
    n_views, map_size = len(inputs.boxes), inputs.map_shape[:2]

    class Examples(keras.utils.PyDataset):
        def __init__(self) -> None:
            super().__init__()
            self.on_epoch_end()

        def __len__(self) -> int:
            return math.ceil(len(rows) / BATCH)

        def on_epoch_end(self) -> None:
            self.order, self.views = rng.permutation(rows), rng.integers(n_views, size=len(rows))
            self.drawn = rng.random((len(rows), 3))

        def __getitem__(self, step: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
            part = slice(step * BATCH, (step + 1) * BATCH)
            photos, views = self.order[part], self.views[part]
            maps, targets = [], []
            whole = inputs.features[views, photos]
            for view, row, map_, drawn in zip(views, photos, whole, self.drawn[part], strict=True):
                window = window_of(inputs.boxes[view][row], map_size, drawn)
                maps.append(map_[window])
                targets.append({name: each[window] for name, each in inputs.targets(view, row).items()})
            return np.stack(maps).astype(np.float32), stacked(targets)

    return Examples()


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
