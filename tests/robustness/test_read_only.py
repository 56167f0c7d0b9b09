"""Runs and stores that can only be read, as those that a notebook mounts: what can be done is done."""

import builtins
import errno
import io
import os
import shutil
from pathlib import Path

import pytest
from conftest import write_competition
from pipeline import compute, fit, predict_config, submit, tree_hash
from typer.testing import CliRunner

from fishcli.basics.files import write_csv
from fishcli.cli import app
from fishcli.commands import predict
from fishcli.features.store.store import FeatureStore

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    root = tmp_path_factory.mktemp("reference")
    write_competition(root / "data")
    compute(root)
    fit(root, head="gap", epochs=2)
    return root


@pytest.fixture
def root(reference, tmp_path, monkeypatch):
    shutil.copytree(reference, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def read_only(monkeypatch):
    """A function that lets nothing be written below folders: root, who runs some tests, minds no mode."""
    folders = []

    def refuse(path):
        if not isinstance(path, int) and any(Path(path).absolute().is_relative_to(each) for each in folders):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    def guarded(original, writes):
        def call(path, *args, **options):
            if writes(*args, **options):
                refuse(path)
            return original(path, *args, **options)

        return call

    for module in (builtins, io):
        writes = lambda mode="r", *args, **options: set(mode) & set("wxa+")  # noqa: E731
        monkeypatch.setattr(module, "open", guarded(io.open, writes))
    flags = os.O_WRONLY | os.O_RDWR | os.O_CREAT
    monkeypatch.setattr(os, "open", guarded(os.open, lambda flag, *args, **options: flag & flags))
    for name in ("mkdir", "utime", "replace", "rename", "unlink"):
        monkeypatch.setattr(os, name, guarded(getattr(os, name), lambda *args, **options: True))
    return lambda *paths: folders.extend(paths)


def invoke(*words):
    result = CliRunner().invoke(app, list(words))
    assert "Traceback" not in result.output and not isinstance(result.exception, OSError)
    return result


def test_a_read_only_run_predicts(root, read_only, capsys):
    whole = submit(root)
    (root / "models/run/test_tta1.csv").unlink()
    before = tree_hash(root / "models")
    read_only(root / "models", root / "data")
    shutil.rmtree(root / "submissions")
    capsys.readouterr()
    assert submit(root).equals(whole)
    said = [line for line in capsys.readouterr().err.splitlines() if "test_tta1.csv" in line]
    assert len(said) == 1 and "left out, it can't be written: Read-only file system" in said[0]
    assert tree_hash(root / "models") == before


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("words", "made"),
    [
        (("predict",), "submissions/run.csv"),
        (("report", "--out", "page.html"), "page.html"),
        (("report", "run", "--out", "new/page.html"), "new/page.html"),
        (("heatmap", "--worst", "1", "--class", "ALB", "--out", "maps"), "maps/contact_sheet.png"),
        (("summary",), ""),
        (("data", "--out", "picture"), "picture/data.html"),
        (("groups", "--features", "none", "--out", "found.csv"), "found.csv"),
    ],
    ids=lambda each: each[0] if isinstance(each, tuple) else "",
)
def test_every_writer_can_be_told_where(root, read_only, words, made):
    read_only(root / "models", root / "data")
    result = invoke(*words)
    assert result.exit_code == 0, result.output
    assert (root / made).exists()


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("report",), "--out"),
        (("heatmap", "--worst", "1"), "--out"),
        (("train", "--name", "new", "--head", "gap", "--epochs", "2", "--folds", "3"), "--models-dir"),
        (("features", "--backbone", "fishnet", "--image-size", "64x64", "--views", "2"), "--features-dir"),
        (("predict", "--tta", "2"), "--features-dir"),
        (("predict", "--submissions-dir", "models/x"), "--submissions-dir"),
        (("groups", "--features", "none"), "--out"),
    ],
    ids=lambda each: each[0] if isinstance(each, tuple) else each,
)
def test_what_can_not_be_written_names_the_option(root, read_only, words, option):
    read_only(root / "models", root / "data")
    result = invoke(*words)
    assert result.exit_code == 1
    assert "Error: Read-only file system: " in result.stderr and f" with {option}" in result.stderr


def test_a_read_only_list_of_before_digests_is_no_obstacle(root, read_only, capsys):
    store = FeatureStore(next((root / "data" / "features").iterdir()))
    whole = submit(root)
    write_csv(store.list_path("test"), store.images("test").drop(columns="content"))
    read_only(root / "data")
    predict.run(predict_config(root))
    assert submit(root).equals(whole)
    assert "images.csv is left out" in capsys.readouterr().err
