"""`fishcli score`: the competition's log loss of submissions, offline."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError, examples
from fishcli.basics.files import as_numbers, read_cells, read_csv
from fishcli.basics.progress import say
from fishcli.basics.tables import table_text
from fishcli.dataset.classes import labels_of, smoothed_prior
from fishcli.dataset.layout.layout import read_training
from fishcli.dataset.layout.pools import has_training
from fishcli.dataset.layout.tables import id_place
from fishcli.dataset.names import NameIndex
from fishcli.options.predict import ScoreConfig
from fishcli.scoring.metrics import accuracy, log_loss


@dataclass(frozen=True)
class _Answers:
    """What a submission says of the solution's images that it answers.

    Attributes:
        path: the submission.
        class_names: its columns, in their order.
        rows: (n rows) `image`, `class_name` and perhaps `stage` and `group`, of the solution.
        labels: (n,) the place of each true class in the columns' order.
        proba: (n, C).
    """

    path: Path
    class_names: list[str]
    rows: pd.DataFrame
    labels: np.ndarray
    proba: np.ndarray


def run(config: ScoreConfig) -> str:
    """Score submissions; returns a table.

    Of one submission: all images, then each stage and group that the solution knows. Of several: a line each,
    or one for each stage that it answers, stage by stage.
    """
    solution = read_csv(config.solution, ["image", "class_name"], ["image", "class_name", "stage", "group"])
    answers = [_read((path, config.solution), solution) for path in config.submissions]
    known = _training_classes(config)
    table = []
    for each in answers:
        everything = {"all": np.ones(len(each.rows), bool)}
        stages, groups = _parts(each, "stage"), _parts(each, "group")
        parts = {**everything, **stages, **groups} if len(answers) == 1 else stages or everything
        prior = _prior(each, known)
        name = {} if len(answers) == 1 else {"submission": each.path.stem}
        table += [{"part": part, **name, **_scores(each, prior, here)} for part, here in parts.items()]
    if len(answers) > 1:
        table.sort(key=lambda row: str(row["part"]))
    return table_text(pd.DataFrame(table))


def _parts(answers: _Answers, column: str) -> dict[str, np.ndarray]:
    """Which rows (n,) have each value of a column that the solution may have."""
    rows = answers.rows
    values = sorted(rows[column].unique()) if column in rows else []
    return {f"{column} {value}": (rows[column] == value).to_numpy() for value in values}


def _scores(answers: _Answers, prior: np.ndarray, here: np.ndarray) -> dict[str, object]:
    labels, proba = answers.labels[here], answers.proba[here]
    return {
        "images": len(labels),
        "log loss": log_loss(labels, proba),
        "prior": log_loss(labels, np.tile(prior, (len(labels), 1))),
        "accuracy": accuracy(labels, proba),
    }


def _read(paths: tuple[Path, Path], solution: pd.DataFrame) -> _Answers:
    """Read a submission and join it to the solution; `paths` are the submission's and the solution's.

    Raises:
        FishError: it is malformed, or answers other images or classes than the solution has.
    """
    path = paths[0]
    header, cells = read_cells(path, ["image"])
    place = id_place(header)
    names, answers = cells[place].rename("image"), cells.drop(columns=place)
    class_names = [name for i, name in enumerate(header) if i != place]
    twice = [name for name, n in Counter(class_names).items() if n > 1]
    if twice:
        raise FishError(f"{path}, line 1: two columns are called {examples(twice)}. Rename one.")
    rows, answered = _join(paths, names, solution)
    unknown = set(rows["class_name"]) - set(class_names)
    if unknown:
        raise FishError(f"{path} has no column for the classes {examples(unknown)} of the solution.")
    proba = answers.iloc[answered].apply(as_numbers).to_numpy(np.float64)
    bad = list(rows["image"][(~np.isfinite(proba) | (proba < 0)).any(axis=1) | (proba.sum(axis=1) <= 0)])
    if bad:
        raise FishError(
            f"{path}: {len(bad):,} rows hold no probabilities (no number, "
            f"negative, or all zero): {examples(bad)}."
        )
    return _Answers(path, class_names, rows, labels_of(rows["class_name"], class_names), proba)


def _join(
    paths: tuple[Path, Path], names: pd.Series, solution: pd.DataFrame
) -> tuple[pd.DataFrame, np.ndarray]:
    """The solution's rows that a submission of `names` answers, and for each the submission's row.

    Names are joined as everywhere: "img_1" means img_1.jpg. `paths` are the submission's and the solution's.
    """
    path, solution_path = paths
    if names.empty:
        raise FishError(f"{path} has no line after its header.")
    twice = list(solution["image"][solution["image"].duplicated()])
    if twice:
        raise FishError(f"{solution_path}: {len(twice):,} images stand there twice: {examples(twice)}.")
    found, extra = NameIndex(solution["image"]).find_all(names, str(path))
    if extra:
        raise FishError(f"{path}: {len(extra):,} images are not in the solution: {examples(extra)}.")
    images = names.map(found)
    twice = list(names[images.duplicated()])
    if twice:
        raise FishError(f"{path}: {len(twice):,} images stand there twice: {examples(twice)}.")
    is_answered = solution["image"].isin(images)
    stages = solution["stage"] if "stage" in solution else pd.Series("", index=solution.index)
    lacking = list(solution["image"][~is_answered & stages.isin(stages[is_answered])])
    if lacking:
        raise FishError(f"{path} lacks {len(lacking):,} images of the solution: {examples(lacking)}.")
    rows = solution[is_answered].reset_index(drop=True)
    return rows, pd.Index(images).get_indexer(pd.Index(rows["image"]))


def _training_classes(config: ScoreConfig) -> pd.Series | None:
    """The class of each training image; None where there are none."""
    if not has_training(config.data_dir, config.layout):
        say("prior: class shares in the solution itself, for want of the training images (--data-dir)")
        return None
    found = read_training(config.data_dir, config.layout)
    say(f"prior: class shares in {found.train_dir}")
    return found.table["class_name"]


def _prior(answers: _Answers, known: pd.Series | None) -> np.ndarray:
    """The class prior (C,) of the training images, or of the solution where there are none.

    Raises:
        FishError: the submission's columns are not the classes of the training images.
    """
    names = answers.class_names
    if known is None:
        return smoothed_prior(np.bincount(answers.labels, minlength=len(names)))
    if set(known) != set(names):
        raise FishError(
            f"{answers.path}: its columns are not the classes of the training images: "
            f"missing {examples(set(known) - set(names)) or 'none'}, "
            f"extra {examples(set(names) - set(known)) or 'none'}. Mend it, or name another --data-dir."
        )
    return smoothed_prior(np.bincount(labels_of(known, names), minlength=len(names)))
