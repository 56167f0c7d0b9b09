"""Small audit tables whose leak is known."""

import numpy as np
import pandas as pd

from fishcli.audit.table import AuditTable
from fishcli.dataset.fields import Field


def field(name, kind="categorical", family=None):
    return Field(name, kind, family or name, "table", "legitimate", f"What {name} is.")


def table(labels, columns, groups=None, families=None):
    """An AuditTable of int labels, a dict of columns and perhaps int groups."""
    labels = np.asarray(labels)
    columns = pd.DataFrame(columns)
    kinds = {
        name: "categorical" if values.dtype == object or values.dtype == "str" else "numeric"
        for name, values in columns.items()
    }
    fields = [field(name, kinds[name], (families or {}).get(name)) for name in columns]
    names = [chr(ord("A") + label) for label in range(labels.max() + 1)]
    return AuditTable(names, labels, groups, columns, fields)


def noise(n=300, seed=0, n_classes=3):
    """Labels, a category and a number that have nothing to do with each other."""
    rng = np.random.default_rng(seed)
    return table(
        rng.integers(n_classes, size=n),
        {"size": rng.choice(["s", "m", "l"], n), "bytes": rng.standard_normal(n)},
    )


def leaky(n=300, seed=0, share=0.8):
    """The category gives the label away in `share` of the rows; the number and another category are noise."""
    rng = np.random.default_rng(seed)
    size = rng.integers(3, size=n)
    labels = np.where(rng.random(n) < share, size, rng.integers(3, size=n))
    columns = {
        "bytes": rng.standard_normal(n),
        "size": np.array(["s", "m", "l"])[size],
        "maker": rng.choice(["x", "y"], n),
    }
    return table(labels, columns)


def boats(n_boats=24, per_boat=12, seed=0, across=False):
    """Each boat has a size and a catch of its own; they belong together only where `across`."""
    rng = np.random.default_rng(seed)
    boat = np.repeat(np.arange(n_boats), per_boat)
    size = rng.integers(3, size=n_boats)
    favourite = size if across else rng.integers(3, size=n_boats)
    labels = np.where(rng.random(len(boat)) < 0.8, favourite[boat], rng.integers(3, size=len(boat)))
    # The very number of the boat, as a file size might give it away.
    number = rng.permutation(n_boats)[boat] + 0.1 * rng.random(len(boat))
    return table(labels, {"size": np.array(["s", "m", "l"])[size][boat], "number": number}, groups=boat)
