"""Features and folds on a Dask cluster of one and of two workers, beside one core in this process.

    python benchmarks/cluster.py [--images 600] [--backbone mobilenet_v2] [--head fcn]

Scheduler and workers are processes on this machine, each worker held to one core; what they are compared
with is held to one core as well. Photos are generated, 1280x720. Printed are seconds, ratios to one core,
what a chunk costs beyond its computing, what a killed worker costs, and whether all results have the same
hashes.
"""

import argparse
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from distributed import Client
from scaling import write_photos

from fishcli.basics.cluster import connected
from fishcli.basics.progress import set_quiet
from fishcli.commands import train
from fishcli.dataset.layout.images import load_train
from fishcli.features.backbones.backbone import load_backbone
from fishcli.features.backbones.choice import BackboneChoice
from fishcli.features.store.store import FeatureStore
from fishcli.features.upkeep import Upkeep, bring_up_to_date
from fishcli.options.train import TrainConfig

ADDRESS = "tcp://127.0.0.1:8799"
DASK = [sys.executable, "-m", "dask"]
VIEWS = ["identity"]
N_EMPTY = 1000


@contextmanager
def workers(n_workers: int, folder: Path) -> Iterator[list[int]]:
    """A scheduler and workers of one core each; yields the workers' process ids, each its nanny's child."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started = [
        subprocess.Popen(
            [*DASK, "scheduler", "--host", "127.0.0.1", "--port", "8799", "--no-dashboard"], **quiet
        )
    ]
    for core in range(n_workers):
        options = ["--nthreads", "1", "--no-dashboard", "--local-directory", str(folder)]
        worker = [*DASK, "worker", ADDRESS, *options]
        started.append(subprocess.Popen(["taskset", "-c", str(core), *worker], **quiet))
    try:
        with Client(ADDRESS, timeout=60, set_as_default=False) as client:
            client.wait_for_workers(n_workers, timeout=60)
            pids = list(client.run(os.getpid).values())
        yield pids
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def hashes(folder: Path, pattern: str) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob(pattern))
        if path.is_file()
    }


class Bench:
    """The data, and what was computed of it where."""

    def __init__(self, root: Path, backbone: str, head: str) -> None:
        self.root, self.head = root, head
        self.data_dir = root / "data"
        self.images = load_train(self.data_dir)
        self.choice = BackboneChoice(backbone, "formula" if backbone == "fishnet" else "random", (224, 224))
        self.backbone = load_backbone(self.choice)

    def features(self, name: str, address: str | None, part: slice = slice(None)) -> float:
        """Seconds to compute a new store; the backbone is loaded already here, and there after the first."""
        store = FeatureStore.create(self.root / name, self.backbone.recipe, self.choice.weights)
        started = time.perf_counter()
        upkeep = Upkeep(self.data_dir, scheduler=address, workers=1)
        images = self.images.iloc[part].reset_index(drop=True)
        bring_up_to_date(store, {"train": (images, VIEWS)}, upkeep, self.backbone)
        return time.perf_counter() - started

    def train(self, name: str, features: str, address: str | None) -> float:
        started = time.perf_counter()
        options = {"head": self.head, "metadata": "none", "boxes": "none", "folds": 4, "epochs": 10}
        places = {
            "data_dir": self.data_dir,
            "features_dir": self.root / features,
            "models_dir": self.root / name,
        }
        train.run(TrainConfig(**places, **options, name="run", scheduler=address))
        return time.perf_counter() - started

    def store_hashes(self, name: str) -> dict[str, str]:
        return hashes(self.root / name, "*/train/identity/*")

    def oof_hash(self, name: str) -> dict[str, str]:
        return hashes(self.root / name / "run", "oof.csv")


def overhead(address: str) -> float:
    """Seconds of a call that does nothing."""
    with connected(address) as cluster:
        list(cluster.run(abs, ((1,) for _ in range(50))))
        started = time.perf_counter()
        list(cluster.run(abs, ((1,) for _ in range(N_EMPTY))))
        return (time.perf_counter() - started) / N_EMPTY


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--backbone", default="mobilenet_v2")
    parser.add_argument("--head", default="fcn")
    args = parser.parse_args()
    set_quiet(True)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_photos(root / "data", args.images)
        rows = [run_all(args, root)]
        print(pd.concat(rows).to_string(index=False))


def run_all(args: argparse.Namespace, root: Path) -> pd.DataFrame:
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})  # before TensorFlow counts them
    bench = Bench(root, args.backbone, args.head)
    n_chunks = -(-args.images // 32)
    bench.features("warm", None, slice(0, 64))
    alone = bench.features("alone", None)
    fit_alone = bench.train("models_alone", "alone", None)
    rows = [{"what": "one core, no cluster", "features_s": alone, "train_s": fit_alone, "same": True}]
    for n_workers in (1, 2):
        name = f"w{n_workers}"
        with workers(n_workers, root / "dask"):
            bench.features(f"{name}_warm", ADDRESS, slice(0, 32 * 4 * n_workers))
            seconds = bench.features(name, ADDRESS)
            bench.train(f"models_{name}_warm", name, ADDRESS)
            fit_seconds = bench.train(f"models_{name}", name, ADDRESS)
            is_same = bench.store_hashes(name) == bench.store_hashes("alone")
            is_same = is_same and bench.oof_hash(f"models_{name}") == bench.oof_hash("models_alone")
            rows.append(
                {
                    "what": f"{n_workers} workers",
                    "features_s": seconds,
                    "train_s": fit_seconds,
                    "same": is_same,
                }
            )
            if n_workers == 1:
                empty = overhead(ADDRESS)
    with workers(2, root / "dask") as pids:
        bench.features("k_warm", ADDRESS, slice(0, 256))
        threading.Timer(rows[-1]["features_s"] / 2, os.kill, (pids[0], signal.SIGKILL)).start()
        seconds = bench.features("killed", ADDRESS)
        is_same = bench.store_hashes("killed") == bench.store_hashes("alone")
        rows.append({"what": "2 workers, one killed halfway", "features_s": seconds, "same": is_same})
    beyond = (rows[1]["features_s"] - alone) / n_chunks
    print(f"a call that does nothing: {1000 * empty:.1f} ms; a chunk there costs {1000 * beyond:.0f} ms more")
    table = pd.DataFrame(rows)
    for column in ("features", "train"):
        table[f"{column}_ratio"] = table[f"{column}_s"].iloc[0] / table[f"{column}_s"]
    return table.round(2)


if __name__ == "__main__":
    main()
