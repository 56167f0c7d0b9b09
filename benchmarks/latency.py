"""What one waits for twenty times a day: each command on the drawn competition, and where its time goes.

    python benchmarks/latency.py [--images 480] [--times 3] [--row ROW]

Each command is a process of its own, `sampled.py`'s, and the run of median CPU time stands in the table:
seconds on the clock, of CPU time, and what of the latter went into importing, tracing, reading and computing.
Features are fishnet's, under two views: nothing is downloaded. Before the table the features are computed and
two runs trained, `blend` and `gap`. On a busy machine the clock says nothing, and CPU time rises a little.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

KINDS = ("import", "tracing", "reading", "computing")
TRAIN = "train --features {store} --views 2 --name {name}"
ROWS = {
    "features, nothing to do": "features --backbone fishnet --views 2",
    "train": TRAIN,
    "train --head gap": f"{TRAIN} --head gap",
    "train --head gap --boxes none --metadata none": f"{TRAIN} --head gap --boxes none --metadata none",
    "train --head linear": f"{TRAIN} --head linear",
    "train --head dense --epochs 20": f"{TRAIN} --head dense --epochs 20",
    "predict --tta 2": "predict --tta 2 --run blend",
    "predict --tta 2, of gap": "predict --tta 2 --run gap",
    "ensemble blend gap": "ensemble blend gap --tta 2 --name both",
    "heatmap --worst 12": "heatmap blend --worst 12",
    "heatmap --worst 12, of gap": "heatmap gap --worst 12",
    "report": "report blend",
    "report, of gap": "report gap",
    "runs": "runs",
    "data": "data",
    "groups": "groups --force --features none",
    "audit-leakage": "audit-leakage --run blend",
}
"""The command line of each row; `places` are added."""


class Spent(NamedTuple):
    """Seconds of one process: CPU time, the clock's, and CPU time by KINDS."""

    cpu: float
    clock: float
    kinds: dict[str, float]


def places(folder: Path, command: str) -> list[str]:
    """The options that say where everything lies."""
    found = [] if command == "runs" else ["--data-dir", str(folder / "data")]
    if command in ("train", "predict", "ensemble", "heatmap", "report", "runs", "audit-leakage"):
        found += ["--models-dir", str(folder / "models")]
    if command in ("predict", "ensemble"):
        found += ["--submissions-dir", str(folder / "submissions")]
    if command in ("data", "audit-leakage"):
        found += ["--out", str(folder / command)]
    return found


def run(folder: Path, words: list[str]) -> Spent:
    """Run a command by `sampled.py`."""
    result = folder / "sampled.json"
    call = [sys.executable, str(Path(__file__).with_name("sampled.py")), str(result), *words]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(call, capture_output=True, text=True, check=False, cwd=folder)
    clock, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(words)}:\n{done.stderr}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(cpu, clock, json.loads(result.read_text()))


def measure(folder: Path, line: str, times: int) -> Spent:
    """The run of median CPU time of a row's command."""
    (store,) = (folder / "data" / "features").glob("fishnet-*")
    spent = []
    for _ in range(times):
        name = f"{len(list((folder / 'models').iterdir()))}"  # of a run that is there, little is done
        words = line.format(store=store.name, name=name).split()
        spent.append(run(folder, [*words, *places(folder, words[0])]))
    return sorted(spent)[times // 2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=480)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--row", action="append", choices=list(ROWS), help="this one alone; again for more")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(folder, ["demo", str(folder / "data"), "--images", str(asked.images)])
        features = ROWS["features, nothing to do"].split()
        run(folder, [*features, *places(folder, "features")])
        for head in ("blend", "gap"):
            run(folder, ["train", "--views", "2", "--head", head, "--name", head, *places(folder, "train")])
        print(f"{asked.images} training images, {os.cpu_count()} cores, median of {asked.times}")
        print(f"{'':46}{'clock':>8}{'CPU':>8}" + "".join(f"{kind:>11}" for kind in KINDS), flush=True)
        for row in asked.row or ROWS:
            spent = measure(folder, ROWS[row], asked.times)
            kinds = "".join(f"{spent.kinds.get(kind, 0.0):11.2f}" for kind in KINDS)
            print(f"{row:46}{spent.clock:8.2f}{spent.cpu:8.2f}{kinds}", flush=True)


if __name__ == "__main__":
    main()
