"""`fishcli score`: the competition's metrics of submissions, offline."""

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError, examples
from fishcli.basics.files import read_csv
from fishcli.basics.progress import say
from fishcli.basics.tables import table_text
from fishcli.dataset.classes import class_order, counts_of, in_order, labels_of, smoothed_prior
from fishcli.dataset.layout.layout import read_training
from fishcli.dataset.layout.pools import has_training
from fishcli.dataset.layout.stages import USAGE, with_stages
from fishcli.dataset.layout.tag_columns import known_tags_of, tags_of_cells
from fishcli.dataset.tags import are_tags, as_text
from fishcli.options.predict import ScoreConfig
from fishcli.options.train import AUTO_METRIC
from fishcli.runs.predicting.answered import Answered, read_answers
from fishcli.runs.stages import Scored, falls_said
from fishcli.scoring.decisions import plain_decision
from fishcli.scoring.metrics import (
    LOG_LOSS,
    Metric,
    log_loss,
    log_losses,
    metric_named,
    right_share,
    usual_metric,
)


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
    (known, said), separator = _training_classes(config), config.layout.label_separator
    if known is not None and are_tags(known):
        solution["class_name"] = known_tags_of(solution["class_name"], class_order(known), separator)
    elif (tags := tags_of_cells("class_name", solution["class_name"], separator)) is not None:
        solution["class_name"] = tags
    answers = [read_answers((path, config.solution), solution, separator) for path in config.submissions]
    say(f"prior: class shares in {said}")
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


def _parts(answers: Answered, column: str) -> dict[str, np.ndarray]:
    """Which rows (n,) have each value of a column that the solution may have."""
    rows = answers.rows
    values = sorted(rows[column].unique()) if column in rows else []
    return {f"{column} {value}": (rows[column] == value).to_numpy() for value in values}


def _metric(answers: Answered, asked: str) -> Metric:
    """The metric that is asked for, or that goes with the form of the answers.

    Raises:
        FishError: it is one of probabilities, and the submission has none.
    """
    form = "probabilities" if answers.proba is not None else "tags" if answers.is_tagged else "label"
    metric = metric_named(usual_metric(form, answers.is_tagged) if asked == AUTO_METRIC else asked)
    metric.check(answers.is_tagged)
    if answers.proba is None and not metric.of_labels:
        raise FishError(
            f"{answers.path} answers labels, of which --metric {metric.name} says nothing: it takes "
            "probabilities. Leave --metric out, or score a submission with a column a class."
        )
    return metric


def _scores(answers: Answered, prior: np.ndarray, here: np.ndarray, metric: Metric) -> dict[str, object]:
    """The figures of the rows `here`, (n,) bool, each beside that of the prior (C,), or of its top class."""
    labels, decided = answers.labels[here], answers.decided[here]
    same = np.tile(prior, (len(labels), 1))
    proba = None if answers.proba is None else answers.proba[here]
    scores: dict[str, object] = {"images": len(labels)}
    if proba is not None:
        scores |= {"log loss": log_loss(labels, proba), "prior": log_loss(labels, same)}
    if answers.is_tagged:
        scores["accuracy"] = float((decided == (labels > 0)).all(axis=1).mean())
        majority = plain_decision(labels).decide(same)
    else:
        scores["accuracy"], majority = right_share(labels, decided), same.argmax(axis=1)
    if metric.of_labels and not answers.is_tagged:
        grade = labels_of(answers.class_names, in_order(answers.class_names))  # columns come in any order
        labels, decided, majority = grade[labels], grade[decided], grade[majority]
    if metric.of_labels:
        values = [metric.value(labels, each) for each in (decided, majority)]
        return {**scores, metric.name: values[0], f"majority's {metric.name}": values[1]}
    if proba is not None and metric.name != LOG_LOSS:
        values = [metric.value(labels, each) for each in (proba, same)]
        return {**scores, metric.name: values[0], f"prior's {metric.name}": values[1]}
    return scores


def _targets(known: pd.Series, names: list[str]) -> np.ndarray:
    """Which of some tags the training images have (n, C); those that nobody asks for are passed over."""
    order = class_order([*known, as_text(names)])
    return labels_of(known, order)[:, [order.index(name) for name in names]]


def _training_classes(config: ScoreConfig) -> tuple[pd.Series | None, str]:
    """The class of each training image, None where there are none; and what the prior is of then."""
    if not has_training(config.data_dir, config.layout):
        return None, "the solution itself, for want of the training images (--data-dir)"
    found = read_training(config.data_dir, config.layout)
    return found.table["class_name"], str(found.train_dir)


def _prior(answers: Answered, known: pd.Series | None) -> np.ndarray:
    """The class prior (C,) of the training images, or of the solution where there are none.

    Raises:
        FishError: the submission's columns are not the classes of the training images.
    """
    names = answers.class_names
    if answers.is_tagged:
        labels = answers.labels if known is None else _targets(known, names)
        return smoothed_prior(counts_of(labels, len(names)))
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
