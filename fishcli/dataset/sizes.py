"""Which classes come in which image sizes, and in which groups."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from fishcli.dataset.metadata import MIN_COUNT, size_keys

SURELY = 1e-4
"""Below such a p-value sizes are said to tell classes."""


def class_by_size(images: pd.DataFrame, n_sizes: int = 12) -> dict[str, Any]:
    """Counts of each class by `size_key`, frequent sizes first, the rest summed up.

    Args:
        images: `class_name`, `height`, `width`.
        n_sizes: sizes that get a row of their own.

    Returns:
        `sizes` and `classes`, names, and `counts`, a list a size of a count a class.
    """
    return class_by(size_keys(images), images["class_name"], "size", n_sizes)


def class_by(keys: Iterable[str], class_names: pd.Series, noun: str, n_rows: int) -> dict[str, Any]:
    """`class_by_size` by other keys, one for each of `class_names`; `noun` is what a key is."""
    named = pd.Series(list(keys), index=class_names.index)
    frequent = named.value_counts().index[:n_rows]
    n_others = named.nunique() - len(frequent)
    others = f"{n_others} other {noun}{'s' if n_others > 1 else ''}"
    table = pd.crosstab(named.where(named.isin(frequent), others), class_names)
    rows = [*frequent, *([others] if n_others else [])]
    counts = table.loc[rows].to_numpy().tolist()
    return {"sizes": rows, "classes": list(table.columns), "counts": counts}


def tell_classes(images: pd.DataFrame) -> bool:
    """Whether image sizes and classes go together more than by chance, by Pearson's chi-squared test.

    Sizes of fewer than MIN_COUNT images count as one. What sizes are worth, `audit-leakage` measures.

    Args:
        images: `class_name`, `height`, `width`.
    """
    from scipy.stats import chi2_contingency

    keys = pd.Series(size_keys(images))
    common = keys.map(keys.value_counts()) >= MIN_COUNT
    table = pd.crosstab(keys.where(common, "others").to_numpy(), images["class_name"].to_numpy())
    return min(table.shape) > 1 and bool(chi2_contingency(table).pvalue < SURELY)
