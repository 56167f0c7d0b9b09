"""`fishcli finetune` from end to end: its store, its run, and what takes it up."""

import dataclasses
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import write_competition
from pipeline import CLASSES, complete_arrays, compute, fit, submit, write_found

from fishcli.basics.errors import FishError
from fishcli.basics.files import read_json
from fishcli.commands import finetune, heatmap, leaderboard, report, summary
from fishcli.dataset.layout.images import load_tests
from fishcli.features.backbones.stored import reload_tail
from fishcli.features.store.picking import pick_store
from fishcli.features.store.store import FeatureStore
from fishcli.heads.graphs import as_graph
from fishcli.options.finetune import FinetuneConfig
from fishcli.options.seeing import HeatmapConfig, ReportConfig, RunsConfig, SummaryConfig
from fishcli.runs.predicting import images as predicting
from fishcli.runs.run import Run
from fishcli.runs.training.interpolating import best_share
from fishcli.runs.training.outlook import seconds_of_training
from fishcli.scoring.calibration import with_temperature
from fishcli.scoring.ensembling import average
from fishcli.tuning.interpolate import SHARES, load_ends, moving_weights

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]

CUT = "conv4_block3_out"


def config_of(root: Path, **changes):
    places = {"data_dir": root / "data", "models_dir": root / "models"}
    usual = {"cut": CUT, "folds": 2, "epochs": 1, "batch_size": 8, "name": "tuned"}
    usual |= {"augment": "none,light", "copies": 1}
    return FinetuneConfig(**{**places, **usual, **changes})


