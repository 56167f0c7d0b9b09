"""The lists that a feature store keeps of each split's images, checked as they are read; and of stores."""

from pathlib import Path
from typing import Any

import pandas as pd

from fishcli.errors import FishError, examples
from fishcli.files import read_csv, read_json


def read_images(path: Path) -> pd.DataFrame:
    """Read images.csv: `image`, `n_bytes`, perhaps `content`; FishError where it is damaged."""
    listed = read_csv(path, required=["image", "n_bytes"], text=["image", "content"])
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
    record = read_json(path)
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
    return FishError(
        f"{path} is damaged: {problem}. Remove {path.parent}, whose features can't be trusted without it, "
        "and run fishcli features again."
    )


def list_stores(features_dir: Path) -> list[Path]:
    """The folders of all stores under `features_dir`, the one used last first."""
    recipes = sorted(features_dir.glob("*/recipe.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    return [path.parent for path in recipes]
