"""Damaged run files and other versions: each is named, with what mends it, and the mending works."""

import json
import shutil

import pytest
from conftest import write_competition
from pipeline import compute, fit, submit, tree_hash

from fishcli import __version__
from fishcli.commands.runs import Run, pick_run
from fishcli.errors import FishError
from fishcli.features import extract
from fishcli.files import read_json, write_json


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
    write_json(path, {**read_json(path), **changes}, sealed=True)


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


def test_a_store_removed_while_it_is_computed_is_an_error_and_nothing_of_it_is_believed(root, monkeypatch):
    whole = tree_hash(root / "data" / "features")
    shutil.rmtree(root / "data" / "features")
    original, calls = extract._checked, []

    def remove(*args):
        calls.append(1)
        if len(calls) == 2:
            shutil.rmtree(root / "data" / "features")
        return original(*args)

    monkeypatch.setattr(extract, "_checked", remove)
    with pytest.raises((FishError, OSError)):
        compute(root)
    monkeypatch.undo()
    compute(root)
    assert tree_hash(root / "data" / "features") == whole


def test_folds_left_of_a_removed_run_are_not_believed(root):
    run_dir = root / "models" / "run"
    whole = (run_dir / "oof.csv").read_bytes()
    for name in ("config.json", "metrics.json"):
        (run_dir / name).unlink()
    fit(root, head="linear", epochs=60, seed=3)
    assert (run_dir / "oof.csv").read_bytes() != whole
    for name in ("config.json", "metrics.json"):
        (run_dir / name).unlink()
    train(root)
    assert (run_dir / "oof.csv").read_bytes() == whole
