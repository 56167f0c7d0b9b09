"""`--metric` from end to end: what stands beside log loss, how labels are decided, and what stays as it was."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from conftest import write_competition
from drawn_stores import draw_store
from pipeline import tree_hash, train_config

from fishcli.basics.errors import FishError
from fishcli.commands import compare, leaderboard, train
from fishcli.dataset.classes import labels_of, proba_columns
from fishcli.options.seeing import RunsConfig
from fishcli.options.train import CompareConfig
from fishcli.runs.deciding import decide, decision_of
from fishcli.runs.run import Run
from fishcli.scoring.decisions import Decision
from fishcli.scoring.metrics import metric_named

LINEAR = {"head": "linear", "metadata": "none", "boxes": "none", "epochs": 60, "folds": 2, "views": 2}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A competition whose features tell the class a little, in two views."""
    root = tmp_path_factory.mktemp("metric")
    write_competition(root / "data")
    draw_store(root, 1, views=("identity", "hflip"))
    return root


def fitted(root, **changes):
    """The run, what it said, and its metrics.json."""
    config = train_config(root, **{**LINEAR, **changes})
    said = train.run(config)
    run = Run.open(config.models_dir / config.name)
    return run, said, json.loads((run.run_dir / "metrics.json").read_text())


def test_x(drawn):
    run, said, metrics = fitted(drawn, metric="qwk", name="q")
    print(said)
    print(json.dumps(metrics, indent=1)[:3000])
    print(leaderboard.run(RunsConfig(models_dir=drawn / "models")))
    config = CompareConfig(
        data_dir=drawn / "data",
        models_dir=drawn / "models",
        heads="linear",
        metadata="none",
        boxes="none",
        folds=2,
        metric="macro-f1",
    )
    print(compare.run(config))
    print(leaderboard.run(RunsConfig(models_dir=drawn / "models")))
    assert 0
