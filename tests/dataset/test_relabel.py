"""relabel.csv: what a person has decided about labels."""

import pandas as pd
import pytest
from conftest import write_competition

from fishcli.basics.errors import FishError
from fishcli.dataset.layout.images import load_tests, load_train
from fishcli.dataset.layout.relabel import relabelled


@pytest.fixture
def table():
    names = [("ALB/a.jpg", "ALB"), ("ALB/b.jpg", "ALB"), ("BET/c.jpg", "BET"), ("BET/d.jpg", "BET")]
    return pd.DataFrame(names, columns=["image", "class_name"])


def write(folder, text, header="image,class_name"):
    path = folder / "relabel.csv"
    path.write_text(f"{header}\n{text}")
    return path


def test_labels_are_corrected_and_photos_left_out(tmp_path, table):
    write(tmp_path, "a,BET\nBET/d.jpg,drop\n")
    found, said = relabelled(tmp_path, table)
    assert found.to_numpy().tolist() == [["ALB/a.jpg", "BET"], ["ALB/b.jpg", "ALB"], ["BET/c.jpg", "BET"]]
    assert said == ["relabel.csv: 1 labels corrected, 1 photos left out"]


def test_without_the_file_all_stays_as_it_is(tmp_path, table):
    assert relabelled(tmp_path, table) == (table, [])


def test_columns_that_doubts_writes_besides_are_not_looked_at(tmp_path, table):
    write(tmp_path, "ALB/a.jpg,BET,ALB,0.9,so\n", "image,class_name,was,sureness,why")
    assert relabelled(tmp_path, table)[0]["class_name"].tolist() == ["BET", "ALB", "BET", "BET"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ALB/a.jpg,BTE\n", "line 2: 'BTE' is no class of the training images; did you mean 'BET'"),
        ("ALB/a.jpg,BET\na.jpg,ALB\n", "line 3: 'ALB/a.jpg' stands there a second time"),
        ("ALB/z.jpg,BET\n", "names 1 images that are not in train/: ALB/z.jpg"),
        ("ALB/a.jpg,BET\nALB/b.jpg,drop\n", "leaves no photo of ALB"),
    ],
)
def test_what_can_not_be_meant_is_named(tmp_path, table, text, message):
    write(tmp_path, text)
    with pytest.raises(FishError, match=message):
        relabelled(tmp_path, table)


def test_a_class_called_drop_is_asked_to_be_renamed(tmp_path, table):
    write(tmp_path, "ALB/a.jpg,drop\n")
    with pytest.raises(FishError, match="a class is called 'drop'"):
        relabelled(tmp_path, table.replace("BET", "drop"))


def test_every_command_reads_it_and_says_so(tmp_path, capsys):
    data_dir = write_competition(tmp_path, n_per_class=3, n_test=2)
    before = load_train(data_dir)
    first, second = before["image"].iloc[0], before["image"].iloc[1]
    other = before["class_name"].iloc[-1]
    write(data_dir, f"{first},{other}\n{second},drop\n")
    after = load_train(data_dir)
    assert len(after) == len(before) - 1
    assert after.set_index("image")["class_name"][first] == other
    assert "relabel.csv: 1 labels corrected, 1 photos left out" in capsys.readouterr().err
    assert list(load_tests(data_dir)) == ["test"]
