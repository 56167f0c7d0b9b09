"""Pictures inside a page."""

import base64
import io

MAX_BYTES = 2_500_000


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