def tune(root: Path, **changes) -> Path:
    """Run `finetune`; returns the run's folder."""
    return Path(finetune.run(config_of(root, **changes)).splitlines()[-1])


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A competition whose user made features of the last layer, and a run on what lies above a cut."""
    root = tmp_path_factory.mktemp("tuned")
    write_competition(root / "data")
    compute(root)
    tune(root)
    return root


def stores_of(root):
    """The store that `finetune` made, and the one that is taken where none is named."""
    run = Run.open(root / "models" / "tuned")
    return [pick_store(root / "data" / "features", name) for name in (run.store, None)]


def test_it_makes_the_store_that_it_needs_which_is_not_the_one_that_others_take(root):
    own, users = stores_of(root)
    assert own.recipe.layer == CUT and users.recipe.layer == "post_relu"
    same = {"layer": CUT, "weights_sha256": own.recipe.weights_sha256}
    assert dataclasses.replace(users.recipe, **same) == own.recipe
    assert complete_arrays(own, "train") == ["augment_light_1", "augment_light_1_boxes", "hflip", "identity"]
    assert not own.copies("train")


def test_the_layers_above_the_cut_turn_its_maps_into_the_last_ones(root):
    own, users = stores_of(root)
    (maps, expected) = (each.read("train", "identity").astype(np.float32) for each in (own, users))
    found = np.asarray(reload_tail(own)(maps, training=False))
    assert found.shape == expected.shape == (24, 2, 2, 512)
    assert np.abs(found - expected).mean() < 0.02 * np.abs(expected).mean()


def test_what_training_takes_is_told_by_a_few_forward_passes(root, monkeypatch):
    usual = pick_store(root / "data" / "features", None)
    config = config_of(root, cut="stage4")
    few, many = (seconds_of_training(config, usual, n) for n in (64, 640))
    assert 0.01 < few < many < 600
    assert seconds_of_training(config_of(root, cut="no such layer"), usual, 64) is None
    monkeypatch.setattr("fishcli.runs.training.outlook.load_tail", None)
    assert seconds_of_training(config, usual, 64) == few  # measured once a machine


def test_a_fold_has_a_network_a_recipe_and_blends_them_in_log_space(root):
    run = Run.open(root / "models" / "tuned")
    submit(root, run="tuned", tta=1)
    features = pick_store(root / "data" / "features", run.store).read("test", "identity")
    tests = load_tests(root / "data")["test"]
    folds = []
    for members in run.load_folds():
        one, other = (head.predict(features, tests)[0] for head in members)
        assert np.abs(one - other).max() > 1e-6
        mean = np.sqrt(one * other)
        folds.append(with_temperature(mean / mean.sum(axis=1, keepdims=True), run.temperature(1)))
    predicted = pd.read_csv(run.run_dir / "test_tta1.csv").filter(like="proba_")
    np.testing.assert_allclose(predicted, np.mean(folds, axis=0), atol=1e-6)
    assert len(read_json(run.fold_path(0, ".json"))["losses"]) == 2
    with np.load(run.fold_path(0, ".npz"), allow_pickle=False) as kept:
        np.testing.assert_allclose(average(kept["members_proba"], "geometric"), kept["proba"])


def test_a_run_is_predicted_with_like_any_other(root):
    assert submit(root, run="tuned", tta=2)[CLASSES].to_numpy().shape == (6, 3)
    oof = pd.read_csv(root / "models" / "tuned" / "oof.csv")
    assert oof.filter(like="proba_").notna().all(axis=None)
    assert (root / "models" / "tuned" / "oof_tta2.csv").exists()
    assert (root / "models" / "tuned" / "oof_boxes.csv").exists()
    assert not list((root / "models" / "tuned").glob("*epochs*"))


def test_for_many_photos_its_networks_are_graphs_and_predict_the_same(root, monkeypatch):
    few = submit(root, run="tuned", tta=2)
    monkeypatch.setattr(predicting, "MANY", 24)  # 6 photos under two views, by four heads
    made = []
    monkeypatch.setattr(predicting, "as_graph", lambda head: made.append(head) or as_graph(head))
    np.testing.assert_allclose(submit(root, run="tuned", tta=2)[CLASSES], few[CLASSES], atol=1e-6)
    assert len(made) == 4


def test_weights_between_frozen_and_trained_are_chosen_out_of_fold(root, tmp_path, capsys):
    shutil.copytree(root / "data", tmp_path / "data")
    run_dir = tune(tmp_path, interpolate="auto", lr=0.01, augment="none", copies=6, calibrate="none")
    assert "frozen, the head linear has " in capsys.readouterr().err
    run, oof = Run.open(run_dir), pd.read_csv(run_dir / "oof.csv")
    fold = oof["fold"].to_numpy()
    labels = oof["class_name"].map(CLASSES.index).to_numpy()
    by_share, proba = np.empty((len(SHARES), len(oof), 3)), oof.filter(like="proba_").to_numpy()
    for k in range(2):
        by_share[:, fold == k] = np.load(run_dir / f"fold_{k}.npz")["by_share"][:, 0]
    assert np.abs(by_share[0] - by_share[-1]).max() > 0.01
    frozen = np.load(run_dir / "fold_0.npz")["frozen"][0]
    np.testing.assert_allclose(by_share[0, fold == 0], frozen, atol=5e-3)
    for k in range(2):
        place = best_share(labels[fold != k], by_share[:, fold != k])
        np.testing.assert_allclose(proba[fold == k], by_share[place][fold == k])
    share = SHARES[best_share(labels, by_share)]
    for k in range(2):
        start, tuned = load_ends(run_dir / f"fold_{k}_0_ends.npz")
        found = moving_weights(run.load_fold(k)[0].model)
        for here, one, other in zip(found, start, tuned, strict=True):
            np.testing.assert_allclose(here, (1 - share) * one + share * other, atol=1e-6)


def test_a_run_is_seen_like_any_other(root):
    places = {"data_dir": root / "data", "models_dir": root / "models"}
    assert "tuned" in leaderboard.run(RunsConfig(models_dir=root / "models"))
    assert "backbone_tail" in summary.run(SummaryConfig(models_dir=root / "models", run="tuned"))
    page = Path(report.run(ReportConfig(**places, run="tuned")).splitlines()[-1]).read_text()
    said = re.sub("<[^>]+>", "", page)
    assert "fishcli finetune" in said and f"--cut {CUT}" in said
    assert "What fine-tuning brought" in said and "light alone" in said and "light: class loss" in said
    drawn = heatmap.run(HeatmapConfig(**places, run="tuned", worst=1, out=root / "maps"))
    assert "Grad-CAM" in drawn


def test_the_same_run_said_otherwise_is_the_same_run_and_is_not_trained_again(root):
    run = Run.open(root / "models" / "tuned")
    before = run.model_path(0, 0).stat().st_mtime_ns
    tune(root, features=run.store)
    assert run.model_path(0, 0).stat().st_mtime_ns == before
    with pytest.raises(FishError, match="exists with other --lr"):
        tune(root, lr=1e-3)


def test_without_any_store_the_usual_backbone_is_taken_and_options_name_another(tmp_path):
    write_competition(tmp_path / "data", n_per_class=4)
    one = {"augment": "none", "copies": 6}
    run_dir = tune(tmp_path, backbone="fishnet", image_size="64x64", name=None, **one)
    run = Run.open(run_dir)
    assert run.name == "fishnet-finetune-1" and run.store.startswith("fishnet-64x64-")
    assert np.isfinite(run.read_metrics()["log_loss"])


def test_crops_are_named_as_features_takes_them_and_are_the_same(root):
    """The run itself is made of the store that `features` would make, whose regions tests have, too."""
    found = str(write_found(root))
    usual = {"augment": "none", "copies": 6, "view_names": "identity", "image_size": "64x64"}
    own, margin = root / "data" / "own", {"crop": found, "crop_margin": 0.3}
    run = Run.open(tune(root, name="crops", features_dir=own, backbone="fishnet", **margin, **usual))
    theirs = FeatureStore(compute(root, layer=CUT, features_dir=own, **margin))
    assert theirs.recipe.name == run.store and theirs.recipe.crop.margin == 0.3
    assert complete_arrays(theirs, "test") == ["identity"]
    again = tune(root, name="crops", features_dir=own, features=run.store, **usual)
    assert Run.open(again).store == run.store
    assert len(submit(root, run="crops", tta=1, features_dir=own)) == 6
    with pytest.raises(FishError, match="--crop-align turns crops: pass --crop RUN"):
        tune(root, name="level", crop_align=True)


def test_what_can_not_be_trained_is_refused(root):
    with pytest.raises(FishError, match="--cut post_relu: it is the last layer of fishnet"):
        tune(root, cut="post_relu", name="none")
    with pytest.raises(FishError, match="--copies means nothing with --augment none"):
        tune(root, augment="none", name="none")
    with pytest.raises(FishError, match="unknown recipe of --augment 'srtong'. Did you mean 'strong'"):
        tune(root, augment="srtong", name="none")
    with pytest.raises(FishError, match="--interpolate 1.5: expected a number from 0"):
        tune(root, interpolate="1.5", name="none")
    with pytest.raises(FishError, match="size-embedding is learned by gradient"):
        tune(root, metadata="size-embedding", name="none")
    with pytest.raises(FishError, match="--head tail is a command of its own: fishcli finetune"):
        fit(root, head="tail", name="none")
    assert not (root / "models" / "none").exists()
