"""From a run's predictions to the submissions that the competition asks for."""

import shlex
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fishcli.basics.errors import FishError, examples
from fishcli.basics.locks import alone
from fishcli.basics.progress import say, warn
from fishcli.dataset.classes import proba_columns
from fishcli.dataset.layout.images import load_tests, load_train
from fishcli.dataset.layout.samples import Sample, load_samples
from fishcli.options.predict import SubmissionConfig
from fishcli.runs.run import Run
from fishcli.scoring.decisions import Decision
from fishcli.scoring.submission import clip_proba, make_submission, write_submission


@dataclass(frozen=True)
class Answers:
    """What submissions are made of.

    Attributes:
        samples: what the competition wants back.
        predictions: `split`, `image` and the classes' `proba_columns`.
        class_names: in their order.
        n_train: images that were trained on.
        decision: how labels are decided where they are wanted.
        promised: what they were worth out of fold, in words; "" where nobody knows.
    """

    samples: list[Sample]
    predictions: pd.DataFrame
    class_names: list[str]
    n_train: int
    decision: Decision
    promised: str = ""


def load_competition(config: SubmissionConfig, this_run: Run) -> tuple[list[Sample], dict[str, pd.DataFrame]]:
    """The sample submissions that a run answers, and the tables of the test folders that they ask for.

    Raises:
        FishError: no test photos, or the samples don't fit, nor does `--out`.
    """
    tests = load_tests(config.data_dir, config.reading)
    samples = load_samples(config.data_dir, tests, this_run.class_names, config.layout, this_run.is_tagged)
    return samples, asked_for(config, samples, tests)


def asked_for(
    config: SubmissionConfig, samples: list[Sample], tests: dict[str, pd.DataFrame]
) -> dict[str, pd.DataFrame]:
    """Those of the test tables that samples ask for; before anything is computed, FishError for `--out`."""
    _paths(config, "submission", samples)
    asked = {split for sample in samples for split, _ in sample.keys}
    return {split: table for split, table in tests.items() if split in asked}


def n_train_of(this_run: Run) -> int:
    """How many images a run was trained on; FishError where its folds.csv is missing or damaged."""
    return len(this_run.read_result("folds.csv", ["image"], ["image"]))


def say_where_train_differs(config: SubmissionConfig, this_run: Run) -> None:
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


def write_submissions(config: SubmissionConfig, name: str, answers: Answers) -> str:
    """Write one submission a sample; returns their paths.

    Args:
        config: where to.
        name: the submissions' name.
        answers: what they are made of.
    """
    columns, clipped = proba_columns(answers.class_names), answers.predictions.copy()
    proba = answers.predictions[columns].to_numpy()
    clipped[columns] = clip_proba(proba, config.clip, answers.samples[0].answer.is_tagged)
    labels = answers.decision.decide(proba)
    paths = _paths(config, name, answers.samples)
    with alone(paths[0].parent / name):  # all stages of one process
        for sample, path in zip(answers.samples, paths, strict=True):
            write_submission(path, make_submission(sample, clipped, labels, answers.n_train), sample)
    if config.slug is not None:
        message = f"{name}: {answers.promised}" if answers.promised else name
        for path in paths:
            say(f"hand it in: {submit_line(config.slug, path, message)}")
    return "\n".join(map(str, paths))


def _paths(config: SubmissionConfig, name: str, samples: list[Sample]) -> list[Path]:
    """Where the submission of each sample goes; FishError where `--out` can't be meant."""
    out = config.out
    if out is not None and out.suffix and not out.is_dir():
        if len(samples) > 1:
            raise FishError(
                f"--out {out}: there are {len(samples)} samples "
                f"({examples([sample.path.name for sample in samples])}), so name a folder."
            )
        return [out]
    return [(out or config.submissions_dir) / f"{name}{sample.suffix}.csv" for sample in samples]


def promise(loss: float, kind: str) -> str:
    """What an out-of-fold log loss on folds of a kind promises, for the message beside a submission."""
    return f"out-of-fold {loss:.4f} ({kind})"


def submit_line(slug: str, path: Path, message: str) -> str:
    """The command of Kaggle's own command line that hands a submission in."""
    return shlex.join(["kaggle", "competitions", "submit", "-c", slug, "-f", str(path), "-m", message])
