"""What reaches the user's screen: short lines of fishcli's own, however many classes and files there are."""

import numpy as np
import pandas as pd
import pytest
from conftest import make_image
from pipeline import compute
from typer.testing import CliRunner

from fishcli.basics.errors import FishError
from fishcli.cli import app
from fishcli.heads.classical import estimators

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]

N_CLASSES = 110
"""From 102 on pandas has something to say of tables that are put together column by column."""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two photos a class, some classes named in other scripts; a photo a group but for the first."""
    root = tmp_path_factory.mktemp("noise")
    data = root / "data"
    names = [*(f"species_{k:03d}" for k in range(N_CLASSES - 2)), "鯖", "рыба"]
    rng = np.random.default_rng(0)
    for k in range(2 * N_CLASSES):
        side = 16 + 8 * int(rng.integers(3))
        make_image(data / "train" / names[k % N_CLASSES] / f"img_{k:03d}.jpg", size=(side, 16))
    for k in range(3):
        make_image(data / "test" / f"test_{k}.jpg", size=(16, 16))
    sample = pd.DataFrame(1 / N_CLASSES, index=[f"test_{k}.jpg" for k in range(3)], columns=names)
    sample.to_csv(data / "sample_submission.csv", index_label="image")
    compute(root, image_size="32x32")
    return root


def command(root, *words):
    """Run a command line in `root`; returns what it says on stderr."""
    flags = {
        "+data": f"--data-dir={root / 'data'}",
        "+models": f"--models-dir={root / 'models'}",
        "+out": f"--out={root / words[0]}",
        "+submissions": f"--submissions-dir={root / 'submissions'}",
    }
    result = CliRunner().invoke(app, [flags.get(word, word) for word in words])
    assert result.exit_code == 0, result.output
    return result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("train", "+data", "+models", "--head=linear", "--folds=2", "--name=run"),
        ("predict", "+data", "+models", "+submissions", "--run=run"),
        ("report", "run", "+data", "+models"),
        ("runs", "+models"),
        ("train", "+data", "+models", "--head=forest", "--folds=2", "--name=forest"),
        ("data", "+data", "+out"),
    ],
    ids=lambda words: words[0],
)
def test_a_command_says_nothing_of_libraries_and_nothing_long(root, recwarn, monkeypatch, words):
    monkeypatch.setattr(estimators, "TREES", 20)
    if words[0] in ("predict", "report") and not (root / "models" / "run").exists():
        command(root, "train", "+data", "+models", "--head=linear", "--folds=2", "--name=run")
    said = command(root, *words)
    assert not [str(each.message) for each in recwarn.list]
    assert ".py:" not in said
    assert max(map(len, said.splitlines()), default=0) < 500


def test_hundreds_of_unreadable_photos_are_a_short_error(tmp_path):
    for k in range(300):
        path = tmp_path / "data" / "train" / "ab"[k % 2] / f"a_long_name_of_a_photo_{k:03d}.jpg"
        if k < 4:
            make_image(path)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"junk")
    with pytest.raises(FishError) as raised:
        compute(tmp_path)
    assert "296 images of train can't be read" in str(raised.value)
    assert "unreadable.json has all" in str(raised.value)
    assert len(str(raised.value).replace(str(tmp_path), "")) < 500
