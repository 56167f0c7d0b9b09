"""The columns that classical heads are fitted on: scaled features, and the metadata beside them."""

from typing import Any

import numpy as np


def roots(features: np.ndarray) -> np.ndarray:
    """Signed square roots (n, channels) float32 of each row's shares of its sum of absolute values.

    The power and L2 normalisation of Perronnin, Sanchez & Mensink, "Improving the Fisher kernel for
    large-scale image classification", 2010: few strong channels drown the others less, and how bright or
    contrasted a photo is matters not at all.
    """
    features = features.astype(np.float32)
    sums = np.abs(features).sum(axis=1, keepdims=True)
    return np.sign(features) * np.sqrt(np.abs(features) / np.maximum(sums, np.finfo(np.float32).tiny))


def fit_scaler(features: np.ndarray, is_of_roots: bool) -> Any:
    """A StandardScaler of features (n, channels), or of their roots.

    Roots vary much alike, and those that hardly do tell little: the mean variance is added to each before
    columns are divided by it, and all together then vary as much as standardised ones.
    """
    from sklearn.preprocessing import StandardScaler

    if not is_of_roots:
        return StandardScaler().fit(features.astype(np.float32))
    scaler = StandardScaler().fit(roots(features))
    mean = scaler.var_.mean()
    if mean > 0:
        scale = np.sqrt(scaler.var_ + mean)
        scaler.scale_ = scale * np.sqrt((scaler.var_ / scale**2).mean())
    return scaler


def join_columns(scaler: Any, is_of_roots: bool, features: np.ndarray, metadata: np.ndarray) -> np.ndarray:
    """The columns (n, channels + m) float64 of pooled features (n, channels) and metadata (n, m)."""
    seen = roots(features) if is_of_roots else features.astype(np.float32)
    return np.hstack([scaler.transform(seen), metadata]).astype(np.float64)
