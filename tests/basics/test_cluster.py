"""A Dask cluster: the same results as here, and what happens when a part of it goes away."""

import functools
import os
import signal
import subprocess
import sys
import threading
import time

import dask
import numpy as np
import pandas as pd
import pytest
from conftest import write_competition
from distributed import LocalCluster
from drawn_stores import draw_store
from pipeline import compute, features_config, fit, tree_hash, write_found

from fishcli.basics import cluster, progress
from fishcli.basics.cluster import connected, stop_if_cancelled
from fishcli.basics.errors import FishError
from fishcli.basics.files import read_json
from fishcli.commands import audit, compare, features
from fishcli.features.store.store import FeatureStore
from fishcli.options.audit import AuditConfig
from fishcli.options.train import CompareConfig

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]


@pytest.fixture(autouse=True)
def as_loud_as_before():
    """Workers in this process are quiet, as workers are."""
    yield
    progress.set_quiet(False)


@pytest.fixture(scope="module")
def here():
    """The address of a scheduler with two worker threads in this process."""
    options = {"processes": False, "protocol": "tcp", "dashboard_address": ":0", "host": "127.0.0.1"}
    with LocalCluster(n_workers=1, threads_per_worker=2, **options) as local:
        yield local.scheduler_address


@pytest.fixture
def soon_given_up():
    """A task that kills two workers is not tried on a third: each costs seconds to start."""
    with dask.config.set({"distributed.scheduler.allowed-failures": 1}):
        yield


@pytest.fixture
def apart():
    """The address of a scheduler with a worker process of one thread, which is started again if it dies."""
    options = {"protocol": "tcp", "dashboard_address": ":0", "host": "127.0.0.1"}
    with LocalCluster(n_workers=1, threads_per_worker=1, **options) as local:
        yield local.scheduler_address


@pytest.fixture(scope="module")
def competition(tmp_path_factory):
    """A store of crops, made here."""
    root = tmp_path_factory.mktemp("cluster")
    write_competition(root / "data")
    write_found(root)
    compute(root, **made_of(root))
    return root


def made_of(root):
    """What the features are made of."""
    return {"views": 2, "augment": "light/transplant:1", "crop": str(root / "found.json")}


def stored(root, name="features"):
    return tree_hash(root / "data" / name, "**/[!.]*")


def test_features_are_the_same_bytes(competition, here):
    features.run(
        features_config(
            competition,
            **made_of(competition),
            features_dir=competition / "data" / "other",
            scheduler=here,
        )
    )
    found, expected = stored(competition, "other"), stored(competition)
    assert found == expected
    assert sum("augment_transplant=1_1_boxes/" in name for name in found) > 1


def test_only_missing_chunks_are_computed(competition, here):
    store = FeatureStore(next((competition / "data" / "features").iterdir()))
    expected = stored(competition)
    chunks = sorted((store.store_dir / "train" / "hflip").glob("*.0.0.0"))
    kept = chunks[1].stat().st_mtime_ns
    chunks[0].unlink()
    features.run(features_config(competition, **made_of(competition), scheduler=here))
    assert stored(competition) == expected
    assert chunks[1].stat().st_mtime_ns == kept


def test_unreadable_images_are_named_and_can_be_skipped(tmp_path, here):
    write_competition(tmp_path / "data")
    (tmp_path / "data" / "train" / "ALB" / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(FishError, match=r"broken\.jpg"):
        features.run(features_config(tmp_path, scheduler=here))
    store_dir = features.run(features_config(tmp_path, skip_unreadable=True, scheduler=here))
    store = FeatureStore(next((tmp_path / "data" / "features").iterdir()))
    assert list(store.unreadable("train")) == ["ALB/broken.jpg"]
    assert store.is_complete("train", "identity")
    expected = stored(tmp_path)
    for path in store.store_dir.glob("train/identity/0.*"):
        path.unlink()
    assert features.run(features_config(tmp_path, skip_unreadable=True)) == store_dir
    assert stored(tmp_path) == expected


def test_photos_that_a_worker_does_not_see_are_no_unreadable_ones(tmp_path, here, monkeypatch):
    write_competition(tmp_path / "data")
    main = threading.main_thread()  # the command's; workers have threads of their own
    seen = "fishcli.features.chunk_tasks._seen"
    monkeypatch.setattr(seen, lambda path: threading.current_thread() is main)
    with pytest.raises(FishError, match=r"worker tcp://.*is not there. Every worker must see the photos"):
        features.run(features_config(tmp_path, scheduler=here))
    store = FeatureStore(next((tmp_path / "data" / "features").iterdir()))
    assert not store.unreadable("train")


def test_a_run_is_the_same(competition, here):
    parts = []
    for name, address in (("alone", None), ("shared", here)):
        run_dir = fit(competition, name=name, head="gap", seeds=2, folds=2, epochs=1, scheduler=address)
        files = {each: (run_dir / each).read_bytes() for each in ("folds.csv", "oof.csv", "oof_boxes.csv")}
        parts.append((files, sorted(path.name for path in run_dir.glob("fold_*"))))
        assert "scheduler" not in read_json(run_dir / "config.json")["settings"]
    assert parts[0] == parts[1]
    assert "fold_1_1.perceptron.npz" in parts[0][1]


def test_a_comparison_is_the_same(competition, here):
    options = {"data_dir": competition / "data", "folds": 2, "heads": "linear", "boxes": "none"}
    found = []
    for name, address in (("alone", None), ("shared", here)):
        models_dir = competition / name
        compare.run(CompareConfig(models_dir=models_dir, metadata="none", scheduler=address, **options))
        runs = models_dir.glob("compare/*/oof.csv")
        found.append({path.parent.name: path.read_bytes() for path in runs})
    assert len(found[0]) == 2
    assert found[0] == found[1]


def test_an_audit_is_the_same(tmp_path, here):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=90), "boat": np.arange(90) // 9, "label": np.arange(90) % 2})
    table.to_csv(tmp_path / "table.csv", index=False)
    found = []
    for name, address in (("alone", None), ("shared", here)):
        options = {"table": tmp_path / "table.csv", "group_column": "boat", "folds": 2, "permutations": 29}
        audit.run(AuditConfig(out=tmp_path / name, scheduler=address, **options))
        found.append((tmp_path / name / "audit.json").read_text())
    assert found[0] == found[1]


