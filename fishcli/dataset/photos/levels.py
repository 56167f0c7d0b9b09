"""From what an image file holds (numbers of any range, transparency) to 8-bit RGB."""

from typing import Any

import numpy as np
from PIL import Image

TIFF_BITS, TIFF_PHOTOMETRIC = 258, 262
WHITE_IS_ZERO = 0
DARK = 16
"""Levels of 255: floats whose highest is between 1 and this may be black on one scale, or too bright on
another."""


def to_rgb(image: Image.Image, transparency: str = "drop") -> Image.Image:
    """An opened image as 8-bit RGB; what can't be decoded raises.

    Args:
        image: of any mode. Integers of more than 8 bits and floats are scaled where it is certain which
            number is white: the full range of 16 bits, or of 12; 32-bit integers that keep to 0 to 255 or
            0 to 65535; floats that keep to 0 to 1 or 0 to 255.
        transparency: "drop" takes the colours as they are stored, whatever their alpha; "white" and "black"
            lay the photo on that colour.

    Raises:
        ValueError: it isn't certain which number is white.
    """
    if image.mode == "F" or image.mode.startswith("I"):
        image = _to_grey(image)
    if transparency != "drop" and image.has_transparency_data:
        above = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", above.size, transparency), above)
    return image.convert("RGB")


def _to_grey(image: Image.Image) -> Image.Image:
    """Integers of more than 8 bits or floats as 8-bit grey. (Pillow's own conversion clips at 255.)"""
    tags: Any = getattr(image, "tag_v2", {})
    values = np.asarray(image)
    if image.mode == "F":
        grey = _from_floats(values)
    else:
        white = _white(image, values, tags)
        grey = np.round(values / (white / 255.0)).clip(0, 255).astype(np.uint8)
    # Of 8 bits Pillow itself turns what is stored upside down.
    return Image.fromarray(255 - grey if tags.get(TIFF_PHOTOMETRIC) == WHITE_IS_ZERO else grey)


def _white(image: Image.Image, values: np.ndarray, tags: Any) -> int:
    """The number that means white among integers."""
    if image.format != "TIFF" or image.mode.startswith("I;16"):  # 16 bits by format: PNG, PGM, JPEG 2000, ...
        return 4095 if tags.get(TIFF_BITS) == (12,) else 65535
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise _unsure(low, high)
    return 255 if high <= 255 else 65535


def _from_floats(values: np.ndarray) -> np.ndarray:
    low, high = float(values.min()), float(values.max())  # NaN where any is
    if low >= 0 and high <= 1:
        return np.round(values * 255.0).astype(np.uint8)
    if low >= 0 and DARK <= high <= 255:
        return values.astype(np.uint8)
    raise _unsure(low, high)


def _unsure(low: float, high: float) -> ValueError:
    return ValueError(
        f"its numbers run from {low:,g} to {high:,g}, and nothing says which is white: save it with 8 or 16 "
        "bits"
    )
