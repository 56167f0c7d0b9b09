import struct

import numpy as np
import pandas as pd
import pytest
from conftest import make_image, noise
from imagehash import phash
from PIL import Image

from fishcli.basics.errors import FishError
from fishcli.dataset.photos import thumbnails
from fishcli.dataset.photos.thumbnails import (
    SIDE,
    read_hashes,
    read_small,
    read_thumbnails,
    readable_thumbnails,
)
from fishcli.options.reading import Reading


def table(*paths):
    return pd.DataFrame({"image": [path.name for path in paths], "path": list(paths)})


def scene(size=(90, 160), seed=0):
    """A smooth picture, (height, width, 3) uint8: what hashes are made for."""
    small = Image.fromarray(noise((6, 8), seed))
    return np.asarray(small.resize((size[1], size[0]), Image.Resampling.BICUBIC))


def halves(size=(40, 60)):
    """Left half red, right half blue."""
    pixels = np.zeros((*size, 3), np.uint8)
    pixels[:, : size[1] // 2, 0] = 250
    pixels[:, size[1] // 2 :, 2] = 250
    return pixels


def bits(thumbnails, row):
    return np.unpackbits(thumbnails.hashes[row : row + 1].view(np.uint8))


def test_a_thumbnail_is_the_whole_photo_squashed(tmp_path):
    found = read_thumbnails(table(make_image(tmp_path / "a.png", pixels=halves())))
    assert found.pixels.shape == (1, SIDE, SIDE, 3)
    assert found.pixels.dtype == np.uint8
    assert (found.pixels[0, :, : SIDE // 2 - 1] == [250, 0, 0]).all()
    assert (found.pixels[0, :, SIDE // 2 + 1 :] == [0, 0, 250]).all()
    assert found.problems == [""]


def test_the_hash_is_imagehash_s(tmp_path):
    path = make_image(tmp_path / "a.png", pixels=scene())
    with Image.open(path) as image:
        expected = phash(image).hash.ravel()
    found = read_thumbnails(table(path)).hashes
    assert found.dtype == np.uint64
    assert [int(found[0]) >> (63 - place) & 1 for place in range(64)] == expected.astype(int).tolist()


def test_a_jpeg_decoded_small_looks_as_the_same_photo_decoded_whole(tmp_path):
    large = scene((720, 1280))
    pair = [
        make_image(tmp_path / "a.png", pixels=large),
        make_image(tmp_path / "a.jpg", pixels=large, quality=90),
        make_image(tmp_path / "b.jpg", pixels=scene((720, 1280), seed=1), quality=90),
    ]
    found = read_thumbnails(table(*pair))
    assert np.abs(found.pixels[0].astype(int) - found.pixels[1]).max() < 12
    assert (bits(found, 0) != bits(found, 1)).sum() <= 4
    assert (bits(found, 0) != bits(found, 2)).sum() >= 16
    small = read_small(pair[1], (64, 64))
    assert 64 <= small.height < 200
    assert read_small(pair[0], (64, 64)).size == (1280, 720)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tiff"])
def test_photos_are_turned_upright(tmp_path, suffix):
    plain = make_image(tmp_path / f"a.{suffix}", pixels=halves())
    turned = make_image(tmp_path / f"b.{suffix}", pixels=np.rot90(halves()).copy(), orientation=6)
    found = read_thumbnails(table(plain, turned))
    assert np.abs(found.pixels[0].astype(int) - found.pixels[1]).mean() < 12
    assert read_small(turned, (20, 20)).width > read_small(turned, (20, 20)).height


def test_a_sideways_photo_with_odd_exif_is_turned_all_the_same(tmp_path):
    orientation, strip_as_text = (0x0112, 3, 1, b"\6\0\0\0"), (0x0111, 2, 4, b"abc\0")
    entries = b"".join(struct.pack("<HHI4s", *entry) for entry in (orientation, strip_as_text))
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + entries + struct.pack("<I", 0)
    path = make_image(tmp_path / "a.jpg", pixels=np.rot90(halves()).copy(), exif=exif)
    found = read_thumbnails(table(path))
    assert found.problems == [""]
    assert found.pixels[0, :, 2, 0].min() > 200
    assert found.pixels[0, :, -3, 2].min() > 200


@pytest.mark.parametrize(
    ("mode", "suffix"), [("L", "jpg"), ("CMYK", "jpg"), ("P", "png"), ("RGBA", "png"), ("1", "png")]
)
def test_other_colour_modes(tmp_path, mode, suffix):
    pixels = np.full((40, 60, 3), 255, np.uint8)
    pixels[:20] = 0
    path = make_image(tmp_path / f"a.{suffix}", mode=mode, pixels=pixels)
    seen = read_thumbnails(table(path)).pixels[0]
    assert seen[: SIDE // 2 - 2].max() < 10
    assert seen[SIDE // 2 + 2 :].min() > 245


def test_16_bits_are_scaled_not_clipped(tmp_path):
    wide = np.full((40, 60), 1000, np.uint16)
    wide[:, 30:] = 32896
    Image.fromarray(wide).save(tmp_path / "a.png")
    seen = read_thumbnails(table(tmp_path / "a.png")).pixels[0]
    assert seen[5, 5, 0] == 4
    assert seen[5, -5, 0] == 128


@pytest.fixture
def broken(tmp_path):
    """Unreadable files between readable ones."""
    truncated = make_image(tmp_path / "truncated.jpg", (200, 300))
    truncated.write_bytes(truncated.read_bytes()[:4000])
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.png").write_text("no image")
    first, last = (make_image(tmp_path / name, pixels=halves()) for name in ("first.png", "last.png"))
    return table(
        first, truncated, tmp_path / "empty.jpg", tmp_path / "missing.jpg", tmp_path / "text.png", last
    )


def test_unreadable_images_are_named_with_the_reason(broken):
    found = read_thumbnails(broken)
    assert found.is_readable.tolist() == [True, False, False, False, False, True]
    assert "truncated" in found.problems[1]
    assert found.problems[2:5] == [
        "the file is empty",
        "the file is missing",
        "no image format is recognised in it",
    ]
    assert not found.pixels[1:5].any()
    assert (found.pixels[0] == found.pixels[5]).all()
    assert found.hashes[0] == found.hashes[5] != 0


def test_hashes_alone_are_those_of_thumbnails(broken):
    found, (hashes, problems) = read_thumbnails(broken), read_hashes(broken)
    assert hashes.tolist() == found.hashes.tolist()
    assert problems == found.problems


def test_only_the_readable_are_kept_with_a_warning(broken, capsys):
    images, found = readable_thumbnails(broken)
    assert list(images["image"]) == ["first.png", "last.png"]
    assert list(images.index) == [0, 1]
    assert found.pixels.shape[0] == len(found.problems) == 2
    error = capsys.readouterr().err
    assert "Warning: 4 unreadable images of train are left out: truncated.jpg (" in error


def test_none_readable_is_an_error(broken):
    with pytest.raises(FishError, match=r"none of the images of test can be read: empty\.jpg \(the file is"):
        readable_thumbnails(broken.iloc[2:5].reset_index(drop=True), "test")


def test_many_photos_come_in_their_order(tmp_path):
    paths = [make_image(tmp_path / f"{i}.png", pixels=np.full((8, 8, 3), i, np.uint8)) for i in range(70)]
    chosen = [paths[i % 70] for i in range(600)]  # more than are decoded ahead
    found = read_thumbnails(table(*chosen))
    assert found.pixels[:, 0, 0, 0].tolist() == [i % 70 for i in range(600)]


def test_no_photos():
    found = read_thumbnails(table())
    assert found.pixels.shape == (0, SIDE, SIDE, 3)
    assert found.is_readable.tolist() == []


def refuse(*_):
    raise AssertionError("a photo was decoded again")


def same(one, other):
    pairs = [(one.pixels, other.pixels), (one.hashes, other.hashes)]
    return all((a == b).all() for a, b in pairs) and one.problems == other.problems


def test_a_photo_is_decoded_once_for_all_commands(tmp_path, monkeypatch):
    photos = table(*(make_image(tmp_path / f"{name}.png", pixels=noise((40, 60), name)) for name in range(3)))
    first = read_thumbnails(photos)
    monkeypatch.setattr(thumbnails, "read_photo", refuse)
    assert same(read_thumbnails(photos), first)
    part = read_thumbnails(photos.iloc[[2, 0]])  # joined by their files, not by their places
    assert same(part, first.only(np.array([2, 0])))
    assert (read_hashes(photos)[0] == first.hashes).all()


def test_a_photo_that_is_written_anew_is_decoded_anew(tmp_path):
    path = make_image(tmp_path / "a.png", pixels=halves())
    read_thumbnails(table(path))
    make_image(path, pixels=255 - halves())
    assert (read_thumbnails(table(path)).pixels[0, 0, 0] == [5, 255, 255]).all()


def test_what_is_kept_of_photos_read_by_other_rules_is_not_taken(tmp_path):
    pixels = np.zeros((40, 40, 4), np.uint8)
    Image.fromarray(pixels, "RGBA").save(tmp_path / "a.png")
    photos = table(tmp_path / "a.png")
    assert (read_thumbnails(photos).pixels == 0).all()
    assert (read_thumbnails(photos, reading=Reading(transparency="white")).pixels == 255).all()


def test_a_photo_that_cannot_be_read_is_tried_each_time(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no photo")
    photos = table(tmp_path / "a.jpg", make_image(tmp_path / "b.png"))
    first, again = read_thumbnails(photos), read_thumbnails(photos)
    assert first.problems[0]
    assert same(first, again)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", None])
def test_a_damaged_cache_costs_time_alone(tmp_path, monkeypatch, content):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    photos = table(make_image(tmp_path / "a.png", pixels=halves()))
    first = read_thumbnails(photos)
    (kept,) = (tmp_path / "cache").rglob("thumbnails-*.npz")
    if content is None:
        np.savez(
            kept, keys=np.load(kept)["keys"], pixels=np.zeros((1, 8, 8, 3), np.uint8), hashes=np.zeros(1)
        )
    else:
        kept.write_bytes(content)
    assert same(read_thumbnails(photos), first)


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert read_thumbnails(table(make_image(tmp_path / "a.png"))).problems == [""]
