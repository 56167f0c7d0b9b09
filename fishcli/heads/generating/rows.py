"""Rows that fill small classes up, beside a fold's training photos: between neighbours, or drawn."""

from dataclasses import dataclass

import numpy as np

from fishcli.heads.generating.drawn import draw_features
from fishcli.heads.generating.smote import smote_pairs
from fishcli.options.train import TrainConfig


@dataclass(frozen=True)
class MadeRows:
    """Rows made of some photos.

    Attributes:
        features: (v, m, channels) float16, under each view.
        like: (m,) int64, the photo whose class, size and group each row takes on, by its place among them.
    """

    features: np.ndarray
    like: np.ndarray


def make_rows(config: TrainConfig, features: np.ndarray, labels: np.ndarray, seed: int) -> MadeRows:
    """Fill small classes up with rows that look as their photos do, by `--smote` or `--generate`.

    Args:
        config: which way, and up to how many.
        features: (v, n, channels) float16, pooled, of n photos under v views.
        labels: (n,) int of the photos.
        seed: of the draws.

    Returns:
        The rows; none where no class is small, or all are of one.
    """
    if config.smote:
        row, neighbour, share = smote_pairs(features[0].astype(np.float32), labels, seed)
        part = share[:, None].astype(np.float32)
        return MadeRows(
            ((1 - part) * features[:, row] + part * features[:, neighbour]).astype(np.float16), row
        )
    counts = np.bincount(labels)
    missing = np.where(counts > 0, np.maximum(config.generate - counts, 0), 0)
    wanted = np.repeat(np.arange(len(counts)), missing)
    if not len(wanted) or (counts > 0).sum() < 2:
        return MadeRows(features[:, :0], np.zeros(0, np.int64))
    return MadeRows(*draw_features(features, labels, wanted, seed))
