import struct
import zlib

import numpy as np
import pytest
from conftest import make_image, noise
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fishcli.basics.errors import FishError
from fishcli.dataset.layout.images import class_names_of, dataset_digest, load_tests, load_train
from fishcli.dataset.photos.photo import read_header
from fishcli.features.photos.decode import decode


def test_class_folders(tmp_path):
    make_image(tmp_path / "train" / "BET" / "b.jpg", (20, 30))
    make_image(tmp_path / "train" / "ALB" / "c.png", (40, 10))
    train = load_train(tmp_path)
    assert list(train["image"]) == ["ALB/c.png", "BET/b.jpg"]
    assert list(train["class_name"]) == ["ALB", "BET"]
    assert train[["height", "width"]].values.tolist() == [[40, 10], [20, 30]]
    assert list(train["path"]) == [tmp_path / "train" / "ALB" / "c.png", tmp_path / "train" / "BET" / "b.jpg"]
    assert list(train["n_bytes"]) == [path.stat().st_size for path in train["path"]]
    assert list(train["problem"]) == ["", ""]
    assert "group" not in train
    assert class_names_of(train) == ["ALB", "BET"]


def test_names_are_composed_whatever_the_disk_and_the_csv_say(tmp_path):
    make_image(tmp_path / "train" / "Cafe\u0301" / "e\u0301.jpg")
    make_image(tmp_path / "train" / "ALB" / "a.jpg")
    train = load_train(tmp_path)
    assert list(train["image"]) == ["ALB/a.jpg", "Caf\u00e9/\u00e9.jpg"]
    assert list(train["class_name"]) == ["ALB", "Caf\u00e9"]
    assert all(path.exists() for path in train["path"])
    (tmp_path / "train.csv").write_text(
        "image,label\n\u00e9,Cafe\u0301\na.jpg,Caf\u00e9 \n", encoding="utf-8"
    )
    assert set(load_train(tmp_path)["class_name"]) == {"Caf\u00e9"}


def test_blanks_around_labels_make_no_other_class(tmp_path, capsys):
    for name in "abc":
        make_image(tmp_path / "train" / f"{name}.jpg")
    (tmp_path / "train.csv").write_text(
        " image ,label , group\na.jpg,cat,1\nb.jpg,cat ,1 \n,,\nc.jpg, cat,2\n"
    )
    train = load_train(tmp_path)
    assert set(train["class_name"]) == {"cat"}
    assert list(train["group"]) == ["1", "1", "2"]
    assert "Warning" not in capsys.readouterr().err
    (tmp_path / "train.csv").write_text("image,label\na.jpg,Cat\nb.jpg,cat\nc.jpg,dog\n")
    assert class_names_of(load_train(tmp_path)) == ["Cat", "cat", "dog"]
    assert "are these the same? They are kept apart: 'Cat' = 'cat'" in capsys.readouterr().err


def test_class_folders_that_differ_by_a_blank_at_the_end_are_one_class(tmp_path):
    make_image(tmp_path / "train" / "cat" / "a.jpg")
    make_image(tmp_path / "train" / "cat " / "b.jpg")
    make_image(tmp_path / "train" / "dog" / "c.jpg")
    assert class_names_of(load_train(tmp_path)) == ["cat", "dog"]


def test_two_photos_of_one_name_are_refused(tmp_path):
    make_image(tmp_path / "train" / "ALB" / "\u00e9.jpg")
    make_image(tmp_path / "train" / "ALB" / "e\u0301.jpg")
    with pytest.raises(FishError, match=r"have the same name but for blanks or accents\. Rename one"):
        load_train(tmp_path)


def test_nested_class_folders_belong_to_the_outer_class(tmp_path):
    make_image(tmp_path / "train" / "ALB" / "boat_1" / "deck" / "a.jpg")
    make_image(tmp_path / "train" / "BET" / "a.jpg")
    train = load_train(tmp_path)
    assert list(train["image"]) == ["ALB/boat_1/deck/a.jpg", "BET/a.jpg"]
    assert list(train["class_name"]) == ["ALB", "BET"]


def test_hidden_and_other_files_are_no_images(tmp_path):
    folder = tmp_path / "train" / "ALB"
    make_image(folder / "a.JPG", image_format="JPEG")
    make_image(folder / ".hidden" / "b.jpg")
    make_image(tmp_path / "train" / ".cache" / "c.jpg")
    for name in (".DS_Store", "._a.jpg", "Thumbs.db", "notes.txt"):
        (folder / name).write_bytes(b"x")
    assert list(load_train(tmp_path)["image"]) == ["ALB/a.JPG"]


def test_loose_images_beside_class_folders_are_left_out_with_a_warning(tmp_path, capsys):
    make_image(tmp_path / "train" / "ALB" / "a.jpg")
    make_image(tmp_path / "train" / "loose.jpg")
    assert list(load_train(tmp_path)["image"]) == ["ALB/a.jpg"]
    error = capsys.readouterr().err
    assert "Warning: 1 images lie directly in" in error
    assert "loose.jpg" in error


