"""What all run folders share, those of heads and those of localisers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fishcli.basics.errors import FishError
from fishcli.basics.files import digests_of
from fishcli.runs.folders.listing import METRICS


@dataclass(frozen=True)
class RunFolder:
    """A folder of a run.

    Attributes:
        run_dir: the folder; its name is the run's name.
    """

    run_dir: Path

    @property
    def name(self) -> str:
        """The run's name."""
        return self.run_dir.name

    @property
    def is_complete(self) -> bool:
        """Whether all folds are trained and what they are worth is written."""
        return (self.run_dir / METRICS).exists()


def oof_name(n_views: int) -> str:
    """The file of out-of-fold predictions: oof.csv for the plain photo, oof_tta<N>.csv for N views."""
    return "oof.csv" if n_views == 1 else f"oof_tta{n_views}.csv"


def check_digest(path: Path, known: dict[str, Any]) -> None:
    """Raise FishError where a file is not what the digests `known["files"]` say; older runs have none."""
    known = known.get("files", {})
    if path.name in known and path.exists() and digests_of([path]) != {path.name: known[path.name]}:
        raise FishError(f"{path.name} was changed since it was written.")


def check_name(name: str) -> None:
    """Raise FishError where `name` can't be the name of a folder or file of its own."""
    if not name or name.startswith((".", "-")) or set(name) & set("/\\\n\0"):
        raise FishError(f"--name {name!r}: expected a plain name, such as vgg16-first, without a path.")
