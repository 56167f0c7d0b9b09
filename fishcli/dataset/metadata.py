"""Image-size metadata, as people say it and as a model takes it."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError, choose

METADATA_KINDS = ("size-embedding", "size", "size-numeric")
"""In the order of their columns; all of one-hot kinds first."""
MIN_COUNT = 5
"""A size seen in fewer training rows is treated as unseen: its column would only be learned by heart."""


def size_keys(images: pd.DataFrame) -> list[str]:
    """Each image's `size_key`, "1280x720" (width x height), from the columns `height` and `width`."""
    return [f"{width}x{height}" for height, width in zip(images["height"], images["width"], strict=True)]


def log_sizes(images: pd.DataFrame) -> np.ndarray:
    """Natural logarithms of width, height and aspect (width over height): (n, 3) float64."""
    width, height = (np.log(images[side].to_numpy(float)) for side in ("width", "height"))
    return np.stack([width, height, width - height], axis=1)


def check_metadata(metadata: str) -> list[str]:
    """The kinds that `metadata` joins with "+", in the order of METADATA_KINDS; none for "none".

    Raises:
        FishError: an unknown kind, or "none" among others.
    """
    if metadata == "none":
        return []
    asked = [choose(kind, [*METADATA_KINDS, "none"], "metadata") for kind in metadata.split("+")]
    if "none" in asked:
        raise FishError(f"--metadata {metadata}: none can't be joined with others.")
    return [kind for kind in METADATA_KINDS if kind in asked]


@dataclass(frozen=True)
class MetadataEncoder:
    """Turns image sizes into the numbers a head takes; fitted on a fold's training rows only.

    Attributes:
        kind: kinds of METADATA_KINDS joined with "+", or "none".
        vocabulary: for "size" and "size-embedding", the size_keys that have a column, sorted.
        mean: for "size-numeric", the mean of log width, log height and log aspect.
        scale: their standard deviations (1 where a column is constant).
    """

    kind: str
    vocabulary: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()

    @staticmethod
    def fit(kind: str, images: pd.DataFrame) -> "MetadataEncoder":
        """Learn the vocabulary and the scale from `images` (columns height and width)."""
        kinds = check_metadata(kind)
        encoder = MetadataEncoder(kind)
        if "size" in kinds or "size-embedding" in kinds:
            counts = pd.Series(size_keys(images), dtype=object).value_counts()
            common = tuple(sorted(counts.index[counts >= MIN_COUNT]))
            encoder = dataclasses.replace(encoder, vocabulary=common)
        if "size-numeric" in kinds:
            logs = log_sizes(images)
            scale = np.where(np.ptp(logs, axis=0) > 1e-9, logs.std(axis=0), 1.0)
            mean = tuple(logs.mean(axis=0).tolist())
            encoder = dataclasses.replace(encoder, mean=mean, scale=tuple(scale.tolist()))
        return encoder

    @property
    def n_embedded(self) -> int:
        """How many of the columns, the first ones, are meant for an embedding."""
        return len(self.vocabulary) if "size-embedding" in check_metadata(self.kind) else 0

    @property
    def n_columns(self) -> int:
        """The number of columns that `encode` returns."""
        one_hot = len(self.vocabulary) if "size" in check_metadata(self.kind) else 0
        return self.n_embedded + one_hot + len(self.mean)

    def encode(self, images: pd.DataFrame) -> np.ndarray:
        """Encode the sizes of `images` (columns height and width): (n, n_columns) float32.

        A rare or unseen size is a row of **zeros**: an "unknown" column would be constant 0 in training
        and be blown up by batch normalisation on the first unseen boat. Numeric columns are clipped to
        5 standard deviations for the same reason; 0 is their mean. So zeros stand for "unknown" everywhere.

        Raises:
            ValueError: a column is missing.
        """
        missing = {"height", "width"} - set(images.columns)
        if missing and self.n_columns:
            raise ValueError(f"metadata needs the columns {sorted(missing)} of the images")
        parts = [np.zeros((len(images), 0), np.float32)]
        for kind in check_metadata(self.kind):
            if kind == "size-numeric":
                scaled = (log_sizes(images) - np.array(self.mean)) / np.array(self.scale)
                parts.append(np.clip(scaled, -5.0, 5.0).astype(np.float32))
            else:
                parts.append(self._one_hot(images))
        return np.hstack(parts)

    def _one_hot(self, images: pd.DataFrame) -> np.ndarray:
        column = {key: index for index, key in enumerate(self.vocabulary)}
        encoded = np.zeros((len(images), len(column)), np.float32)
        for row, key in enumerate(size_keys(images)):
            if key in column:
                encoded[row, column[key]] = 1.0
        return encoded


def is_hardly_shared(images: pd.DataFrame) -> bool:
    """Whether most images have a size of their own, so that a one-hot of sizes tells nothing."""
    keys = pd.Series(size_keys(images), dtype=object)
    return bool(keys.map(keys.value_counts()).ge(MIN_COUNT).mean() < 0.5)


def encoder_from_json(value: dict[str, Any]) -> MetadataEncoder:
    """The encoder that `dataclasses.asdict` turned into JSON."""
    lists = {name: tuple(value[name]) for name in ("vocabulary", "mean", "scale")}
    return MetadataEncoder(value["kind"], **lists)
