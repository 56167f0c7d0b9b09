"""What a submission says of the images that a solution knows."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError, examples
from fishcli.basics.files import as_numbers, read_cells
from fishcli.dataset.classes import class_order, in_order, labels_of
from fishcli.dataset.layout.stages import IGNORED
from fishcli.dataset.layout.tables import id_place
from fishcli.dataset.layout.tag_columns import parts_of_cells
from fishcli.dataset.names import NameIndex
from fishcli.dataset.tags import are_tags
from fishcli.scoring.tag_rules import said_tags

LABEL = "label"
"""The column of a submission that names classes, beside "image" alone."""


@dataclass(frozen=True)
class Answered:
    """What a submission says of the solution's images that it answers.

    Attributes:
        path: the submission.
        rows: (n rows) `image`, `class_name` and perhaps `stage` and `group`, of the solution.
        class_names: the classes in order; of one of probabilities its columns, in theirs.
        labels: (n,) the place of each true class in that order; of tags (n, C).
        proba: (n, C); None where it answers labels.
        decided: the labels that it answers, or finds most probable: (n,), of tags (n, C) bool.
    """

    path: Path
    rows: pd.DataFrame
    class_names: list[str]
    labels: np.ndarray
    proba: np.ndarray | None
    decided: np.ndarray

    @property
    def is_tagged(self) -> bool:
        """Whether an image may have several labels."""
        return self.labels.ndim == 2


def read_answers(paths: tuple[Path, Path], solution: pd.DataFrame, separator: str | None = None) -> Answered:
    """Read a submission and join it to the solution.

    Args:
        paths: the submission's and the solution's.
        solution: `image`, `class_name` and perhaps `stage` and `group`; tags as `dataset.tags` writes them.
        separator: what stands between a submission's tags; None: it is found.

    Raises:
        FishError: it is malformed, or answers other images or classes than the solution has.
    """
    path, is_tagged = paths[0], are_tags(solution["class_name"])
    header, cells = read_cells(path, [] if is_tagged else ["image"])
    place = id_place(header)
    names, answers = cells[place].rename("image"), cells.drop(columns=place)
    class_names = [name for i, name in enumerate(header) if i != place]
    if is_tagged and len(class_names) == 1 and class_names[0] not in class_order(solution["class_name"]):
        return _tags(paths, names, parts_of_cells(answers.iloc[:, 0], separator), solution)
    if class_names == [LABEL] and LABEL not in set(solution["class_name"]):
        return _labels(paths, names, answers.iloc[:, 0], solution)
    twice = [name for name, n in Counter(class_names).items() if n > 1]
    if twice:
        raise FishError(f"{path}, line 1: two columns are called {examples(twice)}. Rename one.")
    rows, answered = _join(paths, names, solution)
    unknown = set(class_order(rows["class_name"])) - set(class_names)
    if unknown:
        raise FishError(f"{path} has no column for the classes {examples(unknown)} of the solution.")
    proba = answers.iloc[answered].apply(as_numbers).to_numpy(np.float64)
    is_bad = (~np.isfinite(proba) | (proba < 0)).any(axis=1)
    is_bad |= (proba > 1).any(axis=1) if is_tagged else proba.sum(axis=1) <= 0
    if bad := list(rows["image"][is_bad]):
        what = "over 1" if is_tagged else "or all zero"
        raise FishError(
            f"{path}: {len(bad):,} rows hold no probabilities (no number, negative, {what}): {examples(bad)}."
        )
    labels = labels_of(rows["class_name"], class_names)
    if is_tagged:
        return Answered(path, rows, class_names, labels, proba, said_tags(proba))
    return Answered(path, rows, class_names, labels, proba, proba.argmax(axis=1))


def _labels(
    paths: tuple[Path, Path], names: pd.Series, answers: pd.Series, solution: pd.DataFrame
) -> Answered:
    """A submission of one label an image, joined to the solution as `_read` does."""
    rows, answered = _join(paths, names, solution)
    decided = answers.iloc[answered]
    empty = list(rows["image"][(decided == "").to_numpy()])
    if empty:
        raise FishError(f"{paths[0]}: {len(empty):,} rows have no label: {examples(empty)}.")
    class_names = in_order({*solution["class_name"], *decided})
    labels, found = (labels_of(each, class_names) for each in (rows["class_name"], decided))
    return Answered(paths[0], rows, class_names, labels, None, found)


def _tags(paths: tuple[Path, Path], names: pd.Series, answers: pd.Series, solution: pd.DataFrame) -> Answered:
    """A submission of an image's tags, as texts of `dataset.tags`, joined to the solution as those are."""
    rows, answered = _join(paths, names, solution)
    decided = answers.iloc[answered]
    class_names = class_order([*solution["class_name"], *decided])
    labels, found = (labels_of(each, class_names) for each in (rows["class_name"], decided))
    return Answered(paths[0], rows, class_names, labels, None, found > 0)


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
    counts = is_answered & (stages != IGNORED)
    rows = solution[counts].reset_index(drop=True)
    return rows, pd.Index(images).get_indexer(pd.Index(rows["image"]))
