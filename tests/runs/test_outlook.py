"""When `train` points to fine-tuning, and what it says of it."""

import dataclasses
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fishcli.basics.files import write_json
from fishcli.features.store.recipe import Recipe
from fishcli.features.store.store import FeatureStore
from fishcli.options.finetune import FinetuneConfig
from fishcli.options.train import TrainConfig
from fishcli.runs.folders.settings import settings_of
from fishcli.runs.run import Run
from fishcli.runs.training import outlook
from fishcli.runs.training.inputs import TrainData

RECIPE = {"layer": "last", "image_size": (64, 64)}


@pytest.fixture(autouse=True)
def unmeasured(monkeypatch):
    monkeypatch.setattr(outlook, "seconds_of_training", lambda *_: None)


def made(models_dir, name="mine", loss=1.0, folds="grouped", **options):
    """A complete run with this loss."""
    config = FinetuneConfig(**options) if options.pop("tuned", False) else TrainConfig(folds=2, **options)
    run = Run(models_dir / name, ["a", "b"], "net-64x64-0123", "images", "", settings_of(config, 0))
    write_json(run.run_dir / "config.json", run.to_json())
    write_json(
        run.run_dir / "metrics.json", {"folds": folds, "log_loss": loss, "n_images": 300, "by_views": {}}
    )
    for k in range(run.settings["folds"]):
        write_json(run.fold_path(k, ".json"), {"seconds": 1.0, "n_parameters": 1})
    return run


class AStore(FeatureStore):
    """One whose weights are named, and that lies nowhere."""

    weights = "imagenet"
    recipe = Recipe("mobilenet_v2", "out_relu", "", (64, 64), "squash", "none", "", "pillow")

    def __init__(self):
        self.store_dir = Path("net-64x64-0123")


def data_of(n=300, **changes):
    images = pd.DataFrame({"image": [f"{k}.jpg" for k in range(n)], "class_name": "a"})
    known = TrainData(images, images, pd.Series(["g"] * n), np.zeros((n, 4)), ["a", "b"], AStore(), [])
    return dataclasses.replace(known, **changes)


def test_the_best_run_on_grouped_folds_is_told_the_command_for_its_own_folds(tmp_path):
    run = made(tmp_path)
    made(tmp_path, "other", loss=1.2)
    made(tmp_path, "promise", loss=0.1, folds="random")
    config = TrainConfig(folds=4, seed=3, metadata="detection+size-embedding", features="net-64x64-0123")
    said = outlook.outlook(config, run, data_of())
    words = shlex.split(said[said.index("fishcli ") :])
    asked = "fishcli finetune --folds 4 --seed 3 --features net-64x64-0123 --metadata detection+size"
    assert sorted(words) == sorted(asked.split())
    assert "grouped folds" in said and "minutes" not in said


@pytest.mark.parametrize(
    "changes",
    [
        {"groups": None},
        {"class_names": ["a"]},
        {"images": pd.DataFrame({"image": ["few.jpg"]})},
    ],
    ids=["random folds", "one class", "few photos"],
)
def test_where_it_is_not_known_to_pay_nothing_is_said(tmp_path, changes):
    assert outlook.outlook(TrainConfig(), made(tmp_path), data_of(**changes)) == ""


def test_random_weights_are_not_recommended(tmp_path):
    store = AStore()
    store.weights = "random"
    assert outlook.outlook(TrainConfig(), made(tmp_path), data_of(store=store)) == ""


@pytest.mark.parametrize("other", [{"loss": 0.9}, {"loss": 1.2, "tuned": True}], ids=["better", "tuned"])
def test_a_run_beside_a_better_or_a_fine_tuned_one_is_told_nothing(tmp_path, other):
    run = made(tmp_path)
    made(tmp_path, "other", **other)
    assert outlook.outlook(TrainConfig(), run, data_of()) == ""


def test_the_cost_is_said_in_minutes(tmp_path, monkeypatch):
    monkeypatch.setattr(outlook, "seconds_of_training", lambda *_: 400.0)
    assert "(about 7 minutes of training here; " in outlook.outlook(TrainConfig(), made(tmp_path), data_of())
