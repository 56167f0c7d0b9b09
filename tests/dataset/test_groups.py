import pandas as pd
import pytest
from conftest import make_image

from fishcli.basics.errors import FishError
from fishcli.dataset.groups import load_groups, read_groups
from fishcli.dataset.layout.images import load_train


@pytest.fixture
def train():
    return pd.DataFrame(
        {
            "image": ["ALB/a.jpg", "ALB/b.jpg", "BET/b.jpg"],
            "height": [720, 720, 750],
            "width": [1280, 1280, 1334],
        }
    )


def write_groups(folder, text):
    path = folder / "groups.csv"
    path.write_text("image,group\n" + text)
    return path


def test_ids_and_base_names_join_on_the_image(tmp_path, train):
    path = write_groups(tmp_path, "BET/b.jpg,007\na,NA\n../train/ALB/b.jpg,x\n")
    groups = read_groups(path, train)
    assert list(groups.index) == list(train["image"])
    assert list(groups) == ["NA", "x", "007"]


def test_blanks_and_decomposed_letters_make_no_other_group(tmp_path, train, capsys):
    path = write_groups(tmp_path, "ALB/a.jpg,boat0\nALB/b.jpg ,boat0 \n BET/b.jpg, Cafe\u0301 0\n,\n")
    assert list(read_groups(path, train)) == ["boat0", "boat0", "Caf\u00e9 0"]
    assert capsys.readouterr().err == ""


def test_groups_that_differ_by_case_or_inner_blanks_are_asked_after(tmp_path, train, capsys):
    path = write_groups(tmp_path, "ALB/a.jpg,Boat 0\nALB/b.jpg,boat0\nBET/b.jpg,boat1\n")
    assert list(read_groups(path, train)) == ["Boat 0", "boat0", "boat1"]
    error = capsys.readouterr().err
    assert f"Warning: {path}: are these the same? They are kept apart: 'Boat 0' = 'boat0'." in error
    assert "boat1" not in error


def test_an_ambiguous_base_name(tmp_path, train):
    path = write_groups(tmp_path, "ALB/a.jpg,1\nb.jpg,2\n")
    with pytest.raises(
        FishError, match=r"groups\.csv: 'b\.jpg' is ambiguous, it may be ALB/b\.jpg, BET/b\.jpg"
    ):
        read_groups(path, train)


def test_names_of_no_image_are_left_out_with_a_warning(tmp_path, train, capsys):
    path = write_groups(tmp_path, "zzz.jpg,9\nALB/a.jpg,1\nALB/b.jpg,1\nBET/b.jpg,2\n")
    assert list(read_groups(path, train)) == ["1", "1", "2"]
    error = capsys.readouterr().err
    assert "Warning:" in error
    assert "groups.csv names 1 images that are not in train/" in error
    assert "zzz.jpg" in error


@pytest.mark.parametrize(
    "last", ["", "BET/b.jpg,\n", "BET/b.jpg\n"], ids=["no line", "empty group", "no value"]
)
def test_an_image_without_a_group(tmp_path, train, last):
    path = write_groups(tmp_path, "ALB/a.jpg,1\nALB/b.jpg,1\n" + last)
    with pytest.raises(
        FishError, match=r"groups\.csv has no group for 1 training images: BET/b\.jpg"
    ) as raised:
        read_groups(path, train)
    assert "--groups none" in str(raised.value)


def test_a_doubled_line_is_named_by_its_number(tmp_path, train):
    path = write_groups(tmp_path, "zzz.jpg,1\nALB/a.jpg,1\nALB/b.jpg,1\na.jpg,2\nBET/b.jpg,1\n")
    with pytest.raises(FishError, match=r"groups\.csv, line 5: 'ALB/a\.jpg' stands there a second time"):
        read_groups(path, train)


