"""Thumbnails and hashes in the user's cache: `data`, `groups` and `audit-leakage` decode a photo once."""

import os
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL

from fishcli.basics.files import cache_dir, digest, whole_file
from fishcli.basics.remote import is_remote
from fishcli.options.reading import Reading

FORM = 1
"""Another number where thumbnails or hashes are made in another way."""
MOST = 50_000
"""Photos of a split of which something is kept: 150 MB."""
KEY_LENGTH = 32  # hexadecimal digits


@dataclass(frozen=True)
class KeptLooks:
    """What is kept of the photos of a split.

    Attributes:
        path: of the file.
        keys: (n,) text of each photo's path, size, time and how it is read.
        pixels: (n, side, side, 3) uint8 thumbnails.
        hashes: (n,) uint64.
        known: (n,) bool, whether those of a photo are known.
    """

    path: Path
    keys: np.ndarray
    pixels: np.ndarray
    hashes: np.ndarray
    known: np.ndarray

    def put(self, row: int, thumbnail: np.ndarray, bits: int) -> None:
        """Take in a photo's thumbnail and hash."""
        self.pixels[row], self.hashes[row], self.known[row] = thumbnail, bits, True

    def write(self) -> None:
        """Keep what is known for the next time, where the cache can be written."""
        with suppress(OSError), whole_file(self.path) as partial:
            arrays = {"keys": self.keys, "pixels": self.pixels, "hashes": self.hashes}
            np.savez(partial, allow_pickle=False, **{name: each[self.known] for name, each in arrays.items()})


def open_looks(paths: Sequence[Path], split: str, reading: Reading, side: int) -> KeptLooks | None:
    """What is kept of photos; None where nothing can be: of remote files, and of more than MOST.

    A photo that was written anew, or is read by other rules, is not known. Nor is one that can't be read or
    lacks its end: of those there is something to say.

    Args:
        paths: of the photos.
        split: of which they are all; several may share a folder.
        reading: how they are read.
        side: of thumbnails, pixels.
    """
    if not 0 < len(paths) <= MOST or is_remote(paths[0]):
        return None
    rules = f"{FORM} {PIL.__version__} {side} {reading.transparency} {reading.truncated} {reading.max_pixels}"
    keys = np.array([_key(path, rules) for path in paths], f"S{KEY_LENGTH}")
    folder = os.path.commonpath([path.absolute().parent for path in paths])
    path, n = cache_dir() / f"thumbnails-{digest(folder, split)[:12]}.npz", len(paths)
    pixels, hashes = np.zeros((n, side, side, 3), np.uint8), np.zeros(n, np.uint64)
    found = KeptLooks(path, keys, pixels, hashes, np.zeros(n, bool))
    # What is damaged is made again, and written over.
    with suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile), np.load(path) as kept:
        row_of = {key: row for row, key in enumerate(kept["keys"].tolist())}
        rows = np.array([row_of.get(key, -1) for key in keys.tolist()])
        pixels[rows >= 0] = kept["pixels"][rows[rows >= 0]]
        hashes[rows >= 0] = kept["hashes"][rows[rows >= 0]]
        found.known[:] = rows >= 0
    return found


def _key(path: Path, rules: str) -> str:
    """What tells a photo's file and rules from others; "" where there is no file: nothing is kept of it."""
    try:
        facts = path.stat()
    except OSError:
        return ""
    return digest(f"{path.absolute()}\0{facts.st_size}\0{facts.st_mtime_ns}\0{rules}")[:KEY_LENGTH]
