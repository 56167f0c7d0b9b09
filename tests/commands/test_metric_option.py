"""`--metric` from end to end: what stands beside log loss, how labels are decided, what stays as it was."""

import csv
import dataclasses
import io
import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import write_competition
from drawn_stores import draw_store
from pipeline import submit, train_config, tree_hash

from fishcli.basics.errors import FishError
from fishcli.commands import compare, ensemble, finetune, leaderboard, report, train
from fishcli.dataset.classes import labels_of, proba_columns
from fishcli.options.finetune import FinetuneConfig
from fishcli.options.predict import EnsembleConfig
from fishcli.options.seeing import ReportConfig, RunsConfig
from fishcli.options.train import CompareConfig
from fishcli.runs import deciding
from fishcli.runs.deciding import decision_of
from fishcli.runs.run import Run
from fishcli.scoring.decisions import Decision, nested_decision
from fishcli.scoring.metrics import METRICS, accuracy, metric_named

LINEAR = {"head": "linear", "metadata": "none", "boxes": "none", "epochs": 60, "folds": 2, "views": 2}
NAMES = [name for name, each in METRICS.items() if name != "log-loss" and each.function is not None]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A competition whose features tell the class a little, in two views, and the runs `plain` and `run`.

    `plain` knows of no metric, `run` was made for balanced accuracy.
    """
    root = tmp_path_factory.mktemp("metric")
    write_competition(root / "data", n_per_class=16)
    draw_store(root, 1, views=("identity", "hflip"))
    fitted(root, name="plain")
    fitted(root, metric="balanced-accuracy")
    return root


def fitted(root, **changes):
    """The run, and what it printed."""
    config = train_config(root, **{**LINEAR, **changes})
    said = train.run(config)
    return Run.open(config.models_dir / config.name), said


def metrics_of(run):
    return json.loads((run.run_dir / "metrics.json").read_text())


def oof_of(run):
    """Labels (n,), probabilities (n, C), folds (n,) and groups (n,) of a run's out-of-fold file."""
    oof = run.read_oof(1)
    proba = oof[proba_columns(run.class_names)].to_numpy()
    return labels_of(oof["class_name"], run.class_names), proba, oof["fold"].to_numpy(), oof["group"]


def columns_of(table):
    """The first table of what was printed: {first cell: {column: cell}}."""
    heading, *lines = [re.split(r" {2,}", line.strip()) for line in table.split("\n\n")[0].splitlines()]
    return {cells[0]: dict(zip(heading, cells, strict=True)) for cells in lines}


