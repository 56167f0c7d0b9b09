"""Checking a store against its checksums: which chunks are damaged, which are missing."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fishcli.basics.errors import FishError
from fishcli.features.store.arrays import chunk_path, missing_chunks, read_rows
from fishcli.features.store.store import FeatureStore


@dataclass(frozen=True)
class ChunkCheck:
    """What is known of a chunk of a store's array.

    Attributes:
        split: the split.
        view: the array's name: a view, an augmented copy, or the boxes of one.
        path: the chunk's file.
        problem: "damaged", "missing", or "" where it is whole.
    """

    split: str
    view: str
    path: Path
    problem: str


def list_arrays(store: FeatureStore) -> list[tuple[str, str]]:
    """The (split, name) of every array of a store, in order."""
    paths = sorted(store.store_dir.glob("*/*/zarr.json"))
    return [(path.parent.parent.name, path.parent.name) for path in paths]


def n_chunks(store: FeatureStore) -> int:
    """The number of chunks that a store's arrays are to have; FishError where a description is damaged."""
    return sum(store.array(*each).cdata_shape[0] for each in list_arrays(store))


def check_chunks(store: FeatureStore) -> Iterator[ChunkCheck]:
    """Read every chunk of a store and compare it with its checksum."""
    for split, view in list_arrays(store):
        array = store.array(split, view)
        missing = missing_chunks(array)
        for chunk in range(array.cdata_shape[0]):
            path, start = chunk_path(array, chunk), chunk * array.chunks[0]
            problem = "missing" if chunk in missing else ""
            if not problem:
                try:
                    read_rows(array, np.s_[start : start + array.chunks[0]], "")
                except FishError:
                    problem = "damaged"
            yield ChunkCheck(split, view, path, problem)
