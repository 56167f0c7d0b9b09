"""Damaged run files and other versions: each is named, with what mends it, and the mending works."""

import json
import os
import random
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import write_competition
from pipeline import compute, fit, predict_config, submit, tree_hash
from typer.testing import CliRunner

from fishcli import __version__
from fishcli.basics.errors import FishError
from fishcli.basics.files import digests_of, read_json, write_csv, write_json
from fishcli.basics.quiet import load_keras
from fishcli.cli import app
from fishcli.commands import predict
from fishcli.features import extract
from fishcli.features.store import arrays
from fishcli.features.store.picking import make_last
from fishcli.features.store.store import FeatureStore
from fishcli.heads.classical import skops_files
from fishcli.heads.fit import load_fold
from fishcli.runs.folders.picking import pick_run
from fishcli.runs.run import Run

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]


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
    with pytest.raises(FishError, match=r"metrics\.json is damaged.*fishcli train .*--name run"):
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
    with pytest.raises(FishError, match=r"oof\.csv is damaged.*fishcli train .*--name run"):
        submit(root)
    train(root)
    assert path.read_bytes() == whole
    submit(root)


@pytest.mark.parametrize("name", ["fold_1.json", "fold_1.head.npz"])
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


# --- other versions


def rewrite(path, name, change):
    """Change the text of a member of a zip."""
    with zipfile.ZipFile(path) as archive:
        parts = {each: archive.read(each) for each in archive.namelist()}
    parts[name] = change(parts[name].decode()).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for each, content in parts.items():
            archive.writestr(each, content)


@pytest.fixture
def of_skops(root):
    """A run whose heads skops keeps."""
    fit(root, head="svm", epochs=60, name="svm")
    return root


def fitted_by(version, root, k=0):
    """Let another scikit-learn have fitted fold k of the run."""
    path = root / "models" / "svm" / f"fold_{k}.skops"

    def change(text):
        return re.sub(r'("_sklearn_version": {[^}]*"content": )"[^,]*",', rf'\1"\\"{version}\\"",', text)

    rewrite(path, "schema.json", change)
    kept = read_json(path.with_suffix(".json"))
    write_json(path.with_suffix(".json"), {**kept, "files": digests_of([path])}, sealed=True)


def test_heads_of_another_scikit_learn_are_read_with_a_warning(of_skops, capsys):
    skops_files._tell_version.cache_clear()
    whole = submit(of_skops, run="svm")
    fitted_by("0.99.7", of_skops)
    fitted_by("0.99.7", of_skops, 1)
    capsys.readouterr()
    assert submit(of_skops, run="svm").equals(whole)
    said = capsys.readouterr().err
    assert said.count("fitted by scikit-learn 0.99.7") == 1 and "fishcli report" in said


@pytest.mark.parametrize("version", ["2.12.0", "99.0.0"])
def test_a_head_of_another_keras_is_read(tmp_path, version):
    keras = load_keras()
    inputs = {"features": keras.Input((3,), name="features")}
    model = keras.Model(inputs, {"class": keras.layers.Dense(2, activation="softmax")(inputs["features"])})
    path = tmp_path / "fold_0.keras"
    model.save(path)
    rewrite(path, "metadata.json", lambda text: text.replace(keras.__version__, version))
    head = load_fold(path, None, np.ones(2))
    assert np.array_equal(head.model.get_weights()[0], model.get_weights()[0])


def test_a_head_that_this_scikit_learn_can_not_read_says_what_to_run(of_skops):
    path = of_skops / "models" / "svm" / "fold_1.skops"
    rewrite(path, "schema.json", lambda text: text.replace("StandardScaler", "StandardScalar"))
    kept = read_json(path.with_suffix(".json"))
    write_json(path.with_suffix(".json"), {**kept, "files": digests_of([path])}, sealed=True)
    with pytest.raises(FishError, match=r"fold_1\.skops can't be loaded .*fishcli train .*--name svm"):
        submit(of_skops, run="svm")


def test_a_store_and_a_run_from_before_digests_are_read(root):
    whole = submit(root)
    store = store_of(root)
    for split in ("train", "test"):
        write_csv(store.list_path(split), store.images(split).drop(columns="content"))
    for path in (root / "models" / "run").glob("*.json"):
        value = read_json(path)
        value.pop("files", None)
        write_json(path, value)
    assert submit(root).equals(whole)


@pytest.mark.parametrize("change", [{"fingerprint": "0" * 12}, {"layer": None}, {"resize": "warp"}])
def test_a_recipe_of_another_version_says_what_to_run(root, change):
    path = store_of(root).store_dir / "recipe.json"
    write_json(path, {**read_json(path), **change})
    with pytest.raises(FishError, match=r"recipe\.json was changed.*Remove that folder and run fishcli feat"):
        submit(root)


# --- flipped bits


@pytest.mark.parametrize("pattern", ["config.json", "metrics.json", "oof.csv", "folds.csv", "fold_1.*"])
def test_a_flipped_bit_of_a_run_is_named_or_changes_nothing(root, pattern):
    whole = submit(root)
    rng = random.Random(pattern)
    for path in sorted((root / "models" / "run").glob(pattern)):
        content = path.read_bytes()
        for _ in range(6):
            place = rng.randrange(len(content))
            path.write_bytes(
                content[:place] + bytes([content[place] ^ rng.randrange(1, 256)]) + content[place + 1 :]
            )
            try:
                assert submit(root).equals(whole)
            except FishError as error:
                assert path.name in str(error) and "fishcli train" in str(error)
        path.write_bytes(content)


def store_of(root):
    return FeatureStore(next((root / "data" / "features").iterdir()))