def without_metric(value):
    """What metrics.json would be without the metric."""
    if isinstance(value, list):
        return [without_metric(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {name: without_metric(each) for name, each in value.items() if name != "metric"}


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_stands_beside_log_loss_and_changes_nothing_else(root, name):
    plain, plain_said = fitted(root, name="plain")
    run, said = fitted(root, metric=name, name="run")
    ours, theirs = metrics_of(run), metrics_of(plain)
    left = {key: value for key, value in without_metric(ours).items() if key != "sha256 of the rest"}
    assert left == {key: value for key, value in theirs.items() if key != "sha256 of the rest"}
    labels, proba, fold, _ = oof_of(run)
    decided, rule = nested_decision(metric_named(name), labels, proba, fold)
    found = ours["metric"]
    assert found["value"] == pytest.approx(metric_named(name).score(labels, proba, decided))
    assert found["low"] <= found["value"] <= found["high"]
    assert ours["by_views"]["1"]["metric"] == found
    cells, plain_cells = columns_of(said), columns_of(plain_said)
    to_beat = f"{found['baseline_of']}'s {name}"
    for part, row in cells.items():
        assert {key: row[key] for key in plain_cells[part]} == plain_cells[part]
        assert set(row) - set(plain_cells[part]) == {name, to_beat} - {"accuracy"}
    assert cells["all"][name] == f"{found['value']:.4f}"
    assert f"out-of-fold {name} {found['value']:.4f} (grouped folds; higher is better; " in said
    if metric_named(name).of_labels:
        assert found["argmax"] == pytest.approx(metric_named(name).score(labels, proba))
        assert decision_of(run, 1) == rule
    else:
        assert decision_of(run, 1) == Decision()


def test_what_there_is_to_beat_is_the_same_answer_for_all(root):
    figures = {name: metrics_of(fitted(root, metric=name)[0])["metric"]["baseline"] for name in NAMES}
    run, _ = fitted(root)
    labels, _, fold, _ = oof_of(run)
    assert figures["auc"] == 0.5
    assert figures["qwk"] == pytest.approx(0, abs=0.1)
    assert figures["balanced-accuracy"] == pytest.approx(1 / 3, abs=0.01)
    counts = np.array([np.bincount(labels[fold != k], minlength=3) for k in fold])
    assert figures["accuracy"] == pytest.approx(accuracy(labels, counts))


def test_without_the_option_nothing_names_a_metric(root):
    run, said = fitted(root, name="plain")
    assert "metric" not in run.settings
    assert '"metric"' not in (run.run_dir / "config.json").read_text()
    assert '"metric"' not in (run.run_dir / "metrics.json").read_text()
    again, same = fitted(root, name="plain", metric="log-loss")
    assert metrics_of(again) == metrics_of(run)
    assert same == said
    fitted(root, name="plain")


def test_another_metric_of_a_run_is_measured_on_the_folds_that_it_has(root, capsys):
    run, _ = fitted(root, metric="qwk")
    folds = {name: digest for name, digest in tree_hash(run.run_dir).items() if name.startswith("fold")}
    capsys.readouterr()
    run, said = fitted(root, metric="macro-f1")
    assert "training linear" not in capsys.readouterr().err
    assert run.settings["metric"] == "macro-f1"
    assert "out-of-fold macro-f1" in said
    now = tree_hash(run.run_dir)
    assert {name: now[name] for name in folds} == folds
    assert "--metric macro-f1" in run.train_line()


def test_labels_are_decided_by_the_rule_of_as_many_views_as_were_measured(root):
    run, _ = fitted(root, metric="balanced-accuracy")
    path = run.run_dir / "metrics.json"
    metrics = metrics_of(run)
    metrics["by_views"]["2"]["metric"]["decision"] = {"rule": "cuts", "cuts": [0.1, 0.2]}
    del metrics["sha256 of the rest"]
    path.write_text(json.dumps(metrics))
    assert decision_of(run, 2) == decision_of(run, 8) == Decision("cuts", cuts=(0.1, 0.2))
    assert decision_of(run, 1) != decision_of(run, 2)
    metrics["by_views"]["2"]["metric"]["decision"] = {"rule": "guess"}
    path.write_text(json.dumps(metrics))
    with pytest.raises(FishError, match=r"metrics\.json is damaged.*guess.*fishcli train"):
        decision_of(run, 2)
    fitted(root, metric="balanced-accuracy")


@pytest.fixture
def label_root(root, tmp_path):
    """The competition, wanting a label an image, and the run `run` on it."""
    shutil.copytree(root, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "data" / "sample_submission.csv"
    names = pd.read_csv(path)["image"]
    pd.DataFrame({"image": names, "label": "BET"}).to_csv(path, index=False)
    return tmp_path


def test_a_sample_of_labels_makes_accuracy_the_metric_unless_another_is_asked_for(label_root, capsys):
    run, said = fitted(label_root, name="auto")
    assert (
        "metric: accuracy, as goes with what sample_submission.csv wants (--metric takes another)"
        in capsys.readouterr().err
    )
    assert run.settings["metric"] == "accuracy"
    assert "out-of-fold accuracy" in said
    run, said = fitted(label_root, name="auto", metric="log-loss")
    assert "metric" not in metrics_of(run)
    assert "metric: " not in capsys.readouterr().err


def write_rule(run, rule):
    """Put a rule that names one class only into a run."""
    metrics = metrics_of(run)
    metrics["by_views"]["1"]["metric"]["decision"] = rule
    metrics.pop("sha256 of the rest", None)
    (run.run_dir / "metrics.json").write_text(json.dumps(metrics))


def test_labels_of_a_submission_are_decided_by_the_runs_rule(label_root):
    run, _ = fitted(label_root, metric="qwk")
    write_rule(run, {"rule": "argmax"})
    plain = submit(label_root)
    assert list(plain) == ["image", "label"]
    assert plain["label"].nunique() > 1
    write_rule(run, {"rule": "cuts", "cuts": [2.5, 3.0]})
    assert set(submit(label_root)["label"]) == {"ALB"}


def test_labels_of_an_ensemble_are_decided_by_the_blends_rule(label_root, monkeypatch):
    fitted(label_root, metric="qwk")
    fitted(label_root, metric="qwk", name="other", metadata="size")
    places = {"data_dir": label_root / "data", "models_dir": label_root / "models"}
    config = EnsembleConfig(**places, submissions_dir=label_root / "submissions", runs=["run", "other"])
    asked = []

    def last(metric, labels, proba, fold):
        asked.append(proba)
        return proba.argmax(axis=1), Decision("cuts", cuts=(3.0 - len(asked), 3.0))

    monkeypatch.setattr(deciding, "nested_decision", last)
    path = ensemble.run(config).splitlines()[-1]
    assert len(asked) == 3  # each run, then the blend
    assert set(pd.read_csv(path)["label"]) == {"BET"}  # between 0 and 3


def test_a_fold_that_lacks_a_class_has_no_area_under_the_curve_which_is_said(root, tmp_path):
    rows = pd.DataFrame(run_folds := fitted(root)[0].read_oof(1))
    groups = rows.assign(group=np.where(run_folds["class_name"] == "ALB", "a", "b"))
    groups[["image", "group"]].to_csv(tmp_path / "groups.csv", index=False)
    run, said = fitted(root, name="apart", groups=str(tmp_path / "groups.csv"), metric="auc")
    assert "auc is undefined in fold 0, 1, which lack images of a class" in said
    assert [each["metric"]["value"] for each in metrics_of(run)["by_fold"]] == [None, None]
    assert metrics_of(run)["metric"]["low"] is None  # without either group a class lacks
    assert [row["auc"] for row in columns_of(said).values()][:2] == ["-", "-"]


def test_the_leaderboard_has_the_metric_of_runs_that_were_made_for_one(root):
    fitted(root, metric="balanced-accuracy")
    models = RunsConfig(models_dir=root / "models")
    cells = columns_of(leaderboard.run(models))
    assert cells["plain"]["balanced-accuracy (grouped)"] == "-"
    assert float(cells["run"]["balanced-accuracy (grouped)"]) > 0.5
    listed = {row["name"]: row for row in json.loads(leaderboard.run(dataclasses.replace(models, json=True)))}
    assert listed["run"]["metric"] == "balanced-accuracy"
    assert listed["plain"]["metric"] is None
    assert listed["run"]["metric_baseline"] == pytest.approx(1 / 3, abs=0.01)
    rows = list(csv.DictReader(io.StringIO(leaderboard.run(dataclasses.replace(models, csv=True)))))
    assert {row["metric"] for row in rows} >= {"", "balanced-accuracy"}


def test_a_comparison_has_the_metric_beside_log_loss(root):
    config = CompareConfig(
        data_dir=root / "data",
        models_dir=root / "models",
        heads="linear",
        metadata="none",
        boxes="none",
        folds=2,
        epochs=60,
        metric="balanced-accuracy",
        name="comparison",
    )
    said = compare.run(config)
    table = pd.read_csv(root / "models" / "comparison" / "compare.csv")
    assert (table["balanced-accuracy"] > table["majority's balanced-accuracy"]).all()
    for kind, value in zip(table["folds"], table["balanced-accuracy"], strict=True):
        assert columns_of(said)["linear"][f"balanced-accuracy ({kind})"] == f"{value:.4f}"
        assert f"{kind} folds: out-of-fold balanced-accuracy, higher is better; majority's" in said
    compare.run(dataclasses.replace(config, metric="auto"))
    table = pd.read_csv(root / "models" / "comparison" / "compare.csv")
    assert not [name for name in table if "balanced" in name]


@pytest.mark.usefixtures("undrawn")
def test_the_report_has_the_metric_in_its_cards_and_its_table_of_views(root):
    fitted(root, metric="balanced-accuracy")
    places = {"data_dir": root / "data", "models_dir": root / "models"}
    pages = {
        name: report.run(ReportConfig(**places, run=name, out=root / f"{name}.html"))
        for name in ("run", "plain")
    }
    text = {name: (root / f"{name}.html").read_text() for name in pages}
    found = metrics_of(Run.open(root / "models" / "run"))["metric"]
    assert "balanced-accuracy, grouped folds" in text["run"]
    assert f"majority {found['baseline']:.3f}" in text["run"]
    assert "balanced-accuracy" not in text["plain"]


@pytest.mark.parametrize("mean", ["arithmetic", "geometric", "auto"])
def test_an_ensemble_has_the_metric_of_its_runs_and_the_mean_that_is_asked_for(root, mean, capsys):
    fitted(root, metric="balanced-accuracy")
    fitted(root, metric="balanced-accuracy", name="other", metadata="size")
    places = {"data_dir": root / "data", "models_dir": root / "models"}
    config = EnsembleConfig(**places, submissions_dir=root / "submissions", runs=["run", "other"], mean=mean)
    cells = columns_of(ensemble.run(config))
    said = capsys.readouterr().err
    assert set(cells) == {"run", "other", "ensemble"}
    assert all(float(row["balanced-accuracy"]) > 0.5 for row in cells.values())
    assert (
        f"ensemble: out-of-fold balanced-accuracy {cells['ensemble']['balanced-accuracy']} (grouped folds"
        in said
    )
    assert ("--mean auto takes the" in said) == (mean == "auto")
    assert ("geometric mean, temperature" in said) or mean != "geometric"


@pytest.mark.parametrize(
    ("command", "config"),
    [(train, train_config), (finetune, FinetuneConfig), (compare, CompareConfig)],
)
def test_an_unknown_metric_is_refused_before_anything_is_read(command, config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = config(tmp_path) if config is train_config else config()
    with pytest.raises(FishError, match="unknown metric 'f1'"):
        command.run(dataclasses.replace(config, metric="f1"))