def test_a_file_without_the_columns(tmp_path, train):
    (tmp_path / "boats.csv").write_text("image,boat\na.jpg,1\n")
    with pytest.raises(FishError, match=r"boats\.csv, line 1: no column 'group'; found 'image', 'boat'"):
        load_groups(str(tmp_path / "boats.csv"), tmp_path, train)


def test_a_file_given_is_taken_over_groups_csv(tmp_path, train):
    write_groups(tmp_path, "ALB/a.jpg,1\nALB/b.jpg,1\nBET/b.jpg,1\n")
    other = tmp_path / "boats.csv"
    other.write_text("group,image\nx,ALB/a.jpg\ny,ALB/b.jpg\nz,BET/b.jpg\n")
    assert list(load_groups(str(other), tmp_path, train)) == ["x", "y", "z"]


def test_a_file_that_is_not_there(tmp_path, train):
    with pytest.raises(FishError, match=r"--groups .*nowhere\.csv: no such file"):
        load_groups(str(tmp_path / "nowhere.csv"), tmp_path, train)


def test_none_means_none_even_where_groups_are_known(tmp_path, train):
    write_groups(tmp_path, "ALB/a.jpg,1\nALB/b.jpg,1\nBET/b.jpg,1\n")
    assert load_groups("none", tmp_path, train.assign(group="x")) is None


def test_size_makes_one_group_a_size(tmp_path, train):
    groups = load_groups("size", tmp_path, train)
    assert list(groups) == ["1280x720", "1280x720", "1334x750"]
    assert list(groups.index) == list(train["image"])


def test_auto_takes_groups_csv_first(tmp_path, train, capsys):
    write_groups(tmp_path, "BET/b.jpg,1\nALB/a.jpg,2\nALB/b.jpg,3\n")
    assert list(load_groups("auto", tmp_path, train.assign(group="x"))) == ["2", "3", "1"]
    assert f"groups from {tmp_path / 'groups.csv'}" in capsys.readouterr().err


def test_auto_takes_the_groups_that_tables_tell(tmp_path, train):
    groups = load_groups("auto", tmp_path, train.assign(group=["1", "2", "1"]))
    assert groups.to_dict() == {"ALB/a.jpg": "1", "ALB/b.jpg": "2", "BET/b.jpg": "1"}


def test_auto_without_groups_warns_that_folds_are_random(tmp_path, train, capsys):
    assert load_groups("auto", tmp_path, train) is None
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Warning: no groups" in captured.err
    assert "folds are RANDOM" in captured.err
    assert "groups.csv (image,group)" in captured.err
    assert "--groups size" in captured.err


def test_an_empty_group_in_train_csv(tmp_path):
    for name in "ab":
        make_image(tmp_path / "train" / f"{name}.jpg")
    (tmp_path / "train.csv").write_text("image,label,group\na.jpg,ALB,1\nb.jpg,BET,\n")
    with pytest.raises(FishError, match=r"train\.csv"):
        load_groups("auto", tmp_path, load_train(tmp_path))


def test_groups_of_the_tiny_competition_mix_classes(tiny_competition):
    data_dir = tiny_competition()
    train = load_train(data_dir)
    groups = load_groups("auto", data_dir, train)
    mixed = train.groupby(groups.to_numpy())["class_name"].nunique()
    assert dict(mixed) == {f"boat_{group}": 3 for group in range(4)}


def test_groups_that_all_hold_one_photo_get_a_warning(tmp_path, train, capsys):
    assert load_groups("auto", tmp_path, train.assign(group=["1", "2", "3"])).is_unique
    said = capsys.readouterr().err
    assert f"Warning: each group of the tables in {tmp_path} holds one photo" in said
    assert "RANDOM" in said
    load_groups("auto", tmp_path, train.assign(group=["1", "2", "2"]))
    assert "holds one photo" not in capsys.readouterr().err


def test_the_warning_of_random_folds_is_one_short_line(tmp_path, train, capsys):
    load_groups("auto", tmp_path, train)
    (line,) = capsys.readouterr().err.splitlines()
    assert len(line) < 200 + len(str(tmp_path))
