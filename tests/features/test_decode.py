import struct

import numpy as np
import pytest
from conftest import make_image, noise
from PIL import Image

from fishcli.dataset.photos.photo import read_header
from fishcli.features.photos.decode import UnreadableImageError, decode

PHOTO = noise((20, 30))
STORED = {
    1: PHOTO,
    2: PHOTO[:, ::-1],
    3: PHOTO[::-1, ::-1],
    4: PHOTO[::-1],
    5: PHOTO.transpose(1, 0, 2),
    6: np.rot90(PHOTO, 1),
    7: np.rot90(PHOTO.transpose(1, 0, 2), 2),
    8: np.rot90(PHOTO, -1),
}
"""How a camera stores the upright PHOTO under each EXIF orientation."""


def smooth(size=(24, 32)):
    """A photo without noise, so that JPEG changes it little."""
    y, x = np.mgrid[: size[0], : size[1]]
    return np.stack([y * 9, x * 7, 200 - y * 5], axis=2).clip(0, 255).astype(np.uint8)


def test_rgb_pixels_are_those_of_the_file(tmp_path):
    found = decode(make_image(tmp_path / "a.png", pixels=PHOTO))
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, PHOTO)


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_photos_are_turned_upright(tmp_path, orientation, name):
    pixels = np.ascontiguousarray(STORED[orientation])
    path = make_image(tmp_path / name, pixels=pixels, orientation=orientation)
    np.testing.assert_array_equal(decode(path), PHOTO)


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_an_orientation_that_does_not_exist_turns_nothing(tmp_path, orientation):
    path = make_image(tmp_path / "a.png", pixels=PHOTO, orientation=orientation)
    np.testing.assert_array_equal(decode(path), PHOTO)


def test_grey_has_three_equal_channels(tmp_path):
    found = decode(make_image(tmp_path / "a.png", pixels=PHOTO[..., 0]))
    np.testing.assert_array_equal(found, np.repeat(PHOTO[..., :1], 3, axis=2))


def test_alpha_is_dropped_and_not_blended(tmp_path):
    rgba = np.concatenate([PHOTO, np.full((20, 30, 1), 3, np.uint8)], axis=2)
    np.testing.assert_array_equal(decode(make_image(tmp_path / "a.png", mode="RGBA", pixels=rgba)), PHOTO)


@pytest.mark.parametrize("transparency", [None, 0, b"\x00\x80"])
def test_palette_colours_are_looked_up(tmp_path, transparency, recwarn):
    palette = np.array([[250, 10, 20], [30, 240, 50], [60, 70, 230]], np.uint8)
    places = np.random.default_rng(0).integers(0, 3, (20, 30), np.uint8)
    image = Image.fromarray(places)
    image.putpalette(palette.tobytes())
    path = tmp_path / "a.png"
    image.save(path, **({} if transparency is None else {"transparency": transparency}))
    np.testing.assert_array_equal(decode(path), palette[places])


def test_cmyk_jpeg(tmp_path):
    path = make_image(tmp_path / "a.jpg", mode="CMYK", pixels=smooth(), quality=95)
    assert np.abs(decode(path).astype(int) - smooth()).mean() < 4


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_16_bit_grey_is_scaled_and_not_clipped(tmp_path, name):
    values = np.array([[0, 257, 2570, 32768, 51400, 65535]], np.uint16)
    found = decode(make_image(tmp_path / name, mode="I;16", pixels=values))
    assert found.shape == (1, 6, 3)
    assert found[0, :, 0].tolist() == [0, 1, 10, 128, 200, 255]
    assert (found == found[..., :1]).all()


def test_of_several_frames_the_first_is_taken(tmp_path):
    first, second = Image.fromarray(PHOTO), Image.fromarray(255 - PHOTO)
    first.save(tmp_path / "a.tif", save_all=True, append_images=[second])
    np.testing.assert_array_equal(decode(tmp_path / "a.tif"), PHOTO)


def test_the_suffix_is_of_no_matter(tmp_path):
    np.testing.assert_array_equal(
        decode(make_image(tmp_path / "a.jpg", pixels=PHOTO, image_format="PNG")), PHOTO
    )


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("kept", [0.5, 0.95])
def test_a_truncated_image_is_unreadable(tmp_path, image_format, kept):
    path = make_image(tmp_path / "a.jpg", (100, 120), image_format=image_format)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(UnreadableImageError) as raised:
        decode(path)
    assert str(raised.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"<html>not found</html>", "it is a web page"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n", "no image format is recognised"),
    ],
    ids=["empty", "web page", "program"],
)
def test_what_is_no_image_is_unreadable(tmp_path, content, message):
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(UnreadableImageError, match=message):
        decode(tmp_path / "a.jpg")


def test_a_missing_file_and_a_folder_are_unreadable(tmp_path):
    with pytest.raises(UnreadableImageError, match="the file is missing"):
        decode(tmp_path / "a.jpg")
    with pytest.raises(UnreadableImageError, match="Is a directory"):
        decode(tmp_path)


def test_a_sideways_photo_with_odd_exif_is_turned_all_the_same(tmp_path):
    orientation, strip_as_text = (0x0112, 3, 1, b"\6\0\0\0"), (0x0111, 2, 4, b"abc\0")
    entries = b"".join(struct.pack("<HHI4s", *entry) for entry in (orientation, strip_as_text))
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + entries + struct.pack("<I", 0)
    path = make_image(tmp_path / "a.jpg", pixels=smooth((24, 32)), exif=exif)
    assert decode(path).shape == (32, 24, 3)
    assert read_header(path) == (32, 24, "")


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize(
    ("shortest_side", "factor"), [(None, 1), (120, 1), (61, 1), (60, 2), (31, 2), (30, 4), (15, 8), (1, 8)]
)
def test_a_jpeg_is_scaled_as_long_as_no_side_gets_too_short(tmp_path, shortest_side, factor, orientation):
    upright = smooth((120, 160)) // 4 * 2
    stored = upright if orientation == 1 else np.ascontiguousarray(np.rot90(upright, 1))
    path = make_image(tmp_path / "a.jpg", pixels=stored, orientation=orientation, quality=100)
    found = decode(path, shortest_side)
    assert found.shape == (120 // factor, 160 // factor, 3)
    means = upright.reshape(120 // factor, factor, 160 // factor, factor, 3).mean((1, 3))
    assert np.abs(found - means).mean() < 2


def test_other_formats_keep_their_size(tmp_path):
    np.testing.assert_array_equal(decode(make_image(tmp_path / "a.png", pixels=PHOTO), 4), PHOTO)
