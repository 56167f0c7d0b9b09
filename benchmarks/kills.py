"""SIGKILL at random moments of `features` and `train`: what is lost, and is the result the same?

    python benchmarks/kills.py [--kills 10] [--seed 0] [--only train]

Each try starts from nothing, kills the command after a random part of its usual time, runs it again, and
compares the hashes of the store and of the out-of-fold files with those of an uninterrupted run.
"""

import argparse
import hashlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FISHCLI = [sys.executable, "-c", "from fishcli.cli import app; app()"]
BACKBONE = [
    "--backbone",
    "mobilenet_v2_035",
    "--weights",
    "random",
    "--image-size",
    "96x96",
    "--batch-size",
    "8",
]
TRAIN = ["--views", "2", "--epochs", "20", "--name", "run"]


def hashes(folder: Path, pattern: str) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob(pattern))
        if path.is_file()
    }


def commands(root: Path) -> dict[str, list[str]]:
    places = ["--data-dir", str(root / "data")]
    return {
        "features": [*FISHCLI, "features", *places, *BACKBONE, "--views", "2"],
        "train": [*FISHCLI, "train", *places, "--models-dir", str(root / "models"), *TRAIN],
    }


def run(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def what_is_there(root: Path) -> str:
    chunks = len([path for path in root.glob("data/features/*/*/*/*.0.0.0") if "partial" not in path.name])
    halves = len(list(root.glob("**/*partial*")))
    folds = len(list(root.glob("models/run/fold_*.json")))
    return f"{chunks} chunks, {folds} folds done, {halves} half-written files"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=["features", "train"])
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        whole, tried = Path(folder, "whole"), Path(folder, "tried")
        run([*FISHCLI, "demo", str(whole / "data"), "--images", "240", "--boats", "5"])
        shutil.copytree(whole / "data", tried / "data")
        for command in commands(tried).values():  # warms the disk's cache, so that the times below are usual
            run(command)
        usual = {name: run(command) for name, command in commands(whole).items()}
        expected = {
            "features": hashes(whole, "data/features/**/*"),
            "train": hashes(whole, "models/run/oof*.csv") | hashes(whole, "models/run/metrics.json"),
        }
        for name, command in commands(tried).items():
            if arguments.only not in (None, name):
                continue
            n_killed = 0
            while n_killed < arguments.kills:
                shutil.rmtree(tried / ("models" if name == "train" else "data/features"), ignore_errors=True)
                process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(usual[name] * rng.uniform(0.45, 1.0))
                process.kill()
                if process.wait() != -signal.SIGKILL:
                    continue  # it had finished
                n_killed += 1
                left = what_is_there(tried)
                run(command)
                if name == "features":
                    found = hashes(tried, "data/features/**/*")
                else:
                    found = hashes(tried, "models/run/oof*.csv") | hashes(tried, "models/run/metrics.json")
                same = found == expected[name] and not list(tried.glob("**/*partial*"))
                wrong += not same
                verdict = "identical" if same else "DIFFERENT"
                print(f"{name} {n_killed}: killed with {left}; afterwards {verdict}", flush=True)
    print(f"{wrong} differ from the uninterrupted run")
    raise SystemExit(wrong > 0)


if __name__ == "__main__":
    main()
