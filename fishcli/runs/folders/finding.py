"""Which folders are runs: by the names of their files, without reading one."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fishcli.basics.remote import is_remote, list_folder, names_in

RUN_FILE = re.compile(r"(config|metrics|fold_\d+)\.json|(folds|oof)\.csv|fold_\d+(_\d+)?\.(npz|keras|skops)")
"""A folder that holds one of these is a run, perhaps a damaged one."""

SEED_RUN = re.compile(r"seed-\d+")
"""A run of one fold seed, in the folder of the run that averages them."""


def find_runs(models_dir: Path) -> list[str]:
    """The names of all runs below a folder, and of those inside comparisons and repeated runs.

    Whatever state they are in. Links are runs where they lead to one; hidden folders are none.
    """
    found = []
    for path in _folders(models_dir):
        if is_run(path):
            found.append(path.name)
            inner = [each for each in _folders(path) if SEED_RUN.fullmatch(each.name)]
        else:
            inner = list(_folders(path))
        found += [f"{path.name}/{each.name}" for each in inner if is_run(each)]
    return sorted(found)


def seeds_in(run_dir: Path, settings: dict[str, Any]) -> list[Path]:
    """The folders of what a run of such settings averages, a fold seed each; none of a single run."""
    n_seeds, first = int(settings["repeats"]), int(settings["seed"])
    return [run_dir / f"seed-{first + k}" for k in range(n_seeds)] if n_seeds > 1 else []


def is_run(folder: Path) -> bool:
    """Whether a folder is a run's, complete or not."""
    try:
        return any(RUN_FILE.fullmatch(name) for name in names_in(folder))
    except OSError:
        return False


def _folders(folder: Path) -> Iterator[Path]:
    if is_remote(folder):
        names = [name for name, is_folder in list_folder(folder).items() if is_folder]
        yield from (folder / name for name in names if not name.startswith("."))
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith(".") and entry.is_dir():
                yield Path(entry.path)