def _double(number):
    return 2 * number


def _die_once(marker, number):
    if number == 3 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def _die(number):
    os.kill(os.getpid(), signal.SIGKILL)


def _refuse(number):
    raise FishError(f"{number} is not to my taste.")


def _note(folder, number):
    (folder / str(number)).touch()
    time.sleep(0.05)
    return number


def _go_on_until_cancelled(folder):
    (folder / "begun").touch()
    try:
        for _ in range(1000):
            stop_if_cancelled()
            time.sleep(0.02)
    finally:
        (folder / "ended").touch()


def wait_for(path):
    for _ in range(500):
        if path.exists():
            return
        time.sleep(0.02)
    raise AssertionError(f"{path} never came")


def test_every_call_is_made_once_and_taken_while_there_is_room(here):
    taken = []

    def calls():
        for number in range(40):
            taken.append(number)
            yield (number,)

    with connected(here) as connection:
        results = connection.run(_double, calls())
        found = [next(results)]
        assert len(taken) <= 2 * cluster.AHEAD + 1
        found += results
    assert sorted(found) == [2 * number for number in range(40)]


def test_what_waits_is_cancelled_when_the_loop_ends(here, tmp_path):
    with connected(here) as connection:
        results = connection.run(functools.partial(_note, tmp_path), ((number,) for number in range(40)))
        next(results)
        results.close()
        time.sleep(0.5)
        n_made = len(list(tmp_path.iterdir()))
        assert n_made <= 2 * cluster.AHEAD


def test_a_running_task_learns_that_it_was_given_up(here, tmp_path):
    with connected(here) as connection:
        results = connection.run(_either, ((tmp_path, "wait"), (tmp_path, "return")))
        next(results)
        results.close()
        wait_for(tmp_path / "ended")


def _either(folder, what):
    if what == "wait":
        _go_on_until_cancelled(folder)
    wait_for(folder / "begun")


def test_an_error_names_its_worker(here):
    with connected(here) as connection, pytest.raises(FishError, match=r"worker tcp://\S+: 5 is not to my"):
        list(connection.run(_refuse, [(5,)]))


def test_a_killed_worker_costs_one_task(apart, tmp_path):
    with connected(apart) as connection:
        call = functools.partial(_die_once, tmp_path / "died")
        assert sorted(connection.run(call, ((number,) for number in range(8)))) == list(range(8))


def test_a_task_that_kills_every_worker_ends_in_a_clear_error(soon_given_up, apart):
    with connected(apart) as connection, pytest.raises(FishError, match="died again and again"):
        list(connection.run(_die, [(1,)]))


def test_nobody_answers(monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.5)
    with (
        pytest.raises(FishError, match=r"tcp://127.0.0.1:1: no Dask scheduler answers"),
        connected("tcp://127.0.0.1:1"),
    ):
        pass


def test_other_versions_are_refused(here, monkeypatch):
    found = cluster._versions()
    versions = iter([found])  # the command's; then the worker's
    monkeypatch.setattr(cluster, "_versions", lambda: next(versions, {**found, "keras": "2.0"}))
    with pytest.raises(FishError, match=r"keras 2\.0 there, \S+ here"), connected(here):
        pass


def test_without_the_flag_no_cluster_is_imported(tmp_path):
    # By a command whose tasks a cluster may have; its head needs no TensorFlow. That no command's module
    # imports Dask is held by test_cli; skops, which keeps svm and forest, looks for `dask.array` in any case.
    write_competition(tmp_path / "data")
    draw_store(tmp_path, 1)
    code = (
        "import sys; from fishcli.commands import train; from fishcli.options.train import TrainConfig;"
        "train.run(TrainConfig(head='linear', folds=2));"
        "print([name for name in sys.modules if name.split('.')[0] == 'distributed'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
