"""`fishcli score`: the competition's log loss of a submission, offline."""

from collections import Counter

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError, examples
from fishcli.basics.files import as_numbers, read_cells, read_csv
from fishcli.basics.progress import say
from fishcli.basics.tables import table_text
from fishcli.dataset.classes import labels_of, smoothed_prior
from fishcli.dataset.images import load_labels
from fishcli.dataset.names import NameIndex
from fishcli.dataset.samples import id_place
from fishcli.options.predict import ScoreConfig
from fishcli.scoring.metrics import accuracy, log_loss


def run(config: ScoreConfig) -> str:
    """Score a submission; returns a table: all images, then each stage and group that the solution knows."""
    solution = read_csv(config.solution, ["image", "class_name"], ["image", "class_name", "stage", "group"])
    header, cells = read_cells(config.submission, ["image"])
    place = id_place(header)
    names, answers = cells[place].rename("image"), cells.drop(columns=place)
    class_names = [name for i, name in enumerate(header) if i != place]
    twice = [name for name, n in Counter(class_names).items() if n > 1]
    if twice:
        raise FishError(f"{config.submission}, line 1: two columns are called {examples(twice)}. Rename one.")
    rows, answered = _join(config, names, solution)
    unknown = set(rows["class_name"]) - set(class_names)
    if unknown:
        raise FishError(
            f"{config.submission} has no column for the classes {examples(unknown)} of the solution."
        )
    proba = answers.iloc[answered].apply(as_numbers).to_numpy(np.float64)
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


def _join(config: ScoreConfig, names: pd.Series, solution: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """The solution's rows that a submission of `names` answers, and for each the submission's row.

    Names are joined as everywhere: "img_1" means img_1.jpg.
    """
    if names.empty:
        raise FishError(f"{config.submission} has no line after its header.")
    twice = list(solution["image"][solution["image"].duplicated()])
    if twice:
        raise FishError(f"{config.solution}: {len(twice):,} images stand there twice: {examples(twice)}.")
    found, extra = NameIndex(solution["image"]).find_all(names, str(config.submission))
    if extra:
        raise FishError(
            f"{config.submission}: {len(extra):,} images are not in the solution: {examples(extra)}."
        )
    images = names.map(found)
    twice = list(names[images.duplicated()])
    if twice:
        raise FishError(f"{config.submission}: {len(twice):,} images stand there twice: {examples(twice)}.")
    is_answered = solution["image"].isin(images)
    stages = solution["stage"] if "stage" in solution else pd.Series("", index=solution.index)
    lacking = list(solution["image"][~is_answered & stages.isin(stages[is_answered])])
    if lacking:
        raise FishError(
            f"{config.submission} lacks {len(lacking):,} images of the solution: {examples(lacking)}."
        )
    rows = solution[is_answered].reset_index(drop=True)
    return rows, pd.Index(images).get_indexer(pd.Index(rows["image"]))


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
