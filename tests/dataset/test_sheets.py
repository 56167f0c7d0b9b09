import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fishcli.basics.errors import FishError
from fishcli.dataset.fields import read_tags
from fishcli.dataset.sheets import GAPS, MAX_CODES, Sheet, read_sheet

reuse_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def sheet_csv(tmp_path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        (tmp_path / "table.csv").write_text(text)
        return tmp_path / "table.csv"

    return write


def sheet_of(tmp_path: Path, cells: Sequence[object], name: str = "x") -> Sheet:
    """The sheet of a table with the column `name`, beside one that is always worth a look."""
    table = pd.DataFrame({name: [str(cell) for cell in cells]})
    rows = np.arange(len(table))
    table = table.assign(label=np.where(rows % 2, "cod", "eel"), other=np.where(rows % 3, "a", "b"))
    table.to_csv(tmp_path / "table.csv", index=False)
    return read_sheet(tmp_path / "table.csv", "label")


def kind_of(tmp_path: Path, cells: Sequence[object]) -> str | None:
    """The kind of a column with these cells; None where it is left out."""
    sheet = sheet_of(tmp_path, cells)
    return {field.name: field.kind for field in sheet.fields}.get("x")


def test_blanks_around_labels_and_names_do_not_count(tmp_path, capsys):
    path = tmp_path / "a.csv"
    rows = "".join(f"{'1 ' if i % 2 else '1'},{i % 3},x\n2, {i % 3} , x\n,,\n" for i in range(6))
    path.write_text(f"label , a,b\n{rows}")
    sheet = read_sheet(path, "label")
    assert set(sheet.labels) == {"1", "2"}
    assert list(sheet.columns) == ["a"]
    assert set(sheet.columns["a"]) == {"0", "1", "2"}
    assert "all rows have one value: b" in capsys.readouterr().err


def test_a_table(sheet_csv):
    path = sheet_csv(
        "id,boat,depth,gear,species\n007,1,3.5,net,cod\n08,1,,line,NA\n9,2,4,,cod\n10,2,5,net,cod\n"
    )
    sheet = read_sheet(path, "species", "boat", "id")
    assert list(sheet.labels) == ["cod", "NA", "cod", "cod"]
    assert list(sheet.groups) == ["1", "1", "2", "2"]
    assert list(sheet.labels.index) == ["007", "08", "9", "10"]
    assert sheet.labels.index.name == "id"
    assert sheet.labels.index.equals(sheet.groups.index)
    assert sheet.labels.index.equals(sheet.columns.index)
    assert list(sheet.columns) == ["depth", "gear"] == [field.name for field in sheet.fields]
    assert sheet.columns["depth"].dtype == np.float64
    assert sheet.columns["depth"].tolist() == pytest.approx([3.5, np.nan, 4, 5], nan_ok=True)
    assert sheet.columns["gear"].tolist() == ["net", "line", "", "net"]
    depth, gear = sheet.fields
    assert (depth.kind, depth.family, depth.section, depth.at_test_time) == (
        "numeric",
        "depth",
        "table",
        "legitimate",
    )
    assert (gear.kind, gear.family) == ("categorical", "gear")
    assert depth.explanation == "Column 'depth' of table.csv, 3 distinct values."


def test_without_ids_the_rows_are_the_files_lines(sheet_csv):
    sheet = read_sheet(sheet_csv("label,x\ncod,1\neel,1\ncod,2\n"), "label")
    assert sheet.groups is None
    assert list(sheet.columns.index) == [2, 3, 4] == list(sheet.labels.index)
    assert sheet.columns.index.name == "line"


def test_tags_of_a_sheet(sheet_csv, tmp_path):
    sheet = read_sheet(sheet_csv("label,x\ncod,1\neel,1\ncod,2\n"), "label")
    (tmp_path / "tags.csv").write_text("field,at_test_time\nx,illegitimate\n")
    assert read_tags(tmp_path / "tags.csv", sheet.columns) == {"x": "illegitimate"}


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "2"] * 12, "categorical"),
        (["1.0", "2.0"] * 12, "categorical"),
        (["1", "2.5"] * 12, "numeric"),
        ([*range(MAX_CODES), 0, 1], "categorical"),
        ([*range(MAX_CODES + 1), 0, 1], "numeric"),
        (range(5), "numeric"),
        (["1", "2", "NA"] * 8, "categorical"),
        (["0.5", "nan", "None", "", "0.25"] * 8, "numeric"),
        (["1", "2.5", "three"] * 8, "categorical"),
        (["NA", "None"] * 8, "categorical"),
        (["True", "False"] * 8, "categorical"),
        (["1", ""] * 8, "categorical"),
        (["0.5", ""] * 8, "numeric"),
        (["2016-07-01", "2016-07-02"] * 8, "categorical"),
        ([f"img_{i}.jpg" for i in range(9)], None),
        (["a", "", "b"] + [""] * 6, None),
        (["a"] * 9, None),
        (["1"] * 9, None),
        (["0.5"] * 9, None),
        ([""] * 9, None),
    ],
)  # fmt: skip
def test_kinds(tmp_path, cells, kind):
    assert kind_of(tmp_path, cells) == kind


