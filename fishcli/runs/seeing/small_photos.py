"""Small photos with boxes, for pages."""

import io
from pathlib import Path

from PIL import Image

from fishcli.dataset.photos.photo import UnreadableImageError
from fishcli.dataset.photos.thumbnails import read_small
from fishcli.options.reading import Reading
from fishcli.report.heatmaps import Boxes, overlay


def boxed_photo(path: Path, boxes: Boxes, size: tuple[int, int], reading: Reading) -> bytes | None:
    """A JPEG of a photo with boxes, of (width, height) `size` at most; None where it can't be read."""
    try:
        photo = read_small(path, size, reading)
    except UnreadableImageError:
        return None
    photo.thumbnail(size)
    return jpeg_of(overlay(photo, None, boxes))


def jpeg_of(picture: Image.Image) -> bytes:
    """The bytes of a picture's JPEG file."""
    jpeg = io.BytesIO()
    picture.save(jpeg, "JPEG", quality=82)
    return jpeg.getvalue()
