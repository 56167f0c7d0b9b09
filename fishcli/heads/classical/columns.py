"""The columns that classical heads are fitted on: scaled features, and the metadata beside them."""

from typing import Any

import numpy as np

from fishcli.heads.classical.arrays import Scaler


def roots(features: np.ndarray) -> np.ndarray:
    """Signed square roots (n, channels) float32 of each row's shares of its sum of absolute values.

    The power and L2 normalisation of Perronnin, Sanchez & Mensink, "Improving the Fisher kernel for
    large-scale image classification", 2010: few strong channels drown the others less, and how bright or
    contrasted a photo is matters not at all.
    """
    features = features.astype(np.float32)
    sums = np.abs(features).sum(axis=1, keepdims=True)
    return np.sign(features) * np.sqrt(np.abs(features) / np.maximum(sums, np.finfo(np.float32).tiny))


def fit_scaler(features: np.ndarray, is_of_roots: bool) -> Scaler:
    """The scaler of features (n, channels), which standardises them, or of their roots.

    Roots vary much alike, and those that hardly do tell little: the mean variance is added to each before
    columns are divided by it, and all together then vary as much as standardised ones.
    """
    seen = roots(features) if is_of_roots else features.astype(np.float32)
    means, variances = seen.mean(axis=0, dtype=np.float64), seen.var(axis=0, dtype=np.float64)
    if not is_of_roots:
        return Scaler(means, np.where(np.ptp(seen, axis=0) > 0, np.sqrt(variances), 1.0))
    scales = np.sqrt(variances + variances.mean())
    if not scales.any():
        return Scaler(means, np.ones_like(means))
    return Scaler(means, scales * np.sqrt((variances / scales**2).mean()))


def join_columns(scaler: Any, is_of_roots: bool, features: np.ndarray, metadata: np.ndarray) -> np.ndarray:
    """The columns (n, channels + m) float64 of pooled features (n, channels) and metadata (n, m)."""
    seen = roots(features) if is_of_roots else features.astype(np.float32)
    return np.hstack([scaler.transform(seen), metadata]).astype(np.float64)
