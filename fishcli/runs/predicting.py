"""What a run predicts for test images: views averaged, folds ensembled."""

import numpy as np
import pandas as pd

from fishcli.basics.errors import examples
from fishcli.basics.files import write_csv
from fishcli.basics.locks import alone
from fishcli.basics.progress import bar, warn
from fishcli.basics.unwritable import by_product
from fishcli.dataset.annotations import BOX_COLUMNS
from fishcli.dataset.classes import proba_columns, smoothed_prior
from fishcli.features.photos.crops import boxes_out_of_regions, seen_sizes
from fishcli.features.photos.resizing import boxes_to_photo
from fishcli.features.upkeep import Upkeep
from fishcli.heads.graphs import MANY, as_graph
from fishcli.heads.inputs import pool_maps, store_rows
from fishcli.heads.joined import HeadStore, parts_of
from fishcli.heads.trained import FoldHead
from fishcli.options.predict import SubmissionConfig
from fishcli.runs.run import Run
from fishcli.runs.stores import bring_up, pick_stores
from fishcli.runs.tta import views_of
from fishcli.scoring.calibration import with_temperature
from fishcli.scoring.ensembling import average

ROWS_AT_ONCE = 256


def predict_run(
    config: SubmissionConfig,
    this_run: Run,
    tests: dict[str, pd.DataFrame],
    n_views: int,
    mean: str = "arithmetic",
) -> pd.DataFrame:
    """Predict every test image with all folds of a run, and keep the result in its folder.

    Args:
        config: where things are.
        this_run: the run.
        tests: the images by split.
        n_views: how many of the run's views are averaged.
        mean: how folds are averaged.

    Returns:
        `split`, `image`, the classes' `proba_columns`, and the box as fractions of the photo.
    """
    store = pick_stores(config.stores_dir, this_run.store)
    views = views_of(this_run, n_views)
    wanted = {split: (table, views) for split, table in tests.items()}
    upkeep = Upkeep(config.data_dir, config.reading, workers=config.workers)
    tests = bring_up(config, store, wanted, upkeep)
    with alone(this_run.run_dir):
        predictions = _predict(this_run, store, tests, views, mean)
        path = this_run.run_dir / f"test_tta{n_views}.csv"
        with by_product(path):
            write_csv(path, predictions)
    return predictions


def _predict(
    this_run: Run, store: HeadStore, tests: dict[str, pd.DataFrame], views: list[str], mean: str
) -> pd.DataFrame:
    """The predictions of `predict_run`; the store has what they need."""
    heads = this_run.load_folds()
    n_images = sum(len(table) for table in tests.values())
    if this_run.is_tuned and n_images * len(views) >= MANY:
        heads = [[as_graph(head) for head in members] for members in heads]
    how = (views, this_run.mean_of_members, mean, this_run.temperature(len(views)))
    parts = []
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


def _stored(store: HeadStore, split: str, images: pd.DataFrame) -> pd.DataFrame:
    """A split's images with each one's `row` in the store, and whether it `is_readable`."""
    stored = images.assign(
        row=store_rows(store, split, list(images["image"])),
        is_readable=~images["image"].isin(list(store.unreadable(split))),
    )
    unreadable = list(stored["image"][~stored["is_readable"]])
    if unreadable:
        warn(f"{len(unreadable):,} unreadable images of {split} get the class prior: {examples(unreadable)}")
    return stored


def _predict_images(
    heads: list[list[FoldHead]],
    store: HeadStore,
    split: str,
    images: pd.DataFrame,
    how: tuple[list[str], str, str, float],
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (n, C) and photo boxes (n, 4) by the heads of each fold.

    The heads of a fold are averaged as out of fold, then views arithmetically, then they are given the
    temperature that was found there; then folds are averaged by the mean. `how` is views, the mean of a
    fold's heads, that of folds, temperature.

    `images` are of `_stored`. One that isn't readable gets the prior of the training images and no box.
    """
    views, of_members, mean, temperature = how
    readable = images["is_readable"].to_numpy()
    seen, recipe = images[readable], parts_of(store)[0].recipe  # of several there are no boxes
    rows, sizes = seen["row"].to_numpy(), seen_sizes(seen)
    n_classes = len(heads[0][0].counts)
    proba = np.zeros((len(heads), len(seen), n_classes))
    boxes = np.zeros((len(heads), len(seen), 4))
    for view in views if len(seen) else []:
        features = store.read(split, view, rows)
        if features.ndim == 4 and all(head.takes_pooled for members in heads for head in members):
            features = pool_maps(features)  # once for all folds
        for k, members in enumerate(heads):
            found = [head.predict(features, seen) for head in members]
            proba[k] += average(np.stack([each for each, _ in found]), of_members) / len(views)
            for _, boxes_here in found:
                placed = boxes_to_photo(view, boxes_here, sizes, recipe.image_size, recipe.resize)
                boxes[k] += placed / (len(views) * len(members))
    counts = np.mean([members[0].counts for members in heads], axis=0)
    all_proba = np.tile(smoothed_prior(counts), (len(images), 1))
    all_boxes = np.full((len(images), 4), np.nan)
    all_proba[readable] = average(np.stack([with_temperature(each, temperature) for each in proba]), mean)
    all_boxes[readable] = boxes_out_of_regions(boxes.mean(axis=0), seen)
    return all_proba, all_boxes
