"""What one image file says of itself: its encoding, its EXIF and a look at a small thumbnail."""

import re
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from PIL import Image

from fishcli.basics.files import digest
from fishcli.basics.remote import content
from fishcli.dataset.names import harmless
from fishcli.dataset.photos.exif import exif_of
from fishcli.dataset.photos.levels import to_rgb
from fishcli.dataset.photos.photo import (
    DAMAGE,
    EXIF_ORIENTATION,
    UnreadableImageError,
    open_photo,
    read_photo,
)
from fishcli.options.reading import USUAL, Reading

Facts = dict[str, float | str]

PIXELS = frozenset({"is_grey", "brightness", "contrast", "red_cast", "blue_cast"})
"""What is seen in a thumbnail."""

THUMBNAIL = (64, 64)
GREY_TOLERANCE = 2
"""Levels by which the channels of a grey photo may differ: lossy WebP rounds."""
SAMPLINGS: dict[tuple[tuple[int, int], ...], str] = {
    ((1, 1), (1, 1), (1, 1)): "4:4:4",
    ((1, 2), (1, 1), (1, 1)): "4:4:0",
    ((2, 1), (1, 1), (1, 1)): "4:2:2",
    ((2, 2), (1, 1), (1, 1)): "4:2:0",
    ((4, 1), (1, 1), (1, 1)): "4:1:1",
}
"""The usual names of a JPEG's (horizontal, vertical) sampling factors, one pair a component."""

EXIF_MAKE, EXIF_MODEL, EXIF_IFD = 0x010F, 0x0110, 0x8769
EXIF_TAKEN, EXIF_DIGITISED, EXIF_CHANGED = 0x9003, 0x9004, 0x0132
EXIF_TIME = re.compile(r"\s*(\d{4})\D(\d\d)\D(\d\d)\D(\d\d)\D(\d\d)\D(\d\d)", re.ASCII)


def read_facts(path: Path, names: Collection[str], reading: Reading = USUAL) -> Facts:
    """Read those of `names` that the file at `path` tells: "modified" and what READERS know.

    Only what they need is read: the header, or the pixels of a thumbnail. (Pillow decodes all of a PNG to
    find its EXIF, though.)

    Args:
        path: the file.
        names: what is wanted.
        reading: how photos are read.

    Returns:
        Numbers and texts by name. What can't be read is not there, whatever is wrong with the file: a
        truncated JPEG still gives its encoding and EXIF.
    """
    facts: Facts = {}
    readers = [read for given, read in READERS.items() if not given.isdisjoint(names)]
    if not PIXELS.isdisjoint(names):  # last: decoding changes mode and EXIF
        readers.append(lambda image: _thumbnail(image, reading.transparency))
    with suppress(*DAMAGE):
        if "modified" in names:
            facts["modified"] = path.stat().st_mtime
        while readers:  # opened anew after a failure, which can leave half an image that looks whole
            with open_photo(content(path), reading) as image, suppress(*DAMAGE):
                while readers:
                    facts |= readers.pop(0)(image)
    if reading.truncated and PIXELS & set(names) - facts.keys():
        with suppress(UnreadableImageError):
            facts |= _light(read_photo(path, reading, THUMBNAIL)[0])
    return {name: fact for name, fact in facts.items() if name in names}


def _encoding(image: Image.Image) -> Facts:
    facts: Facts = {"container": image.format or "", "mode": image.mode}
    layers = getattr(image, "layer", None)  # JPEGs only: (component, horizontal, vertical, table) each
    if layers:
        # By component: neither the order of the tables in the file nor their numbers change a pixel.
        tables = [image.quantization.get(layer[3], []) for layer in layers]  # type: ignore[attr-defined]
        factors = tuple((layer[1], layer[2]) for layer in layers)
        facts["jpeg_tables"] = digest(*map(str, tables))[:8]
        named = ",".join(f"{horizontal}x{vertical}" for horizontal, vertical in factors)
        facts["jpeg_subsampling"] = SAMPLINGS.get(factors, named)
    return facts


def _camera(image: Image.Image) -> Facts:
    exif = exif_of(image)
    orientation = exif.get(EXIF_ORIENTATION)
    return {
        "exif_make": _text(exif.get(EXIF_MAKE)),
        "exif_model": _text(exif.get(EXIF_MODEL)),
        "exif_orientation": str(orientation) if isinstance(orientation, int) else "",
    }


def _taken(image: Image.Image) -> Facts:
    exif = exif_of(image)
    inner = exif.get_ifd(EXIF_IFD)
    for value in (inner.get(EXIF_TAKEN), inner.get(EXIF_DIGITISED), exif.get(EXIF_CHANGED)):
        found = EXIF_TIME.match(_text(value))
        # Cameras that don't know the time write zeros.
        if found and int(found[1]) and int(found[2]) and int(found[3]):
            return {"exif_time": datetime(*map(int, found.groups()), tzinfo=UTC).timestamp()}  # type: ignore
    return {}


def _text(value: object) -> str:
    """An EXIF text up to its end mark, made harmless; "" for anything else, as damaged files have it."""
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    return harmless(text.split("\0")[0]) if isinstance(text, str) else ""


def _thumbnail(image: Image.Image, transparency: str) -> Facts:
    image.draft("RGB", THUMBNAIL)  # JPEGs only: decodes at an eighth of the size at best
    return _light(to_rgb(image, transparency))


def _light(small: Image.Image) -> Facts:
    small.thumbnail(THUMBNAIL, Image.Resampling.BOX)
    pixels = np.asarray(small, dtype=float)
    red, green, blue = pixels.mean(axis=(0, 1)) / 255.0
    luma = pixels @ (0.299, 0.587, 0.114) / 255.0
    return {
        "is_grey": "yes" if np.ptp(pixels, axis=2).max() <= GREY_TOLERANCE else "no",
        "brightness": float(luma.mean()),
        "contrast": float(luma.std()),
        "red_cast": float(red - green),
        "blue_cast": float(blue - green),
    }


READERS: dict[frozenset[str], Callable[[Image.Image], Facts]] = {
    frozenset({"container", "mode", "jpeg_tables", "jpeg_subsampling"}): _encoding,
    frozenset({"exif_make", "exif_model", "exif_orientation"}): _camera,
    frozenset({"exif_time"}): _taken,
}
"""The names that each reader of a header gives."""
FACT_NAMES = PIXELS.union(*READERS)
"""All that a file's content tells."""
