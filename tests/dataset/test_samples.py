import pandas as pd
import pytest

from fishcli.basics.errors import FishError
from fishcli.dataset.layout.samples import load_samples
from fishcli.options.layout import LayoutOptions

CLASSES = ["ALB", "BET", "NoF"]
ONE = {"test": ["a.jpg", "b.jpg", "c.jpg"]}
TWO = {"test_stg1": ["img_1.jpg", "img_2.jpg"], "test_stg2": ["image_1.jpg", "image_2.jpg"]}
SHARED = {"test_stg1": ["a.jpg", "b.jpg"], "test_stg2": ["a.jpg", "c.jpg"]}


def load(data_dir, tests, *files):
    """Load the samples `files` (name, header, image names) of test folders {split: ids}."""
    for name, header, images in files:
        n_gaps = header.split(",").index("image")
        lines = [
            ",".join(["0.1"] * n_gaps + [image] + ["0.1"] * (header.count(",") - n_gaps)) for image in images
        ]
        (data_dir / name).write_text("\n".join([header, *lines]) + "\n")
    tables = {split: pd.DataFrame({"image": images}) for split, images in tests.items()}
    return load_samples(data_dir, tables, CLASSES, LayoutOptions())


HEADER = "image,ALB,BET,NoF"


def test_ids_stay_in_the_files_order(tmp_path):
    (sample,) = load(tmp_path, ONE, ("sample_submission.csv", HEADER, ["c.jpg", "a.jpg", "b.jpg"]))
    assert sample.path == tmp_path / "sample_submission.csv"
    assert sample.suffix == ""
    assert sample.names == ("c.jpg", "a.jpg", "b.jpg")
    assert sample.keys == (("test", "c.jpg"), ("test", "a.jpg"), ("test", "b.jpg"))


@pytest.mark.parametrize("header", ["NoF,ALB,BET,image", "BET,image,NoF,ALB"])
def test_columns_stay_in_the_files_order(tmp_path, header):
    (sample,) = load(tmp_path, ONE, ("sample_submission.csv", header, ["b.jpg"]))
    assert sample.columns == tuple(header.split(","))
    assert sample.keys == (("test", "b.jpg"),)


def test_names_without_suffix_stay_as_they_are_written(tmp_path):
    (sample,) = load(tmp_path, {"test": ["007.jpg"]}, ("sample_submission.csv", HEADER, ["007"]))
    assert sample.names == ("007",)
    assert sample.keys == (("test", "007.jpg"),)


def test_stage_2_spelling_and_one_sample_over_both_folders(tmp_path):
    names = ["img_2.jpg", "test_stg2/image_1.jpg", "img_1.jpg", "test_stg2/image_2.jpg"]
    (sample,) = load(tmp_path, TWO, ("sample_submission_stg2.csv", HEADER, names))
    assert sample.suffix == "_stg2"
    assert sample.names == tuple(names)
    assert sample.keys == (
        ("test_stg1", "img_2.jpg"),
        ("test_stg2", "image_1.jpg"),
        ("test_stg1", "img_1.jpg"),
        ("test_stg2", "image_2.jpg"),
    )


def test_each_sample_of_several(tmp_path):
    samples = load(
        tmp_path,
        TWO,
        ("sample_submission_stg1.csv", HEADER, ["img_1.jpg"]),
        ("sample_submission_stg2.csv", HEADER, ["test_stg2/image_2.jpg"]),
    )
    assert [sample.suffix for sample in samples] == ["_stg1", "_stg2"]
    assert [sample.keys[0][0] for sample in samples] == ["test_stg1", "test_stg2"]


def test_a_base_name_in_two_folders_is_ambiguous(tmp_path):
    with pytest.raises(FishError, match=r"sample_submission\.csv: 'a\.jpg' is ambiguous") as raised:
        load(tmp_path, SHARED, ("sample_submission.csv", HEADER, ["a.jpg"]))
    assert "test_stg1/a.jpg, test_stg2/a.jpg" in str(raised.value)


