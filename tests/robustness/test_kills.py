"""SIGKILL at the worst moments: nothing is lost, and the result is that of an uninterrupted run."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import write_competition
from pipeline import compute, fit, tree_hash, write_found

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]

KILLED = Path(__file__).parents[1] / "shared" / "killed.py"
FEATURES = ["--backbone", "fishnet", "--image-size", "64x64"]
FEATURES += ["--batch-size", "8", "--views", "2"]
TRAIN = ["--head", "gap", "--folds", "2", "--epochs", "2", "--views", "2", "--name", "run"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run, on crops that another tool found."""
    root = tmp_path_factory.mktemp("whole")
    write_competition(root / "data")
    compute(root, views=2, crop=str(write_found(root)))
    fit(root, views=2, folds=2)
    return root


def run_and_kill(where: str, n: int, *command: object) -> None:
    done = subprocess.run(
        [sys.executable, KILLED, where, str(n), *map(str, command)], capture_output=True, text=True
    )
    assert done.returncode == -9, done.stderr


def test_features_of_crops_killed_within_a_chunk_and_train_within_a_fold(whole, tmp_path):
    data, found = write_competition(tmp_path / "data"), str(whole / "found.json")
    run_and_kill("chunk", 4, "features", "--data-dir", data, "--crop", found, *FEATURES)
    partials = list((data / "features").glob("**/*.partial"))
    assert partials, "the kill was to leave half a chunk behind"
    compute(tmp_path, views=2, crop=found)
    assert tree_hash(data / "features") == tree_hash(whole / "data" / "features")

    models = tmp_path / "models"
    run_and_kill("fold", 2, "train", "--data-dir", data, "--models-dir", models, *TRAIN)
    assert len(list((models / "run").glob("fold_?.perceptron.npz"))) == 1  # folds are trained side by side
    fit(tmp_path, views=2, folds=2)
    for name in ("oof.csv", "oof_tta2.csv", "oof_boxes.csv", "metrics.json", "config.json"):
        assert (models / "run" / name).read_bytes() == (whole / "models" / "run" / name).read_bytes(), name
    assert not list(tmp_path.glob("**/*partial*"))
