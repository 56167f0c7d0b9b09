"""Which photos were replaced since their features were computed, whatever their size in bytes."""

import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pandas as pd

from fishcli.basics.files import read_csv
from fishcli.basics.progress import bar
from fishcli.basics.remote import is_remote

MARGIN_NS = 2 * 10**9
"""File systems, and the clocks of the machines that they lie on, are not exact to less."""
REMOTE_MARGIN_NS = 3600 * 10**9
"""A remote list keeps no note of when it was checked: photos of the hour before it, and later, are read."""
N_AT_A_TIME = 64


def add_contents(images: pd.DataFrame, list_path: Path) -> tuple[pd.DataFrame, int | None]:
    """Give each image a digest of its content, by which the store knows what was replaced.

    Reading 100,000 photos takes minutes. So only those are read that are new, or that the file system says
    were changed since the list was last checked. That is a photo's inode change time: no copying or
    unpacking sets it back, as happens to its modification time. The time says what to read, the digest what
    is another photo: a store that is copied along with its data stays valid, its photos being read once.

    Remote photos are not read: the token that their listing has takes the digest's place.

    Args:
        images: `image`, `path`, `n_bytes` and perhaps `token` of each.
        list_path: the store's list of them, if there is one; its modification time is when it was checked.

    Returns:
        `image`, `n_bytes`, `content` (16 hexadecimal digits of the sha256; "" where the file can't be read),
        and the time in ns for `set_checked`; None where nothing was to be read.
    """
    if "token" in images:
        return images[["image", "n_bytes"]].assign(content=images["token"]), None
    started = time.time_ns() - MARGIN_NS
    paths = dict(zip(images["image"], images["path"], strict=True))
    known, checked = _listed(list_path)
    unsure = [image for image, path in paths.items() if _is_unsure(path, known.get(image), checked)]
    parts = [unsure[start : start + N_AT_A_TIME] for start in range(0, len(unsure), N_AT_A_TIME)]
    if parts:
        with ThreadPoolExecutor() as pool, bar(len(unsure), "contents", "img") as progress:
            found = pool.map(lambda part: [_digest(paths[image]) for image in part], parts)
            for part, digests in zip(parts, found, strict=True):
                known |= zip(part, digests, strict=True)
                progress.update(len(part))
    contents = images[["image", "n_bytes"]].assign(content=[known[image] for image in paths])
    return contents, started if unsure else None


def is_checked(images: pd.DataFrame, list_path: Path) -> bool:
    """Whether no photo was changed, as far as its file system knows, since the store's list was checked."""
    known, checked = _listed(list_path)
    if "token" in images:
        return all(
            known.get(image) == token for image, token in zip(images["image"], images["token"], strict=True)
        )
    pairs = zip(images["image"], images["path"], strict=True)
    return not any(_is_unsure(path, known.get(image), checked) for image, path in pairs)


def is_other(old: str, new: str) -> bool:
    """Whether an image's content is another one; a remote file's token can't tell that from a digest."""
    kinds = {text.partition(":")[0] if ":" in text else "" for text in (old, new)}
    return bool(old) and old != new and (not new or len(kinds) == 1)


def is_of_content(text: str) -> bool:
    """Whether equal ones mean equal photos: digests, and S3's tokens, which are made of an ETag and a size.

    Other file systems' tokens may be made of a time and a size, or of a size alone.
    """
    return bool(text) and text.partition(":")[0] in (text, "s3", "s3a")


def _listed(list_path: Path) -> tuple[dict[str, str], int]:
    """The known content by image, and when it was checked, ns."""
    if not list_path.exists():
        return {}, 0
    listed = read_csv(list_path, required=["image"], text=["image", "content"])
    checked = (
        int(list_path.stat().st_mtime * 1e9) - REMOTE_MARGIN_NS
        if is_remote(list_path)
        else list_path.stat().st_mtime_ns
    )
    known = dict(zip(listed["image"], listed["content"], strict=True)) if "content" in listed else {}
    return known, checked


def _is_unsure(path: Path, known: str | None, checked_ns: int) -> bool:
    """Whether a local photo is to be read."""
    return not known or ":" in known or _changed_ns(path) >= checked_ns


def set_checked(list_path: Path, checked_ns: int) -> None:
    """Note when a list's photos were as it says; where that can't be written they are read again."""
    if is_remote(list_path):
        return
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
