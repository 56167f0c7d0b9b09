import dataclasses
import re

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from fishcli.basics.errors import FishError
from fishcli.cli import app
from fishcli.commands import score
from fishcli.options.predict import ScoreConfig

SOLUTION = """image,class_name,stage,group
b.jpg,BET,1,x
a.jpg,ALB,1,y
test_stg2/a.jpg,ALB,2,z
test_stg2/b.jpg,BET,2,z
"""
STAGE_1 = "image,ALB,BET\na.jpg,0.5,0.5\nb.jpg,0.2,0.8\n"


@pytest.fixture
def config(tmp_path):
    """Writes a submission and a solution; returns their config."""

    def write(submission=STAGE_1, solution=SOLUTION):
        (tmp_path / "submission.csv").write_text(submission)
        (tmp_path / "solution.csv").write_text(solution)
        return ScoreConfig(
            submissions=[tmp_path / "submission.csv"],
            solution=tmp_path / "solution.csv",
            data_dir=tmp_path / "data",
        )

    return write


def rows_of(text):
    """The printed table: {part: [images, log loss, prior, accuracy]}."""
    lines = [line.split() for line in text.splitlines()]
    assert lines[0] == ["part", "images", "log", "loss", "prior", "accuracy"]
    return {" ".join(cells[:-4]): cells[-4:] for cells in lines[1:]}


def test_a_submission_of_one_stage(config):
    rows = rows_of(score.run(config()))
    assert list(rows) == ["all", "stage 1", "group x", "group y"]
    loss = -np.log([0.5, 0.8])
    assert rows["all"] == ["2", f"{loss.mean():.4f}", f"{np.log(2):.4f}", "1.0000"]
    assert rows["stage 1"] == rows["all"]
    assert rows["group y"][:2] == ["1", f"{loss[0]:.4f}"]
    assert rows["group x"][:2] == ["1", f"{loss[1]:.4f}"]


def test_a_submission_of_both_stages_in_another_order(config):
    submission = "BET,image,ALB\n9,test_stg2/b.jpg,1\n0.8,b.jpg,0.2\n1,test_stg2/a.jpg,0\n0.5,a.jpg,0.5\n"
    rows = rows_of(score.run(config(submission)))
    assert list(rows) == ["all", "stage 1", "stage 2", "group x", "group y", "group z"]
    assert rows["stage 2"][0] == "2"
    assert rows["stage 2"][1] == f"{-np.log([0.9, 1e-15]).mean():.4f}"
    assert rows["stage 2"][3] == "0.5000"


def test_a_solution_without_stage_and_group(config):
    solution = "image,class_name\na.jpg,ALB\nb.jpg,BET\n"
    assert list(rows_of(score.run(config(solution=solution)))) == ["all"]


def test_the_prior_is_that_of_the_training_images(config, tmp_path, tiny_competition, capsys):
    tiny_competition(classes=("ALB", "BET"), n_per_class=8)
    for i in range(3):
        (tmp_path / "data" / "train" / "BET" / f"img_{8 + i:03d}.jpg").unlink()
    rows = rows_of(score.run(config()))
    prior = np.array([8.5, 5.5]) / 14
    assert rows["group y"][2] == f"{-np.log(prior[0]):.4f}"
    assert rows["group x"][2] == f"{-np.log(prior[1]):.4f}"
    assert f"prior: class shares in {tmp_path / 'data' / 'train'}" in capsys.readouterr().err


def test_without_training_images_the_prior_is_that_of_the_solution(config, capsys):
    score.run(config())
    assert "prior: class shares in the solution itself" in capsys.readouterr().err


def test_the_sample_of_the_tiny_competition_scores_as_uniform(tiny_competition):
    data_dir = tiny_competition()
    found = score.run(
        ScoreConfig(
            submissions=[data_dir / "sample_submission.csv"],
            solution=data_dir / "solution.csv",
            data_dir=data_dir,
        )
    )
    assert rows_of(found)["all"][:3] == ["6", f"{np.log(3):.4f}", f"{np.log(3):.4f}"]
    assert set(pd.read_csv(data_dir / "solution.csv")["class_name"]) == {"ALB", "BET", "NoF"}