def test_no_train_folder(tmp_path):
    with pytest.raises(FishError) as raised:
        load_train(tmp_path)
    for part in (str(tmp_path / "train"), "--data-dir", "fishcli demo DIR", "train/<CLASS>/*.jpg"):
        assert part in str(raised.value)


def test_no_images(tmp_path):
    (tmp_path / "train" / "ALB").mkdir(parents=True)
    with pytest.raises(FishError, match=r"no training images in .*train\. Expected train/<CLASS>"):
        load_train(tmp_path)


def test_only_loose_images_need_train_csv(tmp_path):
    make_image(tmp_path / "train" / "a.jpg")
    with pytest.raises(FishError, match=r"lie in no class folder and .*train\.csv is missing") as raised:
        load_train(tmp_path)
    assert "train.csv (image,label[,group])" in str(raised.value)


def test_an_empty_class_is_named(tmp_path):
    make_image(tmp_path / "train" / "ALB" / "a.jpg")
    (tmp_path / "train" / "SHARK").mkdir()
    (tmp_path / "train" / "SHARK" / ".DS_Store").write_bytes(b"x")
    with pytest.raises(FishError, match=r"class 'SHARK' is empty: .*SHARK holds no image.*remove the folder"):
        load_train(tmp_path)


def write_train_csv(data_dir, text, names=("a.jpg", "b.jpg", "c.jpg")):
    for name in names:
        make_image(data_dir / "train" / name)
    (data_dir / "train.csv").write_text(text)


def test_train_csv_with_groups(tmp_path):
    write_train_csv(tmp_path, "group,label,image\n007,BET,c.jpg\nNA,ALB,a.jpg\n2,NA,b.jpg\n")
    train = load_train(tmp_path)
    assert list(train["image"]) == ["a.jpg", "b.jpg", "c.jpg"]
    assert list(train["class_name"]) == ["ALB", "NA", "BET"]
    assert list(train["group"]) == ["NA", "2", "007"]
    assert [path.name for path in train["path"]] == ["a.jpg", "b.jpg", "c.jpg"]


def test_train_csv_names_without_suffix_and_folders_are_no_classes(tmp_path):
    write_train_csv(tmp_path, "image,label\nx,ALB\n007,BET\n", names=("deck/x.jpg", "007.png"))
    train = load_train(tmp_path)
    assert dict(zip(train["image"], train["class_name"], strict=True)) == {
        "deck/x.jpg": "ALB",
        "007.png": "BET",
    }


def test_train_csv_leaves_out_unnamed_images_with_a_warning(tmp_path, capsys):
    write_train_csv(tmp_path, "image,label\na.jpg,ALB\n")
    assert list(load_train(tmp_path)["image"]) == ["a.jpg"]
    error = capsys.readouterr().err
    assert "train.csv has no label for 2 images" in error
    assert "b.jpg, c.jpg" in error


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,label\na,ALB\nz.jpg,BET\n", r"train\.csv names 1 images that .*train lacks: z\.jpg.*delete"),
        ("image,label\na.jpg,ALB\nb.jpg,ALB\na,BET\n", r"train\.csv, line 4: 'a\.jpg' .* second time"),
        ("image,label\na.jpg,ALB\nb.jpg,\n", r"train\.csv, line 3: the label is empty"),
        ("image,label\na.jpg,ALB\nb.jpg\n", r"train\.csv, line 3: the label is empty"),
        (
            "image,x,z\na.jpg,1,2\nb,2,1\nc,1,1\n",
            r"which column of .*train\.csv is the label.*--label-column.* x, z",
        ),
        ("", r"train\.csv, line 1: the file is empty"),
    ],
)
def test_bad_train_csv(tmp_path, text, message):
    write_train_csv(tmp_path, text)
    with pytest.raises(FishError, match=message):
        load_train(tmp_path)


def test_train_csv_with_a_header_only(tmp_path):
    write_train_csv(tmp_path, "image,label\n")
    with pytest.raises(FishError, match=r"train\.csv"):
        load_train(tmp_path)


def test_train_csv_with_an_ambiguous_name(tmp_path):
    write_train_csv(tmp_path, "image,label\na,ALB\n", names=("x/a.jpg", "y/a.jpg"))
    with pytest.raises(FishError, match=r"train\.csv: 'a' is ambiguous, it may be x/a\.jpg, y/a\.jpg"):
        load_train(tmp_path)


def test_several_test_folders(tmp_path):
    make_image(tmp_path / "test_stg1" / "b.jpg", (20, 30))
    make_image(tmp_path / "test_stg1" / "a.jpg", (22, 33))
    make_image(tmp_path / "test_stg2" / "a.jpg", (10, 12))
    (tmp_path / "testimony.txt").write_text("no folder")
    tests = load_tests(tmp_path)
    assert list(tests) == ["test_stg1", "test_stg2"]
    assert list(tests["test_stg1"]["image"]) == ["a.jpg", "b.jpg"]
    assert list(tests["test_stg1"]["height"]) == [22, 20]
    assert "class_name" not in tests["test_stg2"]


