"""From an image file to upright RGB pixels, whatever is inside."""

from pathlib import Path

import numpy as np

from fishcli.dataset.photos.photo import UnreadableImageError, read_photo
from fishcli.options.reading import USUAL, Reading

__all__ = ["DECODER", "UnreadableImageError", "decode"]

DECODER = "pillow, JPEG scaled"
"""Part of the recipe: another decoder gives slightly different pixels."""


def decode(path: Path, shortest_side: int | None = None, reading: Reading = USUAL) -> np.ndarray:
    """Decode an image file to (height, width, 3) uint8 RGB, turned upright as its EXIF says.

    Args:
        path: the file.
        shortest_side: pixels; a JPEG file is decoded at the smallest size of which no side is shorter. None
            for its full size.
        reading: how photos are read.

    Raises:
        UnreadableImageError: as `read_photo` does.
    """
    size = None if shortest_side is None else (shortest_side, shortest_side)
    return np.asarray(read_photo(path, reading, size)[0])
