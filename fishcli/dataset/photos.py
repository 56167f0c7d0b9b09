"""One photo: what may be in its file, its size, and its pixels upright."""

import io
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from fishcli.remote import is_remote, read_bytes

FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF")
"""What may be inside an image file, whatever its suffix says. EPS and the like would run programs."""

HEADER_BYTES = 256 * 1024
"""Where a remote photo's size and EXIF stand, most often; else all of it is read."""

# Both once, here: in the threads that open images neither is safe.
Image.init()
warnings.filterwarnings("ignore", module="PIL")

DAMAGE = (
    *(OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError, MemoryError),
    *(TypeError, LookupError, ArithmeticError, struct.error),  # tags of a wrong type or length
)
"""What Pillow raises on damaged files. Not all: a renamed attribute of Pillow's must not pass for damage."""

EXIF_ORIENTATION = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a photo upright, by its EXIF orientation. Pillow's exif_transpose fails on damaged EXIF."""


def read_header(path: Path) -> tuple[int, int, str]:
    """Height and width in pixels of the upright photo, not decoded, and why that failed ("" if not)."""
    if not is_remote(path):
        return _parse_header(path, path)
    try:
        start = read_bytes(path, HEADER_BYTES)
        found = _parse_header(path, io.BytesIO(start))
        whole = found[2] and len(start) == HEADER_BYTES  # PNG's and WebP's metadata may stand at the end
        return _parse_header(path, io.BytesIO(read_bytes(path))) if whole else found
    except FileNotFoundError:
        return 0, 0, "the file is missing"


def _parse_header(path: Path, file: Any) -> tuple[int, int, str]:
    """What `read_header` tells of a path's content."""
    try:
        is_empty = path.stat().st_size == 0 if file is path else not file.getbuffer().nbytes
        if is_empty:
            return 0, 0, "the file is empty"
        with Image.open(file, formats=FORMATS) as image:
            width, height = image.size
            # Pillow gives a TIFF's size upright already.
            is_sideways = image.format != "TIFF" and image.getexif().get(EXIF_ORIENTATION, 1) in (5, 6, 7, 8)
    except UnidentifiedImageError:
        return 0, 0, "no image format is recognised in it"
    except FileNotFoundError:
        return 0, 0, "the file is missing"
    except DAMAGE as error:
        return 0, 0, f"its header can't be read ({error})"
    return (width, height, "") if is_sideways else (height, width, "")


def read_orientation(path: Path) -> int:
    """The EXIF orientation (1 to 8) of a photo; 1, upright, where none can be read."""
    start = read_bytes(path, HEADER_BYTES) if is_remote(path) else b""
    found = _parse_orientation(io.BytesIO(start) if start else path)
    return (
        _parse_orientation(io.BytesIO(read_bytes(path)))
        if found == 1 and len(start) == HEADER_BYTES
        else found
    )


def _parse_orientation(file: Any) -> int:
    try:
        with Image.open(file, formats=FORMATS) as image:
            value = image.getexif().get(EXIF_ORIENTATION)
            return int(value) if value in TURNS else 1
    except DAMAGE:
        return 1


def upright_rgb(image: Image.Image) -> Image.Image:
    """An opened image as 8-bit RGB, turned upright as its EXIF says; what can't be decoded raises."""
    # Pillow turns a TIFF itself.
    turn = TURNS.get(image.getexif().get(EXIF_ORIENTATION, 1)) if image.format != "TIFF" else None
    upright = image if turn is None else image.transpose(turn)
    if upright.mode.startswith("I"):  # 16 bits: Pillow's own conversion would clip at 255
        upright = Image.fromarray(np.round(np.asarray(upright) / 257.0).clip(0, 255).astype(np.uint8))
    return upright.convert("RGB")
