"""What the user keeps beside a run: the scores that the competition's leaderboards gave it."""

import math
from pathlib import Path
from typing import Any

from fishcli.basics.errors import FishError, shown
from fishcli.basics.files import read_json, write_json

NOTES = "notes.json"
KINDS = {"public": float, "private": float, "note": str}
"""What may stand there, in this order."""


def read_notes(run_dir: Path) -> dict[str, Any]:
    """`public`, `private` (float) and `note` (str) as far as they were noted of a run.

    Raises:
        FishError: the file is damaged.
    """
    path = run_dir / NOTES
    if not path.exists():
        return {}
    kept = read_json(path)
    if not isinstance(kept, dict) or not all(
        name in KINDS and isinstance(value, KINDS[name]) for name, value in kept.items()
    ):
        raise FishError(f"{path} holds no notes: {shown(kept)}. Remove it, and note them again.")
    return kept


def write_notes(run_dir: Path, scores: dict[str, float | None], note: str | None) -> dict[str, Any]:
    """Keep notes of a run; what is None stays as it was. Returns all that there are.

    Args:
        run_dir: its folder.
        scores: "public" and "private".
        note: what else there is to say.

    Raises:
        FishError: a score that is no finite number; the file is damaged.
    """
    noted: dict[str, Any] = {}
    for name, value in scores.items():
        if value is not None and not math.isfinite(value):
            raise FishError(f"--{name} {value}: expected a number, as the leaderboard shows it.")
        noted |= {} if value is None else {name: float(value)}
    known = read_notes(run_dir) | noted | ({} if note is None else {"note": note})
    kept = {name: known[name] for name in KINDS if name in known}
    write_json(run_dir / NOTES, kept)
    return kept
