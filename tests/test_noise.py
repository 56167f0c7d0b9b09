"""What reaches the user's screen: short lines of fishcli's own, however many classes and files there are."""

import numpy as np
import pandas as pd
import pytest
from conftest import make_image
from pipeline import compute, fit, submit
from typer.testing import CliRunner

from fishcli.cli import app
from fishcli.errors import FishError

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
    places = {"train": ("models",), "report": ("models",), "compare": ("models",), "predict": ("models",)}
    flags = [f"--{each}-dir={root / each}" for each in ("data", *places.get(words[0], ()))]
    result = CliRunner().invoke(app, [*words, *flags])
    assert result.exit_code == 0, result.output
    return result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("train", "--head=linear", "--folds=2", "--name=linear"),
        ("data",),
        ("audit-leakage", "--permutations=1", "--folds=2", "--fields=size_key,width"),
    ],
    ids=lambda words: words[0],
)
def test_a_command_says_nothing_of_libraries_and_nothing_long(root, tmp_path, recwarn, words):
    out = [] if words[0] == "train" else [f"--out={tmp_path / 'out'}"]
    said = command(root, *words, *out)
    assert not [str(each.message) for each in recwarn.list]
    assert max(map(len, said.splitlines()), default=0) < 500
    assert ".py:" not in said


def test_a_submission_of_many_classes_is_made_without_a_warning(root, recwarn):
    fit(root, head="linear", folds=2, name="run")
    recwarn.clear()
    submission = submit(root)
    assert submission.shape == (3, 1 + N_CLASSES)
    assert not [str(each.message) for each in recwarn.list if "performance" in str(each.message).lower()]


def test_hundreds_of_unreadable_photos_are_a_short_error(tmp_path):
    for k in range(300):
        path = tmp_path / "data" / "train" / "ab"[k % 2] / f"a_rather_long_name_of_a_photo_{k:03d}.jpg"
        if k < 4:
            make_image(path)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"junk")
    with pytest.raises(FishError) as raised:
        compute(tmp_path)
    assert "296 images of train can't be read" in str(raised.value)
    assert "unreadable.json has all" in str(raised.value)
    assert len(str(raised.value)) < 700 + len(str(tmp_path))
