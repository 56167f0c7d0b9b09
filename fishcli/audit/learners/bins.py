"""Metadata fields of any kind as a few bins."""

import numpy as np
import pandas as pd

from fishcli.audit.learners.encoding import MAX_CATEGORIES, MIN_COUNT

N_QUANTILES = 8


def field_bins(column: pd.Series, kind: str, min_count: int = MIN_COUNT) -> np.ndarray:
    """The bin (n,) int64 from 0 of each row of a field.

    Numbers go into N_QUANTILES bins by their rank; equal ones share a bin, unknown ones have their own. Of
    categories the most frequent ones with `min_count` rows have their own; the rest share one.
    """
    if kind == "numeric":
        place: pd.Series = (column.rank() - 0.5) / max(1, column.notna().sum())
        return pd.factorize((place * N_QUANTILES // 1).fillna(-1.0))[0].astype(np.int64)
    counts = column.value_counts()
    kept = counts.index[counts >= min_count][:MAX_CATEGORIES]
    return pd.factorize(pd.Categorical(column.where(column.isin(kept)), kept).codes)[0].astype(np.int64)
