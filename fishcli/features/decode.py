"""From an image file to upright RGB pixels, whatever is inside."""

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from fishcli.dataset.images import EXIF_ORIENTATION, FORMATS

DECODER = "pillow"
"""Part of the recipe: another decoder gives slightly different pixels."""

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


def decode(path: Path) -> np.ndarray:
    """Decode an image file to (height, width, 3) uint8 RGB, turned upright as its EXIF says.

    Grey, palette, CMYK, RGBA (its alpha is dropped) and 16-bit images are converted; of several frames the
    first is taken.

    Raises:
        UnreadableImageError: missing, empty, truncated or no image.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            # Pillow turns a TIFF itself.
            turn = TURNS.get(image.getexif().get(EXIF_ORIENTATION, 1)) if image.format != "TIFF" else None
            upright = image if turn is None else image.transpose(turn)
            if upright.mode.startswith("I"):  # 16 bits: Pillow's own conversion would clip at 255
                upright = Image.fromarray(np.round(np.asarray(upright) / 257.0).clip(0, 255).astype(np.uint8))
            return np.asarray(upright.convert("RGB"))
    except FileNotFoundError:
        raise UnreadableImageError("the file is missing") from None
    except UnidentifiedImageError:
        is_empty = path.stat().st_size == 0
        raise UnreadableImageError(
            "the file is empty" if is_empty else "no image format is recognised in it"
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise UnreadableImageError(str(error) or type(error).__name__) from None
