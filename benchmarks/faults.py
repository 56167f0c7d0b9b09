"""Faults of many kinds under the commands: what is lost, and is anything wrong afterwards?

    python benchmarks/faults.py [--tries 20] [--seed 0] [--only KIND]

kill-*     SIGKILL after a random part of the command's usual time
disk-full  a file system of its own that is full after a random number of bytes; needs root
read-only  a folder of the command is mounted read-only; needs root
removed    a folder is removed under a running command
two        the same command twice at once, the second a random moment later
flipped    a random byte of a random file of the store or of a run is another; then a later command

After each the command is run again (not after "flipped") and must finish. Lost is a finished chunk or fold
that is made again, or a command that does not finish. Wrong is any file that differs from the uninterrupted
run's, is missing or was left over; a traceback; an error that is not one line, or does not name the file.
"""

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fault_lab import Lab, differences, tree_of, units_of

Verdict = tuple[list[str], list[str]]
"""What is lost, and what is wrong."""
NAMES = ("features", "train", "predict", "ensemble", "audit")
ROOM = 64 * 2**20


def kill(command: str) -> Callable[[Lab, random.Random], Verdict]:
    def one(lab: Lab, rng: random.Random) -> Verdict:
        while True:
            root = lab.fresh(command)
            process = lab.start(command, root)
            time.sleep(lab.usual[command] * rng.uniform(0.02, 1.0))
            process.kill()
            process.join()
            if process.exitcode == -9:
                return lab.again(command, root, units_of(root))
            shutil.rmtree(root)  # it had finished

    return one


