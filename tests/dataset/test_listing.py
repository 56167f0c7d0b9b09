"""Which files count as photos, and what is said of those that don't, or lie in the wrong place."""

import shlex

import pytest
from conftest import make_image
from PIL import Image

from fishcli.basics.errors import FishError
from fishcli.dataset.layout.images import load_tests, load_train
from fishcli.dataset.names import NameIndex
from fishcli.dataset.photos.photo import FORMATS, IMAGE_SUFFIXES, read_header
from fishcli.features.photos.decode import UnreadableImageError, decode

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)
JXL = b"\xff\x0a" + bytes(40)


@pytest.mark.parametrize("suffix", sorted(IMAGE_SUFFIXES - {".pfm", ".avifs", ".mpo", ".pbm"}))
def test_every_suffix_of_a_readable_format_is_a_photo_and_is_read(tmp_path, suffix):
    name = f"a{suffix.upper()}"
    image_format = Image.registered_extensions()[suffix]
    make_image(tmp_path / "train" / "ALB" / name, (20, 30), image_format=image_format)
    train = load_train(tmp_path)
    assert train[["image", "height", "width", "problem"]].values.tolist() == [[f"ALB/{name}", 20, 30, ""]]
    assert decode(train["path"][0]).shape == (20, 30, 3)
    assert NameIndex(train["image"]).find("a" + suffix.upper(), "here") == f"ALB/{name}"


def test_no_format_runs_programs_or_is_recognised_by_next_to_nothing():
    assert not {"EPS", "WMF", "PDF", "PSD", "MPEG", "TGA", "PCX", "DIB", "HDF5", "GRIB", "FITS"} & set(
        FORMATS
    )
    assert {".jfif", ".jpe", ".gif", ".ppm", ".avif", ".jp2", ".jpg", ".tiff", ".webp"} <= IMAGE_SUFFIXES


def test_other_files_are_counted_by_suffix_in_one_warning(tmp_path, capsys):
    folder = tmp_path / "train" / "ALB"
    make_image(folder / "a.jpg")
    for name in ("b.heic", "c.HEIC", "sub.dcm", "notes"):
        (folder / name).write_bytes(b"x")
    left = [".DS_Store", "._a.jpg", "Thumbs.db", "desktop.ini", "@eaDir/a.jpg", "__MACOSX/b.jpg"]
    for name in left:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x")
    (tmp_path / "train" / "__MACOSX").mkdir()
    assert list(load_train(tmp_path)["image"]) == ["ALB/a.jpg"]
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "Warning" in line]
    assert "4 files in" in line
    assert "(.heic: 2, .dcm: 1, no suffix: 1)" in line


def test_nothing_is_said_of_hidden_files(tmp_path, capsys):
    make_image(tmp_path / "train" / "ALB" / "a.jpg")
    for name in (".DS_Store", "Thumbs.db", "Desktop.ini"):
        (tmp_path / "train" / "ALB" / name).write_bytes(b"x")
    load_train(tmp_path)
    assert "Warning" not in capsys.readouterr().err


def test_what_holds_no_image_names_what_it_holds(tmp_path):
    make_image(tmp_path / "train" / "ALB" / "a.jpg")
    (tmp_path / "train" / "BET").mkdir()
    (tmp_path / "train" / "BET" / "a.heic").write_bytes(HEIC)
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "a.dcm").write_bytes(b"x")
    with pytest.raises(
        FishError, match=r"'BET' is empty.*no image, but 1 files of other kinds \(\.heic: 1\)"
    ):
        load_train(tmp_path)
    with pytest.raises(FishError, match=r"test holds no image, but 1 files of other kinds \(\.dcm: 1\)"):
        load_tests(tmp_path)
    (tmp_path / "train" / "ALB" / "a.jpg").unlink()
    with pytest.raises(
        FishError, match=r"no training images in .*, but 1 files of other kinds \(\.heic: 1\)"
    ):
        load_train(tmp_path)


@pytest.mark.parametrize("name", ["b.heic", "b", "data/train/b.heic"])
def test_a_csv_that_names_a_file_of_another_kind_is_told_so(tmp_path, name):
    make_image(tmp_path / "train" / "a.jpg")
    (tmp_path / "train" / "b.heic").write_bytes(HEIC)
    (tmp_path / "train.csv").write_text(f"image,label\na.jpg,ALB\n{name},BET\n")
    with pytest.raises(FishError, match=r"1 files that lie in .*train.*no photos.*\(\.heic: 1\).*Convert"):
        load_train(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (HEIC, "it is HEIC, whatever its name says: convert it to JPEG"),
        (HEIC.replace(b"ftypheic", b"ftypmif1"), "it is HEIC"),
        (JXL, "it is JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40), "it is JPEG XL"),
        (
            b"\0\0\0\x1cftypavif\0\0\0\0",
            "it is AVIF, which this installation can't read|header can't be read",
        ),
    ],
)
def test_a_modern_format_under_a_wrong_suffix_is_named_with_the_mending(tmp_path, content, said):
    (tmp_path / "IMG_1.jpg").write_bytes(content)
    assert read_header(tmp_path / "IMG_1.jpg")[:2] == (0, 0)
    if "AVIF" not in said:
        with pytest.raises(UnreadableImageError, match=said):
            decode(tmp_path / "IMG_1.jpg")
        assert said in read_header(tmp_path / "IMG_1.jpg")[2]


def test_train_in_train_is_read_and_a_part_of_the_names(tmp_path):
    for name in ("ALB/a.jpg", "BET/b.jpg"):
        make_image(tmp_path / "train" / "train" / name)
    train = load_train(tmp_path)
    assert list(train["class_name"]) == ["ALB", "BET"]
    assert list(train["image"]) == ["train/ALB/a.jpg", "train/BET/b.jpg"]


def test_a_competition_in_train_names_the_folder_to_pass(tmp_path):
    for name in ("train/ALB/a.jpg", "train/BET/b.jpg", "test/c.jpg", "val/ALB/d.jpg"):
        make_image(tmp_path / "my data" / "train" / name)
    with pytest.raises(FishError, match=r"test, train, val in place of classes.*--data-dir") as raised:
        load_train(tmp_path / "my data")
    (found,) = shlex.split(str(raised.value).partition("--data-dir ")[2])
    assert found == str(tmp_path / "my data" / "train")


def test_a_class_may_be_called_train(tmp_path, capsys):
    for name in ("train/a.jpg", "train/steam/b.jpg", "bus/c.jpg"):
        make_image(tmp_path / "train" / name)
    assert set(load_train(tmp_path)["class_name"]) == {"train", "bus"}
    assert "Warning" not in capsys.readouterr().err


def test_test_in_test_is_a_part_of_the_names(tmp_path):
    make_image(tmp_path / "test 1" / "test 1" / "a.jpg")
    assert list(load_tests(tmp_path)["test 1"]["image"]) == ["test 1/a.jpg"]
