"""`fishcli predict`: views averaged, folds ensembled, a valid submission CSV."""

from pathlib import Path

import numpy as np
import pandas as pd

from fishcli.commands.runs import Run, pick_run
from fishcli.commands.upkeep import Upkeep, bring_up_to_date, pick_store
from fishcli.configs import PredictConfig, SubmissionConfig
from fishcli.dataset.annotations import BOX_COLUMNS
from fishcli.dataset.classes import fold_priors, labels_of, proba_columns, smoothed_prior
from fishcli.dataset.images import load_tests, load_train
from fishcli.dataset.samples import Sample, load_samples
from fishcli.errors import FishError, examples
from fishcli.features.store import FeatureStore
from fishcli.features.views import boxes_to_photo, first_views
from fishcli.files import write_csv
from fishcli.heads.inputs import pool_maps, store_rows
from fishcli.heads.trained import FoldHead
from fishcli.locks import alone
from fishcli.progress import bar, say, warn
from fishcli.scoring.calibration import with_temperature
from fishcli.scoring.ensembling import average
from fishcli.scoring.metrics import log_loss
from fishcli.scoring.submission import clip_proba, make_submission, write_submission
from fishcli.unwritable import by_product

ROWS_AT_ONCE = 256


def run(config: PredictConfig) -> str:
    """Predict with the chosen run; returns the submissions' paths, a line each."""
    first_views(config.tta, "--tta")
    this_run = pick_run(config.models_dir, config.run)
    _say_what_is_known(this_run, config.tta)
    samples, tests = load_competition(config, this_run)
    predictions = predict_run(config, this_run, tests, config.mean)
    return write_submissions(config, this_run.name, this_run.class_names, (samples, predictions))


def load_competition(config: SubmissionConfig, this_run: Run) -> tuple[list[Sample], dict[str, pd.DataFrame]]:
    """The sample submissions, and the tables of the test folders that they ask for.

    Raises:
        FishError: no test photos, or the samples don't fit.
    """
    _say_where_train_differs(config, this_run)
    tests = load_tests(config.data_dir, config.reading)
    samples = load_samples(config.data_dir, tests, this_run.class_names)
    asked = {split for sample in samples for split, _ in sample.keys}
    return samples, {split: table for split, table in tests.items() if split in asked}


def predict_run(
    config: SubmissionConfig, this_run: Run, tests: dict[str, pd.DataFrame], mean: str = "arithmetic"
) -> pd.DataFrame:
    """Predict every test image with all folds of a run, and keep the result in its folder.

    Returns:
        `split`, `image`, the classes' `proba_columns`, and the box as fractions of the photo.
    """
    store = pick_store(config.stores_dir, this_run.store)
    views = first_views(config.tta, "--tta")
    wanted = {split: (table, views) for split, table in tests.items()}
    bring_up_to_date(store, wanted, Upkeep(config.data_dir, config.reading, workers=config.workers))
    with alone(this_run.run_dir):
        predictions = _predict(this_run, store, tests, views, mean)
        path = this_run.run_dir / f"test_tta{config.tta}.csv"
        with by_product(path):
            write_csv(path, predictions)
    return predictions


def _say_where_train_differs(config: SubmissionConfig, this_run: Run) -> None:
    """Say that the run is of other photos than those in train/. Predicting needs none of them."""
    try:
        is_same = this_run.is_of(load_train(config.data_dir))
    except FishError:  # no train/, or one to be mended before it is trained on
        return
    if not is_same:
        warn(
            f"the run {this_run.name} was trained on other images, or other classes of them, than "
            f"{config.data_dir / 'train'} has now; it predicts with what it learned from those"
        )


def _predict(
    this_run: Run, store: FeatureStore, tests: dict[str, pd.DataFrame], views: list[str], mean: str
) -> pd.DataFrame:
    """The predictions of `predict_run`; the store has what they need."""
    heads = this_run.load_folds()
    how = (views, mean, this_run.temperature(len(views)))
    parts = []
    n_images = sum(len(table) for table in tests.values())
    with bar(n_images, f"predicting with {this_run.name}", "img") as progress:
        for split, table in tests.items():
            stored = _stored(store, split, table)
            for start in range(0, len(stored), ROWS_AT_ONCE):
                images = stored.iloc[start : start + ROWS_AT_ONCE]
                proba, boxes = _predict_images(heads, store, split, images, how)
                columns = [*proba_columns(this_run.class_names), *BOX_COLUMNS]
                part = pd.DataFrame(np.hstack([proba, boxes]), columns=columns)
                part.insert(0, "image", list(images["image"]))
                part.insert(0, "split", split)
                parts.append(part)
                progress.update(len(images))
    return pd.concat(parts, ignore_index=True)


