"""`fishcli runs rm`: runs are removed for good, so what is meant is named and asked first."""

import os
import sys
from pathlib import Path, PurePosixPath

import typer

from fishcli.basics.errors import FishError, choose
from fishcli.basics.locks import alone
from fishcli.basics.remote import is_remote, list_files, remove_tree
from fishcli.options.seeing import RemoveConfig
from fishcli.runs.folders.finding import find_runs
from fishcli.runs.folders.listing import METRICS


def run(config: RemoveConfig) -> str:
    """Remove runs, or comparisons with all their runs; returns what was removed.

    Raises:
        FishError: a name that is no run's, leaves the runs' folder or goes through a link; nobody to ask.
    """
    models_dir = config.models_dir
    known = find_runs(models_dir) if models_dir.is_dir() else []
    if not known:
        raise FishError(f"no runs in {models_dir}: nothing to remove.")
    paths = [_path_of(name, models_dir, known) for name in dict.fromkeys(config.runs)]
    for path in paths:
        typer.echo(f"{path}: {_content(path, known, models_dir)}", err=True)
    if not config.yes:
        _ask(len(paths))
    for path in paths:
        with alone(path):  # a run that is trained is not removed under it
            _remove(path)
    return "\n".join(f"removed {path}" for path in paths)


def _path_of(name: str, models_dir: Path, known: list[str]) -> Path:
    """The folder that a name means: a run's, or that of a comparison."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith(("/", "~")) or "\\" in name or ".." in parts or len(parts) > 2:
        raise FishError(
            f"{name!r} is no run's name: expected one of {models_dir}, as fishcli runs lists them."
        )
    comparisons = sorted({each.split("/")[0] for each in known if "/" in each})
    name = choose("/".join(parts), [*known, *comparisons], "run")
    path = models_dir / name
    if path.parent != models_dir and path.parent.is_symlink():
        raise FishError(
            f"{path.parent} is a link to {path.parent.resolve()}: nothing is removed there. Name the runs' "
            "folder itself with --models-dir."
        )
    return path


def _content(path: Path, known: list[str], models_dir: Path) -> str:
    """What would be lost, in words."""
    if path.is_symlink():
        return f"a link to {path.resolve()}; the link is removed, what it leads to stays"
    sizes = [each.n_bytes for each in list_files(path).values()] if is_remote(path) else _sizes_below(path)
    mebibytes = sum(sizes) / 2**20
    inner = [name for name in known if name.startswith(f"{path.relative_to(models_dir).as_posix()}/")]
    runs = f"{len(inner):,} run{'s' * (len(inner) > 1)}, " if inner else ""
    return f"{runs}{len(sizes):,} file{'s' * (len(sizes) != 1)}, {mebibytes:,.1f} MiB"


def _sizes_below(path: Path) -> list[int]:
    return [Path(folder, name).lstat().st_size for folder, _, names in os.walk(path) for name in names]


def _ask(n: int) -> None:
    """Go on if a person says so."""
    what = "it" if n == 1 else f"all {n:,}"
    if not _can_ask():
        raise FishError(f"nobody to ask whether to remove {what}: pass --yes. Nothing was removed.")
    if not typer.confirm(f"Remove {what} for good?", err=True):
        raise FishError("nothing was removed.")


def _can_ask() -> bool:
    return sys.stdin.isatty()


def _remove(path: Path) -> None:
    """Remove a folder, or a link alone. A run that is half removed is not complete."""
    if path.is_symlink():
        path.unlink()
        return
    (path / METRICS).unlink(missing_ok=True)
    remove_tree(path)
