"""From a run's predictions to the submissions that the competition asks for."""

import shlex
from pathlib import Path

import pandas as pd

from fishcli.basics.errors import FishError
from fishcli.basics.locks import alone
from fishcli.basics.progress import say, warn
from fishcli.dataset.classes import proba_columns
from fishcli.dataset.layout.images import load_tests, load_train
from fishcli.dataset.layout.samples import Sample, load_samples
from fishcli.options.predict import SubmissionConfig
from fishcli.runs.run import Run
from fishcli.scoring.decisions import Decision
from fishcli.scoring.submission import clip_proba, make_submission, write_submission


def load_competition(config: SubmissionConfig, this_run: Run) -> tuple[list[Sample], dict[str, pd.DataFrame]]:
    """The sample submissions, and the tables of the test folders that they ask for.

    Raises:
        FishError: no test photos, or the samples don't fit.
    """
    _say_where_train_differs(config, this_run)
    tests = load_tests(config.data_dir, config.reading)
    samples = load_samples(config.data_dir, tests, this_run.class_names, config.layout)
    asked = {split for sample in samples for split, _ in sample.keys}
    return samples, {split: table for split, table in tests.items() if split in asked}


def _say_where_train_differs(config: SubmissionConfig, this_run: Run) -> None:
    """Say that the run is of other photos than those in train/. Predicting needs none of them."""
    try:
        is_same = this_run.is_of(load_train(config.data_dir, config.reading))
    except FishError:  # no train/, or one to be mended before it is trained on
        return
    if not is_same:
        warn(
            f"the run {this_run.name} was trained on other images, or other classes of them, than "
            f"{config.data_dir} has now; it predicts with what it learned from those"
        )


def write_submissions(
    config: SubmissionConfig,
    name: str,
    this_run: Run,
    found: tuple[list[Sample], pd.DataFrame],
    decision: Decision,
) -> str:
    """Write one submission a sample; returns their paths.

    Args:
        config: where to.
        name: the submissions' name.
        this_run: the run that predicted, or one of the same images.
        found: the samples, and the predictions of their images.
        decision: how labels are decided where they are wanted.
    """
    samples, predictions = found
    n_train = len(this_run.read_result("folds.csv", ["image"], ["image"]))
    columns, clipped = proba_columns(this_run.class_names), predictions.copy()
    proba = predictions[columns].to_numpy()
    clipped[columns] = clip_proba(proba, config.clip)
    labels = decision.decide(proba)
    paths: list[Path] = []
    with alone(config.submissions_dir / name):  # all stages of one process
        for sample in samples:
            path = config.submissions_dir / f"{name}{sample.suffix}.csv"
            write_submission(path, make_submission(sample, clipped, labels, n_train), sample)
            paths.append(path)
    if config.slug is not None:
        for path in paths:
            say(f"hand it in: {submit_line(config.slug, path, name)}")
    return "\n".join(map(str, paths))


def submit_line(slug: str, path: Path, message: str) -> str:
    """The command of Kaggle's own command line that hands a submission in."""
    return shlex.join(["kaggle", "competitions", "submit", "-c", slug, "-f", str(path), "-m", message])
