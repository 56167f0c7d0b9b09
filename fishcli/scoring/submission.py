"""Submission files: in the sample's columns and order, validated before they are written."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError, examples
from fishcli.basics.files import write_csv
from fishcli.dataset.classes import proba_columns
from fishcli.dataset.layout.samples import Sample, id_place

SUM_TOLERANCE = 1e-6


def clip_proba(proba: np.ndarray, eps: float) -> np.ndarray:
    """Lift probabilities (n, C) to at least `eps`, then let rows sum to 1 again."""
    lifted = np.maximum(proba, eps)
    return lifted / lifted.sum(axis=1, keepdims=True)


def make_submission(sample: Sample, predictions: pd.DataFrame, class_names: list[str]) -> pd.DataFrame:
    """Bring predictions into the sample's rows and columns, joined on (split, image).

    Args:
        sample: what the competition wants back.
        predictions: `split`, `image` and the classes' `proba_columns`.
        class_names: the classes.

    Returns:
        A table whose columns are the sample's, in its order: two of them may be called "image".

    Raises:
        FishError: images without a prediction.
    """
    by_key = predictions.set_index(["split", "image"])[proba_columns(class_names)]
    lacking = [name for name, key in zip(sample.names, sample.keys, strict=True) if key not in by_key.index]
    if lacking:
        raise FishError(f"{len(lacking):,} images of {sample.path} have no prediction: {examples(lacking)}.")
    rows = by_key.loc[list(sample.keys)].reset_index(drop=True)
    names = pd.Series(list(sample.names), name="image")
    columns = proba_columns(sample.columns)
    columns.pop(id_place(sample.columns))
    submission = pd.concat([names, rows[columns]], axis=1)
    order = np.insert(np.arange(1, len(sample.columns)), id_place(sample.columns), 0)
    submission = submission.iloc[:, order]
    submission.columns = pd.Index(sample.columns)
    return submission


def check_submission(submission: pd.DataFrame, names: list[str], class_names: list[str]) -> None:
    """Check a submission against the images it must answer.

    Raises:
        FishError: a missing column; images missing, extra or doubled; values that are no number or lie
            outside [0, 1]; rows that do not sum to 1. With counts and examples.
    """
    lacking = list((Counter(["image", *class_names]) - Counter(submission.columns)).elements())
    if lacking:
        raise FishError(f"the submission has no column {examples(list(map(repr, lacking)))}.")
    place = id_place(list(submission.columns))
    images = pd.Series(submission.iloc[:, [place]].to_numpy().ravel())
    wanted = np.flatnonzero(submission.columns.isin(class_names))
    answers = submission.iloc[:, wanted[wanted != place]]
    proba = answers.apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    outside = ((proba < 0) | (proba > 1)).any(axis=1)
    off = np.abs(proba.sum(axis=1) - 1) > SUM_TOLERANCE
    problems = {
        "images are missing": sorted(set(names) - set(images)),
        "images are not asked for": sorted(set(images) - set(names)),
        "images stand there twice": list(images[images.duplicated()]),
        "rows hold a value that is no number": list(images[np.isnan(proba).any(axis=1)]),
        "rows hold a value outside [0, 1]": list(images[outside]),
        "rows do not sum to 1": list(images[off]),
    }
    found = [f"{len(rows):,} {what}: {examples(rows)}" for what, rows in problems.items() if rows]
    if found:
        raise FishError("the submission is not valid. " + "; ".join(found) + ".")


def write_submission(path: Path, submission: pd.DataFrame, sample: Sample, class_names: list[str]) -> None:
    """Validate a submission against its sample and write it."""
    check_submission(submission, list(sample.names), class_names)
    write_csv(path, submission)