def test_codes_are_texts_of_whole_numbers(tmp_path):
    cells = ["1.0", "01", "-2", "NA", "inf", "1", "-2", "20000000"]
    assert sheet_of(tmp_path, cells).columns["x"].tolist() == ["1", "1", "-2", "", "", "1", "-2", "20000000"]


def test_infinite_numbers_are_unknown(tmp_path):
    found = sheet_of(tmp_path, ["0.5", "inf", "-inf", "1e999", "2"]).columns["x"]
    assert found.tolist() == pytest.approx([0.5, np.nan, np.nan, np.nan, 2], nan_ok=True)


def test_texts_keep_their_gaps_apart_from_names(tmp_path):
    cells = ["None", "NA", "", "net", "None", "NA", "", "net"]
    assert sheet_of(tmp_path, cells).columns["x"].tolist() == cells


def test_what_is_left_out_is_said(sheet_csv, capsys):
    path = sheet_csv("label,one,name,x\ncod,7,a,1\neel,7,b,1\ncod,7,c,2\n")
    assert list(read_sheet(path, "label").columns) == ["x"]
    error = capsys.readouterr().err
    assert f"{path}: left out, as all rows have one value: one\n" in error
    assert f"{path}: left out, as no text occurs twice: name\n" in error


@reuse_folder
@given(
    numbers=st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.none(), min_size=3, max_size=40),
    gap=st.sampled_from(GAPS),
)
def test_numbers_come_back_as_they_are(tmp_path, numbers, gap):
    numbers = [0.5, *numbers, 1.5]
    found = sheet_of(tmp_path, [gap if number is None else repr(number) for number in numbers]).columns["x"]
    assert found.tolist() == pytest.approx(
        [np.nan if n is None else n for n in numbers], nan_ok=True, rel=1e-15
    )


@reuse_folder
@given(
    cells=st.lists(
        st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=4), min_size=4
    ),
    n_repeats=st.integers(1, 2),
)
def test_any_cells_make_a_column_of_its_kind_or_none(tmp_path, cells, n_repeats):
    sheet = sheet_of(tmp_path, cells * n_repeats)
    assert [field.name for field in sheet.fields] == list(sheet.columns)
    for field in sheet.fields:
        column = sheet.columns[field.name]
        assert column.nunique(dropna=False) > 1
        if field.kind == "numeric":
            assert column.dtype == np.float64
            assert not np.isinf(column).any()
        else:
            assert all(isinstance(cell, str) for cell in column)
            assert column[column != ""].duplicated().any()


@pytest.mark.parametrize(
    ("lines", "columns", "message"),
    [
        ("species,x|cod,1", ["label"], "line 1: no column 'label'; found 'species', 'x'"),
        ("label,x|cod,1|eel,2", ["label", "boat"], "line 1: no column 'boat'"),
        ("label,x|cod,1|eel,2", ["label", None, "id"], "line 1: no column 'id'"),
        ("label,x", ["label"], "no line after its header"),
        ("", ["label"], "line 1: the file is empty"),
        ("label,x|cod,1|,2| ,3", ["label"], "line 3: the label (column 'label') is empty"),
        ("label,x|cod,1|,2| ,3", ["label"], "Write one there, or delete the 2 lines without"),
        ("x,label|1,cod|2", ["label"], "line 3: the label (column 'label') is empty"),
        ("label,x,b|cod,1,|eel,2,1", ["label", "b"], "line 2: the group (column 'b') is empty"),
        ("label,x,b|cod,1,7|eel,2,", ["label", None, "b"], "line 3: the id (column 'b') is empty"),
        (
            "label,b|cod,7|eel,07|eel,7",
            ["label", None, "b"],
            "line 4: the id '7' (column 'b') stands there a",
        ),
        (
            "label,x|cod,1|cod,2",
            ["label"],
            "column 'label': every label is 'cod'. The audit needs two classes",
        ),
        ("label,x|cod,1|eel,2", ["label", "label"], "asked for label 'label', group 'label'"),
        ("label,x|cod,1|eel,2", ["label", "x", "x"], "asked for label 'label', group 'x', id 'x'"),
        ("label|cod|eel", ["label"], "line 1: there is no column to audit"),
        ("label,x,y|cod,1,a|eel,1,b", ["label"], "line 1: there is no column to audit"),
    ],
)
def test_tables_that_can_not_be_audited(sheet_csv, lines, columns, message):
    path = sheet_csv(lines.replace("|", "\n"))
    with pytest.raises(FishError, match=re.escape(message)) as raised:
        read_sheet(path, *columns)
    assert str(path) in str(raised.value)


def test_a_missing_table(tmp_path):
    with pytest.raises(FishError, match=r"none\.csv is missing"):
        read_sheet(tmp_path / "none.csv", "label")
