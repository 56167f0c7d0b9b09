"""Image-size metadata, as people say it and as a model takes it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

METADATA_KINDS = ("size", "size-numeric", "none")
MIN_COUNT = 5
"""A size seen in fewer training rows is treated as unseen: its column would only be learned by heart."""


def size_keys(images: pd.DataFrame) -> list[str]:
    """Each image's `size_key`, "1280x720" (width x height), from the columns `height` and `width`."""
    return [f"{width}x{height}" for height, width in zip(images["height"], images["width"], strict=True)]


def log_sizes(images: pd.DataFrame) -> np.ndarray:
    """Natural logarithms of width, height and aspect (width over height): (n, 3) float64."""
    width, height = (np.log(images[side].to_numpy(float)) for side in ("width", "height"))
    return np.stack([width, height, width - height], axis=1)


@dataclass(frozen=True)
class MetadataEncoder:
    """Turns image sizes into the numbers a head takes; fitted on a fold's training rows only.

    Attributes:
        kind: one of METADATA_KINDS.
        vocabulary: for "size", the size_keys that have a column, sorted.
        mean: for "size-numeric", the mean of log width, log height and log aspect.
        scale: their standard deviations (1 where a column is constant).
    """

    kind: str
    vocabulary: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()

    @staticmethod
    def fit(kind: str, images: pd.DataFrame) -> "MetadataEncoder":
        """Learn the vocabulary or the scale from `images` (columns height and width)."""
        if kind == "size":
            counts = pd.Series(size_keys(images), dtype=object).value_counts()
            return MetadataEncoder(kind, tuple(sorted(counts.index[counts >= MIN_COUNT])))
        if kind == "size-numeric":
            logs = log_sizes(images)
            scale = np.where(np.ptp(logs, axis=0) > 1e-9, logs.std(axis=0), 1.0)
            return MetadataEncoder(kind, mean=tuple(logs.mean(axis=0).tolist()), scale=tuple(scale.tolist()))
        if kind == "none":
            return MetadataEncoder(kind)
        raise ValueError(f"unknown metadata kind {kind!r}, expected one of {METADATA_KINDS}")

    @property
    def n_columns(self) -> int:
        """The number of columns that `encode` returns."""
        return len(self.vocabulary) + len(self.mean)

    def encode(self, images: pd.DataFrame) -> np.ndarray:
        """Encode the sizes of `images`: (n, n_columns) float32.

        A rare or unseen size is a row of **zeros**: an "unknown" column would be constant 0 in training
        and be blown up by batch normalisation on the first unseen boat. Numeric columns are clipped to
        5 standard deviations for the same reason.
        """
        if self.kind == "size":
            column = {key: index for index, key in enumerate(self.vocabulary)}
            encoded = np.zeros((len(images), len(column)), np.float32)
            for row, key in enumerate(size_keys(images)):
                if key in column:
                    encoded[row, column[key]] = 1.0
            return encoded
        if self.kind == "size-numeric":
            scaled = (log_sizes(images) - np.array(self.mean)) / np.array(self.scale)
            return np.clip(scaled, -5.0, 5.0).astype(np.float32)
        return np.zeros((len(images), 0), np.float32)


def is_hardly_shared(images: pd.DataFrame) -> bool:
    """Whether most images have a size of their own, so that a one-hot of sizes tells nothing."""
    keys = pd.Series(size_keys(images), dtype=object)
    return bool(keys.map(keys.value_counts()).ge(MIN_COUNT).mean() < 0.5)
