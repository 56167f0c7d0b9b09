"""Tables in which an image has several labels."""

import pandas as pd
import pytest
from conftest import make_image

from fishcli.basics.errors import FishError
from fishcli.dataset.layout.answers import find_answer
from fishcli.dataset.layout.images import class_names_of, is_tagged, load_train
from fishcli.dataset.layout.layout import read_training
from fishcli.dataset.layout.tag_columns import are_several
from fishcli.dataset.tags import shown
from fishcli.options.layout import LayoutOptions
from fishcli.options.reading import Reading


def read(data_dir, table, name="t.csv", **options):
    """What is shown of the labels of a.jpg to d.jpg, by such a table, and what was said."""
    for image in "abcd":
        make_image(data_dir / "train" / f"{image}.jpg")
    (data_dir / name).write_text(table, encoding="utf-8")
    found = read_training(data_dir, LayoutOptions(**options))
    return [shown(text) for text in found.table["class_name"]], " · ".join(found.said)


@pytest.mark.parametrize(
    "table",
    [
        "image,labels\na,scab\nb,scab rust\nc,rust\nd,rust scab\n",
        "image,labels\na,scab\nb,scab|rust\nc,rust\nd,rust|scab\n",
        "image,labels\na,scab\nb,scab; rust\nc,rust\nd,rust;scab\n",
        'image,labels\na,scab\nb,"scab, rust"\nc,rust\nd,"rust,scab"\n',
    ],
)
def test_a_column_of_tags_is_read_as_sets_whatever_separates_them(tmp_path, table):
    labels, said = read(tmp_path, table)
    assert labels == ["scab", "rust, scab", "rust", "rust, scab"]
    assert "labels has each image's tags (2; 1.5 an image)" in said


def test_tags_with_blanks_in_them_are_kept_whole_between_other_marks():
    cells = pd.Series(["frog eye; scab", "scab", "frog eye"])
    assert are_several("labels", cells)
    assert not are_several("label", pd.Series(["Common wheat", "Fat hen", "Sugar beet"]))


def test_columns_of_0_and_1_are_tags_where_a_row_has_several_and_rows_of_none_count(tmp_path):
    table = "image,A b,B,C\na,1,0,0\nb,1,1,0\nc,0,1,0\nd,0,0,0\n"
    (tmp_path / "sample_submission.csv").write_text("image,A b,B,C\n", encoding="utf-8")
    labels, said = read(tmp_path, table)
    assert labels == ["A b", "A b, B", "B", "none"]
    assert "3 columns of 0 and 1 have each image's tags (2; 1.0 an image, 1 images without any)" in said


def test_an_empty_cell_of_tags_is_a_missing_label(tmp_path, capsys):
    labels, _ = read(tmp_path, "image,tags\na,scab\nb,scab rust\nc,rust\nd,\n")
    assert len(labels) == 3
    assert "1 lines without a label: left out" in capsys.readouterr().err


def test_the_user_says_what_separates_labels_or_that_nothing_does(tmp_path):
    table = "image,kind\na,New York\nb,York\nc,New\nd,New York\n"
    assert read(tmp_path, table)[0][0] == "New, York"
    assert read(tmp_path, table, label_separator="none")[0][0] == "New York"
    assert read(tmp_path, "image,kind\na,x+y\nb,z\nc,w\nd,w\n", label_separator="+")[0] == [
        "x, y",
        "z",
        "w",
        "w",
    ]


def test_what_a_person_decided_of_labels_is_all_tags_of_an_image(tmp_path):
    (tmp_path / "relabel.csv").write_text("image,class_name\na.jpg,rust;scab\nd.jpg,drop\n", encoding="utf-8")
    table = "image,labels\na,scab\nb,scab rust\nc,rust\nd,scab\n"
    labels, said = read(tmp_path, table)
    assert labels == ["rust, scab", "rust, scab", "rust"]
    assert "1 labels corrected, 1 photos left out" in said
    (tmp_path / "relabel.csv").write_text("image,class_name\na.jpg,rust scub\n", encoding="utf-8")
    with pytest.raises(FishError, match="'scub' is no class of the training images; did you mean 'scab'"):
        load_train(tmp_path, Reading())


def test_fishclis_own_table_may_have_tags(tmp_path):
    table = "image,label\na.jpg,scab\nb.jpg,rust scab\nc.jpg,rust\nd.jpg,scab\n"
    labels, said = read(tmp_path, table, "train.csv")
    assert labels == ["scab", "rust, scab", "rust", "scab"] and "(2 tags)" in said
    train = load_train(tmp_path, Reading())
    assert is_tagged(train) and class_names_of(train) == ["rust", "scab"]


def answer(cells, **options):
    table = pd.DataFrame(cells, dtype=str)
    return find_answer("s.csv", table, ["A", "B"], LayoutOptions(**options), "", is_tagged=True)


def test_a_sample_wants_an_images_tags_or_each_ones_probability():
    found = answer({"labels": ["A", "A;B"]})
    assert (found.form, found.separator, found.said("s.csv")) == ("tags", ";", "s.csv wants an image's tags")
    assert answer({"labels": ["A", "A B"]}, label_separator=";").separator == " "
    assert answer({"labels": ["A", "A"]}, label_separator=";").separator == ";"
    found = answer({"B": ["0"], "A": ["0"]})
    assert found.form == "probabilities" and found.is_tagged
    assert "the probability of each of 2 tags" in found.said("s.csv")


def test_what_tags_can_not_answer_is_refused_with_the_option_that_helps():
    with pytest.raises(FishError, match=r"missing B, extra X.*--label-column"):
        answer({"A": ["0"], "X": ["0"]})
    with pytest.raises(
        FishError, match=r"--answer top-k: images have several labels.*--label-separator none"
    ):
        answer({"labels": ["A"]}, answer="top-k")
    with pytest.raises(FishError, match=r"--answer tags: an image has one label.*--label-separator"):
        find_answer("s.csv", pd.DataFrame({"x": ["A"]}), ["A", "B"], LayoutOptions(answer="tags"))
