import os
import re
import struct
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import make_image, noise
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from fishcli.basics.errors import FishError
from fishcli.dataset.fields import FIELDS, SECTIONS, TAGS, pick_fields, read_fields, read_tags
from fishcli.dataset.layout.images import load_train
from fishcli.dataset.photos.file_facts import FACT_NAMES, SAMPLINGS, read_facts

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

GREY = np.repeat(noise((48, 64))[:, :, :1], 3, axis=2)
IN_FILE = sorted(FACT_NAMES)
reuse_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def fields_of(path: Path, *names: str) -> dict[str, object]:
    """The fields of one file, by name."""
    images = pd.DataFrame(
        {
            "image": [path.name],
            "path": [path],
            "height": [48],
            "width": [64],
            "n_bytes": [path.stat().st_size],
        }
    )
    return read_fields(images, names or list(FIELDS)).iloc[0].to_dict()


def exif_of(inner: dict[int, object] | None = None, **tags: object) -> Image.Exif:
    exif = Image.Exif()
    for name, value in tags.items():
        exif[{"make": 0x010F, "model": 0x0110, "orientation": 0x0112, "time": 0x0132}[name]] = value
    exif.get_ifd(0x8769).update(inner or {})
    return exif


def seconds(*moment: int) -> float:
    return datetime(*moment, tzinfo=UTC).timestamp()


def test_fields_are_well_described():
    families = {field.family for field in FIELDS.values()}
    for name, field in FIELDS.items():
        assert field.name == name
        assert field.kind in ("numeric", "categorical")
        assert field.section in SECTIONS
        assert field.at_test_time in TAGS
        assert re.fullmatch(r"[A-Z][^.]*\.|[^.]*[0-9]\.[0-9]\.", field.explanation)
    # `pick_fields` takes all three kinds of names.
    assert not families & set(FIELDS)
    assert not families & set(SECTIONS)
    assert not set(FIELDS) & set(SECTIONS)


def test_each_field_has_one_source():
    assert len(IN_FILE) == len(set(IN_FILE))
    assert set(IN_FILE) <= set(FIELDS)


def test_all_fields_of_a_competition(tmp_path):
    photo = make_image(tmp_path / "train" / "ALB" / "img_012.jpg", (48, 64), exif=exif_of(make="Canon"))
    make_image(tmp_path / "train" / "BET" / "cam2.png", (40, 20))
    os.utime(photo, (1e9, 1.2e9))
    images = load_train(tmp_path)
    table = read_fields(images, list(FIELDS))
    assert list(table.columns) == list(FIELDS)
    assert list(table.index) == ["ALB/img_012.jpg", "BET/cam2.png"]
    assert table.index.name == "image"
    for name, field in FIELDS.items():
        if field.kind == "numeric":
            assert table[name].dtype == np.float64
        else:
            assert all(isinstance(value, str) for value in table[name])
    first, second = (table.loc[image].to_dict() for image in table.index)
    assert [first[name] for name in ("width", "height", "size_key", "container")] == [64, 48, "64x48", "JPEG"]
    assert first["aspect"] == pytest.approx(4 / 3)
    assert first["megapixels"] == pytest.approx(64 * 48 / 1e6)
    assert first["n_bytes"] == photo.stat().st_size
    assert first["bytes_per_pixel"] == pytest.approx(photo.stat().st_size / (64 * 48))
    assert (first["exif_make"], second["exif_make"]) == ("Canon", "")
    assert (first["file_number"], second["file_number"]) == (12, 2)
    assert (first["name_prefix"], second["name_prefix"]) == ("img_", "cam")
    assert first["modified"] == 1.2e9
    assert (second["aspect"], second["size_key"]) == (0.5, "20x40")
    assert (second["container"], second["jpeg_tables"], second["jpeg_subsampling"]) == ("PNG", "", "")


def test_columns_stand_in_the_order_asked_for_whatever_the_index(tmp_path):
    for name in "abc":
        make_image(tmp_path / "train" / "ALB" / f"{name}.jpg", (10, 20) if name == "b" else (30, 40))
    images = load_train(tmp_path).iloc[[2, 1]]
    table = read_fields(images, ["height", "mode", "size_key", "height", "folder_order"])
    assert list(table.columns) == ["height", "mode", "size_key", "folder_order"]
    assert list(table.index) == ["ALB/c.jpg", "ALB/b.jpg"]
    assert table.values.tolist() == [[30, "RGB", "40x30", 0.75], [10, "RGB", "20x10", 0.25]]


