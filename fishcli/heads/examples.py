"""The examples that training shows a head: which rows an epoch draws, and how rows are mixed."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np
import pandas as pd

from fishcli.dataset.metadata import MetadataEncoder
from fishcli.heads.generating.smote import smote_pairs
from fishcli.heads.inputs import Features, HeadInputs, in_parts, pool_maps, with_metadata
from fishcli.heads.sampling import balanced_weights
from fishcli.options.train import TrainConfig

BLOCK_BYTES = 2**25
BLOCK_STEPS = 16
PAIRING_CYCLE = 10
"""Sample pairing is off in the last 2 of every 10 epochs, and in the last fifth of all (Inoue 2018)."""

Batch = dict[str, dict[str, np.ndarray]]
"""One step's "inputs" and "targets", by name."""
Block = Batch
"""Some steps' batches one after the other, as `Batch`; "batches" has their "ends"."""
See = Callable[[Features], dict[str, Features]]
"""What a head looks at of features, by the names of its inputs."""


def as_they_are(features: Features) -> dict[str, Features]:
    """What Keras heads look at."""
    return {"features": features}


@dataclass(frozen=True)
class PseudoRows:
    """Test images with another run's confident predictions.

    Attributes:
        images: (m rows) `height`, `width`.
        features: (1, m, ...) float16.
        rows: the rows to learn from.
        proba: (m, C), the targets.
    """

    images: pd.DataFrame
    features: Features
    rows: np.ndarray
    proba: np.ndarray


@dataclass(frozen=True)
class _Plan:
    """An epoch's examples: `first` and `second` rows of the inputs, and how much of the second is in each.

    All (m,): `mix` for features and metadata, at most 1/2, `label_mix` for labels. Boxes are the first's.
    """

    first: np.ndarray
    second: np.ndarray
    mix: np.ndarray
    label_mix: np.ndarray