def test_names_are_joined_as_everywhere(config):
    solution = "image,class_name,stage\nt000.jpg,ALB,1\nt001.jpg,BET,1\ntest_stg2/t000.jpg,BET,2\n"
    for names in (["t000", "t001"], ["t000.jpg", " t001.jpg "], ["../data/t000.jpg", "t001"]):
        lines = [f"{name},{1 - k},{k}" for k, name in enumerate(names)]
        rows = rows_of(score.run(config("\n".join(["image,ALB,BET", *lines]), solution)))
        assert rows["all"][:2] == ["2", "0.0000"]
    rows = rows_of(score.run(config("image,BET,ALB\ntest_stg2/t000,1,0\n,,\n", solution)))
    assert rows["all"][:2] == ["1", "0.0000"]


def test_classes_called_as_the_solutions_columns(config):
    solution = "image,class_name,stage,group\na.jpg,stage,1,x\nb.jpg,image,1,x\nc.jpg,group,1,x\n"
    submission = "image,stage,image,group\na.jpg,1,0,0\nb.jpg,0,1,0\nc.jpg,0,0,1\n"
    rows = rows_of(score.run(config(submission, solution)))
    assert rows["all"][:2] == ["3", "0.0000"]
    with pytest.raises(FishError, match="two columns are called group"):
        score.run(config("image,group,group\na.jpg,1,0\n", solution))


def test_labels_and_columns_are_tidy(config):
    solution = "image,class_name\na.jpg, Cafe\u0301\nb.jpg,BET \n"
    rows = rows_of(score.run(config("image , Caf\u00e9,BET\na.jpg,1,0\nb.jpg,0,1\n", solution)))
    assert rows["all"][:2] == ["2", "0.0000"]


BAD = [
    ("image,ALB,BET\na.jpg,1,0\n", SOLUTION, r"submission\.csv lacks 1 images of the solution: b\.jpg"),
    (STAGE_1 + "z.jpg,1,0\n", SOLUTION, r"submission\.csv: 1 images are not in the solution: z\.jpg"),
    (STAGE_1 + "a.jpg,1,0\n", SOLUTION, r"submission\.csv: 1 images stand there twice: a\.jpg"),
    (STAGE_1, SOLUTION + "a.jpg,ALB,1,x\n", r"solution\.csv: 1 images stand there twice: a\.jpg"),
    ("image,ALB\na.jpg,1\nb.jpg,1\n", SOLUTION, r"submission\.csv has no column for the classes BET"),
    ("image,ALB,BET\na.jpg,x,1\nb.jpg,0,1\n", SOLUTION, r"submission\.csv: 1 rows hold no prob.*: a\.jpg"),
    ("image,ALB,BET\na.jpg,,1\nb.jpg,0,1\n", SOLUTION, r"submission\.csv: 1 rows hold no prob.*: a\.jpg"),
    ("image,ALB,BET\na.jpg,0,0\nb.jpg,0,1\n", SOLUTION, r"submission\.csv: 1 rows hold no prob.*: a\.jpg"),
    ("image,ALB,BET\na.jpg,-1,2\nb.jpg,inf,1\n", SOLUTION, r"submission\.csv: 2 rows hold no probabilities"),
    ("id,ALB,BET\na.jpg,1,0\n", SOLUTION, r"submission\.csv, line 1: no column 'image'; found 'id', 'ALB'"),
    (STAGE_1, "image,label\na.jpg,ALB\n", r"solution\.csv, line 1: no column 'class_name'; found 'image'"),
    ("", SOLUTION, r"submission\.csv, line 1: the file is empty"),
    ("image,ALB,BET\n", SOLUTION, r"submission\.csv"),
    ("image,ALB,BET,group\na.jpg,1,0,x\nb.jpg,0,1,y\n", SOLUTION, r"submission\.csv"),
]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("submission", "solution", "message"), BAD)
def test_bad_files_are_named(config, submission, solution, message):
    with pytest.raises(FishError, match=message):
        score.run(config(submission, solution))