def _stored(store: FeatureStore, split: str, images: pd.DataFrame) -> pd.DataFrame:
    """A split's images with each one's `row` in the store, and whether it `is_readable`."""
    stored = images.assign(
        row=store_rows(store, split, list(images["image"])),
        is_readable=~images["image"].isin(list(store.unreadable(split))),
    )
    unreadable = list(stored["image"][~stored["is_readable"]])
    if unreadable:
        warn(f"{len(unreadable):,} unreadable images of {split} get the class prior: {examples(unreadable)}")
    return stored


def write_submissions(
    config: SubmissionConfig, name: str, class_names: list[str], found: tuple[list[Sample], pd.DataFrame]
) -> str:
    """Write one submission a sample (`found`: the samples and the predictions); returns their paths."""
    samples, predictions = found
    columns, clipped = proba_columns(class_names), predictions.copy()
    clipped[columns] = clip_proba(predictions[columns].to_numpy(), config.clip)
    paths: list[Path] = []
    with alone(config.submissions_dir / name):  # all stages of one process
        for sample in samples:
            path = config.submissions_dir / f"{name}{sample.suffix}.csv"
            write_submission(path, make_submission(sample, clipped, class_names), sample, class_names)
            paths.append(path)
    return "\n".join(map(str, paths))


def _say_what_is_known(this_run: Run, tta: int) -> None:
    """Say what the run was worth out of fold with this number of views, or that nobody knows."""
    oof = this_run.read_oof(tta)
    if oof is None:
        warn(
            f"the run {this_run.name} has no out-of-fold figure for {tta} views (trained with --views "
            f"{this_run.settings['views']}): nobody knows whether they pay. Heads trained on fewer views "
            "may get worse with rotated ones; find out with "
            f"{this_run.train_line(views=tta, name=f'{this_run.name}-views{tta}')}."
        )
        return
    if len(this_run.class_names) == 1:
        return
    labels = labels_of(oof["class_name"], this_run.class_names)
    prior = fold_priors(labels, oof["fold"].to_numpy(), len(this_run.class_names))
    loss = log_loss(labels, oof[proba_columns(this_run.class_names)].to_numpy())
    kind = "random" if (oof["group"] == "").all() else "grouped"
    say(
        f"{this_run.name} with {tta} view{'s' * (tta > 1)}: out-of-fold log loss {loss:.4f} "
        f"({kind} folds; class prior {log_loss(labels, prior):.4f})"
    )


def _predict_images(
    heads: list[list[FoldHead]],
    store: FeatureStore,
    split: str,
    images: pd.DataFrame,
    how: tuple[list[str], str, float],
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (n, C) and photo boxes (n, 4) by the heads of each fold.

    Views and the heads of a fold are averaged arithmetically, as out of fold, then given the temperature that
    was found there; then folds are averaged by the mean. `how` is views, mean, temperature.

    `images` are of `_stored`. One that isn't readable gets the prior of the training images and no box.
    """
    views, mean, temperature = how
    readable = images["is_readable"].to_numpy()
    seen, recipe = images[readable], store.recipe
    rows, sizes = seen["row"].to_numpy(), seen[["height", "width"]].to_numpy()
    n_classes = len(heads[0][0].counts)
    proba = np.zeros((len(heads), len(seen), n_classes))
    boxes = np.zeros((len(heads), len(seen), 4))
    for view in views if len(seen) else []:
        features = store.read(split, view, rows)
        if features.ndim == 4 and all(head.takes_pooled for members in heads for head in members):
            features = pool_maps(features)  # once for all folds
        for k, members in enumerate(heads):
            for head in members:
                share = 1 / (len(views) * len(members))
                proba_here, boxes_here = head.predict(features, seen)
                proba[k] += proba_here * share
                found = boxes_to_photo(view, boxes_here, sizes, recipe.image_size, recipe.resize)
                boxes[k] += found * share
    counts = np.mean([members[0].counts for members in heads], axis=0)
    all_proba = np.tile(smoothed_prior(counts), (len(images), 1))
    all_boxes = np.full((len(images), 4), np.nan)
    all_proba[readable] = average(np.stack([with_temperature(each, temperature) for each in proba]), mean)
    all_boxes[readable] = boxes.mean(axis=0)
    return all_proba, all_boxes