def test_no_rows_and_no_names():
    images = pd.DataFrame({name: [] for name in ("image", "path", "height", "width", "n_bytes")})
    table = read_fields(images, list(FIELDS))
    assert table.shape == (0, len(FIELDS))
    assert table["width"].dtype == np.float64
    assert read_fields(images, []).shape == (0, 0)


def test_an_unknown_name_is_the_callers_bug():
    with pytest.raises(ValueError, match="no such fields: .*'wdith'"):
        read_fields(pd.DataFrame({"image": []}), ["wdith"])


def test_files_are_opened_only_where_needed(tmp_path, monkeypatch, capsys):
    path = make_image(tmp_path / "a_7.jpg")
    monkeypatch.setattr(Image.Image, "load", None)
    assert read_facts(path, {"mode", "exif_time", "modified"}).keys() == {"mode", "modified"}
    monkeypatch.setattr(Image, "open", None)
    assert fields_of(path, "modified", "width")["modified"] == path.stat().st_mtime
    capsys.readouterr()
    assert fields_of(path, "size_key", "file_number", "folder_order", "n_bytes")["file_number"] == 7
    assert capsys.readouterr().err == ""


def test_large_jpegs_are_decoded_small(tmp_path, monkeypatch):
    path = make_image(tmp_path / "a.jpg", (640, 960))
    convert, sizes = Image.Image.convert, []
    monkeypatch.setattr(
        Image.Image, "convert", lambda image, mode: sizes.append(image.size) or convert(image, mode)
    )
    assert "brightness" in read_facts(path, {"brightness"})
    assert sizes == [(120, 80)]


def test_the_container_is_what_the_file_holds(tmp_path):
    found = fields_of(make_image(tmp_path / "a.jpg", image_format="PNG"))
    assert (found["container"], found["jpeg_tables"], found["jpeg_subsampling"]) == ("PNG", "", "")
    found = fields_of(make_image(tmp_path / "b.png", image_format="JPEG"))
    assert (found["container"], found["jpeg_subsampling"]) == ("JPEG", "4:2:0")
    assert found["jpeg_tables"] != ""


@pytest.mark.parametrize("image_format", ["BMP", "TIFF", "WEBP", "GIF"])
def test_other_formats(tmp_path, image_format):
    found = fields_of(make_image(tmp_path / "a.jpg", image_format=image_format))
    assert (found["container"], found["is_grey"]) == (image_format, "no")


def test_eps_is_not_opened(tmp_path):
    found = fields_of(make_image(tmp_path / "a.jpg", image_format="EPS"), "container", "mode", "brightness")
    assert (found["container"], found["mode"]) == ("", "")
    assert np.isnan(found["brightness"])


def tables_of(path: Path) -> object:
    return fields_of(path, "jpeg_tables")["jpeg_tables"]


def test_jpeg_tables_tell_the_encoder_not_the_photo(tmp_path):
    digests = [
        tables_of(
            make_image(tmp_path / f"{quality}_{seed}.jpg", pixels=noise((30, 40), seed), quality=quality)
        )
        for quality in (75, 90)
        for seed in (0, 1)
    ]
    assert digests[0] == digests[1] != digests[2] == digests[3]
    progressive = make_image(tmp_path / "c.jpg", progressive=True, optimize=True, quality=90)
    assert tables_of(progressive) == digests[2]


def test_jpeg_tables_keep_apart_luma_and_chroma(tmp_path):
    one, other = [16] * 64, [17] * 64
    pairs = [[one, other], [other, one], [one, one], [other, other]]
    found = [tables_of(make_image(tmp_path / f"{i}.jpg", qtables=pair)) for i, pair in enumerate(pairs)]
    assert len(set(found)) == 4


def test_jpeg_tables_keep_the_order_of_their_values(tmp_path):
    table = list(range(1, 65))
    swapped = [2, 1, *table[2:]]
    assert tables_of(make_image(tmp_path / "a.jpg", qtables=[table])) != tables_of(
        make_image(tmp_path / "b.jpg", qtables=[swapped])
    )


