"""Which number is white, and what lies behind transparency: the range of what a file holds."""

import numpy as np
import pytest
from conftest import make_image, noise
from PIL import Image

from fishcli.dataset.photos.file_facts import FACT_NAMES, read_facts
from fishcli.dataset.photos.photo import UnreadableImageError, read_photo
from fishcli.dataset.photos.thumbnails import read_small
from fishcli.features.photos.decode import decode
from fishcli.options.reading import Reading

RAMP = np.tile(np.arange(256), (4, 1))
"""All levels of 8 bits, as they should come out."""


def saved(path, values):
    Image.fromarray(values).save(path)
    return path


@pytest.mark.parametrize(
    ("name", "values", "white_is_zero"),
    [
        ("a.tif", (RAMP / 255).astype(np.float32), False),
        ("a.tif", RAMP.astype(np.float32), False),
        ("a.tif", RAMP.astype(np.int32), False),
        ("a.tif", (RAMP * 257).astype(np.int32), False),
        ("a.tif", (RAMP * 257).astype(np.uint16), False),
        ("a.png", (RAMP * 257).astype(np.uint16), False),
        ("a.jp2", (RAMP * 257).astype(np.uint16), False),
        ("a.tif", (65535 - RAMP * 257).astype(np.uint16), True),
        ("a.tif", (1 - RAMP / 255).astype(np.float32), True),
        ("a.pfm", (RAMP / 255).astype(np.float32), False),
    ],
)
def test_the_range_of_numbers_is_that_of_light(tmp_path, name, values, white_is_zero):
    path = saved(tmp_path / name, values)
    if white_is_zero:
        say_white_is_zero(path)
    found = decode(path)
    np.testing.assert_array_equal(found, np.repeat(RAMP[..., None], 3, axis=2))
    brightness = read_facts(path, FACT_NAMES)["brightness"]
    assert brightness == pytest.approx(RAMP.mean() / 255, abs=0.01)
    assert np.asarray(read_small(path, (9, 9))).mean() == RAMP.mean()


def say_white_is_zero(path):
    """Change the tag in the file itself: Pillow writes its own."""
    content = bytearray(path.read_bytes())
    at = content.index(b"\x06\x01\x03\x00\x01\x00\x00\x00")
    content[at + 8] = 0
    path.write_bytes(content)


def test_twelve_bits_are_a_range_of_their_own(tmp_path):
    """A TIFF of 2 x 1 pixels of 12 bits, 0 and 4095, which Pillow can read and not write."""
    tags = ((256, 2), (257, 1), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1), (278, 1), (279, 3))
    entries = b"".join(
        tag.to_bytes(2, "little") + b"\3\0\1\0\0\0" + value.to_bytes(4, "little") for tag, value in tags
    )
    content = b"II*\0\x0c\0\0\0" + b"\x00\x0f\xff\x00" + len(tags).to_bytes(2, "little") + entries + bytes(4)
    (tmp_path / "a.tif").write_bytes(content)
    assert decode(tmp_path / "a.tif")[0, :, 0].tolist() == [0, 255]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.array([[-1.0, 0.5]], np.float32), "from -1 to 0.5"),
        (np.array([[0.0, 3.5]], np.float32), "from 0 to 3.5"),
        (np.array([[0.0, 65535.0]], np.float32), "from 0 to 65,535"),
        (np.array([[0.0, np.nan]], np.float32), "nan"),
        (np.array([[-5, 100]], np.int32), "from -5 to 100"),
        (np.array([[0, 100_000]], np.int32), "from 0 to 100,000"),
    ],
)
def test_where_no_number_is_surely_white_the_photo_is_unreadable(tmp_path, values, said):
    path = saved(tmp_path / "a.tif", values)
    with pytest.raises(UnreadableImageError, match=f"its numbers run .*{said}.*save it with 8 or 16 bits"):
        decode(path)
    assert "brightness" not in read_facts(path, FACT_NAMES)


def transparent(path, mode="RGBA", **options):
    """A red photo whose right half is fully transparent."""
    pixels = np.zeros((4, 8, 4), np.uint8)
    pixels[..., 0], pixels[:, :4, 3] = 200, 255
    image = Image.fromarray(pixels)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.convert(mode).save(path, **options)
    return path


@pytest.mark.parametrize(("mode", "name"), [("RGBA", "a.png"), ("RGBA", "a.webp"), ("RGBA", "a.tif")])
@pytest.mark.parametrize(
    ("transparency", "behind"), [("drop", (200, 0, 0)), ("white", (255,) * 3), ("black", (0,) * 3)]
)
def test_transparent_photos_are_laid_on_what_is_chosen(tmp_path, mode, name, transparency, behind):
    path = transparent(tmp_path / name, mode, **({"lossless": True, "exact": True} if "webp" in name else {}))
    found = decode(path, reading=Reading(transparency=transparency))
    assert found[0, 0].tolist() == [200, 0, 0]
    assert found[0, -1].tolist() == list(behind)
    light = read_facts(path, ["brightness"], Reading(transparency=transparency))["brightness"]
    assert light == pytest.approx(found @ (0.299, 0.587, 0.114) / 255 @ np.ones(8) @ np.ones(4) / 32)


def test_a_transparent_colour_of_a_palette_counts_too(tmp_path):
    image = Image.fromarray(np.array([[0, 1]], np.uint8))
    image.putpalette([9, 99, 199, 50, 60, 70])
    image.save(tmp_path / "a.png", transparency=1)
    assert decode(tmp_path / "a.png").tolist() == [[[9, 99, 199], [50, 60, 70]]]
    assert decode(tmp_path / "a.png", reading=Reading(transparency="white")).tolist() == [
        [[9, 99, 199], [255, 255, 255]]
    ]


def test_opaque_photos_are_the_same_under_every_rule(tmp_path):
    path = make_image(tmp_path / "a.png", pixels=noise((9, 9)))
    for transparency in ("white", "black"):
        found, _ = read_photo(path, Reading(transparency=transparency, truncated=True))
        np.testing.assert_array_equal(np.asarray(found), noise((9, 9)))
