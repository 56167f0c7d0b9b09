"""Which photos were replaced since their features were computed, whatever their size in bytes."""

import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pandas as pd

from fishcli.files import read_csv
from fishcli.progress import track

MARGIN_NS = 2 * 10**9
"""File systems, and the clocks of the machines that they lie on, are not exact to less."""


def add_contents(images: pd.DataFrame, list_path: Path) -> tuple[pd.DataFrame, int | None]:
    """Give each image a digest of its content, by which the store knows what was replaced.

    Reading 100,000 photos takes minutes. So only those are read that are new, or that the file system says
    were changed since the list was last checked. That is a photo's inode change time: no copying or
    unpacking sets it back, as happens to its modification time. The time says what to read, the digest what
    is another photo: a store that is copied along with its data stays valid, its photos being read once.

    Args:
        images: `image`, `path` and `n_bytes` of each.
        list_path: the store's list of them, if there is one; its modification time is when it was checked.

    Returns:
        `image`, `n_bytes`, `content` (16 hexadecimal digits of the sha256; "" where the file can't be read),
        and the time in ns for `set_checked`; None where nothing was to be read.
    """
    started = time.time_ns() - MARGIN_NS
    paths, known, unsure = _look(images, list_path)
    if unsure:
        with ThreadPoolExecutor() as pool:
            digests = pool.map(_digest, [paths[image] for image in unsure])
            known |= zip(unsure, track(digests, "contents", "img", len(unsure)), strict=True)
    found = images[["image", "n_bytes"]].assign(content=[known[image] for image in paths])
    return found, started if unsure else None


def is_checked(images: pd.DataFrame, list_path: Path) -> bool:
    """Whether no photo was changed, as far as the file system knows, since the store's list was checked."""
    return not _look(images, list_path)[2]


def _look(images: pd.DataFrame, list_path: Path) -> tuple[dict[str, Path], dict[str, str], list[str]]:
    """The paths and the known digests by image, and the images that are to be read."""
    known: dict[str, str] = {}
    checked = 0
    if list_path.exists():
        listed = read_csv(list_path, required=["image"], text=["image", "content"])
        checked = list_path.stat().st_mtime_ns
        known = dict(zip(listed["image"], listed["content"], strict=True)) if "content" in listed else {}
    paths = dict(zip(images["image"], images["path"], strict=True))
    unsure = [image for image in paths if not known.get(image) or _changed_ns(paths[image]) >= checked]
    return paths, known, unsure


def set_checked(list_path: Path, checked_ns: int) -> None:
    """Note when a list's photos were as it says; where that can't be written they are read again."""
    with suppress(OSError):
        os.utime(list_path, ns=(checked_ns, checked_ns))


def _changed_ns(path: Path) -> int:
    with suppress(OSError):
        status = path.stat()
        return max(status.st_mtime_ns, status.st_ctime_ns)
    return 0


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError:
        return ""
