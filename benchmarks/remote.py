"""Every command on S3 and on a disk: seconds of each, its start included, and whether the results are equal.

    python benchmarks/remote.py [--images 480] [--repeats 3]

A drawn competition lies on the disk and in a bucket. The server is moto's, in Python and on loopback: the
ratios tell what the requests cost, not what a real network adds. Needs the extras: pip install -e '.[dev]'.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict

from moto.server import ThreadedMotoServer

from fishcli.basics.files import digest
from fishcli.basics.remote import is_remote, list_files, parse_path, read_bytes

FISHCLI = (sys.executable, "-c", "from fishcli.cli import app; app()")
SERVE = "--serve"
IS_RESULT = re.compile(r"^submissions/|/(oof|test_)[^/]*\.csv$|/\d+\.0\.0\.0$")


def commands(place: str, solution: str) -> dict[str, list[str]]:
    """The command lines that are timed, by name, below a folder or URL."""
    data, models = ["--data-dir", f"{place}/data"], ["--models-dir", f"{place}/models"]
    runs = [*data, *models]
    submissions = [*runs, "--submissions-dir", f"{place}/submissions"]
    features = ["features", *data, "--backbone", "fishnet", "--views", "4"]
    short = ["--epochs", "5"]
    return {
        "features, 4 views": features,
        "features, nothing to do": features,
        "features --verify": ["features", *data, "--verify"],
        "train --head linear": ["train", *runs, "--head", "linear", "--name", "linear"],
        "train --head gap": ["train", *runs, *short, "--head", "gap", "--name", "gap"],
        "compare, 2 heads": ["compare", *runs, *short, "--heads", "linear,gap", "--metadata", "size"],
        "predict --tta 4": ["predict", *submissions, "--run", "gap", "--tta", "4"],
        "predict": ["predict", *submissions, "--run", "linear"],
        "ensemble": ["ensemble", *submissions, "linear", "gap", "--name", "blend"],
        "score": ["score", f"{place}/submissions/blend_stg1.csv", *data, "--solution", solution],
        "audit-leakage": ["audit-leakage", *data, "--permutations", "199", "--out", f"{place}/audit"],
        "report": ["report", *runs, "gap"],
        "heatmap": ["heatmap", *runs, "gap", "--worst", "4"],
        "data": ["data", *data],
        "groups": ["groups", *data],
        "runs": ["runs", *models],
        "runs rm": ["runs", "rm", "linear", "--yes", *models],
    }


def serve() -> None:
    """Serve S3 on a free port of loopback until killed; its port is printed."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    print(server.get_host_and_port()[1], flush=True)
    while True:
        time.sleep(3600)


def run(words: list[str]) -> float:
    """Seconds that a command takes; ends where it fails."""
    started = time.perf_counter()
    done = subprocess.run([*FISHCLI, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"fishcli {' '.join(words)}: exit {done.returncode}\n{done.stderr}")
    return time.perf_counter() - started


def results(place: str) -> dict[str, str]:
    """The digests of all chunks, predictions and submissions below a folder or URL, by path."""
    root = parse_path(place)
    files = list_files(root) if is_remote(root) else [str(path.relative_to(root)) for path in root.rglob("*")]
    return {name: digest(read_bytes(root / name)) for name in files if IS_RESULT.search(name)}


def measure(n_images: int, repeats: int, port: str) -> None:
    """Time all commands; print the least seconds of each and their ratio."""
    os.environ |= {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_DEFAULT_REGION": "us-east-1"}
    os.environ |= {"AWS_ACCESS_KEY_ID": "fish", "AWS_SECRET_ACCESS_KEY": "fish"}
    seconds: dict[tuple[str, str], list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        run(["demo", f"{folder}/drawn", "--images", str(n_images)])
        solution = f"{folder}/drawn/solution.csv"
        bucket = parse_path("s3://fish")
        bucket.fs.mkdir("fish")
        for repeat in range(repeats):
            here, there = f"{folder}/{repeat}", f"s3://fish/{repeat}"
            shutil.copytree(f"{folder}/drawn", f"{here}/data")
            bucket.fs.put(f"{folder}/drawn/", f"fish/{repeat}/data", recursive=True)
            for place in (here, there):
                for name, words in commands(place, solution).items():
                    seconds[name, place[:5]].append(run(words))
            ours, theirs = results(here), results(there)
            differ = [name for name in sorted(ours | theirs) if ours.get(name) != theirs.get(name)]
            print(
                f"{len(ours)} chunks, predictions and submissions, {len(differ)} differ", *differ, flush=True
            )
        for name in commands(folder, solution):
            local, remote = min(seconds[name, here[:5]]), min(seconds[name, there[:5]])
            print(f"{name}: disk {local:.1f} s, S3 {remote:.1f} s, {remote / local:.2f}x")


def main() -> None:
    if SERVE in sys.argv:
        serve()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=480)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    command = [sys.executable, __file__, SERVE]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    with server:
        try:
            measure(args.images, args.repeats, server.stdout.readline().strip())
        finally:
            server.kill()


if __name__ == "__main__":
    main()
