"""A first look at the photos, in one pass over the files: a small thumbnail and a perceptual hash of each."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, UnidentifiedImageError

from fishcli.dataset.file_facts import DAMAGE
from fishcli.dataset.photos import FORMATS, upright_rgb
from fishcli.errors import FishError, examples
from fishcli.progress import track, warn
from fishcli.remote import content

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


def read_thumbnails(images: pd.DataFrame, split: str = "train") -> Thumbnails:
    """Decode the photos of a split once, in threads.

    JPEGs are decoded at an eighth of their size at best, which is what makes it quick. A photo that can't be
    decoded to its end is unreadable, whatever is wrong with it; `problems` says what.

    Args:
        images: the table of `load_train` or one of `load_tests`; only its column path is looked at.
        split: names them in the progress bar.
    """
    n = len(images)
    pixels = np.zeros((n, SIDE, SIDE, 3), np.uint8)
    hashes = np.zeros(n, np.uint64)
    problems = []
    looks = track(_looks(images["path"]), f"thumbnails of {split}", "img", n)
    for row, (thumbnail, bits, problem) in enumerate(looks):
        pixels[row], hashes[row] = thumbnail, bits
        problems.append(problem)
    return Thumbnails(pixels, hashes, problems)


def read_hashes(images: pd.DataFrame, split: str = "train") -> tuple[np.ndarray, list[str]]:
    """The `hashes` and `problems` of `read_thumbnails` alone: a million photos need no 3 GB of pixels."""
    hashes = np.zeros(len(images), np.uint64)
    problems = []
    looks = track(_looks(images["path"]), f"a look at {split}", "img", len(images))
    for row, (_, bits, problem) in enumerate(looks):
        hashes[row] = bits
        problems.append(problem)
    return hashes, problems


def readable_thumbnails(images: pd.DataFrame, split: str = "train") -> tuple[pd.DataFrame, Thumbnails]:
    """The photos that can be read and their thumbnails; a warning names the others.

    Raises:
        FishError: none can be read.
    """
    looks = read_thumbnails(images, split)
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


def read_small(path: Path, size: tuple[int, int]) -> Image.Image:
    """Decode a photo to RGB, upright, made quickly where the file allows.

    Args:
        path: the file.
        size: (width, height) in pixels that are needed; the photo may come larger, but never smaller than
            the file has it.

    Raises:
        DAMAGE: of `dataset.file_facts`: the file is missing, empty, truncated or no image.
    """
    with Image.open(content(path), formats=FORMATS) as image:
        image.draft(None, size)  # JPEGs only
        return upright_rgb(image)


def _looks(paths: Iterable[Path]) -> Iterator[tuple[np.ndarray | int, int, str]]:
    """The look at each photo in order, decoded some way ahead."""
    pending: deque[Future] = deque()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            for path in paths:
                pending.append(pool.submit(_look, path))
                if len(pending) > AHEAD:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _look(path: Path) -> tuple[np.ndarray | int, int, str]:
    """A photo's thumbnail, its hash, and why it has none."""
    from imagehash import phash

    try:
        photo = read_small(path, (2 * SIDE, 2 * SIDE))
    except FileNotFoundError:
        return 0, 0, "the file is missing"
    except UnidentifiedImageError:
        is_empty = path.stat().st_size == 0
        return 0, 0, "the file is empty" if is_empty else "no image format is recognised in it"
    except DAMAGE as error:
        return 0, 0, str(error) or type(error).__name__
    bits = np.packbits(phash(photo, HASH_SIDE).hash)
    thumbnail = photo.resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(thumbnail), int.from_bytes(bits.tobytes(), "big"), ""
