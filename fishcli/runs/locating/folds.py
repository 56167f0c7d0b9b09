"""Training a localiser's folds, and what the folds find in photos."""

import time
from collections.abc import Iterator

import numpy as np
import pandas as pd

from fishcli.basics.locks import alone
from fishcli.basics.progress import bar, say
from fishcli.dataset.annotations import BOX_COLUMNS
from fishcli.features.photos.resizing import boxes_to_input, boxes_to_photo, ends_to_input, ends_to_photo
from fishcli.features.photos.views import view_of
from fishcli.features.store.picking import pick_store
from fishcli.features.store.recipe import Recipe
from fishcli.features.store.store import FeatureStore
from fishcli.features.upkeep import Upkeep, bring_up_to_date
from fishcli.heads.inputs import in_parts, store_rows
from fishcli.heads.reading import read_features
from fishcli.locating.decode import CellBoxes, cell_boxes, merge
from fishcli.locating.fit import LocaliserInputs, fit_localiser
from fishcli.options.data import StoreConfig
from fishcli.options.locate import LocateConfig
from fishcli.runs.locating.localiser import LocaliserRun
from fishcli.runs.locating.report import renew_found


def boxes_by_image(boxes: pd.DataFrame, images: pd.DataFrame) -> list[np.ndarray]:
    """All boxes (k, 4) of each of `images`, fractions of the photo; k = 0 where there are none."""
    known = {image: part[BOX_COLUMNS].to_numpy(np.float64) for image, part in boxes.groupby("image")}
    return [known.get(image, np.zeros((0, 4))) for image in images["image"]]


def train_localisers(
    config: LocateConfig,
    this_run: LocaliserRun,
    store: FeatureStore,
    images: pd.DataFrame,
    truth: tuple[list[np.ndarray], np.ndarray],
    ends: list[np.ndarray] | None,
) -> None:
    """Train the folds that are not done, and keep what each finds in its validation photos.

    Args:
        config: how; its epochs are settled.
        this_run: the run, claimed by this process.
        store: of the maps, up to date.
        images: the readable training photos.
        truth: their boxes, as `boxes_by_image` has them, and the fold (n,) of each.
        ends: head and tail of the thing in each box, as `ends_by_image` has them.
    """
    missing = this_run.missing_folds()
    if not missing:
        return
    (boxes, fold), epochs = truth, int(this_run.settings["epochs"])
    rows = store_rows(store, "train", list(images["image"]))
    views = this_run.view_names
    features = read_features(store, {"train": rows}, views, pool=False, budget=config.memory_budget)
    placed = [_boxes_in_view(store, view, images, boxes) for view in views]
    of_views = None if ends is None else [_ends_in_view(store, view, images, ends) for view in views]
    inputs = LocaliserInputs(features, placed, of_views)
    with bar(len(missing) * epochs, "localisers", "epoch") as progress:
        for k in missing:
            say(f"fold {k + 1} of {config.folds}: localiser on {int((fold != k).sum()):,} photos")
            started = time.perf_counter()
            seed = int(np.random.SeedSequence([config.seed, k]).generate_state(1)[0])
            model, losses = fit_localiser(
                inputs, np.flatnonzero(fold != k), epochs, seed, lambda: progress.update(1)
            )
            validated = np.flatnonzero(fold == k)
            found = []
            for part in in_parts(validated):
                maps = [features[view, part] for view in range(len(views))]
                seen = list(zip(views, maps, strict=True))
                found += find_boxes(store.recipe, [model], seen, images.iloc[part])
            seconds = round(time.perf_counter() - started, 3)
            kept = {"losses": losses, "seconds": seconds, "n_parameters": int(model.count_params())}
            this_run.save_fold(k, model, found, kept)


def find_in_tests(
    this_run: LocaliserRun, store: FeatureStore, tests: dict[str, pd.DataFrame]
) -> Iterator[tuple[str, str, CellBoxes]]:
    """What all folds together find in test photos: split, image id, boxes; scores are raw."""
    for split, images in tests.items():
        readable = images[~images["image"].isin(list(store.unreadable(split)))]
        for image, found in zip(readable["image"], _find_in(this_run, store, split, readable), strict=True):
            yield split, image, found


