"""A run of several fold seeds: a run each, and an average that every command knows."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import write_competition
from drawn_stores import draw_store
from pipeline import predict_config, train_config

from fishcli.basics.errors import FishError
from fishcli.commands import ensemble, leaderboard, predict, remove_runs, report, summary, train
from fishcli.dataset.classes import proba_columns
from fishcli.features.store.store import FeatureStore
from fishcli.options.predict import EnsembleConfig
from fishcli.options.seeing import RemoveConfig, ReportConfig, RunsConfig, SummaryConfig
from fishcli.runs.folders.picking import pick_run
from fishcli.runs.training.fold_fits import train_folds
from fishcli.scoring.metrics import log_loss

pytestmark = pytest.mark.tensorflow

LINEAR = {"head": "linear", "metadata": "none", "boxes": "none", "epochs": 60, "folds": 2}


def repeated(root, **changes):
    return train_config(root, **{**LINEAR, "repeats": 2, "name": "twice", **changes})


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    root = tmp_path_factory.mktemp("repeats")
    write_competition(root / "data")
    draw_store(root, 1)
    return root, train.run(repeated(root))


@pytest.fixture
def root(trained, tmp_path):
    shutil.copytree(trained[0], tmp_path, dirs_exist_ok=True)
    return tmp_path


def listed(root):
    text = leaderboard.run(RunsConfig(models_dir=root / "models", json=True))
    return {row["name"]: row for row in json.loads(text)}


def test_each_fold_seed_is_a_run_and_the_average_is_measured_as_it_answers(trained):
    root, said = trained
    run = pick_run(root / "models", "twice")
    seeds = run.by_seed()
    assert [each.name for each in seeds] == ["seed-0", "seed-1"]
    assert [each.settings["seed"] for each in seeds] == [0, 1]
    columns = proba_columns(run.class_names)
    oofs = [each.read_oof(1).set_index("image") for each in seeds]
    own = run.read_oof(1).set_index("image")
    mean = np.mean([oof.loc[own.index, columns].to_numpy() for oof in oofs], axis=0)
    np.testing.assert_allclose(own[columns], mean, atol=1e-9)
    metrics = run.read_metrics()
    labels = own["class_name"].map({name: k for k, name in enumerate(run.class_names)}).to_numpy()
    losses = [each.read_metrics()["log_loss"] for each in seeds]
    assert metrics["log_loss"] == pytest.approx(log_loss(labels, mean))
    assert metrics["mean_log_loss"] == pytest.approx(np.mean(losses))
    assert metrics["log_loss"] < metrics["mean_log_loss"]
    assert metrics["expected"]["log_loss"] == pytest.approx(metrics["log_loss"])
    assert f"by themselves {min(losses):.4f} to {max(losses):.4f}" in said
    assert "on unseen groups expect" in said
    assert said.splitlines()[-1] == str(root / "models" / "twice")


def test_what_is_there_is_kept_and_what_is_missing_made(root, monkeypatch):
    models = root / "models"
    before = (models / "twice/oof.csv").read_text()
    shutil.rmtree(models / "twice/seed-1")
    assert listed(root)["twice"]["status"] == "incomplete"
    assert listed(root)["twice"]["problem"] == "1 of 2 seeds are trained."
    with pytest.raises(FishError, match=r"twice is not complete. Go on: fishcli train .*--repeats 2"):
        predict.run(predict_config(root, run="twice"))
    fitted = []
    monkeypatch.setattr("fishcli.runs.training.several.train_folds", noting(fitted))
    train.run(repeated(root))
    assert fitted == ["seed-1"]
    assert (models / "twice/oof.csv").read_text() == before
    assert listed(root)["twice"]["status"] == "complete"


def noting(fitted):
    """What trains folds, and notes of which run."""

    def noted(config, this_run, inputs, folds):
        fitted.append(this_run.name)
        train_folds(config, this_run, inputs, folds)

    return noted


def test_other_repeats_are_another_run(root):
    with pytest.raises(FishError, match=r"exists with other --repeats"):
        train.run(repeated(root, repeats=3))
    with pytest.raises(FishError, match=r"exists with other --repeats"):
        train.run(repeated(root, repeats=1))


def test_a_teacher_of_one_seeds_folds_is_refused(root):
    with pytest.raises(FishError, match=r"--pseudo with --repeats"):
        train.run(repeated(root, head="gap", pseudo="twice"))


def test_predictions_are_the_mean_of_the_seeds(root):
    answers = {}
    for run in ("twice/seed-0", "twice/seed-1", "twice"):
        answers[run] = pd.read_csv(predict.run(predict_config(root, run=run))).set_index("image")
    one, other, both = answers.values()
    np.testing.assert_allclose(both, (one + other.loc[one.index]).loc[both.index] / 2, atol=1e-6)
    assert (root / "models/twice/test_tta1.csv").exists()


def test_it_blends_with_a_run_of_its_first_seed(root):
    train.run(repeated(root, repeats=1, name="once", metadata="size"))
    places = {"data_dir": root / "data", "models_dir": root / "models"}
    config = EnsembleConfig(**places, submissions_dir=root / "submissions", runs=["twice", "once"])
    assert "twice+once.csv" in ensemble.run(config)


def test_the_leaderboard_lists_it_and_its_seeds(trained):
    rows = listed(trained[0])
    assert set(rows) == {"twice", "twice/seed-0", "twice/seed-1"}
    assert rows["twice"]["seconds"] == pytest.approx(
        rows["twice/seed-0"]["seconds"] + rows["twice/seed-1"]["seconds"]
    )
    assert rows["twice"]["paired_with"] is None


def test_its_page_is_written_and_its_head_shown_by_the_first_seed(root, capsys, undrawn):
    places = {"data_dir": root / "data", "models_dir": root / "models"}
    page = report.run(ReportConfig(**places, run="twice"))
    text = Path(page).read_text(encoding="utf-8")
    assert "--repeats" in text
    assert "unseen groups expect" in text
    assert "run seed-0" in summary.run(SummaryConfig(models_dir=root / "models", run="twice"))
    assert "twice averages 2 fold seeds: seed-0 is looked at" in capsys.readouterr().err


def test_it_is_removed_with_its_seeds(root, capsys):
    removed = remove_runs.run(RemoveConfig(models_dir=root / "models", runs=["twice"], yes=True))
    assert removed == f"removed {root / 'models' / 'twice'}"
    assert "2 runs" in capsys.readouterr().err
    assert not (root / "models" / "twice").exists()


def test_what_several_runs_want_of_a_store_is_read_once(root, monkeypatch):
    read, reads = FeatureStore.read, []

    def noted(store, split, view, rows):
        reads.append((split, view, tuple(rows)))
        return read(store, split, view, rows)

    monkeypatch.setattr(FeatureStore, "read", noted)
    predict.run(predict_config(root, run="twice"))
    assert len(reads) == len(set(reads)) > 0
    reads.clear()
    places = {"data_dir": root / "data", "models_dir": root / "models"}
    names = ["twice", "twice/seed-0"]  # whose folder is held once
    ensemble.run(EnsembleConfig(**places, submissions_dir=root / "submissions", runs=names, name="both"))
    assert len(reads) == len(set(reads)) > 0