@contextmanager
def mounted(path: Path, *options: str) -> Iterator[Path]:
    path.mkdir(exist_ok=True)
    subprocess.run(["mount", *options, path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)


def disk_full(lab: Lab, rng: random.Random) -> Verdict:
    command = rng.choice(NAMES)
    with mounted(lab.folder / "small", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs") as root:
        lab.fresh(command, root)
        ballast = root / "ballast"
        needed = lab.needs[command]
        left = shutil.disk_usage(root).free - rng.randrange(0, needed + 4096, 4096)
        with ballast.open("wb") as file:
            file.write(bytes(max(left, 0)))
        wrong = lab.refused(lab.start(command, root))
        wrong += [f"left half-written: {path}" for path in root.rglob("*partial*")]
        ballast.unlink()
        lost, differing = lab.again(command, root, units_of(root))
    return lost, [*wrong, *differing]


FOLDERS = {
    "features": ["data", "data/features"],
    "train": ["data", "models", "data/features", "."],
    "predict": ["data", "models", "models/run", "submissions", "."],
    "ensemble": ["data/features", "models", "submissions", "."],
    "audit": ["data", "audit", "."],
}


def read_only(lab: Lab, rng: random.Random) -> Verdict:
    command = rng.choice(NAMES)
    root = lab.fresh(command)
    folder = root / rng.choice(FOLDERS[command])
    made = not folder.exists()
    with mounted(folder, "--bind", str(folder)) as mount:
        subprocess.run(["mount", "-o", "remount,bind,ro", mount], check=True)
        wrong = lab.refused(lab.start(command, root))
    if made and folder.exists() and not any(folder.iterdir()):
        folder.rmdir()
    lost, differing = lab.again(command, root, units_of(root))
    return lost, [*wrong, *differing]


def removed(lab: Lab, rng: random.Random) -> Verdict:
    command = rng.choice(NAMES)
    root = lab.fresh(command)
    folder = root / rng.choice([name for name in FOLDERS[command] if name not in (".", "data")] or ["audit"])
    process = lab.start(command, root)
    time.sleep(lab.usual[command] * rng.uniform(0.02, 1.0))
    shutil.rmtree(folder, ignore_errors=True)
    wrong = lab.refused(process)
    lab.fresh(command, root)  # what it starts from is there again; what it had made may lie beside it
    lost, differing = lab.again(command, root, {})
    return lost, [*wrong, *differing]


def two(lab: Lab, rng: random.Random) -> Verdict:
    command = rng.choice(("features", "train", "predict"))
    root = lab.fresh(command)
    pair = [lab.start(command, root, "first")]
    time.sleep(lab.usual[command] * rng.uniform(0.0, 0.3))
    pair.append(lab.start(command, root, "second"))
    wrong = []
    for process, log in zip(pair, ("first", "second"), strict=True):
        process.join()
        if process.exitcode != 0:
            wrong.append(f"{log} ended with {process.exitcode}: {lab.said(log)[-600:]}")
    lab.n_waited += any("waiting until it is done" in lab.said(log) for log in ("first", "second"))
    return [], [*wrong, *differences(tree_of(root), lab.trees[command])]


def flipped(lab: Lab, rng: random.Random) -> Verdict:
    command, pattern = rng.choice(
        [
            ("train", "data/features/*/*/*/*.0.0.0"),
            ("train", "data/features/**/*.[jc]s*"),
            ("train again", "models/run/*.*"),
            ("predict", "models/run/*.*"),
            ("ensemble", "models/*/*.*"),
        ]
    )
    command = command.removesuffix(" again")
    root = lab.fresh("predict" if pattern.startswith("models") else command)
    path = rng.choice(sorted(root.glob(pattern)))
    content = bytearray(path.read_bytes())
    place = rng.randrange(len(content))
    content[place] ^= rng.randrange(1, 256)
    path.write_bytes(content)
    name = path.relative_to(root).as_posix()
    process = lab.start(command, root)
    wrong = lab.refused(process)
    if process.exitcode == 0:
        again = command == "train" and name.startswith("models")
        expected = lab.trees["train another" if again else command]
        found = _tree_without(root, path) if name.endswith(".json") else tree_of(root)
        wrong += [each for each in differences(found, expected) if each[1:] != name]
    elif path.name not in lab.said() and path.parent.relative_to(root).as_posix() not in lab.said():
        wrong.append(f"the damage is not named: {lab.said()[-600:]}")
    return [], [f"{name} byte {place}, then {command}: {each}" for each in wrong]


def _tree_without(root: Path, path: Path) -> dict[str, str]:
    """A tree without a file that may be too damaged to be read."""
    kept = path.rename(root.parent / "damaged")
    found = tree_of(root)
    kept.rename(path)
    return found


KINDS: dict[str, Callable[[Lab, random.Random], Verdict]] = {
    **{f"kill-{command}": kill(command) for command in NAMES},
    "disk-full": disk_full,
    "read-only": read_only,
    "removed": removed,
    "two": two,
    "flipped": flipped,
}


def can_mount(folder: Path) -> bool:
    try:
        with mounted(folder / "small", "-t", "tmpfs", "tmpfs"):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


def main() -> None:
    as_it_is = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_it_is)
    parser.add_argument("--tries", type=int, default=20, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=KINDS, action="append")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        lab = Lab(Path(name))
        print(", ".join(f"{command} {s:.1f} s" for command, s in lab.usual.items()), flush=True)
        mounts = can_mount(lab.folder)
        for kind in arguments.only or KINDS:
            if kind in ("disk-full", "read-only") and not mounts:
                print(f"{kind}: left out, since nothing can be mounted here (it needs root)")
                continue
            rng, n_lost, n_wrong = random.Random(f"{arguments.seed} {kind}"), 0, 0
            for number in range(arguments.tries):
                lost, wrong = KINDS[kind](lab, rng)
                n_lost, n_wrong = n_lost + bool(lost), n_wrong + bool(wrong)
                for what, found in (("lost", lost), ("wrong", wrong)):
                    for each in found[:9]:
                        print(f"{kind} {number}: {what} {each}", flush=True)
                for path in lab.folder.glob("try *"):
                    shutil.rmtree(path)
            rows.append((kind, arguments.tries, n_lost, n_wrong))
            print(*rows[-1], *([f"(in {lab.n_waited} one had to wait)"] if kind == "two" else []), flush=True)
    print(f"\n{'kind':<14}{'tries':>6}{'lost':>6}{'wrong':>6}")
    for kind, *numbers in [*rows, ("all", *(sum(row[k] for row in rows) for k in (1, 2, 3)))]:
        print(f"{kind:<14}" + "".join(f"{number:>6}" for number in numbers))
    sys.exit(any(row[2] or row[3] for row in rows))


if __name__ == "__main__":
    main()