def damage_list(store, change):
    images = store.images("train")
    write_csv(store.list_path("train"), change(images))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda images: images.iloc[[0, *range(len(images))]], "lists images twice: ALB/img_000.jpg"),
        (lambda images: images.drop(index=3), "fewer images than the features"),
        (lambda images: images.iloc[:0], "fewer images than the features"),
        (lambda images: images.assign(n_bytes="x"), "n_bytes are no number"),
    ],
    ids=["twice", "one less", "none", "text"],
)
def test_a_damaged_image_list_is_named_and_no_row_is_taken_for_another(root, change, problem):
    store = store_of(root)
    damage_list(store, change)
    for command in (train, compute):
        with pytest.raises(
            FishError, match=rf"images\.csv is damaged: .*{problem}(?s:.*)fishcli features .*--backbone"
        ):
            command(root)


def test_features_without_their_image_list_are_not_believed(root):
    store = store_of(root)
    store.list_path("train").unlink()
    with pytest.raises(FishError, match=r"images\.csv is damaged: (?s:.*)fishcli features .*--backbone"):
        compute(root)
    shutil.rmtree(store.store_dir / "train")
    compute(root)


@pytest.mark.parametrize(
    "record", [[], {}, {"skipped": 1, "reasons": {}}, {"skipped": False, "reasons": ["a"]}, {"skipped": True}]
)
def test_a_damaged_list_of_unreadable_images_is_named(root, record):
    store = store_of(root)
    write_json(store.store_dir / "train" / "unreadable.json", record)
    with pytest.raises(FishError, match=r"unreadable\.json is damaged: (?s:.*)fishcli features .*--backbone"):
        store.unreadable("train")


# --- a full disk, a read-only store, an interruption between two steps


@pytest.mark.parametrize("command", ["features", "train", "predict"])
def test_a_full_disk_is_one_clear_line_and_what_is_there_is_whole(root, monkeypatch, command):
    submit(root)
    whole = tree_hash(root, "data/features/**/*") | tree_hash(root, "models/run/*.csv")
    whole |= tree_hash(root, "submissions/*")
    made = {"features": "data/features", "train": "models", "predict": "submissions"}[command]
    arguments = {
        "features": ["--backbone", "fishnet", "--image-size", "64x64", "--batch-size", "8"],
        "train": ["--folds", "3", "--epochs", "60", "--head", "linear", "--name", "run"],
        "predict": ["--run", "run"],
    }[command]
    monkeypatch.chdir(root)
    shutil.rmtree(root / made)
    rename = Path.replace
    for n_left in (0, 3, 6):
        left = [n_left]

        def replace(path, target, left=left):
            left[0] -= 1
            if left[0] < 0:
                raise OSError(28, os.strerror(28), str(target))
            return rename(path, target)

        monkeypatch.setattr(Path, "replace", replace)
        done = CliRunner().invoke(app, [command, *arguments])
        monkeypatch.setattr(Path, "replace", rename)
        if left[0] < 0:
            errors = [line for line in done.stderr.splitlines() if line.startswith("Error:")]
            assert done.exit_code == 1 and len(errors) == 1 and "No space left on device" in errors[0]
        assert not [path for path in root.rglob("*partial*") if ".zarr" not in path.name]
    assert CliRunner().invoke(app, [command, *arguments]).exit_code == 0
    found = tree_hash(root, "data/features/**/*") | tree_hash(root, "models/run/*.csv")
    found |= tree_hash(root, "submissions/*")
    assert {name: found.get(name) for name in whole if "test_tta" not in name or command != "train"} == {
        name: each for name, each in whole.items() if "test_tta" not in name or command != "train"
    }
    assert not list(root.rglob("*partial*"))


def test_a_store_that_can_not_be_written_to_is_read(root, monkeypatch):
    store = store_of(root)
    recipe = store.store_dir / "recipe.json"
    before = recipe.stat()
    assert FeatureStore.create(root / "data" / "features", store.recipe, store.weights).recipe == store.recipe
    assert (recipe.stat().st_ino, recipe.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)

    def refuse(*args, **options):
        raise OSError(30, os.strerror(30))

    monkeypatch.setattr("os.utime", refuse)
    make_last(store)


def test_copies_of_other_boxes_do_not_vanish_where_their_removal_is_interrupted(root, monkeypatch):
    compute(root, augment=1)
    store = store_of(root)
    path = root / "data" / "boxes" / "alb_labels.json"
    path.write_text(path.read_text().replace('"annotations": [{', '"annotations": [{"note": 1, ', 1))
    entries = json.loads(path.read_text())
    entries[0]["annotations"][0]["x"] += 3.0
    path.write_text(json.dumps(entries))

    def interrupt(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(arrays, "whole_file", interrupt)
    with pytest.raises(KeyboardInterrupt):
        compute(root, augment=1)
    monkeypatch.undo()
    assert store.copies("train") == ["augment_1"]
    assert not store.is_complete("train", "augment_1_boxes")
    compute(root, augment=1)
    assert store.is_complete("train", "augment_1")
    anew = root / "anew"
    compute(root, augment=1, features_dir=anew)
    assert tree_hash(next(anew.iterdir()), "train/*") == tree_hash(store.store_dir, "train/*")


def test_train_and_predict_do_not_wait_for_a_store_that_lacks_nothing(root, monkeypatch):
    for split in ("train", "test"):  # photos that were just written are looked at again
        os.utime(store_of(root).list_path(split), (2**33, 2**33))

    def never(path):
        raise AssertionError(path)

    monkeypatch.setattr("fishcli.features.upkeep.alone", never)
    fit(root, head="linear", epochs=60, name="new")
    submit(root)
    (store_of(root).store_dir / "test" / "identity" / "0.0.0.0").unlink()
    with pytest.raises(AssertionError, match="fishnet"):
        predict.run(predict_config(root))
