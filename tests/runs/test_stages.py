"""From the public stage to the private one: which images are of which, what fell, and what was promised."""

import json

import numpy as np
import pandas as pd
import pytest

from fishcli.commands import score
from fishcli.dataset.classes import proba_columns
from fishcli.dataset.layout.stages import in_order_of_time, with_stages
from fishcli.options.layout import LayoutOptions
from fishcli.options.predict import ScoreConfig
from fishcli.runs.expecting import expected_of
from fishcli.runs.folders import settings
from fishcli.runs.run import Run

CLASSES = ["ALB", "BET"]


def write_run(models_dir, folds="grouped", name="gap"):
    """A run of 12 groups whose out-of-fold losses are about 0.7."""
    run_dir = models_dir / name
    run_dir.mkdir(parents=True)
    usual = {**settings.usual_settings("gap"), "folds": 2}
    run = Run(run_dir, CLASSES, "store", "d" * 64, "t" * 64, usual)
    (run_dir / "config.json").write_text(json.dumps(run.to_json()))
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(12), 8)
    right = np.exp(-rng.gamma(3, 0.23, 96))
    label = np.arange(96) % 2
    oof = pd.DataFrame({"image": [f"{k}.jpg" for k in range(96)], "class_name": np.array(CLASSES)[label]})
    oof["fold"] = group % 2
    oof["group"] = [f"boat {k}" for k in group] if folds == "grouped" else ""
    oof[proba_columns(CLASSES)] = np.where(label[:, None] == [0, 1], right[:, None], 1 - right[:, None])
    oof.to_csv(run_dir / "oof.csv", index=False)
    (run_dir / "metrics.json").write_text(json.dumps({"folds": folds, "by_views": {}}))
    return run


def write_solution(folder, column="Usage", names=("Public", "Private"), group="test {}"):
    """Four images of two stages; returns the path."""
    table = pd.DataFrame({"image": [f"t{k}.jpg" for k in range(4)], "class_name": ["ALB", "BET"] * 2})
    table[column] = [names[0]] * 2 + [names[1]] * 2
    table["group"] = [group.format(k) for k in range(4)]
    table.to_csv(folder / "solution.csv", index=False)
    return folder / "solution.csv"


def submit(folder, right, images=range(4), name="gap"):
    """A submission that gives the true class of each image this probability."""
    rows = [
        [f"t{k}.jpg", *([p, 1 - p] if k % 2 == 0 else [1 - p, p])] for k, p in zip(images, right, strict=True)
    ]
    pd.DataFrame(rows, columns=["image", *CLASSES]).to_csv(folder / f"{name}.csv", index=False)
    return folder / f"{name}.csv"


def scored(folder, *submissions):
    config = ScoreConfig(
        submissions=list(submissions),
        solution=folder / "solution.csv",
        data_dir=folder / "data",
        models_dir=folder / "models",
    )
    return score.run(config)


def test_a_fall_inside_the_promise_is_told_from_one_outside(tmp_path, capsys):
    found = expected_of(write_run(tmp_path / "models"), 2)
    write_solution(tmp_path)
    table = scored(tmp_path, submit(tmp_path, [0.9, 0.9, 0.5, 0.5]))
    assert "stage Public" in table
    assert "stage Private" in table
    span = f"{found['low']:.2f} to {found['high']:.2f}"
    said = capsys.readouterr().err
    assert "gap: from stage Public to stage Private the log loss rose by 0.59, from 0.11 to 0.69" in said
    assert f", inside what its run promised of 2 unseen groups (95%: {span})" in said
    scored(tmp_path, submit(tmp_path, [0.1, 0.1, 0.02, 0.02]))
    assert f", OUTSIDE what its run promised of 2 unseen groups (95%: {span})" in capsys.readouterr().err
    scored(tmp_path, submit(tmp_path, [0.5, 0.5, 0.9, 0.9]))
    assert "the log loss fell by 0.59, from 0.69 to 0.11" in capsys.readouterr().err


def test_the_submissions_of_a_run_to_both_stages_are_taken_together(tmp_path, capsys):
    write_run(tmp_path / "models")
    write_solution(tmp_path, "stage", ("stg1", "stg2"))
    first = submit(tmp_path, [0.9, 0.9], [0, 1], "gap_stg1")
    second = submit(tmp_path, [0.5, 0.5], [2, 3], "gap_stg2")
    scored(tmp_path, first, second)
    said = capsys.readouterr().err
    assert said.count("the log loss rose") == 1
    assert "gap: from stage stg1 to stage stg2 the log loss rose by 0.59" in said
    assert "inside what its run promised" in said
    scored(tmp_path, second)
    assert "from stage" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("folds", "group", "expected"),
    [
        ("random", "test {}", "on random folds its run promised nothing of unseen groups"),
        ("grouped", "boat {}", "has learned from all groups of that stage"),
        (None, "test {}", "from 0.11 to 0.69"),
    ],
)
def test_what_was_not_promised_is_not_held_against_a_run(tmp_path, capsys, folds, group, expected):
    if folds is not None:
        write_run(tmp_path / "models", folds)
    write_solution(tmp_path, group=group)
    scored(tmp_path, submit(tmp_path, [0.9, 0.9, 0.5, 0.5]))
    said = capsys.readouterr().err
    assert expected in said
    assert "inside" not in said.casefold()


def test_images_that_kaggle_ignores_count_in_no_score(tmp_path):
    solution = write_solution(tmp_path)
    solution.write_text(solution.read_text().replace("t3.jpg,BET,Private", "t3.jpg,BET,Ignored"))
    table = scored(tmp_path, submit(tmp_path, [0.9, 0.9, 0.5, 0.001]))
    lines = {line.split("  ")[0].strip(): line.split() for line in table.splitlines()}
    assert lines["all"][1] == "3"
    assert lines["stage Private"][2] == "1"
    assert "stage Ignored" not in lines


def test_several_samples_tell_the_stage_of_an_image(tmp_path):
    solution = pd.DataFrame({"image": ["a.jpg", "b.jpg", "c.jpg"]})
    assert "stage" not in with_stages(solution, tmp_path / "nowhere", LayoutOptions())
    (tmp_path / "train" / "ALB").mkdir(parents=True)
    (tmp_path / "train" / "ALB" / "x.jpg").touch()
    (tmp_path / "sample_submission_stg1.csv").write_text("image,ALB\na.jpg,1\n")
    assert "stage" not in with_stages(solution, tmp_path, LayoutOptions())
    (tmp_path / "sample_submission_stg2.csv").write_text("image,ALB\na.jpg,1\nb.jpg,1\n")
    assert list(with_stages(solution, tmp_path, LayoutOptions())["stage"]) == ["stg1", "stg2", ""]


def test_public_comes_before_private_and_others_by_name():
    assert in_order_of_time({"Private", "Public", "Ignored", ""}) == ["Public", "Private"]
    assert in_order_of_time({"stg2", "stg1"}) == ["stg1", "stg2"]