def test_jpeg_tables_are_those_used_in_any_order_and_under_any_number(tmp_path):
    path = make_image(tmp_path / "a.jpg", quality=80)
    data = path.read_bytes()
    segments = re.findall(rb"\xff\xdb\x00\x43[\s\S]{65}", data)
    assert [segment[4] for segment in segments] == [0, 1]
    swapped = data.replace(segments[0] + segments[1], segments[1] + segments[0])
    assert swapped != data
    (tmp_path / "swapped.jpg").write_bytes(swapped)
    assert tables_of(tmp_path / "swapped.jpg") == tables_of(path)
    start = data.index(b"\xff\xc0")
    header = bytearray(data[start : start + 19])
    assert [header[i] for i in (12, 15, 18)] == [0, 1, 1]
    header[15] = header[18] = 3
    renamed = segments[1][:4] + b"\x03" + segments[1][5:]
    (tmp_path / "renamed.jpg").write_bytes(
        data.replace(data[start : start + 19], bytes(header)).replace(segments[1], renamed)
    )
    assert tables_of(tmp_path / "renamed.jpg") == tables_of(path)


@pytest.mark.parametrize("name", ["4:4:4", "4:2:2", "4:2:0"])
def test_jpeg_subsampling(tmp_path, name):
    path = make_image(tmp_path / "a.jpg", subsampling=name)
    assert fields_of(path, "jpeg_subsampling")["jpeg_subsampling"] == name


@pytest.mark.parametrize(("factors", "name"), [*SAMPLINGS.items(), (((1, 1), (2, 1), (1, 1)), "1x1,2x1,1x1")])
def test_jpeg_subsampling_as_the_header_has_it(tmp_path, factors, name):
    data = bytearray(make_image(tmp_path / "a.jpg").read_bytes())
    start = data.index(b"\xff\xc0")
    for component, (horizontal, vertical) in enumerate(factors):
        data[start + 11 + 3 * component] = 16 * horizontal + vertical
    (tmp_path / "a.jpg").write_bytes(data)
    found = fields_of(tmp_path / "a.jpg", "jpeg_subsampling", "mode", "is_grey")
    assert found["jpeg_subsampling"] == name
    assert found["mode"] == "RGB"


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("names", [("mode",), ("is_grey", "brightness", "mode")])
def test_the_mode_is_the_files_not_the_thumbnails(tmp_path, mode, names):
    assert fields_of(make_image(tmp_path / "a.jpg", (480, 640), mode), *names)["mode"] == mode


@pytest.mark.parametrize(("mode", "is_grey"), [("RGBA", "no"), ("P", "no"), ("LA", "yes"), ("1", "yes")])
def test_modes_of_png(tmp_path, mode, is_grey):
    found = fields_of(make_image(tmp_path / "a.png", mode=mode), "mode", "is_grey")
    assert found == {"mode": mode, "is_grey": is_grey}


def test_16_bits_are_scaled_not_clipped(tmp_path):
    Image.fromarray(np.full((9, 9), 128 * 257, np.uint16)).save(tmp_path / "a.png")
    found = fields_of(tmp_path / "a.png")
    assert (found["mode"], found["is_grey"]) == ("I;16", "yes")
    assert found["brightness"] == pytest.approx(128 / 255)


@pytest.mark.parametrize("options", [{"suffix": "jpg"}, {"suffix": "png"}, {"suffix": "webp", "quality": 40}])
def test_a_grey_photo_stored_in_colour_is_grey(tmp_path, options):
    path = tmp_path / f"a.{options.pop('suffix')}"
    assert fields_of(make_image(path, pixels=GREY, **options), "mode", "is_grey") == {
        "mode": "RGB",
        "is_grey": "yes",
    }
    coloured = GREY.copy()
    coloured[:20, :20, 0] = 255
    assert fields_of(make_image(path, pixels=coloured, **options), "is_grey") == {"is_grey": "no"}


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp"])
@pytest.mark.parametrize("scale", [1, 20])
def test_light_and_colour_of_a_thumbnail(tmp_path, suffix, scale):
    pixels = np.zeros((32 * scale, 48 * scale, 3), np.uint8)
    pixels[:, 24 * scale :] = (200, 100, 50)
    found = fields_of(
        make_image(
            tmp_path / f"a.{suffix}",
            pixels=pixels,
        )
    )
    luma = (0.299 * 200 + 0.587 * 100 + 0.114 * 50) / 255
    expected = {"brightness": luma / 2, "contrast": luma / 2, "red_cast": 50 / 255, "blue_cast": -25 / 255}
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=0.01)


