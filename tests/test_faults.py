"""Damaged run files and other versions: each is named, with what mends it, and the mending works."""

import json
import shutil

import pytest
from conftest import write_competition
from pipeline import compute, fit, submit

from fishcli import __version__
from fishcli.commands.runs import Run, pick_run
from fishcli.errors import FishError


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    root = tmp_path_factory.mktemp("reference")
    write_competition(root / "data")
    compute(root)
    train(root)
    return root


@pytest.fixture
def root(reference, tmp_path):
    shutil.copytree(reference, tmp_path, dirs_exist_ok=True)
    return tmp_path


def train(root):
    return fit(root, head="linear", epochs=60)


def change_config(root, **changes):
    path = root / "models" / "run" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_run_names_its_version(root):
    assert json.loads((root / "models/run/config.json").read_text())["fishcli"] == __version__


def test_a_run_of_another_version_with_the_same_settings_is_read(root):
    change_config(root, fishcli="0.0.7")
    assert pick_run(root / "models", "run").is_complete


@pytest.mark.parametrize("settings", [{}, {"head": "gap"}, [], 3, None, "x"])
def test_a_run_of_other_settings_says_who_wrote_it(root, settings):
    change_config(root, fishcli="0.0.7", settings=settings)
    with pytest.raises(FishError, match=r"config\.json is no run of this version .*fishcli 0\.0\.7 wrote it"):
        Run.open(root / "models" / "run")


@pytest.mark.parametrize(
    "text", ["", "{", '{"by_views": 3}', "[]", '{"by_views": {"1": {"temperature": "x"}}}']
)
def test_damaged_metrics_are_named_and_train_writes_them_again(root, text):
    path = root / "models" / "run" / "metrics.json"
    whole = path.read_bytes()
    path.write_text(text)
    with pytest.raises(FishError, match=r"metrics\.json is damaged.*fishcli train --name run"):
        submit(root)
    train(root)
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: text.index("\n") + 1],
        lambda text: text.replace("ALB", "XXX", 1),
        lambda text: text[:-9] + "x\n",
        lambda text: text[: len(text) // 2],
    ],
    ids=["empty", "header alone", "renamed", "no number", "half"],
)
def test_damaged_predictions_are_named_and_train_writes_them_again(root, damage):
    path = root / "models" / "run" / "oof.csv"
    whole = path.read_bytes()
    path.write_text(damage(whole.decode()))
    with pytest.raises(FishError, match=r"oof\.csv is damaged.*fishcli train --name run"):
        submit(root)
    train(root)
    assert path.read_bytes() == whole
    submit(root)


@pytest.mark.parametrize("name", ["fold_1.json", "fold_1.skops"])
def test_a_damaged_fold_is_named(root, name):
    path = root / "models" / "run" / name
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(FishError, match="fold 1 of the run run is missing or damaged"):
        submit(root)
