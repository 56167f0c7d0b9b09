import json
import os
import unicodedata

import pandas as pd
import pytest

from fishcli.basics.errors import FishError
from fishcli.basics.files import (
    digest,
    line_of,
    read_cells,
    read_csv,
    read_json,
    whole_file,
    write_csv,
    write_json,
    write_text,
)


def test_whole_file_appears_only_at_the_end(tmp_path):
    path = tmp_path / "new" / "folder" / "a.txt"
    with whole_file(path) as partial:
        partial.write_text("half")
        assert not path.exists()
        assert partial.parent == path.parent
        assert partial.suffix == ".txt"
        partial.write_text("whole")
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_whole_file_leaves_nothing_behind_on_failure(tmp_path, error):
    with pytest.raises(error), whole_file(tmp_path / "a.txt") as partial:
        partial.write_text("half")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_whole_file_keeps_the_old_content_on_failure(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError), whole_file(path) as partial:
        partial.write_text("half of the new")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_whole_file_overwrites_what_a_killed_process_left(tmp_path):
    path = tmp_path / "a.txt"
    with whole_file(path) as left_behind:
        pass_name = left_behind.name
        left_behind.write_text("")
    (tmp_path / pass_name).write_text("left behind by a kill")
    write_text(path, "new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_whole_file_fails_where_nothing_was_written(tmp_path):
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "a.txt"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_text_is_written_as_utf_8(tmp_path):
    write_text(tmp_path / "a.txt", "größe 魚")
    assert (tmp_path / "a.txt").read_bytes() == "größe 魚".encode()


def test_json_round_trip(tmp_path):
    value = {"a": [1, 2.5, None], "b": {"c": "ü"}}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value
    assert (tmp_path / "a.json").read_text().endswith("}\n")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_refuses_what_json_lacks_and_keeps_the_old_file(tmp_path, value):
    path = tmp_path / "a.json"
    write_json(path, 1)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"loss": value})
    assert json.loads(path.read_text()) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": 1,\n"b": }', r"a\.json, line 2: malformed JSON"),
        (b"", r"a\.json, line 1: malformed JSON"),
        (b'"\xff"', r"a\.json is not UTF-8 text .* at byte 1"),
        (b"[" * 100_000, r"a\.json: malformed JSON"),
        (b"1" * 5000, r"a\.json: malformed JSON"),
    ],
)
def test_bad_json_is_named_with_its_line(tmp_path, content, message):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(FishError, match=message):
        read_json(path)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(FishError, match=r"a\.json is missing"):
        read_json(tmp_path / "a.json")
    with pytest.raises(FishError, match=r"a\.csv is missing"):
        read_csv(tmp_path / "a.csv")


def test_csv_round_trip(tmp_path):
    table = pd.DataFrame({"image": ["a.jpg", "b, c.jpg"], "x": [0.1 + 0.2, 1e-17], "n": [1, 2]})
    write_csv(tmp_path / "a.csv", table)
    pd.testing.assert_frame_equal(read_csv(tmp_path / "a.csv", text=["image"]), table, check_dtype=False)


def test_text_columns_stay_as_they_are_written(tmp_path):
    (tmp_path / "a.csv").write_text('image,group\n007,NA\n1e3,null\n,""\n0x1f, nan \n')
    table = read_csv(tmp_path / "a.csv", text=["image", "group"])
    assert list(table["image"]) == ["007", "1e3", "0x1f"]
    assert list(table["group"]) == ["NA", "null", "nan"]


def test_blanks_around_cells_and_names_do_not_count(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(' image, group \na.jpg,boat0\nb.jpg,boat0 \n c.jpg , "boat, 1" \nd.jpg,\u00a0boat0\t\n')
    table = read_csv(path, required=["image", "group"], text=["image", "group"])
    assert list(table["image"]) == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
    assert list(table["group"]) == ["boat0", "boat0", "boat, 1", "boat0"]


def test_text_is_composed(tmp_path):
    decomposed = unicodedata.normalize("NFD", "Café")
    assert len(decomposed) == 5
    (tmp_path / "a.csv").write_text(f"image,{decomposed}\n{decomposed}/1.jpg,0.5\n", encoding="utf-8")
    table = read_csv(tmp_path / "a.csv", text=["image"])
    assert list(table.columns) == ["image", "Café"]
    assert list(table["image"]) == ["Café/1.jpg"]


def test_lines_of_commas_are_no_lines(tmp_path):
    (tmp_path / "a.csv").write_text("image,group\na.jpg,1\n,\n , \nb.jpg,2\n,\n")
    table = read_csv(tmp_path / "a.csv", text=["image", "group"])
    assert list(table["image"]) == ["a.jpg", "b.jpg"]
    assert line_of(tmp_path / "a.csv", 1) == 5


def test_columns_of_one_name_are_numbered_and_cells_keep_their_place(tmp_path):
    (tmp_path / "a.csv").write_text("image,x,image,\na.jpg,1,0.5,\n")
    assert list(read_csv(tmp_path / "a.csv").columns) == ["image", "x", "image.1", "Unnamed: 3"]
    header, cells = read_cells(tmp_path / "a.csv")
    assert header == ["image", "x", "image", ""]
    assert cells.to_numpy().tolist() == [["a.jpg", "1", "0.5", ""]]


def test_a_byte_order_mark_before_json_does_not_matter(tmp_path):
    (tmp_path / "a.json").write_text('\ufeff{"a": 1}', encoding="utf-8")
    assert read_json(tmp_path / "a.json") == {"a": 1}


def test_other_columns_become_numbers_where_all_are(tmp_path):
    (tmp_path / "a.csv").write_text("x,y,z\n1,1,\n2.5,one,3\n")
    table = read_csv(tmp_path / "a.csv")
    assert list(table["x"]) == [1.0, 2.5]
    assert list(table["y"]) == ["1", "one"]
    assert pd.isna(table["z"][0])
    assert table["z"][1] == 3.0


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path):
    (tmp_path / "a.csv").write_text("\ufeffimage,group\na.jpg,1\n", encoding="utf-8")
    assert list(read_csv(tmp_path / "a.csv", required=["image"])["image"]) == ["a.jpg"]


