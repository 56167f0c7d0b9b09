"""EXIF is found wherever it stands in a photo, a PNG's pixels being decoded only where they must be."""

import io
import zlib

import pytest
from conftest import noise
from PIL import Image, PngImagePlugin

from fishcli.dataset.photos.exif import exif_of
from fishcli.dataset.photos.photo import read_header, read_orientation

END = b"\0\0\0\0IEND" + zlib.crc32(b"IEND").to_bytes(4, "big")


def png(orientation=None, **options):
    """A PNG file's bytes of a photo of 30 x 40 pixels."""
    if orientation is not None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        options["exif"] = exif
    buffer = io.BytesIO()
    Image.fromarray(noise((30, 40), 0)).save(buffer, "PNG", **options)
    return buffer.getvalue()


def with_chunk_behind(content, kind, data):
    """A PNG with one more chunk behind its pixels."""
    chunk = len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
    return content.removesuffix(END) + chunk + END


def exif_behind(orientation):
    """A PNG whose EXIF stands behind its pixels."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return with_chunk_behind(png(), b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))


@pytest.fixture
def undecoded(monkeypatch):
    def refuse(*_):
        raise AssertionError("the pixels were decoded")

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", refuse)


@pytest.mark.parametrize(("orientation", "size"), [(None, (30, 40)), (1, (30, 40)), (6, (40, 30))])
def test_a_pngs_header_is_read_without_its_pixels(tmp_path, undecoded, orientation, size):
    path = tmp_path / "a.png"
    path.write_bytes(png(orientation))
    assert read_header(path) == (*size, "")
    assert read_orientation(path) == (orientation or 1)


def test_exif_behind_a_pngs_pixels_is_found(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(exif_behind(8))
    assert (read_header(path), read_orientation(path)) == ((40, 30, ""), 8)


def test_text_behind_the_pixels_is_looked_at(monkeypatch):
    comment = with_chunk_behind(png(), b"tEXt", b"Comment\0caught at night")
    with Image.open(io.BytesIO(comment)) as image:
        exif_of(image)
        assert image.info["Comment"] == "caught at night"


def test_a_png_that_ends_too_early_is_known_by_its_header(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png()[:-200])
    height, width, problem = read_header(path)
    assert (height, width) == (0, 0)
    assert "truncated" in problem


def test_a_pngs_pixels_are_whole_after_its_exif_was_read():
    for content in (png(3), exif_behind(3), png()):
        with Image.open(io.BytesIO(content)) as image:
            exif_of(image)
            assert image.tobytes() == noise((30, 40), 0).tobytes()
