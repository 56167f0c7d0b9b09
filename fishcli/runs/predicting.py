"""What a run predicts for test images: views averaged, folds ensembled."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError, examples
from fishcli.basics.files import write_csv
from fishcli.basics.locks import alone
from fishcli.basics.progress import bar, warn
from fishcli.basics.unwritable import by_product
from fishcli.dataset.annotations import BOX_COLUMNS
from fishcli.dataset.classes import proba_columns, smoothed_prior
from fishcli.features.photos.crops import boxes_out_of_regions, seen_sizes
from fishcli.features.photos.resizing import boxes_to_photo
from fishcli.features.store.recipe import Recipe
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

Heads = list[list[FoldHead]]
"""The heads of each fold."""


@dataclass(frozen=True)
class Averaging:
    """How a run's predictions become one.

    Attributes:
        views: the views by name, averaged arithmetically.
        of_members: how a fold's heads are averaged, as out of fold.
        of_folds: how folds are averaged.
        temperature: what each fold's predictions are given, as found out of fold.
    """

    views: list[str]
    of_members: str
    of_folds: str
    temperature: float


def averaging_of(this_run: Run, n_views: int, mean: str) -> Averaging:
    """How a run averages its first `n_views` views, and its folds by a mean."""
    views, of_members = views_of(this_run, n_views), this_run.mean_of_members
    return Averaging(views, of_members, mean, this_run.temperature(n_views))


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

    Raises:
        FishError: a photo that can't be read, where `config.strict`; see `bring_up`.
    """
    if this_run.seed_dirs:
        parts = [predict_run(config, each, tests, n_views, mean) for each in this_run.by_seed()]
        return _kept(this_run, n_views, _averaged(parts))
    store = pick_stores(config.stores_dir, this_run.store)
    how = averaging_of(this_run, n_views, mean)
    wanted = {split: (table, how.views) for split, table in tests.items()}
    upkeep = Upkeep(config.data_dir, config.reading, workers=config.workers, passes_unreadable=True)
    tests = bring_up(config, store, wanted, upkeep)
    stored = {split: _stored(store, split, table, config.strict) for split, table in tests.items()}
    with alone(this_run.run_dir):
        return _kept(this_run, n_views, _predict(this_run, store, stored, how))


def _kept(this_run: Run, n_views: int, predictions: pd.DataFrame) -> pd.DataFrame:
    """The same predictions, written into the run's folder."""
    path = this_run.run_dir / f"test_tta{n_views}.csv"
    with by_product(path):
        write_csv(path, predictions)
    return predictions


def _averaged(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """The mean of predictions of the same images, joined by them; as out of fold, it is arithmetic."""
    keys = ["split", "image"]
    numbers = [part.set_index(keys) for part in parts]
    mean = np.mean([each.loc[numbers[0].index].to_numpy(np.float64) for each in numbers], axis=0)
    return pd.DataFrame(mean, numbers[0].index, numbers[0].columns).reset_index()


def _predict(
    this_run: Run, store: HeadStore, stored: dict[str, pd.DataFrame], how: Averaging
) -> pd.DataFrame:
    """The predictions of `predict_run`, of images as `_stored` has them."""
    n_images = sum(len(table) for table in stored.values())
    heads, recipe = load_heads(this_run, n_images * len(how.views)), parts_of(store)[0].recipe
    parts = []
    with bar(n_images, f"predicting with {this_run.name}", "img") as progress:
        for split, table in stored.items():
            for start in range(0, len(table), ROWS_AT_ONCE):
                images = table.iloc[start : start + ROWS_AT_ONCE]
                rows = images["row"].to_numpy()[images["is_readable"].to_numpy()]

                def read(view: str, split: str = split, rows: np.ndarray = rows) -> np.ndarray:
                    return store.read(split, view, rows)

                proba, boxes = predict_images(heads, read, recipe, images, how)
                columns = [*proba_columns(this_run.class_names), *BOX_COLUMNS]
                part = pd.DataFrame(np.hstack([proba, boxes]), columns=columns)
                part.insert(0, "image", list(images["image"]))
                part.insert(0, "split", split)
                parts.append(part)
                progress.update(len(images))
    return pd.concat(parts, ignore_index=True)


def load_heads(this_run: Run, n_rows: int) -> Heads:
    """The heads of a run's folds, made ready for so many rows."""
    heads = this_run.load_folds()
    if this_run.is_tuned and n_rows >= MANY:
        return [[as_graph(head) for head in members] for members in heads]
    return heads


def _stored(store: HeadStore, split: str, images: pd.DataFrame, is_strict: bool) -> pd.DataFrame:
    """A split's images with each one's `row` in the store, and whether it `is_readable`."""
    reasons = store.unreadable(split)
    is_readable = ~images["image"].isin(list(reasons))
    tell_unreadable(split, {image: reasons[image] for image in images["image"][~is_readable]}, is_strict)
    return images.assign(row=store_rows(store, split, list(images["image"])), is_readable=is_readable)


def tell_unreadable(split: str, reasons: dict[str, str], is_strict: bool) -> None:
    """Name the images of a split that can't be read and are answered with the prior; FishError if strict."""
    if not reasons:
        return
    named = examples([f"{image} ({reason})" for image, reason in reasons.items()])
    said = f"{len(reasons):,} images of {split} can't be read: {named}."
    if is_strict:
        raise FishError(f"{said} Mend them, or leave --strict out: then the class prior answers them.")
    warn(f"{said} The class prior answers them.")


def predict_images(
    heads: Heads,
    read: Callable[[str], np.ndarray],
    recipe: Recipe,
    images: pd.DataFrame,
    how: Averaging,
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (n, C) and photo boxes (n, 4) by the heads of each fold.

    The heads of a fold are averaged as out of fold, then views, then they are given the temperature that was
    found there; then folds are averaged.

    Args:
        heads: of each fold.
        read: the features (m, ...) of the readable images under a view.
        recipe: of the features; of several that are joined there are no boxes.
        images: `height`, `width`, whether each `is_readable`, of crops `region` and `sureness`. One that
            isn't readable gets the prior of the training images and no box.
        how: how they are averaged.
    """
    readable = images["is_readable"].to_numpy()
    seen = images[readable]
    sizes = seen_sizes(seen)
    n_classes = len(heads[0][0].counts)
    proba = np.zeros((len(heads), len(seen), n_classes))
    boxes = np.zeros((len(heads), len(seen), 4))
    for view in how.views if len(seen) else []:
        features = read(view)
        if features.ndim == 4 and all(head.takes_pooled for members in heads for head in members):
            features = pool_maps(features)  # once for all folds
        for k, members in enumerate(heads):
            found = [head.predict(features, seen) for head in members]
            proba[k] += average(np.stack([each for each, _ in found]), how.of_members) / len(how.views)
            for _, boxes_here in found:
                placed = boxes_to_photo(view, boxes_here, sizes, recipe.image_size, recipe.resize)
                boxes[k] += placed / (len(how.views) * len(members))
    counts = np.mean([members[0].counts for members in heads], axis=0)
    all_proba = np.tile(smoothed_prior(counts), (len(images), 1))
    all_boxes = np.full((len(images), 4), np.nan)
    calibrated = np.stack([with_temperature(each, how.temperature) for each in proba])
    all_proba[readable] = average(calibrated, how.of_folds)
    all_boxes[readable] = boxes_out_of_regions(boxes.mean(axis=0), seen)
    return all_proba, all_boxes