def look_again(this_run: LocaliserRun, config: StoreConfig, tables: dict[str, pd.DataFrame]) -> None:
    """Bring a run's detections up to date with the test photos of today.

    Args:
        this_run: a complete run.
        config: where the competition and the run's maps lie.
        tables: the photos of all splits.
    """
    store = pick_store(config.stores_dir, this_run.store)
    tests = {split: table for split, table in tables.items() if split != "train"}
    wanted = {split: (table, this_run.view_names) for split, table in tests.items()}
    # Nothing is found in what can't be read; whether that will do the crops' own store says.
    bring_up_to_date(store, wanted, Upkeep(config.data_dir, config.reading, passes_unreadable=True))
    photos = pd.concat([table.assign(split=split) for split, table in tables.items()])
    with alone(this_run.run_dir):
        renew_found(this_run, photos, find_in_tests(this_run, store, tests), contents_seen(store, tests))


def contents_seen(store: FeatureStore, tables: dict[str, pd.DataFrame]) -> dict[tuple[str, str], str]:
    """The contents of photos, by split and id, that a store has the maps of."""
    contents: dict[tuple[str, str], str] = {}
    for split, images in tables.items():
        listed = store.images(split)
        assert listed is not None  # it is up to date
        known = listed[listed["image"].isin(images["image"])]
        contents |= {(split, image): content for image, content in known[["image", "content"]].to_numpy()}
    return contents


def _find_in(
    this_run: LocaliserRun, store: FeatureStore, split: str, images: pd.DataFrame
) -> Iterator[CellBoxes]:
    """What all folds together find in photos of a split, in their order; scores are raw.

    Maps are read some photos at a time, once for all folds.
    """
    models = this_run.load_models()
    rows = store_rows(store, split, list(images["image"]))
    with bar(len(images), f"locating in {split}", "img") as progress:
        for part in in_parts(np.arange(len(images))):
            maps = [(view, store.read(split, view, rows[part])) for view in this_run.view_names]
            yield from find_boxes(store.recipe, models, maps, images.iloc[part])
            progress.update(len(part))


def find_boxes(
    recipe: Recipe, models: list[object], maps: list[tuple[str, np.ndarray]], images: pd.DataFrame
) -> list[CellBoxes]:
    """What models find in photos under several views: each photo's boxes, merged; scores are raw.

    Args:
        recipe: of the maps.
        models: the localisers that look together.
        maps: each view's name and its maps (n, h, w, channels).
        images: `height`, `width` of the n photos, pixels.
    """
    sizes = images[["height", "width"]].to_numpy()
    seen: list[list[CellBoxes]] = [[] for _ in range(len(images))]
    for view, features in maps:
        features = features.astype(np.float32)  # once for all models
        for model in models:
            for row, cells in enumerate(cell_boxes(model, features)):
                size = np.repeat(sizes[[row]], len(cells.boxes), axis=0)
                how = (size, recipe.image_size, recipe.resize)
                boxes = boxes_to_photo(view, cells.boxes, *how)
                ends = None if cells.ends is None else ends_to_photo(view, cells.ends, *how)
                seen[row].append(CellBoxes(boxes, cells.scores, ends))
    return [merge(views) for views in seen]


def _boxes_in_view(
    store: FeatureStore, view: str, images: pd.DataFrame, boxes: list[np.ndarray]
) -> list[np.ndarray]:
    """Each photo's boxes where they lie in the backbone's input under a view; NaN where they are lost."""
    recipe, placed = store.recipe, []
    for size, here in zip(images[["height", "width"]].to_numpy(), boxes, strict=True):
        sizes = view_of(view).sizes(np.repeat(size[None], len(here), axis=0).reshape(-1, 2))
        placed.append(
            boxes_to_input(view_of(view).apply_boxes(here), sizes, recipe.image_size, recipe.resize)
        )
    return placed


def _ends_in_view(
    store: FeatureStore, view: str, images: pd.DataFrame, ends: list[np.ndarray]
) -> list[np.ndarray]:
    """Where each photo's heads and tails lie in the backbone's input under a view; NaN where unknown."""
    recipe = store.recipe
    return [
        ends_to_input(view, here, np.repeat(size[None], len(here), axis=0), recipe.image_size, recipe.resize)
        for size, here in zip(images[["height", "width"]].to_numpy(), ends, strict=True)
    ]
