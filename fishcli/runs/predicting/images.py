"""What a run predicts for test images: views averaged, folds ensembled."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

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
from fishcli.heads.choices import kind_of
from fishcli.heads.graphs import MANY, as_graph
from fishcli.heads.inputs import pool_maps, pooled_once, store_rows
from fishcli.heads.joined import HeadStore, parts_of
from fishcli.heads.networks.shared import OwnWeights
from fishcli.heads.trained import FoldHead
from fishcli.options.predict import SubmissionConfig
from fishcli.runs.predicting.views import views_of
from fishcli.runs.run import Run
from fishcli.runs.stores import bring_up, pick_stores
from fishcli.scoring.calibration import with_temperature
from fishcli.scoring.ensembling import average

ROWS_AT_ONCE = 256
RUNS_AT_ONCE = 8
"""Whose heads are in memory together."""

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


Asked = tuple[Run, int]
"""A run, and how many of its views are averaged."""


def predict_runs(
    config: SubmissionConfig,
    asked: Sequence[Asked],
    tests: dict[str, pd.DataFrame],
    mean: str = "arithmetic",
) -> list[pd.DataFrame]:
    """Predict every test image with all folds of some runs, and keep the results in their folders.

    What several runs want of a store is read once for all of them, so that the second costs little.

    Args:
        config: where things are.
        asked: the runs.
        tests: the images by split.
        mean: how folds are averaged.

    Returns:
        Of each run `split`, `image`, the classes' `proba_columns`, and the box as fractions of the photo.

    Raises:
        FishError: a photo that can't be read, where `config.strict`; see `bring_up`.
    """
    by_seed = [[(each, n_views) for each in this_run.by_seed()] for this_run, n_views in asked]
    together: dict[str, list[Asked]] = {}
    for this_run, n_views in (each for parts in by_seed for each in parts):
        # Heads on maps are large and share nothing: one such run at a time.
        looks_at = kind_of(this_run.settings["head"]).looks_at
        of = str(this_run.run_dir) if looks_at == "maps" else this_run.store
        together.setdefault(of, []).append((this_run, n_views))
    found: dict[tuple[Path, int], pd.DataFrame] = {}
    for sharing in together.values():
        for start in range(0, len(sharing), RUNS_AT_ONCE):
            found |= _predict_sharing(config, sharing[start : start + RUNS_AT_ONCE], tests, mean)
    results = []
    for (this_run, n_views), parts in zip(asked, by_seed, strict=True):
        of_parts = [found[each.run_dir, n_views] for each, _ in parts]
        results.append(_kept(this_run, n_views, _averaged(of_parts)) if this_run.seed_dirs else of_parts[0])
    return results


def _predict_sharing(
    config: SubmissionConfig, sharing: Sequence[Asked], tests: dict[str, pd.DataFrame], mean: str
) -> dict[tuple[Path, int], pd.DataFrame]:
    """The predictions of `predict_runs` of runs of one store, by their folders and numbers of views."""
    store = pick_stores(config.stores_dir, sharing[0][0].store)
    runs = [(this_run, averaging_of(this_run, n_views, mean)) for this_run, n_views in sharing]
    views = list(dict.fromkeys(view for _, how in runs for view in how.views))
    wanted = {split: (table, views) for split, table in tests.items()}
    upkeep = Upkeep(config.data_dir, config.reading, workers=config.workers, passes_unreadable=True)
    tests = bring_up(config, store, wanted, upkeep)
    stored = {split: _stored(store, split, table, config.strict) for split, table in tests.items()}
    with ExitStack() as held:
        for run_dir in sorted({each.run_dir for each, _ in runs}, key=str):  # two processes in one order
            held.enter_context(alone(run_dir))
        predicted = _predict(runs, store, stored)
        return {
            (this_run.run_dir, n_views): _kept(this_run, n_views, table)
            for (this_run, n_views), table in zip(sharing, predicted, strict=True)
        }


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
    runs: Sequence[tuple[Run, Averaging]], store: HeadStore, stored: dict[str, pd.DataFrame]
) -> list[pd.DataFrame]:
    """The predictions of runs of one store, of images as `_stored` has them."""
    n_images, recipe = sum(len(table) for table in stored.values()), parts_of(store)[0].recipe
    heads = [load_heads(this_run, n_images * len(how.views)) for this_run, how in runs]
    parts: list[list[pd.DataFrame]] = [[] for _ in runs]
    with bar(n_images, f"predicting with {', '.join(each.name for each, _ in runs)}", "img") as progress:
        for split, table in stored.items():
            for start in range(0, len(table), ROWS_AT_ONCE):
                images = table.iloc[start : start + ROWS_AT_ONCE]
                rows = images["row"].to_numpy()[images["is_readable"].to_numpy()]
                read = partial(store.read, split, rows=rows)
                pooled = pooled_once(read)
                for (this_run, how), of_run, found in zip(runs, heads, parts, strict=True):
                    reads = pooled if _take_pooled(of_run) else read
                    proba, boxes = predict_images(of_run, reads, recipe, images, how)
                    columns = [*proba_columns(this_run.class_names), *BOX_COLUMNS]
                    part = pd.DataFrame(np.hstack([proba, boxes]), columns=columns)
                    part.insert(0, "image", list(images["image"]))
                    part.insert(0, "split", split)
                    found.append(part)
                progress.update(len(images))
    return [pd.concat(found, ignore_index=True) for found in parts]


def _take_pooled(heads: Heads) -> bool:
    """Whether all heads look at pooled features."""
    return all(head.takes_pooled for members in heads for head in members)


def load_heads(this_run: Run, n_rows: int) -> Heads:
    """The heads of a run's folds, made ready for so many rows each."""
    heads = this_run.load_folds()
    models = [head.model for members in heads for head in members] if this_run.is_tuned else []
    networks = [model.network for model in models if isinstance(model, OwnWeights)]
    if networks and n_rows * len(networks) / len(set(networks)) >= MANY:
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
    is_tagged, n_classes = heads[0][0].is_tagged, heads[0][0].counts.shape[-1]
    proba = np.zeros((len(heads), len(seen), n_classes))
    boxes = np.zeros((len(heads), len(seen), 4))
    for view in how.views if len(seen) else []:
        features = read(view)
        if features.ndim == 4 and _take_pooled(heads):
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
    calibrated = np.stack([with_temperature(each, how.temperature, is_tagged) for each in proba])
    all_proba[readable] = average(calibrated, how.of_folds, is_tagged)
    all_boxes[readable] = boxes_out_of_regions(boxes.mean(axis=0), seen)
    return all_proba, all_boxes