def test_sizes_are_upright_and_the_orientation_is_told(tmp_path):
    folder = tmp_path / "train" / "ALB"
    for orientation in (1, 3, 6):
        make_image(folder / f"{orientation}.jpg", (48, 64), orientation=orientation)
    make_image(folder / "6.png", (48, 64), orientation=6)
    make_image(folder / "6.tiff", (48, 64), orientation=6)
    make_image(folder / "none.jpg", (48, 64))
    table = read_fields(load_train(tmp_path), ["brightness", "size_key", "aspect", "exif_orientation"])
    table = table.rename(index=lambda image: image.split("/")[1])
    assert table["exif_orientation"].to_dict() == {
        "1.jpg": "1", "3.jpg": "3", "6.jpg": "6", "6.png": "6", "6.tiff": "6", "none.jpg": "",
    }  # fmt: skip
    turned = table["exif_orientation"] == "6"
    assert set(table["size_key"][turned]) == {"48x64"}
    assert set(table["size_key"][~turned]) == {"64x48"}
    assert table["aspect"]["6.jpg"] == 0.75
    assert table["brightness"].notna().all()


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff"])
def test_exif_of_the_camera(tmp_path, suffix):
    exif = exif_of(make=" Canon \0junk", model="EOS 5D ", time="2016:07:01 10:20:30")
    found = fields_of(make_image(tmp_path / f"a.{suffix}", exif=exif))
    assert (found["exif_make"], found["exif_model"], found["exif_orientation"]) == ("Canon", "EOS 5D", "")
    assert found["exif_time"] == seconds(2016, 7, 1, 10, 20, 30)


def test_the_time_zone_of_this_machine_does_not_count(tmp_path, monkeypatch):
    path = make_image(tmp_path / "a.jpg", exif=exif_of(time="2016:07:01 10:20:30"))
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        found = read_facts(path, {"exif_time"})
    time.tzset()
    assert found == {"exif_time": seconds(2016, 7, 1, 10, 20, 30)}


def test_no_exif(tmp_path):
    found = fields_of(make_image(tmp_path / "a.jpg"))
    assert [found[name] for name in ("exif_make", "exif_model", "exif_orientation")] == ["", "", ""]
    assert np.isnan(found["exif_time"])


def test_the_time_of_taking_counts_before_those_of_changes(tmp_path):
    taken, digitised, changed = ("2016:07:01 10:20:30", "2017:01:01 00:00:00", "2018:01:01 00:00:00")
    every = exif_of({0x9003: taken, 0x9004: digitised}, time=changed)
    no_taking = exif_of({0x9003: "0000:00:00 00:00:00", 0x9004: digitised}, time=changed)
    years = [
        datetime.fromtimestamp(fields_of(make_image(tmp_path / "a.jpg", exif=exif))["exif_time"], UTC).year
        for exif in (every, no_taking, exif_of(time=changed))
    ]
    assert years == [2016, 2017, 2018]


@reuse_folder
@given(
    moment=st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),
    marks=st.sampled_from([":: ", "-- ", "//T"]),
)
def test_any_time_is_read_as_utc(tmp_path, moment, marks):
    text = moment.strftime(f"%Y{marks[0]}%m{marks[1]}%d{marks[2]}%H:%M:%S")
    path = make_image(tmp_path / "a.jpg", (8, 8), exif=exif_of(time=text))
    expected = (moment.replace(microsecond=0) - datetime(1970, 1, 1)).total_seconds()
    assert read_facts(path, {"exif_time"}) == {"exif_time": expected}


@pytest.mark.parametrize(
    "text", ["", "    :  :     :  :  ", "2016", "2016:13:01 00:00:00", "2016:07:01 24:00:00"]
)
def test_no_time(tmp_path, text):
    found = fields_of(make_image(tmp_path / "a.jpg", exif=exif_of(make="Canon", time=text)))
    assert np.isnan(found["exif_time"])
    assert found["exif_make"] == "Canon"


def test_damaged_exif_leaves_the_rest(tmp_path):
    path = make_image(
        tmp_path / "a.jpg", exif=b"Exif\0\0" + b"MM\0*\0\0\0\x08\xff\xff" + b"\x01\x0f\0\x05" * 3
    )
    found = fields_of(path)
    assert (found["exif_make"], found["mode"], found["is_grey"]) == ("", "RGB", "no")


def test_odd_types_in_exif_are_unknown(tmp_path):
    path = make_image(tmp_path / "a.jpg", exif=exif_of(make="Canon", model="EOS", orientation=6))
    content = path.read_bytes()
    patches = {
        b"\x01\x0f\0\x02": b"\x01\x0f\0\x03",  # the maker in numbers
        b"\x01\x12\0\x03\0\0\0\x01\0\x06": b"\x01\x12\0\x02\0\0\0\x026\0",  # the orientation as text
    }
    for entry, patched in patches.items():
        assert content.count(entry) == 1
        content = content.replace(entry, patched)
    path.write_bytes(content)
    found = fields_of(path, "exif_make", "exif_model", "exif_orientation")
    assert found == {"exif_make": "", "exif_model": "EOS", "exif_orientation": ""}


