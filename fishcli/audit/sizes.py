"""Which classes come in which image sizes."""

from typing import Any

import pandas as pd

from fishcli.dataset.metadata import size_keys


def class_by_size(images: pd.DataFrame, n_sizes: int = 12) -> dict[str, Any]:
    """Counts of each class by `size_key`, frequent sizes first, the rest summed up.

    Args:
        images: `class_name`, `height`, `width`.
        n_sizes: sizes that get a row of their own.

    Returns:
        `sizes` and `classes`, names, and `counts`, a list a size of a count a class.
    """
    keys = pd.Series(size_keys(images), index=images.index)
    frequent = keys.value_counts().index[:n_sizes]
    n_others = keys.nunique() - len(frequent)
    others = f"{n_others} other size{'s' if n_others > 1 else ''}"
    table = pd.crosstab(keys.where(keys.isin(frequent), others), images["class_name"])
    sizes = [*frequent, *([others] if n_others else [])]
    counts = table.loc[sizes].to_numpy().tolist()
    return {"sizes": sizes, "classes": list(table.columns), "counts": counts}
