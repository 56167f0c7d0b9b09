"""Reading features for training: into memory where they fit, else into a file without a name."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from fishcli.basics.errors import FishError
from fishcli.basics.progress import say, track
from fishcli.basics.remote import is_remote
from fishcli.heads.inputs import Features, check_finite, pool_maps
from fishcli.heads.joined import HeadStore, JoinedStore, feature_shape, parts_of

ROWS_A_READ = 256


class FileFeatures:
    """Features (v, n, ...) in a temporary file, read row by row.

    The store's chunks are compressed and hold neighbours, of one class more often than not; drawing rows at
    random from them would unpack a chunk for every row. The file has no name, so nothing is left behind
    however the process ends.
    """

    def __init__(self, shape: tuple[int, ...], dtype: str, folder: Path) -> None:
        """Make room for `shape` of a type in `folder`; FishError where the disk has none."""
        self.shape, self._dtype = shape, np.dtype(dtype)
        self._row_bytes = self._dtype.itemsize * int(np.prod(shape[2:]))
        n_bytes = self._row_bytes * shape[0] * shape[1]
        free = shutil.disk_usage(folder).free
        if n_bytes > free:
            raise FishError(
                f"features of {n_bytes / 2**30:.1f} GiB don't fit into --memory-budget, and {folder} has "
                f"{free / 2**30:.1f} GiB free for them. Raise the budget, pass fewer --views, or free space."
            )
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  lives as long as self

    def __setitem__(self, key: tuple[int, slice], part: np.ndarray) -> None:
        """Write the rows of one view from `key[1].start` on."""
        view, rows = key
        self._file.seek(self._offset(view, rows.start))
        self._file.write(np.ascontiguousarray(part, self._dtype).tobytes())
        self._file.flush()

    def __getitem__(self, key: tuple[Any, Any]) -> np.ndarray:
        """The rows (m, ...) of `key`: views and rows, two index arrays (m,) or one number for all."""
        views, rows = np.broadcast_arrays(*key)
        found = np.empty((len(rows), *self.shape[2:]), self._dtype)
        for place, view, row in zip(found, views, rows, strict=True):
            read = os.pread(self._file.fileno(), self._row_bytes, self._offset(view, row))
            place[...] = np.frombuffer(read, self._dtype).reshape(place.shape)
        return found

    def _offset(self, view: int, row: int) -> int:
        return (int(view) * self.shape[1] + int(row)) * self._row_bytes


def read_features(
    store: HeadStore,
    sources: dict[str, np.ndarray],
    views: list[str],
    pool: bool,
    budget: float = np.inf,
) -> Features:
    """Features (v, n, ...) of some rows for each view; maps are average-pooled on the way if `pool`.

    Args:
        store: where they are; of several that are joined the features are pooled in any case.
        sources: rows of the store's arrays by split; all together they are the n rows, in this order.
        views: names of views and augmented copies.
        pool: average maps over their places while reading, some rows at a time.
        budget: GiB to hold in memory at most; more than that goes to a file beside the store's arrays, or
            in the folder for temporary files where the store is remote.

    Raises:
        FishError: features that are not finite, or no room for the file.
    """
    shape = feature_shape(store, next(iter(sources)), views[0])
    is_map = len(shape) == 3
    n = sum(len(rows) for rows in sources.values())
    kept = (len(views), n, *(shape[-1:] if pool and is_map else shape))
    dtype = "float16" if pool else parts_of(store)[0].recipe.dtype
    n_gib = np.dtype(dtype).itemsize * float(np.prod(kept)) / 2**30
    features: Any
    if n_gib <= budget:
        features = np.empty(kept, dtype)
    else:
        why = f", more than --memory-budget {budget:g}" if budget else ""
        say(f"{n_gib:.2g} GiB of features{why}: read from a file")
        local = Path(tempfile.gettempdir()) if is_remote(store.store_dir) else store.store_dir
        features = FileFeatures(kept, dtype, local)
    for v, view in enumerate(track(views, f"reading {', '.join(sources)}", "view")):
        filled = 0
        for split, rows in sources.items():
            for start in range(0, len(rows), ROWS_A_READ):
                here = rows[start : start + ROWS_A_READ]
                part = store.read(split, view, here)
                if not isinstance(store, JoinedStore):  # else each part is checked by itself
                    check_finite(store, split, here, part)
                features[v, filled : filled + len(here)] = pool_maps(part) if pool and is_map else part
                filled += len(here)
    return features