@pytest.mark.parametrize("error", [struct.error, TypeError, KeyError, ZeroDivisionError])
def test_exif_that_pillow_fails_on_leaves_the_rest(tmp_path, monkeypatch, error):
    path = make_image(tmp_path / "a.jpg")
    monkeypatch.setattr(Image.Image, "getexif", lambda image: (_ for _ in ()).throw(error()))
    assert read_facts(path, {"mode", "exif_make", "exif_time", "is_grey"}) == {"mode": "RGB", "is_grey": "no"}


def test_a_truncated_photo_still_has_its_header(tmp_path):
    path = make_image(tmp_path / "a.jpg", (200, 300), exif=exif_of(make="Canon"))
    whole = fields_of(path)
    path.write_bytes(path.read_bytes()[:-20_000])
    found = fields_of(path)
    for name in ("container", "mode", "jpeg_tables", "jpeg_subsampling", "exif_make"):
        assert found[name] == whole[name] != ""
    assert found["is_grey"] == ""
    assert all(np.isnan(found[name]) for name in ("brightness", "contrast", "red_cast", "blue_cast"))


@reuse_folder
@given(data=st.data(), image_format=st.sampled_from(["JPEG", "PNG", "TIFF", "WEBP", "GIF"]))
def test_a_cut_file_tells_the_truth_or_nothing(tmp_path, data, image_format):
    path = make_image(tmp_path / "a.jpg", (16, 16), image_format=image_format)
    whole = read_facts(path, IN_FILE)
    content = path.read_bytes()
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    assert read_facts(path, IN_FILE).items() <= whole.items()


