"""A photo's EXIF, for which its pixels are not decoded where that can be spared."""

import os
import struct
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngImageFile

PNG_SIGNATURE_BYTES = 8
PNG_METADATA = (b"eXIf", b"tEXt", b"zTXt", b"iTXt")
"""The chunks in which Pillow looks for EXIF."""


def exif_of(image: Image.Image) -> Image.Exif:
    """An open photo's EXIF; raises what Pillow does on damaged files.

    Pillow decodes all pixels of a PNG file, to see whether EXIF stands behind them. Its chunks' names, which
    take a fraction of that, say so as well.
    """
    if isinstance(image, PngImageFile) and image.fp is not None and not _may_have_metadata_behind(image.fp):
        return Image.Image.getexif(image)
    return image.getexif()


def _may_have_metadata_behind(file: Any) -> bool:
    """Whether a PNG file has metadata behind its pixels, or ends too early for anybody to know."""
    here, is_behind = file.tell(), False
    file.seek(PNG_SIGNATURE_BYTES)
    try:
        while len(start := file.read(8)) == 8:
            n_bytes, kind = struct.unpack(">I4s", start)
            if kind == b"IEND":
                return False
            if is_behind and kind in PNG_METADATA:
                return True
            is_behind = is_behind or kind == b"IDAT"
            file.seek(n_bytes + 4, os.SEEK_CUR)  # its content and its checksum
        return True
    finally:
        file.seek(here)