class Examples:
    """What one fold's head is shown, epoch by epoch; drawn by `seed` from the fold's training rows alone."""

    def __init__(
        self,
        config: TrainConfig,
        inputs: HeadInputs,
        rows: np.ndarray,
        fitted: tuple[MetadataEncoder, np.ndarray],
        seed: int,
        pseudo: PseudoRows | None = None,
        see: See = as_they_are,
    ) -> None:
        """Prepare targets; `fitted` is the metadata encoder and the class counts of `rows`."""
        self._config, self._inputs, self._rows, self._pseudo = config, inputs, rows, pseudo
        self._seen = see(inputs.features)
        self._seen_of_pseudo = {} if pseudo is None else see(pseudo.features)
        encoder, counts = fitted
        self._rng = np.random.default_rng(seed)
        is_tagged = inputs.labels.ndim == 2
        self._targets = inputs.labels if is_tagged else np.eye(len(counts), dtype=np.float32)[inputs.labels]
        self._metadata = encoder.encode(inputs.images)
        known = ~np.isnan(inputs.boxes).any(axis=2, keepdims=True)
        boxes = np.concatenate([inputs.boxes, np.ones_like(inputs.boxes[..., :1])], axis=2)
        self._boxes = np.where(known, boxes, np.float32(0.0))
        self._pseudo_metadata = None if pseudo is None else encoder.encode(pseudo.images)
        labels = inputs.labels[rows]
        groups = rows if inputs.groups is None else inputs.groups[rows]
        self._weights = balanced_weights(labels, groups) if config.balance == "group" else None
        self._made = smote_pairs(self._pooled_rows(), labels, seed) if config.smote else None
        n_pseudo = 0 if pseudo is None else max(1, round(config.pseudo_share * config.batch_size))
        n_pseudo = min(n_pseudo, config.batch_size - 1)
        self._sizes = (config.batch_size - n_pseudo, n_pseudo)

    @property
    def n_steps(self) -> int:
        """Steps an epoch."""
        n_made = 0 if self._made is None else len(self._made[0])
        return math.ceil((len(self._rows) + n_made) / self._sizes[0])

    def epoch(self, number: int) -> Iterator[Block]:
        """The batches of epoch `number` (from 0), some steps at a time."""
        row_bytes = 2 * int(np.prod(self._inputs.features.shape[2:]))
        n_steps = max(1, min(BLOCK_STEPS, BLOCK_BYTES // (row_bytes * self._config.batch_size)))
        batches = self.batches(number)
        while parts := list(islice(batches, n_steps)):
            block = {
                kind: {name: np.concatenate([part[kind][name] for part in parts]) for name in parts[0][kind]}
                for kind in ("inputs", "targets")
            }
            sizes = [len(part["targets"]["class"]) for part in parts]
            yield {**block, "batches": {"ends": np.cumsum(sizes, dtype=np.int32)}}

    def batches(self, number: int, but: Sequence[str] = ()) -> Iterator[Batch]:
        """The batches of epoch `number` (from 0), one after the other; `but` names what nobody looks at."""
        seen = {name: each for name, each in self._seen.items() if name not in but}
        plan = self._plan(number)
        # Even batches: batch norm would learn nonsense from a last one of a single row.
        bounds = np.linspace(0, len(plan.first), self.n_steps + 1).round().astype(int)
        for start, end in pairwise(bounds):
            yield self._batch(seen, plan, slice(start, end))

    def _plan(self, number: int) -> _Plan:
        config, rng, rows = self._config, self._rng, self._rows
        drawn = rows if self._weights is None else rng.choice(rows, len(rows), p=self._weights)
        first, second, mix = drawn, drawn, np.zeros(len(drawn))
        if self._made is not None:
            one, other, share = self._made
            first, second = np.append(drawn, rows[one]), np.append(drawn, rows[other])
            mix = np.append(mix, share)
        order = rng.permutation(len(first))
        first, second, mix = first[order], second[order], mix[order]
        label_mix = mix
        if config.mixup:
            second = rng.permutation(first)
            mix = label_mix = rng.beta(config.mixup, config.mixup, len(first))
            mix = label_mix = np.minimum(mix, 1 - mix)
        is_last = number >= math.ceil(0.8 * config.epochs)
        if config.sample_pairing and number % PAIRING_CYCLE < 8 and not is_last:
            second, mix = rng.permutation(first), np.full(len(first), 0.5)
        return _Plan(first, second, mix.astype(np.float32), label_mix.astype(np.float32))

    def _batch(self, sources: dict[str, Features], plan: _Plan, part: slice) -> Batch:
        first, second = plan.first[part], plan.second[part]
        mix, label_mix = plan.mix[part], plan.label_mix[part, None]
        view = self._rng.integers(len(self._inputs.views), size=len(first))
        seen = {name: each[view, first] for name, each in sources.items()}
        metadata = self._metadata[first]
        if mix.any():
            other_view = self._rng.integers(len(self._inputs.views), size=len(first))
            others = {name: each[other_view, second] for name, each in sources.items()}
            seen = {name: _mixed(each, others[name], mix) for name, each in seen.items()}
            metadata = (1 - mix[:, None]) * metadata + mix[:, None] * self._metadata[second]
        targets = {
            "class": (1 - label_mix) * self._targets[first] + label_mix * self._targets[second],
            "box": self._boxes[view, first],
        }
        if self._pseudo is not None and self._pseudo_metadata is not None:
            row = self._rng.choice(self._pseudo.rows, self._sizes[1])
            of_pseudo = {name: self._seen_of_pseudo[name][0, row] for name in sources}
            seen = {name: np.concatenate([each, of_pseudo[name]]) for name, each in seen.items()}
            metadata = np.concatenate([metadata, self._pseudo_metadata[row]])
            targets["class"] = np.concatenate([targets["class"], self._pseudo.proba[row].astype(np.float32)])
            targets["box"] = np.concatenate([targets["box"], np.zeros((len(row), 5), np.float32)])
        if self._config.metadata_dropout:
            unknown = self._rng.random((len(metadata), 1)) < self._config.metadata_dropout
            metadata = np.where(unknown, np.float32(0.0), metadata)
        targets["auxiliary"] = targets["class"]
        return {"inputs": with_metadata(seen, metadata), "targets": targets}

    def _pooled_rows(self) -> np.ndarray:
        """Features (m, channels) float32 of the plain photos of the training rows, averaged over places."""
        parts = [self._inputs.features[0, part] for part in in_parts(self._rows)]
        pooled = [pool_maps(part) if part.ndim == 4 else part for part in parts]
        return np.concatenate(pooled).astype(np.float32)


def _mixed(first: np.ndarray, second: np.ndarray, mix: np.ndarray) -> np.ndarray:
    """Features (m, ...) of the first rows and of the second, of which there is as much as `mix` (m,) says."""
    share = mix.reshape(-1, *[1] * (first.ndim - 1))
    mixed = (1 - share) * first + share * second
    return mixed if first.dtype == np.float32 else mixed.astype(np.float16)