@reuse_folder
@given(data=st.data(), image_format=st.sampled_from(["JPEG", "PNG", "TIFF", "WEBP"]))
def test_no_damage_raises(tmp_path, data, image_format):
    options = {"exif": exif_of({0x9003: "2016:07:01 10:20:30"}, make="Canon", orientation=6)}
    path = make_image(tmp_path / "a.jpg", (16, 16), image_format=image_format, **options)
    content = bytearray(path.read_bytes())
    for _ in range(3):
        content[data.draw(st.integers(0, min(len(content), 400) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    found = fields_of(path)
    for name, field in FIELDS.items():
        assert isinstance(found[name], float if field.kind == "numeric" else str)


@pytest.mark.parametrize("content", [b"", b"no photo", b"\xff\xd8\xff", b"GIF89a", None])
def test_what_is_no_photo_is_unknown(tmp_path, content):
    path = tmp_path / "a.jpg"
    images = pd.DataFrame({"image": ["a.jpg"], "path": [path], "height": [0], "width": [0], "n_bytes": [0]})
    if content is not None:
        path.write_bytes(content)
    found = read_fields(images, list(FIELDS)).iloc[0]
    known = {"n_bytes", "folder_order", "name_prefix"} | ({"modified"} if content is not None else set())
    assert set(found.index[found.notna() & (found != "")]) == known


def test_a_decompression_bomb_is_not_decoded(tmp_path, monkeypatch):
    path = make_image(tmp_path / "a.png", (40, 40))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 700)
    assert read_facts(path, IN_FILE) == {}


@pytest.mark.parametrize(
    ("image", "number", "prefix"),
    [
        ("ALB/img_00063.jpg", 63, "img_"),
        ("7/boat2_frame10.png", 10, "boat_frame"),
        ("cod.jpg", None, "cod"),
        ("cod.v2.jpg", 2, "cod.v"),
        ("2016-07-01.jpg", 1, "--"),
        ("٣.jpg", None, "٣"),
        ("9" * 200 + ".jpg", float("9" * 200), ""),
    ],
)
def test_numbers_and_prefixes_of_names(image, number, prefix):
    found = named([image], "file_number", "name_prefix")
    assert found["name_prefix"].tolist() == [prefix]
    assert found["file_number"].tolist() == (
        [number] if number is not None else [pytest.approx(np.nan, nan_ok=True)]
    )


def named(names: list[str], *fields: str) -> pd.DataFrame:
    """Fields of files that are not there."""
    return read_fields(
        pd.DataFrame({"image": names, "path": "", "height": 1, "width": 1, "n_bytes": 1}), fields
    )


def test_numbers_in_names_are_ordered_as_numbers_and_within_their_folder():
    names = ["B/img_9.jpg", "A/img_10.jpg", "A/img_9.jpg", "A/x/img_1.jpg", "A/img_100.jpg", "A/a.jpg"]
    order = named(names, "folder_order")["folder_order"]
    assert order.to_dict() == {
        "B/img_9.jpg": 0.5,
        "A/a.jpg": 0.125,
        "A/img_9.jpg": 0.375,
        "A/img_10.jpg": 0.625,
        "A/img_100.jpg": 0.875,
        "A/x/img_1.jpg": 0.5,
    }


@given(numbers=st.lists(st.integers(0, 10**6), min_size=1, unique=True), pad=st.sampled_from([0, 7]))
def test_order_goes_by_number_whatever_the_row(numbers, pad):
    found = named([f"ALB/img_{number:0{pad}d}.jpg" for number in numbers], "file_number", "folder_order")
    assert found["file_number"].tolist() == numbers
    expected = (np.arange(len(numbers)) + 0.5) / len(numbers)
    assert found.sort_values("file_number")["folder_order"].tolist() == pytest.approx(expected.tolist())


@given(
    names=st.lists(
        st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1), max_size=6, unique=True
    )
)
def test_any_names_can_be_ordered(names):
    found = named([f"A/{name}.jpg" for name in names], "folder_order", "file_number", "name_prefix")
    assert found["folder_order"].is_unique
    assert found["folder_order"].between(0, 1, inclusive="neither").all()


def names_of(asked: str | None) -> list[str]:
    return [field.name for field in pick_fields(asked)]


def test_pick_fields_by_name_family_and_section():
    assert names_of("height, width") == ["width", "height"]
    assert names_of("width,size,width") == ["width", "height", "aspect", "megapixels", "size_key"]
    assert names_of("layout") == ["folder_order", "name_prefix", "modified"]
    assert names_of("time") == ["exif_time", "modified"]
    assert names_of(",".join(SECTIONS)) == list(FIELDS)


def test_the_default_is_the_headline():
    assert names_of(None) == names_of("file")
    assert {field.section for field in pick_fields(None)} == {"file"}


@pytest.mark.parametrize(
    ("asked", "near"), [("wdith", "width"), ("width,cameras", "camera"), ("Pixels", "pixels")]
)
def test_unknown_fields_have_a_hint(asked, near):
    with pytest.raises(FishError, match=rf"unknown field .*Did you mean '{near}'\? Known: width, .*"):
        pick_fields(asked)


@pytest.mark.parametrize("asked", ["", "width,,height"])
def test_an_empty_name_is_unknown(asked):
    with pytest.raises(FishError, match="unknown field ''"):
        pick_fields(asked)


@pytest.fixture
def tags_csv(tmp_path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        (tmp_path / "tags.csv").write_text(text)
        return tmp_path / "tags.csv"

    return write


def test_tags(tags_csv):
    path = tags_csv("at_test_time,why,field\nillegitimate,it is the boat,size_key\nlegitimate,,n_bytes\n")
    assert read_tags(path) == {"size_key": "illegitimate", "n_bytes": "legitimate"}
    assert read_tags(tags_csv("field,at_test_time\n")) == {}


def test_tags_of_a_tables_columns(tags_csv):
    path = tags_csv("field,at_test_time\nNA,illegitimate\n")
    assert read_tags(path, ["age", "NA"]) == {"NA": "illegitimate"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("width,legitimate\nwdith,legitimate", "line 3: unknown field 'wdith'. Did you mean 'width'"),
        ("width,ilegitimate", "line 2: unknown tag 'ilegitimate'. Did you mean 'illegitimate'"),
        ("width,", "line 2: unknown tag ''"),
        ("size,legitimate", "line 2: unknown field 'size'"),
        ("width,legitimate\nwidth,illegitimate", "line 3: 'width' stands there a second time"),
    ],
)
def test_tags_that_make_no_sense(tags_csv, text, message):
    path = tags_csv(f"field,at_test_time\n{text}\n")
    with pytest.raises(FishError, match=re.escape(f"{path}, {message}")):
        read_tags(path)


def test_tags_need_their_columns(tags_csv):
    with pytest.raises(FishError, match=r"tags\.csv, line 1: no column 'at_test_time'; found 'field', 'tag'"):
        read_tags(tags_csv("field,tag\nwidth,legitimate\n"))
