"""One photo: what may be in its file, its size, and its pixels upright."""

import io
import struct
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from fishcli.basics.errors import examples
from fishcli.basics.progress import warn
from fishcli.basics.remote import content, is_remote, read_bytes
from fishcli.dataset.photos.exif import exif_of
from fishcli.dataset.photos.levels import to_rgb
from fishcli.options.reading import MAX_PIXELS, USUAL, Reading

FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF", "PPM", "JPEG2000", "AVIF", "QOI")
"""What may be inside an image file, whatever its suffix says: photos alone. EPS and the like would run
programs, others (TGA, PCX) are recognised by so little that damaged files would pass for them."""

HEADER_BYTES = 256 * 1024
"""Where a remote photo's size and EXIF stand, most often; else all of it is read."""

# Both once, here: in the threads that open images neither is safe.
Image.init()
warnings.filterwarnings("ignore", module="PIL")

IMAGE_SUFFIXES = frozenset(
    suffix for suffix, name in Image.registered_extensions().items() if name in (*FORMATS, "MPO")
)
"""The suffixes that Pillow knows of those formats (and of MPO, several JPEGs in one), in lower case: a file
is a photo by its name."""

DAMAGE = (
    *(OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError, MemoryError),
    *(TypeError, LookupError, ArithmeticError, struct.error),  # tags of a wrong type or length
)
"""What Pillow raises on damaged files. Not all: a renamed attribute of Pillow's must not pass for damage."""

CONVERT = "convert it to JPEG, for example with ImageMagick: magick PHOTO -quality 95 NEW.jpg"
BEGINNINGS = (
    (4, (b"ftyphei", b"ftyphev", b"ftypmif1", b"ftypmsf1"), f"it is HEIC, whatever its name says: {CONVERT}"),
    (4, (b"ftypavi",), f"it is AVIF, which this installation can't read: {CONVERT}"),
    (0, (b"\xff\x0a", b"\0\0\0\x0cJXL "), f"it is JPEG XL, whatever its name says: {CONVERT}"),
    (
        0,
        (b"<!DOCTYPE", b"<!doctype", b"<html"),
        "it is a web page, as a failed download leaves it: get it anew",
    ),
    (0, (b"version https://git-lfs",), "it is a Git LFS pointer: fetch the photos with git lfs pull"),
)
"""What some files that are no photo begin with, from which byte on, and what to do about them."""

JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"

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


class UnreadableImageError(Exception):
    """An image file that can't be decoded; the message says why."""


def read_header(path: Path, reading: Reading = USUAL) -> tuple[int, int, str]:
    """Height and width in pixels of the upright photo, not decoded, and why that failed ("" if not)."""
    if not is_remote(path):
        return _parse_header(path, path, reading)
    try:
        start = read_bytes(path, HEADER_BYTES)
        found = _parse_header(path, io.BytesIO(start), reading)
        whole = found[2] and len(start) == HEADER_BYTES  # PNG's and WebP's metadata may stand at the end
        return _parse_header(path, io.BytesIO(read_bytes(path)), reading) if whole else found
    except FileNotFoundError:
        return 0, 0, "the file is missing"


