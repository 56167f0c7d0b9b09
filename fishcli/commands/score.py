"""`fishcli score`: the competition's metrics of submissions, offline."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError, examples
from fishcli.basics.files import as_numbers, read_cells, read_csv
from fishcli.basics.progress import say
from fishcli.basics.tables import table_text
from fishcli.dataset.classes import in_order, labels_of, smoothed_prior
from fishcli.dataset.layout.layout import read_training
from fishcli.dataset.layout.pools import has_training
from fishcli.dataset.layout.stages import IGNORED, USAGE, with_stages
from fishcli.dataset.layout.tables import id_place
from fishcli.dataset.names import NameIndex
from fishcli.options.predict import ScoreConfig
from fishcli.options.train import AUTO_METRIC
from fishcli.runs.stages import Scored, falls_said
from fishcli.scoring.metrics import (
    LOG_LOSS,
    Metric,
    log_loss,
    log_losses,
    metric_named,
    right_share,
    usual_metric,
)

LABEL = "label"
"""The column of a submission that names classes, beside "image" alone."""


@dataclass(frozen=True)
class _Answers:
    """What a submission says of the solution's images that it answers.

    Attributes:
        path: the submission.
        rows: (n rows) `image`, `class_name` and perhaps `stage` and `group`, of the solution.
        class_names: the classes in order; of one of probabilities its columns, in theirs.
        labels: (n,) the place of each true class in that order.
        proba: (n, C); None where it answers labels.
        decided: (n,) the label that it answers, or finds most probable.
    """

    path: Path
    rows: pd.DataFrame
    class_names: list[str]
    labels: np.ndarray
    proba: np.ndarray | None
    decided: np.ndarray


def run(config: ScoreConfig) -> str:
    """Score submissions; returns the table of `scores` as text."""
    return table_text(scores(config))


def scores(config: ScoreConfig) -> pd.DataFrame:
    """The figures of submissions: `part`, `submission` where there are several, `images`, the metrics.

    Of one submission: all images, then each stage and group that the solution knows. Of several: a line each,
    or one for each stage that it answers, stage by stage. How losses fell between stages is said.
    """
    if config.metric != AUTO_METRIC:
        metric_named(config.metric)
    text = ["image", "class_name", "stage", USAGE, "group"]
    solution = read_csv(config.solution, ["image", "class_name"], text)
    solution = with_stages(solution, config.data_dir, config.layout)
    answers = [_read((path, config.solution), solution) for path in config.submissions]
    known = _training_classes(config)
    table = []
    for each in answers:
        everything = {"all": np.ones(len(each.rows), bool)}
        stages, groups = _parts(each, "stage"), _parts(each, "group")
        parts = {**everything, **stages, **groups} if len(answers) == 1 else stages or everything
        prior, metric = _prior(each, known), _metric(each, config.metric)
        name = {} if len(answers) == 1 else {"submission": each.path.stem}
        table += [
            {"part": part, **name, **_scores(each, prior, here, metric)} for part, here in parts.items()
        ]
    if len(answers) > 1:
        table.sort(key=lambda row: str(row["part"]))
    scored = [
        Scored(each.path.stem, log_losses(each.labels, each.proba), each.rows)
        for each in answers
        if each.proba is not None and "stage" in each.rows
    ]
    for line in falls_said(scored, config.models_dir):
        say(line)
    return pd.DataFrame(table)


def _parts(answers: _Answers, column: str) -> dict[str, np.ndarray]:
    """Which rows (n,) have each value of a column that the solution may have."""
    rows = answers.rows
    values = sorted(rows[column].unique()) if column in rows else []
    return {f"{column} {value}": (rows[column] == value).to_numpy() for value in values}


def _metric(answers: _Answers, asked: str) -> Metric:
    """The metric that is asked for, or that goes with the form of the answers.

    Raises:
        FishError: it is one of probabilities, and the submission has none.
    """
    form = "probabilities" if answers.proba is not None else "label"
    metric = metric_named(usual_metric(form) if asked == AUTO_METRIC else asked)
    if answers.proba is None and not metric.of_labels:
        raise FishError(
            f"{answers.path} answers labels, of which --metric {metric.name} says nothing: it takes "
            "probabilities. Leave --metric out, or score a submission with a column a class."
        )
    return metric


def _scores(answers: _Answers, prior: np.ndarray, here: np.ndarray, metric: Metric) -> dict[str, object]:
    """The figures of the rows `here`, (n,) bool, each beside that of the prior (C,), or of its top class."""
    labels, decided = answers.labels[here], answers.decided[here]
    same = np.tile(prior, (len(labels), 1))
    proba = None if answers.proba is None else answers.proba[here]
    scores: dict[str, object] = {"images": len(labels)}
    if proba is not None:
        scores |= {"log loss": log_loss(labels, proba), "prior": log_loss(labels, same)}
    scores["accuracy"] = right_share(labels, decided)
    if metric.of_labels:
        grade = labels_of(answers.class_names, in_order(answers.class_names))  # columns come in any order
        values = [metric.function(grade[labels], grade[each]) for each in (decided, same.argmax(axis=1))]
        return {**scores, metric.name: values[0], f"majority's {metric.name}": values[1]}
    if proba is not None and metric.name != LOG_LOSS:
        values = [metric.function(labels, each) for each in (proba, same)]
        return {**scores, metric.name: values[0], f"prior's {metric.name}": values[1]}
    return scores


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
    if class_names == [LABEL] and LABEL not in set(solution["class_name"]):
        return _labels(paths, names, answers.iloc[:, 0], solution)
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
    labels = labels_of(rows["class_name"], class_names)
    return _Answers(path, rows, class_names, labels, proba, proba.argmax(axis=1))


def _labels(
    paths: tuple[Path, Path], names: pd.Series, answers: pd.Series, solution: pd.DataFrame
) -> _Answers:
    """A submission of one label an image, joined to the solution as `_read` does."""
    rows, answered = _join(paths, names, solution)
    decided = answers.iloc[answered]
    empty = list(rows["image"][(decided == "").to_numpy()])
    if empty:
        raise FishError(f"{paths[0]}: {len(empty):,} rows have no label: {examples(empty)}.")
    class_names = in_order({*solution["class_name"], *decided})
    labels, found = (labels_of(each, class_names) for each in (rows["class_name"], decided))
    return _Answers(paths[0], rows, class_names, labels, None, found)


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
    if known is not None and answers.proba is None:
        known = known[known.isin(names)]  # those that nobody answers are never the right ones
    if known is None or known.empty:
        return smoothed_prior(np.bincount(answers.labels, minlength=len(names)))
    if answers.proba is not None and set(known) != set(names):
        raise FishError(
            f"{answers.path}: its columns are not the classes of the training images: "
            f"missing {examples(set(known) - set(names)) or 'none'}, "
            f"extra {examples(set(names) - set(known)) or 'none'}. Mend it, or name another --data-dir."
        )
    return smoothed_prior(np.bincount(labels_of(known, names), minlength=len(names)))