def test_a_line_with_too_few_values_has_empty_ones(tmp_path):
    (tmp_path / "a.csv").write_text("image,group\na.jpg\nb.jpg,1\n")
    assert list(read_csv(tmp_path / "a.csv", text=["image", "group"])["group"]) == ["", "1"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"a\.csv, line 1: the file is empty; expected a header"),
        (b"image;boat\na;b\n", r"a\.csv, line 1: no column 'group'; found 'image', 'boat'"),
        (b"image,boat\na,b\n", r"a\.csv, line 1: no column 'group'; found 'image', 'boat'"),
        (b"image,group\na,b\nc,d,e\n", r"a\.csv: malformed CSV .*line 3"),
        (b"image,group\na,b,c\nd,e,f\n", r"a\.csv: malformed CSV .*line 2.*Give each column a name"),
        (b",,\n , ,\n", r"a\.csv, line 1: the file holds nothing but commas"),
        (b'image,group\n"a,b\n', r"a\.csv: malformed CSV"),
        (b"image,group\na,\xff\n", r"a\.csv is not UTF-8 text"),
    ],
)
def test_bad_csv_is_named_with_its_line(tmp_path, content, message):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(FishError, match=message):
        read_csv(path, required=["image", "group"], text=["image", "group"])


def test_digest_knows_where_its_parts_end():
    assert digest("ab", "c") != digest("a", "bc")
    assert digest("ab", "c") == digest(b"ab", "c")
    assert digest("a") == "ffe9aaeaa2a2d5048174df0b80599ef0197ec024c4b051bc9860cff58ef7f9f3"


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,2\n\n \n3,4\n5,6\n",
        '\n\na,b\n1,"x\n\ny"\n\n3,4\n5,6',
        "\ufeffa,b\r\n\r\n1,\r\n,\r\n3,4\r\n , \r\n5,6",
    ],
)
def test_the_line_of_a_row_is_that_of_an_editor(tmp_path, text):
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8", newline="")
    assert float(list(read_csv(path, ["a", "b"])["b"])[-1]) == 6
    lines = text.splitlines()
    assert lines[line_of(path, 2) - 1] == "5,6"
    assert lines[line_of(path, 0) - 1].startswith("1,")


@pytest.mark.parametrize("read", [read_csv, read_json])
@pytest.mark.parametrize("number", [5, 13, 36, 116])
def test_what_the_system_refuses_is_named(tmp_path, monkeypatch, read, number):
    def refuse(*args, **options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("pathlib.Path.open", refuse)
    monkeypatch.setattr("pandas.read_csv", refuse)
    with pytest.raises(FishError, match=rf"some\.file can't be read \({os.strerror(number)}\)"):
        read(tmp_path / "some.file")


def test_a_sealed_file_reads_as_it_was_and_tells_a_change(tmp_path):
    path = tmp_path / "a.json"
    value = {"by": {1: 0.1 + 0.2, 10: 1e-300, 2: None}, "é": ["x", -0.0, 2**70]}
    write_json(path, value, sealed=True)
    assert read_json(path) == json.loads(json.dumps(value))
    text = path.read_text()
    path.write_text(text.replace("1e-300", "1e-301"))
    with pytest.raises(FishError, match=r"a\.json was changed or is damaged"):
        read_json(path)
    path.write_text(json.dumps(json.loads(text)))  # another layout of the same
    assert read_json(path) == json.loads(json.dumps(value))


@pytest.mark.parametrize("separator", [";", "\t"])
def test_the_separators_of_spreadsheets_abroad(tmp_path, separator):
    path = tmp_path / "a.csv"
    path.write_text("image,group\na.jpg,\n,\nb c.jpg,2\n".replace(",", separator))
    table = read_csv(path, required=["image", "group"], text=["image", "group"])
    assert table.to_numpy().tolist() == [["a.jpg", ""], ["b c.jpg", "2"]]
    assert line_of(path, 1) == 4
