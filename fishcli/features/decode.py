"""From an image file to upright RGB pixels, whatever is inside."""

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from fishcli.dataset.images import FORMATS, upright_rgb

DECODER = "pillow"
"""Part of the recipe: another decoder gives slightly different pixels."""


class UnreadableImageError(Exception):
    """An image file that can't be decoded; the message says why."""


def decode(path: Path) -> np.ndarray:
    """Decode an image file to (height, width, 3) uint8 RGB, turned upright as its EXIF says.

    Grey, palette, CMYK, RGBA (its alpha is dropped) and 16-bit images are converted; of several frames the
    first is taken.

    Raises:
        UnreadableImageError: missing, empty, truncated or no image.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            return np.asarray(upright_rgb(image))
    except FileNotFoundError:
        raise UnreadableImageError("the file is missing") from None
    except UnidentifiedImageError:
        is_empty = path.stat().st_size == 0
        raise UnreadableImageError(
            "the file is empty" if is_empty else "no image format is recognised in it"
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise UnreadableImageError(str(error) or type(error).__name__) from None