def call(*arguments):
    return CliRunner().invoke(app, ["score", *map(str, arguments)])


def test_the_command_prints_the_table_alone_on_stdout(config):
    options = config()
    result = call(options.submissions[0], "--solution", options.solution, "--data-dir", options.data_dir)
    assert result.exit_code == 0
    assert list(rows_of(result.stdout)) == ["all", "stage 1", "group x", "group y"]
    assert "prior: class shares in the solution itself" in result.stderr


def test_what_the_user_can_mend_exits_with_1_and_without_a_traceback(config):
    options = config(submission="image,ALB,BET\na.jpg,1,0\n")
    result = call(options.submissions[0], "--solution", options.solution)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith(f"Error: {options.submissions[0]} lacks 1 images")
    assert "Traceback" not in result.stderr


def test_a_missing_file_exits_with_1(config, tmp_path):
    result = call(tmp_path / "none.csv", "--solution", config().solution)
    assert result.exit_code == 1
    assert result.stderr == f"Error: {tmp_path / 'none.csv'} is missing.\n"


def test_a_folder_for_a_file_exits_with_1(config, tmp_path):
    result = call(tmp_path, "--solution", config().solution)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert str(tmp_path) in result.stderr


@pytest.mark.parametrize("arguments", [[], ["a.csv"], ["a.csv", "--solution", "b.csv", "--folds", "5"]])
def test_wrong_usage_exits_with_2(arguments):
    result = call(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Usage: " in result.stderr


def test_several_submissions_stand_side_by_side_stage_by_stage(config, tmp_path, capsys):
    one = config()
    both = tmp_path / "both.csv"
    both.write_text("image,ALB,BET\na.jpg,1,0\nb.jpg,0,1\ntest_stg2/a.jpg,1,0\ntest_stg2/b.jpg,0.5,0.5\n")
    text = score.run(dataclasses.replace(one, submissions=[*one.submissions, both]))
    rows = [line.split() for line in text.splitlines()[1:]]
    assert [row[:4] for row in rows] == [
        ["stage", "1", "submission", "2"],
        ["stage", "1", "both", "2"],
        ["stage", "2", "both", "2"],
    ]
    alone = rows_of(score.run(one))
    assert rows[0][4:] == alone["stage 1"][1:]
    assert rows[2][4] == f"{np.log(2) / 2:.4f}"
    assert capsys.readouterr().err.count("prior: class shares") == 2  # once a call


def test_several_submissions_to_a_solution_without_stages_have_a_line_each(config, tmp_path):
    one = config(solution="image,class_name\na.jpg,ALB\nb.jpg,BET\n")
    other = tmp_path / "other.csv"
    other.write_text(STAGE_1)
    lines = score.run(dataclasses.replace(one, submissions=[*one.submissions, other])).splitlines()[1:]
    assert [line.split()[:2] for line in lines] == [["all", "submission"], ["all", "other"]]


GRADES = "image,class_name,group\na.jpg,2,x\nb.jpg,10,x\nc.jpg,2,y\nd.jpg,9,y\n"


def columns_of(text):
    """The printed table: {part: {column: cell}}."""
    heading, *lines = [re.split(r" {2,}", line.strip()) for line in text.splitlines()]
    return {cells[0]: dict(zip(heading, cells, strict=True)) for cells in lines}


def test_another_metric_stands_beside_log_loss_and_what_there_is_to_beat(config):
    given = config("image,9,10,2\na,0.1,0.2,0.7\nb,0.6,0.3,0.1\nc,0,0,1\nd,0.4,0.5,0.1\n", GRADES)
    plain = columns_of(score.run(given))
    found = columns_of(score.run(dataclasses.replace(given, metric="qwk")))
    assert found["all"] == {**plain["all"], "qwk": f"{7 / 11:.4f}", "majority's qwk": "0.0000"}  # 2 < 9 < 10
    found = columns_of(score.run(dataclasses.replace(given, metric="map@2")))
    assert found["all"]["map@2"] == "0.7500"
    assert found["all"]["prior's map@2"] == "0.6250"
    assert list(found) == ["all", "group x", "group y"]


def test_a_metric_is_undefined_where_a_class_lacks(config):
    given = config("image,9,10,2\na,0,0,1\nb,0,1,0\nc,0,0,1\nd,1,0,0\n", GRADES)
    found = columns_of(score.run(dataclasses.replace(given, metric="auc")))
    assert found["all"]["auc"] == "1.0000"
    assert found["all"]["prior's auc"] == "0.5000"
    assert found["group x"]["auc"] == "-"


def test_a_submission_of_labels_has_its_accuracy_or_another_metric_of_labels(config):
    given = config("image,label\nd,10\na,2\nb,9\nc,2\n", GRADES)
    found = columns_of(score.run(given))
    assert list(found["all"]) == ["part", "images", "accuracy", "majority's accuracy"]
    assert found["all"]["accuracy"] == found["all"]["majority's accuracy"] == "0.5000"
    assert found["group y"]["accuracy"] == "0.5000"
    found = columns_of(score.run(dataclasses.replace(given, metric="qwk")))
    assert found["all"]["qwk"] == f"{7 / 11:.4f}"


def test_labels_and_probabilities_stand_side_by_side(config, tmp_path):
    given = config("image,9,10,2\na,0,0,1\nb,0,1,0\nc,0,0,1\nd,0,1,0\n", GRADES)
    (tmp_path / "labels.csv").write_text("image,label\na,2\nb,10\nc,2\nd,10\n")
    both = [*given.submissions, tmp_path / "labels.csv"]
    lines = score.run(dataclasses.replace(given, submissions=both, metric="macro-f1")).splitlines()
    assert lines[1].split()[-2:] == lines[2].split()[-2:]
    assert lines[2].split()[:4] == ["all", "labels", "4", "-"]


def test_labels_are_asked_for_their_order_by_the_training_images(config, tmp_path, tiny_competition):
    tiny_competition(classes=("ALB", "BET"), n_per_class=8)
    for i in range(3):
        (tmp_path / "data" / "train" / "ALB" / f"img_{i:03d}.jpg").unlink()
    solution = "image,class_name\na.jpg,ALB\nb.jpg,ALB\nc.jpg,BET\n"
    found = columns_of(score.run(config("image,label\na,ALB\nb,ALB\nc,BET\n", solution)))
    assert found["all"]["majority's accuracy"] == f"{1 / 3:.4f}"  # BET is the most frequent in training


@pytest.mark.parametrize(
    ("submission", "metric", "message"),
    [
        ("image,label\na,2\nb,9\nc,2\nd,9\n", "auc", "answers labels, of which --metric auc says nothing"),
        ("image,label\na,2\nb,9\nc,2\nd,9\n", "log-loss", "answers labels, of which --metric log-loss"),
        ("image,label\na,2\nb,\nc,2\nd,9\n", "auto", r"submission\.csv: 1 rows have no label: b\.jpg"),
        ("image,label\na,2\nb,9\n", "auto", r"submission\.csv lacks 2 images"),
        ("image,label\na,2\nb,9\nc,2\nd,9\n", "kapa", "unknown metric 'kapa'"),
    ],
)
def test_what_no_metric_can_be_made_of_is_said(config, submission, metric, message):
    with pytest.raises(FishError, match=message):
        score.run(dataclasses.replace(config(submission, GRADES), metric=metric))
