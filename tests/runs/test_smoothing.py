"""Predictions averaged over photos that are alike."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import write_competition
from drawn_stores import draw_store
from pipeline import CLASSES

from fishcli.audit.twins.neighbours import views
from fishcli.basics.errors import FishError
from fishcli.commands import predict, train
from fishcli.options.predict import PredictConfig
from fishcli.options.train import TrainConfig
from fishcli.runs.predicting import smoothing


def points(*directions):
    rows = np.array(directions, np.float32)
    return views([np.zeros(len(rows), np.uint64)], [rows])[0]


def test_a_photo_is_averaged_with_those_within_the_distance_and_with_no_other():
    proba = np.array([[0.9, 0.1], [0.5, 0.5], [0.1, 0.9]])
    found = smoothing._averaged(proba, points([1, 0], [0.99, 0.1], [0, 1]), 0.05, None)
    np.testing.assert_allclose(found, [[0.7, 0.3], [0.7, 0.3], [0.1, 0.9]])


def test_out_of_fold_no_photo_of_another_fold_helps():
    proba = np.array([[0.9, 0.1], [0.5, 0.5], [0.1, 0.9]])
    found = smoothing._averaged(proba, points([1, 0], [1, 0], [1, 0]), 0.05, np.array([0, 1, 0]))
    np.testing.assert_allclose(found, [[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]])
    found = smoothing._averaged(proba, points([1, 0], [1, 0], [1, 0]), 0.05, np.array([0, 0, 1]))
    np.testing.assert_allclose(found, [[0.7, 0.3], [0.7, 0.3], [0.1, 0.9]])


def test_what_can_not_be_read_is_close_to_nothing_and_keeps_its_own():
    proba = np.array([[0.9, 0.1], [0.5, 0.5]])
    np.testing.assert_allclose(smoothing._averaged(proba, points([0, 0], [0, 0]), 0.5, None), proba)


def test_each_fold_has_the_distance_that_the_others_choose():
    labels, fold = np.zeros(4, int), np.array([0, 0, 1, 1])
    good, bad = [0.9, 0.1], [0.2, 0.8]
    tried = np.array([[good, good, bad, bad], [bad, bad, good, good]] + [[bad] * 4] * 2)
    times, nested = smoothing._choose(labels, tried, fold)
    assert times == 0
    np.testing.assert_allclose(nested, [bad] * 4)


@pytest.fixture
def root(tmp_path):
    write_competition(tmp_path / "data", n_per_class=8, n_test=6)
    draw_store(tmp_path, 0, shape=(8,))
    return tmp_path


def fit(root, groups):
    places = {"data_dir": root / "data", "models_dir": root / "models"}
    options = {"head": "linear", "folds": 3, "metadata": "none", "boxes": "none", "groups": groups}
    return Path(train.run(TrainConfig(**places, **options, name=groups)).splitlines()[-1])


def submit(root, run, **changes):
    places = {
        name: root / name.removesuffix("_dir") for name in ("data_dir", "models_dir", "submissions_dir")
    }
    return pd.read_csv(predict.run(PredictConfig(**places, run=run, **changes))).set_index("image")[CLASSES]


def test_a_submission_is_smoothed_and_its_own_figure_promised(root, monkeypatch, capsys):
    fit(root, "auto")
    plain = submit(root, "auto", slug="fish")
    monkeypatch.setattr(smoothing, "_twin_distance", lambda *_: 0.4)
    monkeypatch.setattr(smoothing, "TIMES", (1.0,))
    capsys.readouterr()
    smooth = submit(root, "auto", smooth=True, slug="fish")
    said = capsys.readouterr().err
    loss = said.partition("out-of-fold log loss ")[2].rpartition("--smooth")[2]
    assert f"out-of-fold {loss.partition('loss ')[2].partition(',')[0]} (grouped)" in said
    assert list(smooth.index) == list(plain.index)
    assert np.abs(smooth - plain).to_numpy().max() > 0.01
    np.testing.assert_allclose(smooth.sum(axis=1), 1, atol=1e-6)


def test_without_near_duplicates_or_groups_nothing_is_smoothed(root):
    fit(root, "auto")
    with pytest.raises(FishError, match="hardly any photos are near duplicates"):
        submit(root, "auto", smooth=True)
    fit(root, "none")
    with pytest.raises(FishError, match="none has random folds, so heads have seen the photos most like one"):
        submit(root, "none", smooth=True)