def test_an_empty_test_folder_is_named(tmp_path):
    make_image(tmp_path / "test_stg1" / "a.jpg")
    (tmp_path / "test_stg2").mkdir()
    with pytest.raises(FishError, match=r"test_stg2 holds no image.*remove the folder"):
        load_tests(tmp_path)


def test_no_test_folder(tmp_path):
    with pytest.raises(FishError, match=r"no test images: expected a folder .*/test or test_stg1"):
        load_tests(tmp_path)


KINDS = [
    ("a.jpg", {"mode": "RGB"}),
    ("a.jpg", {"mode": "L"}),
    ("a.jpg", {"mode": "CMYK"}),
    ("a.png", {"mode": "RGBA"}),
    ("a.png", {"mode": "P"}),
    ("a.png", {"mode": "1"}),
    ("a.png", {"mode": "L", "orientation": 8}),
    ("a.webp", {"orientation": 5}),
    ("a.bmp", {}),
    ("a.tif", {}),
    ("a.jpg", {"image_format": "PNG"}),
    ("a.png", {"image_format": "JPEG", "orientation": 7}),
    *[("a.jpg", {"orientation": orientation}) for orientation in range(10)],
    ("a.tif", {"orientation": 6}),
]


@pytest.mark.parametrize(("name", "options"), KINDS)
def test_sizes_from_headers_are_those_of_decoded_images(tmp_path, name, options):
    path = make_image(tmp_path / name, (20, 30), **options)
    height, width, problem = read_header(path)
    assert problem == ""
    assert (height, width) == decode(path).shape[:2]


def test_a_sideways_photo_has_height_and_width_swapped(tmp_path):
    assert read_header(make_image(tmp_path / "a.jpg", (20, 30), orientation=6)) == (30, 20, "")
    assert read_header(make_image(tmp_path / "b.jpg", (20, 30), orientation=3)) == (20, 30, "")


def png_start(width, height):
    """A PNG up to where its pixels would begin."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    checksum = struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + checksum + struct.pack(">I", 9) + b"IDAT"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "the file is empty"),
        (b"this is no image", "no image format is recognised"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no image format is recognised"),
        (b"\xff\xd8\xff\xe0\x00\x10JF", "header can't be read|no image format"),
        (png_start(40, 30)[:20], "header can't be read|no image format"),
        (png_start(60_000, 60_000), "more than 178,956,970 pixels"),
    ],
    ids=["empty", "text", "program", "half a JPEG header", "half a PNG header", "far too many pixels"],
)
def test_a_broken_header_is_a_problem_and_no_exception(tmp_path, content, problem):
    path = tmp_path / "train" / "ALB" / "a.jpg"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    make_image(path.with_name("b.jpg"))
    train = load_train(tmp_path)
    assert train[["height", "width"]].values.tolist() == [[0, 0], [48, 64]]
    assert train["n_bytes"][0] == len(content)
    np.testing.assert_array_equal(train["problem"].str.contains(problem), [True, False])


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["JPEG", "PNG", "WEBP", "BMP", "TIFF"]),
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), max_size=6),
    st.floats(0, 1),
)
def test_damaged_bytes_never_raise(tmp_path, image_format, changes, kept):
    path = make_image(tmp_path / "a.jpg", (8, 9), image_format=image_format)
    content = bytearray(path.read_bytes())
    for place, value in changes:
        content[place % len(content)] = value
    path.write_bytes(content[: int(kept * len(content)) + 1])
    height, width, problem = read_header(path)
    assert (height > 0 and width > 0) == (problem == "")


def test_digest_tells_data_sets_apart(tmp_path):
    for name in ("ALB/a.jpg", "ALB/b.jpg", "BET/c.jpg"):
        make_image(tmp_path / "train" / name)
    train = load_train(tmp_path)
    before = dataset_digest(train)
    assert dataset_digest(train.sample(frac=1.0, random_state=3)) == before
    assert dataset_digest(train.assign(path="elsewhere", height=1)) == before
    for column, value in (("class_name", "BET"), ("image", "ALB/z.jpg"), ("n_bytes", 1)):
        changed = train.copy()
        changed.loc[1, column] = value
        assert dataset_digest(changed) != before
    assert dataset_digest(train.drop(columns="class_name")) != before


def test_digest_sees_a_file_that_grew(tmp_path):
    path = make_image(tmp_path / "test" / "a.jpg")
    before = dataset_digest(load_tests(tmp_path)["test"])
    make_image(path, pixels=noise((64, 64), seed=1))
    assert dataset_digest(load_tests(tmp_path)["test"]) != before