@pytest.mark.parametrize("suffix", ["_stg1", "_stg2"])
def test_the_samples_suffix_picks_its_folder(tmp_path, suffix):
    (sample,) = load(tmp_path, SHARED, (f"sample_submission{suffix}.csv", HEADER, ["a.jpg"]))
    assert sample.keys == ((f"test{suffix}", "a.jpg"),)


def test_the_folder_in_a_name_picks_it(tmp_path):
    names = ["test_stg2/a.jpg", "test_stg1/a.jpg"]
    (sample,) = load(tmp_path, SHARED, ("sample_submission.csv", HEADER, names))
    assert sample.keys == (("test_stg2", "a.jpg"), ("test_stg1", "a.jpg"))


def test_a_sample_of_both_stages_with_shared_base_names(tmp_path):
    names = ["test_stg1/a.jpg", "test_stg2/a.jpg"]
    (sample,) = load(tmp_path, SHARED, ("sample_submission_stg2.csv", HEADER, names))
    assert sample.keys == (("test_stg1", "a.jpg"), ("test_stg2", "a.jpg"))


def test_unknown_ids(tmp_path):
    with pytest.raises(FishError) as raised:
        load(tmp_path, TWO, ("sample_submission_stg1.csv", HEADER, ["img_1.jpg", "img_9.jpg", "x/y.jpg"]))
    message = str(raised.value)
    assert (
        "sample_submission_stg1.csv names 2 images that no test folder holds (test_stg1, test_stg2)"
        in message
    )
    assert "img_9.jpg, x/y.jpg" in message
    assert "Add the files, or move the sample away" in message


def test_a_doubled_id_is_named_by_its_line(tmp_path):
    with pytest.raises(FishError, match=r"sample_submission\.csv, line 4: 'a\.jpg' stands there a second"):
        load(tmp_path, ONE, ("sample_submission.csv", HEADER, ["a.jpg", "b.jpg", "a.jpg"]))


def test_an_image_in_two_spellings_is_doubled(tmp_path):
    with pytest.raises(FishError, match=r"sample_submission\.csv, line 3"):
        load(tmp_path, ONE, ("sample_submission.csv", HEADER, ["a.jpg", "test/a.jpg"]))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("image,ALB,BET,SHARK", r"missing NoF, extra SHARK"),
        ("image,ALB,BET", r"missing NoF, extra none"),
        ("image,ALB,BET,nof", r"missing NoF, extra nof"),
    ],
)
def test_columns_that_are_not_the_classes(tmp_path, header, message):
    (tmp_path / "sample_submission.csv").write_text(header + "\n")
    with pytest.raises(FishError, match=r"sample_submission\.csv, line 1: .*" + message):
        load(tmp_path, ONE)


def test_a_column_of_a_class_that_no_photo_shows_is_answered_by_its_prior(tmp_path):
    (sample,) = load(tmp_path, ONE, ("sample_submission.csv", "image,ALB,YFT,BET,NoF", ["a.jpg"]))
    assert sample.answer.columns == ("ALB", "YFT", "BET", "NoF")
    assert "no training image shows YFT, so the smoothed prior answers" in sample.answer.said("sample.csv")


def test_without_a_sample_all_test_images_are_asked_for(tmp_path):
    (sample,) = load(tmp_path, ONE)
    assert sample.columns == ("image", *CLASSES)
    assert sample.names == ("a.jpg", "b.jpg", "c.jpg")
    assert sample.keys == tuple(("test", name) for name in sample.names)
    assert sample.suffix == ""


def test_without_a_sample_names_of_several_folders_carry_them(tmp_path):
    (sample,) = load(tmp_path, SHARED)
    assert sample.names == ("test_stg1/a.jpg", "test_stg1/b.jpg", "test_stg2/a.jpg", "test_stg2/c.jpg")
    assert sample.keys[2] == ("test_stg2", "a.jpg")


def test_without_a_sample_another_form_can_be_asked_for(tmp_path):
    tables = {"test": pd.DataFrame({"image": ["a.jpg"]})}
    (sample,) = load_samples(tmp_path, tables, CLASSES, LayoutOptions(answer="label"))
    assert sample.columns == ("image", "label") and sample.answer.form == "label"
