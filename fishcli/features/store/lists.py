"""The lists that a feature store keeps of each split's images, checked as they are read; and of stores."""

from pathlib import Path
from typing import Any

import pandas as pd

from fishcli.basics.errors import FishError, examples
from fishcli.basics.files import read_csv, read_json
from fishcli.features.photos.crops import REGION
from fishcli.features.store.again import features_line

N_REASONS = 2
"""So many images that can't be read stand in a message."""


def read_images(path: Path) -> pd.DataFrame:
    """Read images.csv: `image`, `n_bytes`, perhaps `content` and `region`; FishError where it is damaged."""
    try:
        listed = read_csv(path, required=["image", "n_bytes"], text=["image", "content", REGION])
    except FishError as error:
        raise damaged(path, str(error).rstrip(".")) from None
    twice = list(listed["image"][listed["image"].duplicated()])
    if twice:
        raise damaged(path, f"it lists images twice: {examples(twice)}")
    if len(listed) and (listed["n_bytes"].dtype.kind not in "if" or listed["n_bytes"].isna().any()):
        raise damaged(path, "some n_bytes are no number")
    return listed


def read_unreadable(path: Path) -> dict[str, Any]:
    """Read unreadable.json: `skipped` and `reasons`, by image; FishError where it is damaged."""
    if not path.exists():
        return {"skipped": False, "reasons": {}}
    try:
        record = read_json(path)
    except FishError as error:
        raise damaged(path, str(error).rstrip(".")) from None
    if (
        not isinstance(record, dict)
        or not isinstance(record.get("skipped"), bool)
        or not isinstance(record.get("reasons"), dict)
        or not all(isinstance(reason, str) for reason in record["reasons"].values())
    ):
        raise damaged(path, "it holds no reasons why images can't be read")
    return record


def damaged(path: Path, problem: str) -> FishError:
    """The error that a damaged list is: without it nobody knows what the split's features belong to."""
    problem = problem.removeprefix(str(path)).lstrip(",: ")  # an error of its reader names it, too
    return FishError(
        f"{path} is damaged: {problem}. Remove {path.parent}, whose features can't be trusted without it, "
        f"and compute them again:\n  {features_line(path.parent.parent)}"
    )


def cannot_be_read(store_dir: Path, split: str, reasons: dict[str, str]) -> FishError:
    """The error that images are which can't be read, `reasons` by image, where nobody chose to skip them."""
    lines = [f"\n  {image}: {reason}" for image, reason in reasons.items()]
    everything = store_dir / split / "unreadable.json"
    more = f"\n  ... ({everything} has all)" if len(lines) > N_REASONS else ""
    return FishError(
        f"{len(lines):,} images of {split} can't be read:{''.join(lines[:N_REASONS])}{more}\nAll others are "
        "computed and kept. Mend these and run the command again, or first choose to go on without them:\n"
        f"  {features_line(store_dir, skip_unreadable=True)}"
    )


def list_stores(features_dir: Path) -> list[Path]:
    """The folders of all stores under `features_dir`, the one used last first."""
    recipes = sorted(features_dir.glob("*/recipe.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    return [path.parent for path in recipes]
