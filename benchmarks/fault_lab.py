"""Where benchmarks/faults.py breaks fishcli: commands in processes of their own, and trees of files by hash.

Processes are forked from one that has imported what is heavy, so that a try costs about a second, and so that
a random moment of it lies in the work rather than in the imports.
"""

import hashlib
import json
import multiprocessing
import os
import re
import shutil
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

from fishcli.basics.files import SEAL

FEATURES = "--backbone fishnet --image-size 32x32 --batch-size 8 --engine keras"
COMMANDS = {
    "demo": "demo data --images 40 --boats 3",
    "features": f"features {FEATURES} --splits train --views 2 --augment 1",
    "train": "train --head gap --epochs 2 --folds 3 --views 2 --name run",
    "train another": "train --head linear --folds 3 --views 2 --name other",
    "predict": "predict --run run --tta 2",
    "ensemble": "ensemble run other --tta 2",
    "audit": "audit-leakage --permutations 9 --folds 3 --features-dir none --out audit",
}
"""In an order in which each finds what it needs; predict and ensemble compute the test images' features."""
VARYING = ("seconds", "files", SEAL)
"""What a fold's JSON file has of the time: models hold the date, so their digests differ too."""
CHUNK = re.compile(r"\d+(\.\d+)+")
HEAVY = ["tensorflow", "keras", "skops.io", "sklearn.linear_model", "scipy.optimize", "matplotlib.pyplot"]
HEAVY += ["albumentations", "fishcli.commands.audit", "fishcli.commands.ensemble"]
HEAVY += ["fishcli.commands.features", "fishcli.commands.train"]
ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "KERAS_BACKEND": "tensorflow",
    "NO_ALBUMENTATIONS_UPDATE": "1",
    "LOKY_MAX_CPU_COUNT": "1",  # the audit's workers would be waited for at the end of a forked process
}


def call(command: str, root: Path, log: Path) -> None:
    """In the forked process: run a fishcli command in the folder `root`; what it says goes to `log`."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.chdir(root)
    from fishcli.cli import app

    app(command.split())


class Lab:
    """A competition with what each command starts from, what it leaves, and how long it takes.

    Attributes:
        folder: where all lies.
        trees: what is there after each command, by path (see `tree_of`).
        usual: seconds that each command takes.
        n_waited: how many of two processes at once said that they waited.
        needs: bytes that each command writes, at least, in pages of 4 KiB.
    """

    def __init__(self, folder: Path) -> None:
        os.environ |= {**ENVIRONMENT, "XDG_CACHE_HOME": str(folder / "cache")}
        self.folder = folder
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload([Path(__file__).stem, *HEAVY])
        self.trees: dict[str, dict[str, str]] = {}
        self.usual: dict[str, float] = {}
        self.needs: dict[str, int] = {}
        self.n_tries = self.n_waited = 0
        whole = folder / "whole"
        whole.mkdir()
        for command in COMMANDS:
            shutil.copytree(whole, self.start_of(command))
            self.usual[command] = self.must(command, whole)
            self.needs[command] = room_of(whole) - room_of(self.start_of(command))
            if command in ("predict", "ensemble", "audit"):  # each of these from what train left
                self.trees[command] = tree_of(whole)
                shutil.rmtree(whole)
                shutil.copytree(self.start_of("predict"), whole)
            self.trees.setdefault(command, tree_of(whole))
        for command in list(COMMANDS)[1:]:  # the first calls had to read everything from the disk
            self.usual[command] = self.must(command, self.fresh(command))

    def start_of(self, command: str) -> Path:
        """What a command starts from."""
        return self.folder / f"before {command}"

    def fresh(self, command: str, root: Path | None = None) -> Path:
        """A copy of what a command starts from."""
        self.n_tries += 1
        root = root or self.folder / f"try {self.n_tries}"
        shutil.copytree(self.start_of(command), root, dirs_exist_ok=True)
        return root

    def start(self, command: str, root: Path, log: str = "log") -> BaseProcess:
        """Start a command in `root`; what it says goes to `log` in the lab's folder."""
        process = self.context.Process(target=call, args=(COMMANDS[command], root, self.folder / log))
        process.start()
        return process

    def said(self, log: str = "log") -> str:
        """What the last command said."""
        return (self.folder / log).read_text(errors="replace")

    def must(self, command: str, root: Path) -> float:
        """Run a command that must succeed; returns the seconds that it took."""
        started = time.perf_counter()
        process = self.start(command, root)
        process.join()
        if process.exitcode != 0:
            sys.exit(f"{command} ended with {process.exitcode}:\n{self.said()}")
        return time.perf_counter() - started

    def refused(self, process: BaseProcess, log: str = "log") -> list[str]:
        """What is wrong with how a command that met a fault ended: it may succeed, or say one clear error."""
        process.join()
        said = self.said(log)
        errors = [line for line in said.splitlines() if line.startswith("Error:")]
        if process.exitcode == 0 and not errors:
            return []
        if process.exitcode != 1 or len(errors) != 1 or "Traceback" in said:
            return [f"exit {process.exitcode}: {said[-600:]}"]
        return []

    def again(
        self, command: str, root: Path, done: dict[str, tuple[int, int]]
    ) -> tuple[list[str], list[str]]:
        """Run the command to its end: what was done and is made again, and what is not as it should be."""
        process = self.start(command, root)
        process.join()
        if process.exitcode != 0:
            return [f"the rerun ended with {process.exitcode}"], [self.said()[-600:]]
        now = units_of(root)
        lost = [path for path, made in done.items() if now.get(path) != made]
        return lost, differences(tree_of(root), self.trees[command])


def room_of(root: Path) -> int:
    """The bytes that a folder's files take in pages of 4 KiB."""
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in root.rglob("*") if path.is_file())


def differences(found: dict[str, str], expected: dict[str, str]) -> list[str]:
    """What tells two trees apart: "+" more, "-" missing, "!" other content."""
    return [
        ("!" if path in found and path in expected else "+" if path in found else "-") + path
        for path in sorted(found.keys() | expected.keys())
        if found.get(path) != expected.get(path)
    ]


def tree_of(root: Path) -> dict[str, str]:
    """The sha256 of every file below a folder; of models and JSON files without the time that they took."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(_content(path)).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def _content(path: Path) -> bytes:
    if path.suffix == ".json" and path.name.startswith("fold_"):
        value = json.loads(path.read_bytes())
        return json.dumps({name: value[name] for name in value if name not in VARYING}).encode()
    return b"" if path.suffix == ".skops" else path.read_bytes()  # it holds memory addresses


def units_of(root: Path) -> dict[str, tuple[int, int]]:
    """The finished chunks and folds, with each file's inode and time, which change if it is made again.

    The boxes of an augmented copy's chunk are written just before the chunk, which counts for both.
    """
    found = {}
    for path in [*root.glob("data/features/*/*/*/*"), *root.glob("models/*/fold_*.json")]:
        if (CHUNK.fullmatch(path.name) and not path.parent.name.endswith("_boxes")) or path.name.startswith(
            "fold_"
        ):
            status = path.stat()
            found[path.relative_to(root).as_posix()] = (status.st_ino, status.st_mtime_ns)
    return found
