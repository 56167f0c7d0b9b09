"""Metadata of an image, its size and how sure its detection is, as people say it and as a model takes it."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError, choose

METADATA_KINDS = ("size-embedding", "size", "size-numeric", "detection")
"""In the order of their columns; all of one-hot kinds first."""
MIN_COUNT = 5
"""A size seen in fewer training rows is treated as unseen: its column would only be learned by heart. So is
that nothing was found in a photo."""
SURENESS = "sureness"
"""A column of tables of images: the probability of each photo's surest detection, NaN where there is none."""
LEAST_SURE = 1e-3
"""Probabilities are held this far from 0 and 1: other tools round theirs, and a logit has no end."""


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


def sureness_logits(images: pd.DataFrame) -> np.ndarray:
    """The logits (n,) float64 of the `sureness` of `images`; NaN where nothing was found."""
    sureness = np.clip(images[SURENESS].to_numpy(np.float64), LEAST_SURE, 1 - LEAST_SURE)
    return np.asarray(np.log(sureness / (1 - sureness)))


@dataclass(frozen=True)
class MetadataEncoder:
    """Turns metadata into the numbers a head takes; fitted on a fold's training rows only.

    Attributes:
        kind: kinds of METADATA_KINDS joined with "+", or "none".
        vocabulary: for "size" and "size-embedding", the size_keys that have a column, sorted.
        mean: for "size-numeric", the mean of log width, log height and log aspect.
        scale: their standard deviations (1 where a column is constant).
        sureness: for "detection", mean and standard deviation (1 where it is constant) of the logit of the
            surest detection's probability; 0 and 1 where nothing was found in any photo.
        flags_nothing: for "detection", whether a column tells in which photos nothing was found.
    """

    kind: str
    vocabulary: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    sureness: tuple[float, ...] = ()
    flags_nothing: bool = False

    @staticmethod
    def fit(kind: str, images: pd.DataFrame) -> "MetadataEncoder":
        """Learn the vocabulary and the scales from `images` (height and width; sureness for "detection")."""
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
        if "detection" in kinds:
            logits = sureness_logits(images)
            known = logits[~np.isnan(logits)]
            spread = float(known.std()) if len(known) and np.ptp(known) > 1e-9 else 1.0
            sureness = (float(known.mean()) if len(known) else 0.0, spread)
            flags = len(logits) - len(known) >= MIN_COUNT
            encoder = dataclasses.replace(encoder, sureness=sureness, flags_nothing=flags)
        return encoder

    @property
    def n_embedded(self) -> int:
        """How many of the columns, the first ones, are meant for an embedding."""
        return len(self.vocabulary) if "size-embedding" in check_metadata(self.kind) else 0

    @property
    def n_columns(self) -> int:
        """The number of columns that `encode` returns."""
        one_hot = len(self.vocabulary) if "size" in check_metadata(self.kind) else 0
        return self.n_embedded + one_hot + len(self.mean) + bool(self.sureness) + self.flags_nothing

    def encode(self, images: pd.DataFrame) -> np.ndarray:
        """Encode `images` (columns height and width; sureness for "detection"): (n, n_columns) float32.

        A rare or unseen size is a row of **zeros**: an "unknown" column would be constant 0 in training
        and be blown up by batch normalisation on the first unseen boat. Numeric columns are clipped to
        5 standard deviations for the same reason; 0 is their mean. So zeros stand for "unknown" everywhere.
        Where nothing was found the sureness is unknown, and a flag of its own says so.

        Raises:
            ValueError: a column is missing.
        """
        kinds = check_metadata(self.kind)
        needed = {"height", "width"} if set(kinds) - {"detection"} else set()
        missing = (needed | ({SURENESS} if "detection" in kinds else set())) - set(images.columns)
        if missing and self.n_columns:
            raise ValueError(f"metadata needs the columns {sorted(missing)} of the images")
        parts = [np.zeros((len(images), 0), np.float32)]
        for kind in kinds:
            if kind == "detection":
                parts.append(self._detection(images))
            elif kind == "size-numeric":
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

    def _detection(self, images: pd.DataFrame) -> np.ndarray:
        logits = sureness_logits(images)
        scaled = np.clip((logits - self.sureness[0]) / self.sureness[1], -5.0, 5.0)
        flag = np.isnan(logits)[:, None].astype(np.float32)
        columns = [np.nan_to_num(scaled)[:, None].astype(np.float32), *([flag] if self.flags_nothing else [])]
        return np.hstack(columns)


def is_hardly_shared(images: pd.DataFrame) -> bool:
    """Whether most images have a size of their own, so that a one-hot of sizes tells nothing."""
    keys = pd.Series(size_keys(images), dtype=object)
    return bool(keys.map(keys.value_counts()).ge(MIN_COUNT).mean() < 0.5)


def encoder_from_json(value: dict[str, Any]) -> MetadataEncoder:
    """The encoder that `dataclasses.asdict` turned into JSON."""
    lists = {name: tuple(value[name]) for name in ("vocabulary", "mean", "scale")}
    lists["sureness"] = tuple(value.get("sureness", ()))  # heads of before "detection" have none
    return MetadataEncoder(value["kind"], **lists, flags_nothing=bool(value.get("flags_nothing", False)))
