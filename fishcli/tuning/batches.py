"""The examples of one epoch, drawn by seed and epoch alone; Keras is imported with this module."""

from typing import Any

import numpy as np

from fishcli.basics.quiet import load_keras
from fishcli.features.backbones.cutting import network_size
from fishcli.heads.trained import named_inputs
from fishcli.tuning.drawing import draw
from fishcli.tuning.rows import TuningRows

keras: Any = load_keras()


class EpochBatches(keras.utils.PyDataset):
    """The batches of one epoch: every row once, in an order and under views drawn by (seed, epoch)."""

    def __init__(self, source: TuningRows, batch_size: int, seed: int, epoch: int) -> None:
        """Draw; an epoch that is begun again after a kill is the same."""
        super().__init__()
        rng = np.random.default_rng([seed, epoch])
        self._source = source
        self._order = rng.permutation(source.rows)
        self._seed = [seed, epoch]
        self._views = rng.choice(source.views, len(self._order))
        n_steps = source.n_steps(batch_size)
        # Even batches: a last one of a single row would count as much as any.
        self._bounds = np.linspace(0, len(self._order), n_steps + 1).round().astype(int)

    def __len__(self) -> int:
        """How many batches there are."""
        return len(self._bounds) - 1

    def __getitem__(self, number: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """A batch's inputs and targets by name."""
        source, part = self._source, slice(self._bounds[number], self._bounds[number + 1])
        rows, views = self._order[part], self._views[part]
        features, boxes = source.inputs.features[views, rows], source.inputs.boxes[views, rows]
        named = named_inputs(features, source.metadata[rows])
        if source.drawn is not None:
            rng = np.random.default_rng([*self._seed, number])
            size = features.shape[1:3]
            drawn = draw(source.drawn, len(rows), size, rng)
            named, boxes = {**named, **drawn.named(network_size(size))}, drawn.move_boxes(boxes)
        targets = {"class": np.eye(source.n_classes, dtype=np.float32)[source.inputs.labels[rows]]}
        if source.with_boxes:
            known = ~np.isnan(boxes).any(axis=1, keepdims=True)
            # NaN would survive its mask in the gradient.
            targets["box"] = np.where(known, np.pad(boxes, ((0, 0), (0, 1)), constant_values=1), 0.0)
            targets["box"] = targets["box"].astype(np.float32)
        return named, targets
