"""Pictures as files and inside a page."""

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from PIL import Image

MAX_BYTES = 2_500_000
PNG_LEVEL = 2
"""Of zlib: of sheets of photos, written four times as fast as at the usual 6, in a tenth more bytes."""


def save_png(picture: "Image.Image", target: Path | BinaryIO) -> None:
    """Write a PNG; the same picture, the same bytes."""
    picture.save(target, format="PNG", compress_level=PNG_LEVEL)


def embedded(png: bytes, most: int = MAX_BYTES) -> str:
    """A picture as a data URI: as it is, or, where it is large, as a JPEG.

    Args:
        png: the bytes of a PNG file.
        most: bytes that the picture may have.
    """
    from PIL import Image

    if len(png) <= most:
        return _uri("png", png)
    with Image.open(io.BytesIO(png)) as image:
        picture = image.convert("RGB")
    side = 3000
    while True:
        picture.thumbnail((side, side))
        jpeg = io.BytesIO()
        picture.save(jpeg, "JPEG", quality=80)
        if jpeg.tell() <= most:
            return _uri("jpeg", jpeg.getvalue())
        side = side * 3 // 4


def embedded_jpeg(jpeg: bytes) -> str:
    """The bytes of a JPEG file as a data URI."""
    return _uri("jpeg", jpeg)


def _uri(kind: str, picture: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode('ascii')}"
