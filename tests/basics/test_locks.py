"""Two processes on one store, one run, one submission: they take turns."""

import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest
from conftest import write_competition
from drawn_stores import draw_store
from pipeline import compute, fit, submit, tree_hash

from fishcli.basics.locks import alone, remove_left_lock
from fishcli.commands import data, remove_runs
from fishcli.features.extract import extract
from fishcli.options.data import PictureConfig
from fishcli.options.seeing import RemoveConfig

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]

HOLDER = """
import sys
from pathlib import Path
from fishcli.basics.locks import alone, remove_left_lock

with alone(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
    Path(sys.argv[1]).write_text("done")
"""
FISHCLI = [sys.executable, "-c", "from fishcli.cli import app; app()"]


def holder(path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    return process


def enter(path):
    """Enter in a thread; returns it and what it saw there."""
    seen = []

    def go():
        with alone(path):
            seen.append(path.read_text() if path.exists() else "nothing")

    thread = threading.Thread(target=go)
    thread.start()
    return thread, seen


def test_who_comes_second_waits_and_says_for_what(tmp_path, capsys):
    path = tmp_path / "store"
    with holder(path) as process:
        thread, seen = enter(path)
        while "waiting" not in (said := capsys.readouterr().err):
            time.sleep(0.01)
        assert f"another fishcli process works on {path}" in said
        assert not seen
        process.stdin.write("\n")
        process.stdin.close()
        thread.join()
    assert seen == ["done"]
    assert [each.name for each in tmp_path.iterdir()] == ["store"]


def test_a_lock_dies_with_its_process(tmp_path, capsys):
    with holder(tmp_path / "run") as process:
        process.kill()
    with alone(tmp_path / "run"):
        pass
    assert not list(tmp_path.iterdir())
    assert "waiting" not in capsys.readouterr().err


def test_the_lock_of_a_killed_process_is_removed_and_one_that_is_held_stays(tmp_path):
    path, lock = tmp_path / "store", tmp_path / ".store.lock"
    with holder(path) as process:
        remove_left_lock(path)
        assert lock.exists()
        process.kill()
    assert lock.exists()
    remove_left_lock(path)
    assert list(tmp_path.iterdir()) == []
    remove_left_lock(path)
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_lacks_nothing_keeps_no_lock_of_a_killed_process(tmp_path):
    write_competition(tmp_path / "data", n_test=2)
    compute(tmp_path)
    (store,) = (tmp_path / "data" / "features").glob("*-*")
    lock = store.with_name(f".{store.name}.lock")
    lock.touch()
    compute(tmp_path)
    assert not lock.exists()


def test_many_in_turn_are_never_together(tmp_path):
    inside, most = [], []

    def go():
        for _ in range(20):
            with alone(tmp_path / "x"):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.001)
                inside.pop()

    threads = [threading.Thread(target=go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 80 and max(most) == 1


@pytest.mark.parametrize("number", [1, 13, 30])
def test_where_nothing_can_be_written_nothing_is_held(tmp_path, monkeypatch, number):
    def refuse(*args, **options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fishcli.basics.locks.FileLock.acquire", refuse)
    with alone(tmp_path / "store"):
        pass


def test_a_full_disk_is_no_reason_to_go_on(tmp_path, monkeypatch):
    def refuse(*args, **options):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("fishcli.basics.locks.FileLock.acquire", refuse)
    with pytest.raises(OSError, match="No space left"), alone(tmp_path / "store"):
        pytest.fail("entered")


def test_two_processes_on_one_store_make_what_one_makes(tmp_path, monkeypatch):
    roots = [tmp_path / "alone", tmp_path / "both"]
    for root in roots:
        write_competition(root / "data", n_test=2)
    compute(roots[0])
    others = []

    def begun(*how):
        """Compute when another process has come, and found that this one is at work."""
        if not others:
            command = [
                *FISHCLI,
                "train",
                "--head",
                "linear",
                "--folds",
                "2",
            ]  # it needs all features, no TensorFlow
            options = {"cwd": roots[1], "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
            others.append(subprocess.Popen(command, **options, text=True))
            assert any("waiting" in line for line in others[0].stderr)
        extract(*how)

    monkeypatch.setattr("fishcli.features.upkeep.extract", begun)
    compute(roots[1])
    with others[0] as other:
        said = other.stderr.read()
    assert other.returncode == 0, said
    assert tree_hash(roots[1] / "data") == tree_hash(roots[0] / "data")  # no lock or half a file is left


def test_train_holds_its_run_and_predict_the_run_and_then_the_submission(tmp_path, monkeypatch):
    held = []

    @contextmanager
    def noted(path):
        held.append(path.relative_to(tmp_path).as_posix())
        with alone(path):
            yield

    write_competition(tmp_path / "data")
    store = compute(tmp_path).relative_to(tmp_path).as_posix()
    for split in ("train", "test"):
        os.utime(tmp_path / store / split / "images.csv", (0, 0))  # so that the photos are looked at again
    predicting = ("runs.predicting.images", "runs.predicting.submission")
    for module in ("runs.folders.opening", *predicting, "features.upkeep"):
        monkeypatch.setattr(f"fishcli.{module}.alone", noted)
    fit(tmp_path, head="linear", epochs=60)
    assert held == [store, "models/run"]
    submit(tmp_path)
    assert held[2:] == [store, "models/run", "submissions/run"]
    assert not list(tmp_path.glob("**/*.lock"))


def test_who_waited_for_an_unnamed_run_takes_the_next_number(tmp_path, monkeypatch):
    write_competition(tmp_path / "data")
    draw_store(tmp_path, 1)

    @contextmanager
    def after_another(path):
        monkeypatch.undo()
        fit(tmp_path, name=None, head="linear", epochs=60)  # the other process, done while this one waited
        with alone(path):
            yield

    monkeypatch.setattr("fishcli.runs.folders.opening.alone", after_another)
    assert fit(tmp_path, name=None, head="linear", epochs=60, seed=1).name == "vgg16-linear-2"


def test_a_run_is_not_removed_while_it_is_worked_on(tmp_path, capsys):
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    (run_dir / "config.json").write_text("{}")
    said = []
    config = RemoveConfig(models_dir=tmp_path, runs=["run"], yes=True)
    with alone(run_dir):
        thread = threading.Thread(target=lambda: said.append(remove_runs.run(config)))
        thread.start()
        err = ""
        while "waiting" not in err:
            time.sleep(0.01)
            err += capsys.readouterr().err
        assert run_dir.exists() and not said
    thread.join()
    assert said == [f"removed {run_dir}"] and not run_dir.exists()


def test_the_page_and_the_list_of_a_competition_are_of_one_process(tmp_path, monkeypatch):
    held = []

    @contextmanager
    def noted(path):
        held.append((path, sorted(each.name for each in path.glob("*"))))
        yield
        held.append((path, sorted(each.name for each in path.glob("*"))))

    monkeypatch.setattr("fishcli.commands.data.alone", noted)
    data.run(PictureConfig(data_dir=write_competition(tmp_path / "data"), out=tmp_path / "out"))
    assert held == [(tmp_path / "out", []), (tmp_path / "out", ["data.html", "images.csv"])]
