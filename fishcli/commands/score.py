"""`fishcli score`: the competition's log loss of a submission, offline."""

import numpy as np
import pandas as pd

from fishcli.configs import ScoreConfig
from fishcli.dataset.classes import labels_of, smoothed_prior
from fishcli.dataset.images import load_labels
from fishcli.errors import FishError, examples
from fishcli.files import read_csv
from fishcli.progress import say, table_text
from fishcli.scoring.metrics import accuracy, log_loss


def run(config: ScoreConfig) -> str:
    """Score a submission; returns a table: all images, then each stage and group that the solution knows."""
    solution = read_csv(config.solution, ["image", "class_name"], ["image", "class_name", "stage", "group"])
    submission = read_csv(config.submission, ["image"], ["image"])
    rows = _join(config, submission, solution)
    class_names = [column for column in submission.columns if column != "image"]
    unknown = set(rows["class_name"]) - set(class_names)
    if unknown:
        raise FishError(
            f"{config.submission} has no column for the classes {examples(unknown)} of the solution."
        )
    proba = rows[class_names].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    bad = list(rows["image"][(~np.isfinite(proba) | (proba < 0)).any(axis=1) | (proba.sum(axis=1) <= 0)])
    if bad:
        raise FishError(
            f"{config.submission}: {len(bad):,} rows hold no probabilities (no number, "
            f"negative, or all zero): {examples(bad)}."
        )
    labels = labels_of(rows["class_name"], class_names)
    prior = np.tile(_prior(config, class_names, labels), (len(rows), 1))
    parts = {"all": np.ones(len(rows), bool)}
    for column in ("stage", "group"):
        for value in sorted(rows[column].unique()) if column in rows else []:
            parts[f"{column} {value}"] = (rows[column] == value).to_numpy()
    table = [
        {
            "part": part,
            "images": int(here.sum()),
            "log loss": log_loss(labels[here], proba[here]),
            "prior": log_loss(labels[here], prior[here]),
            "accuracy": accuracy(labels[here], proba[here]),
        }
        for part, here in parts.items()
    ]
    return table_text(pd.DataFrame(table))


def _join(config: ScoreConfig, submission: pd.DataFrame, solution: pd.DataFrame) -> pd.DataFrame:
    """The solution's rows that the submission answers, with its columns; joined on the image's name."""
    for path, table in ((config.submission, submission), (config.solution, solution)):
        twice = list(table["image"][table["image"].duplicated()])
        if twice:
            raise FishError(f"{path}: {len(twice):,} images stand there twice: {examples(twice)}.")
    if submission.empty:
        raise FishError(f"{config.submission} has no line after its header.")
    taken = sorted((set(submission.columns) & set(solution.columns)) - {"image"})
    if taken:
        raise FishError(
            f"{config.submission} has the columns {examples(taken)} of the solution. Remove them."
        )
    extra = set(submission["image"]) - set(solution["image"])
    if extra:
        raise FishError(
            f"{config.submission}: {len(extra):,} images are not in the solution: {examples(extra)}."
        )
    answered = solution["image"].isin(submission["image"])
    stages = solution["stage"] if "stage" in solution else pd.Series("", index=solution.index)
    lacking = list(solution["image"][~answered & stages.isin(stages[answered])])
    if lacking:
        raise FishError(
            f"{config.submission} lacks {len(lacking):,} images of the solution: {examples(lacking)}."
        )
    return solution[answered].merge(submission, on="image", validate="one_to_one")


def _prior(config: ScoreConfig, class_names: list[str], labels: np.ndarray) -> np.ndarray:
    """The class prior of the training images, or of the solution where there are none.

    Raises:
        FishError: the submission's columns are not the classes of the training images.
    """
    if not (config.data_dir / "train").is_dir():
        say("prior: class shares in the solution itself, for want of the training images (--data-dir)")
        return smoothed_prior(np.bincount(labels, minlength=len(class_names)))
    train, _ = load_labels(config.data_dir)
    known = set(train["class_name"])
    if known != set(class_names):
        raise FishError(
            f"{config.submission}: its columns are not the classes of {config.data_dir / 'train'}: "
            f"missing {examples(known - set(class_names)) or 'none'}, "
            f"extra {examples(set(class_names) - known) or 'none'}. Mend it, or name another --data-dir."
        )
    say(f"prior: class shares in {config.data_dir / 'train'}")
    labels = labels_of(train["class_name"], class_names)
    return smoothed_prior(np.bincount(labels, minlength=len(class_names)))
