"""A first look at the photos, in one pass over the files: a small thumbnail and a perceptual hash of each."""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from PIL import Image

from fishcli.basics.errors import FishError, examples
from fishcli.basics.progress import track, warn
from fishcli.dataset.photos.kept_looks import KeptLooks, open_looks
from fishcli.dataset.photos.photo import UnreadableImageError, read_photo, warn_of_truncated
from fishcli.options.reading import USUAL, Reading

SIDE = 32
"""Pixels of a thumbnail's side: enough for where edges are, 3 kB a photo."""
HASH_SIDE = 8  # 64 bits
AHEAD = 256  # photos that are decoded before their turn


@dataclass(frozen=True)
class Thumbnails:
    """What n photos look like.

    Attributes:
        pixels: (n, 32, 32, 3) uint8 RGB, upright, squashed to a square; zeros where unreadable.
        hashes: (n,) uint64, the 64 bits of the perceptual hash "phash" (the signs of the lowest 8 x 8
            frequencies of the grey photo against their median; C. Zauner, 2010); 0 where unreadable.
        problems: why a photo can't be read, "" where it can.
    """

    pixels: np.ndarray
    hashes: np.ndarray
    problems: list[str]

    @property
    def is_readable(self) -> np.ndarray:
        """(n,) bool."""
        return np.array([problem == "" for problem in self.problems], bool)

    def only(self, rows: np.ndarray) -> "Thumbnails":
        """Those of some rows (m,), numbers or bool."""
        kept = np.arange(len(self.problems))[rows]
        return Thumbnails(self.pixels[kept], self.hashes[kept], [self.problems[row] for row in kept])


def read_thumbnails(images: pd.DataFrame, split: str = "train", reading: Reading = USUAL) -> Thumbnails:
    """Decode the photos of a split once, in threads; those that earlier commands decoded are known.

    JPEGs are decoded at an eighth of their size at best, which is what makes it quick. A photo that can't be
    decoded to its end is unreadable, whatever is wrong with it; `problems` says what.

    Args:
        images: the table of `load_train` or one of `load_tests`; only its column path is looked at.
        split: names them in the progress bar.
        reading: how photos are read.
    """
    n = len(images)
    pixels = np.zeros((n, SIDE, SIDE, 3), np.uint8)
    hashes = np.zeros(n, np.uint64)
    problems = []
    looks = track(_looks(images["path"], split, reading), f"thumbnails of {split}", "img", n)
    for row, look in enumerate(looks):
        pixels[row], hashes[row] = look.thumbnail, look.bits
        problems.append(look.problem)
    return Thumbnails(pixels, hashes, problems)


def read_hashes(
    images: pd.DataFrame, split: str = "train", reading: Reading = USUAL
) -> tuple[np.ndarray, list[str]]:
    """The `hashes` and `problems` of `read_thumbnails` alone: a million photos need no 3 GB of pixels."""
    hashes = np.zeros(len(images), np.uint64)
    problems = []
    looks = track(_looks(images["path"], split, reading), f"a look at {split}", "img", len(images))
    for row, look in enumerate(looks):
        hashes[row] = look.bits
        problems.append(look.problem)
    return hashes, problems


def readable_thumbnails(
    images: pd.DataFrame, split: str = "train", reading: Reading = USUAL
) -> tuple[pd.DataFrame, Thumbnails]:
    """The photos that can be read and their thumbnails; a warning names the others.

    Raises:
        FishError: none can be read.
    """
    looks = read_thumbnails(images, split, reading)
    readable = looks.is_readable
    if not readable.all():
        named = [
            f"{image} ({problem})"
            for image, problem in zip(images["image"], looks.problems, strict=True)
            if problem
        ]
        if len(named) == len(images):
            raise FishError(f"none of the images of {split} can be read: {examples(named)}.")
        warn(f"{len(named):,} unreadable images of {split} are left out: {examples(named)}")
    return images[readable].reset_index(drop=True), looks.only(readable)


def read_small(path: Path, size: tuple[int, int], reading: Reading = USUAL) -> Image.Image:
    """Decode a photo to RGB, upright, made quickly where the file allows.

    Args:
        path: the file.
        size: (width, height) in pixels that are needed; the photo may come larger, but never smaller than
            the file has it.
        reading: how photos are read.

    Raises:
        UnreadableImageError: as `read_photo` does.
    """
    return read_photo(path, reading, size)[0]


class _Look(NamedTuple):
    """A photo's thumbnail, its hash, why it has none, and whether its file lacks its last bytes."""

    thumbnail: np.ndarray | int
    bits: int
    problem: str
    is_truncated: bool


def _looks(paths: Iterable[Path], split: str, reading: Reading) -> Iterator[_Look]:
    """The look at each photo in order, decoded some way ahead; truncated ones are said at the end.

    What is kept of earlier looks is not decoded again.
    """
    paths, truncated, is_new = list(paths), [], False
    kept = open_looks(paths, split, reading, SIDE)
    for row, look in enumerate(_in_order(paths, reading, kept)):
        if look.is_truncated:
            truncated.append(str(paths[row]))
        elif kept is not None and not look.problem and not kept.known[row]:
            kept.put(row, np.asarray(look.thumbnail), look.bits)
            is_new = True
        yield look
    if kept is not None and is_new:
        kept.write()
    warn_of_truncated(split, truncated)


def _in_order(paths: Sequence[Path], reading: Reading, kept: KeptLooks | None) -> Iterator[_Look]:
    pending: deque[_Look | Future[_Look]] = deque()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            for row, path in enumerate(paths):
                if kept is not None and kept.known[row]:
                    known = _Look(kept.pixels[row], int(kept.hashes[row]), "", is_truncated=False)
                    pending.append(known)
                else:
                    pending.append(pool.submit(_look, path, reading))
                if len(pending) > AHEAD:
                    yield _found(pending.popleft())
            while pending:
                yield _found(pending.popleft())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _found(look: "_Look | Future[_Look]") -> _Look:
    """A look, waited for where it is still to come."""
    return look if isinstance(look, _Look) else look.result()


def _look(path: Path, reading: Reading) -> _Look:
    from imagehash import phash

    try:
        photo, is_truncated = read_photo(path, reading, (2 * SIDE, 2 * SIDE))
    except UnreadableImageError as error:
        return _Look(0, 0, str(error), is_truncated=False)
    bits = np.packbits(phash(photo, HASH_SIDE).hash)
    thumbnail = photo.resize((SIDE, SIDE), Image.Resampling.BOX)
    return _Look(np.asarray(thumbnail), int.from_bytes(bits.tobytes(), "big"), "", is_truncated)
