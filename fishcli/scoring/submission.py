"""Submission files: in the sample's columns, order and form, validated before they are written."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError, examples
from fishcli.basics.files import write_csv
from fishcli.dataset.classes import proba_columns
from fishcli.dataset.layout.answers import Answer
from fishcli.dataset.layout.samples import Sample

SUM_TOLERANCE = 1e-6


def clip_proba(proba: np.ndarray, eps: float, is_tagged: bool = False) -> np.ndarray:
    """Lift probabilities (n, C) to at least `eps`, then let rows sum to 1 again.

    Those of tags are held in [eps, 1 - eps] instead.
    """
    if is_tagged:
        return np.asarray(np.clip(proba, eps, 1.0 - eps))
    lifted = np.maximum(proba, eps)
    return lifted / lifted.sum(axis=1, keepdims=True)


def make_submission(
    sample: Sample, predictions: pd.DataFrame, labels: np.ndarray, n_train: int
) -> pd.DataFrame:
    """Bring predictions into the sample's rows, columns and form, joined on (split, image).

    Args:
        sample: what the competition wants back.
        predictions: `split`, `image` and the classes' `proba_columns`.
        labels: (n,) int, what each row of `predictions` is decided to be, where labels are wanted; of tags
            (n, C) bool.
        n_train: images that were trained on: a column of a class that none of them shows is answered by its
            smoothed prior.

    Returns:
        A table whose columns are the sample's, in its order: two of them may be called "image".

    Raises:
        FishError: images without a prediction.
    """
    answer = sample.answer
    proba = predictions[proba_columns(answer.classes)].to_numpy(np.float64)
    rows = pd.Series(range(len(predictions)), index=pd.MultiIndex.from_frame(predictions[["split", "image"]]))
    lacking = [name for name, key in zip(sample.names, sample.keys, strict=True) if key not in rows.index]
    if lacking:
        raise FishError(f"{len(lacking):,} images of {sample.path} have no prediction: {examples(lacking)}.")
    wanted = rows.loc[list(sample.keys)].to_numpy()
    columns = _answers(sample, proba[wanted], labels[wanted], n_train)
    columns.insert(sample.place, list(sample.names))
    submission = pd.concat([pd.Series(column, dtype=None) for column in columns], axis=1)
    submission.columns = pd.Index(sample.columns)
    return submission


def _answers(sample: Sample, proba: np.ndarray, labels: np.ndarray, n_train: int) -> list[list[object]]:
    """The cells of each column but the one that names images; `proba` (n, C), `labels` (n,)."""
    answer = sample.answer
    names = np.array(answer.classes, dtype=object)
    if answer.form == "tags":
        return [[answer.separator.join(names[row]) for row in np.asarray(labels, bool)]]
    if answer.form == "probabilities":
        return _proba_columns(answer, proba, n_train)
    if answer.form == "probability":
        return [list(proba[:, answer.classes.index(answer.positive)])]
    said = labels.astype(object) if answer.codes else names[labels]
    if answer.form == "label":
        return [list(said)]
    if answer.form == "label+confidence":
        sure = proba[np.arange(len(proba)), labels]
        if len(answer.columns) > 1:
            return [list(said), list(sure)]
        return [[f"{name} {each:.6f}" for name, each in zip(said, sure, strict=True)]]
    ranked = names[np.argsort(-proba, axis=1, kind="stable")[:, : answer.k]]
    if len(answer.columns) > 1:
        # A competition of fewer classes than places wants something in each.
        places = np.minimum(np.arange(answer.k), ranked.shape[1] - 1)
        return [list(ranked[:, place]) for place in places]
    return [[" ".join(map(str, row)) for row in ranked]]


def _proba_columns(answer: Answer, proba: np.ndarray, n_train: int) -> list[list[object]]:
    """The columns of classes; those that no training image shows get (1/2) / (N + C/2) each.

    That is what Jeffreys' prior has for them; the others get what is left. Of tags, each a class of two, it
    is (1/2) / (N + 1), and others stay.
    """
    columns, classes = answer.columns, answer.classes
    n_unseen = sum(name not in classes for name in columns)
    unseen = 0.5 / (n_train + (1.0 if answer.is_tagged else 0.5 * len(columns)))
    left = 1.0 if answer.is_tagged else 1.0 - n_unseen * unseen
    return [
        list(proba[:, classes.index(name)] * left if n_unseen else proba[:, classes.index(name)])
        if name in classes
        else [unseen] * len(proba)
        for name in columns
    ]


def check_submission(submission: pd.DataFrame, sample: Sample) -> None:
    """Check a submission against the images it must answer and the form it must have.

    Raises:
        FishError: a missing column; images missing, extra or doubled; values that are no number or lie
            outside [0, 1]; rows that do not sum to 1; labels that are no class. With counts and examples.
    """
    lacking = list((Counter(sample.columns) - Counter(submission.columns)).elements())
    if lacking:
        raise FishError(f"the submission has no column {examples(list(map(repr, lacking)))}.")
    place = list(submission.columns).index(sample.columns[sample.place])
    images = pd.Series(submission.iloc[:, [place]].to_numpy().ravel())
    names = list(sample.names)
    problems = {
        "images are missing": sorted(set(names) - set(images)),
        "images are not asked for": sorted(set(images) - set(names)),
        "images stand there twice": list(images[images.duplicated()]),
    }
    answers = submission.iloc[:, [number for number in range(len(submission.columns)) if number != place]]
    if sample.answer.form in ("probabilities", "probability"):
        sums_to_1 = sample.answer.form == "probabilities" and not sample.answer.is_tagged
        problems |= _of_numbers(answers, images, sums_to_1=sums_to_1)
    else:
        problems["rows hold no class"] = list(images[~_are_labels(answers, sample)])
    found = [f"{len(rows):,} {what}: {examples(rows)}" for what, rows in problems.items() if rows]
    if found:
        raise FishError("the submission is not valid. " + "; ".join(found) + ".")


def _of_numbers(answers: pd.DataFrame, images: pd.Series, *, sums_to_1: bool) -> dict[str, list[str]]:
    proba = answers.apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    outside = ((proba < 0) | (proba > 1)).any(axis=1)
    off = np.abs(proba.sum(axis=1) - 1) > SUM_TOLERANCE if sums_to_1 else np.zeros(len(proba), bool)
    return {
        "rows hold a value that is no number": list(images[np.isnan(proba).any(axis=1)]),
        "rows hold a value outside [0, 1]": list(images[outside]),
        "rows do not sum to 1": list(images[off]),
    }


def _are_labels(answers: pd.DataFrame, sample: Sample) -> np.ndarray:
    """Whether each row (n,) holds labels of the sample's classes."""
    answer = sample.answer
    known = {str(code) for code in range(len(answer.classes))} if answer.codes else set(answer.classes)
    cells = answers.astype(str)
    if answer.form == "tags":
        found = cells.iloc[:, 0].map(lambda cell: set(cell.split(answer.separator)) - {""} <= known)
        return found.to_numpy(bool)
    if answer.form == "label+confidence":
        cells = cells.iloc[:, [0]].map(lambda cell: cell.rpartition(" ")[0] or cell)
    elif answer.form == "top-k" and len(answer.columns) == 1:
        return cells.iloc[:, 0].map(lambda cell: set(cell.split()) <= known).to_numpy(bool)
    return cells.isin(known).all(axis=1).to_numpy(bool)


def write_submission(path: Path, submission: pd.DataFrame, sample: Sample) -> None:
    """Validate a submission against its sample and write it."""
    check_submission(submission, sample)
    write_csv(path, submission, sample.separator)