def _parse_header(path: Path, file: Any, reading: Reading) -> tuple[int, int, str]:
    """What `read_header` tells of a path's content."""
    try:
        with open_photo(file, reading) as image:
            width, height = image.size
            # Pillow gives a TIFF's size upright already.
            is_sideways = image.format != "TIFF" and exif_of(image).get(EXIF_ORIENTATION, 1) in (5, 6, 7, 8)
    except (FileNotFoundError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        return 0, 0, _why(path, error, reading)
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
            value = exif_of(image).get(EXIF_ORIENTATION)
            return int(value) if value in TURNS else 1
    except DAMAGE:
        return 1


def open_photo(file: Any, reading: Reading = USUAL) -> Image.Image:
    """Open a photo of one of FORMATS, of `reading.max_pixels` at most; raises DAMAGE.

    Args:
        file: what `remote.content` returns of its path, or its bytes to be read.
        reading: how photos are read.
    """
    if reading.max_pixels > MAX_PIXELS and Image.MAX_IMAGE_PIXELS is not None:
        # Pillow's own guard is the process's, and looks at frames inside of files too: it stays, and is
        # only ever raised, so that threads don't care.
        Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, -(-reading.max_pixels // 2))
    image = Image.open(file, formats=FORMATS)
    if image.width * image.height > reading.max_pixels:
        image.close()
        raise Image.DecompressionBombError
    return image


def read_photo(
    path: Path, reading: Reading = USUAL, size: tuple[int, int] | None = None
) -> tuple[Image.Image, bool]:
    """Decode a photo to 8-bit RGB, turned upright as its EXIF says; of several frames the first.

    Args:
        path: the file.
        reading: what counts as readable, and what becomes of transparency.
        size: (width, height) in pixels that are needed, None for all: a JPEG file is decoded at a half, a
            quarter or an eighth where no side gets shorter than that, in less than half the time.

    Returns:
        The photo, and whether its file lacks its last bytes (only with `reading.truncated`).

    Raises:
        UnreadableImageError: missing, empty, truncated, too large or no image.
    """
    try:
        return _decoded(content(path), reading, size), False
    except DAMAGE as error:
        if reading.truncated and (mended := _with_end(path)) is not None:
            with suppress(*DAMAGE):
                return _decoded(mended, reading, size), True
        raise UnreadableImageError(_why(path, error, reading)) from None


def is_readable(path: Path, reading: Reading = USUAL) -> bool:
    """Whether a photo can be decoded."""
    try:
        read_photo(path, reading)
    except UnreadableImageError:
        return False
    return True


def _decoded(file: Any, reading: Reading, size: tuple[int, int] | None) -> Image.Image:
    with open_photo(file, reading) as image:
        if size is not None:
            image.draft(None, size)  # JPEG files only
        # Pillow turns a TIFF itself.
        turn = TURNS.get(exif_of(image).get(EXIF_ORIENTATION, 1)) if image.format != "TIFF" else None
        photo = to_rgb(image, reading.transparency)
    return photo if turn is None else photo.transpose(turn)


def _with_end(path: Path) -> io.BytesIO | None:
    """A JPEG file with the mark of its end behind what there is: then its decoder fills up with grey.

    Pillow's LOAD_TRUNCATED_IMAGES does the same, but for the whole process and every format, in silence.
    """
    with suppress(OSError):
        found = read_bytes(path)
        return io.BytesIO(found + JPEG_END) if found.startswith(JPEG_START) else None
    return None


def _why(path: Path, error: BaseException, reading: Reading) -> str:
    """Why a photo can't be read, and what helps where something does."""
    if isinstance(error, FileNotFoundError):
        return "the file is missing"
    if isinstance(error, Image.DecompressionBombError):
        return f"it has more than {reading.max_pixels:,} pixels; --max-pixels raises that limit"
    if isinstance(error, UnidentifiedImageError):
        return _what_it_is(path)
    is_jpeg = "truncated" in str(error) and read_bytes(path, len(JPEG_START)) == JPEG_START
    advice = "; --truncated reads what there is" if is_jpeg and not reading.truncated else ""
    return (str(error) or type(error).__name__) + advice


def _what_it_is(path: Path) -> str:
    """What is in a file in which no format is recognised."""
    start = read_bytes(path, 32)
    if not start:
        return "the file is empty"
    known = (said for at, marks, said in BEGINNINGS if start[at:].startswith(marks))
    return next(known, "no image format is recognised in it")


def contained(photo: Image.Image, size: tuple[int, int]) -> Image.Image:
    """A photo scaled to fit into `size` (width, height), its shape kept, of one pixel a side at least.

    (Pillow's `ImageOps.contain` makes nothing of a photo of 1x400.)
    """
    scale = min(size[0] / photo.width, size[1] / photo.height)
    width, height = (max(1, round(side * scale)) for side in photo.size)
    return photo.resize((width, height), Image.Resampling.BICUBIC)


def warn_of_truncated(split: str, images: list[str]) -> None:
    """Say which photos of a split were read though their files lack their last bytes."""
    if images:
        warn(f"{len(images):,} truncated photos of {split} are read as far as they go: {examples(images)}")
