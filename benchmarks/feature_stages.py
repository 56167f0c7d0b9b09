"""What makes features of photos, each stage alone on all cores, for `features.py`."""

import dataclasses
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from features import BATCH, SIDE
from joblib import cpu_count  # of this process, not of the machine

from fishcli.dataset.photos.photo import read_photo
from fishcli.features.backbones.backbone import Backbone
from fishcli.features.backbones.engines.loading import Engine, EngineChoice, load_engine
from fishcli.features.extract import extract, features_of, find_todo
from fishcli.features.photo_inputs import SplitPlan, inputs_of
from fishcli.features.photos.resizing import inputs_of_views
from fishcli.features.store.store import FeatureStore
from fishcli.options.reading import USUAL
from fishcli.options.views import first_views


def decoding(backbone: Backbone, folder: Path) -> Callable[[], None]:
    paths = sorted((folder / "train").rglob("*.jpg"))
    return on_all_cores(lambda path: read_photo(path, USUAL, (SIDE, SIDE)), paths)


def resizing(backbone: Backbone, folder: Path) -> Callable[[], None]:
    paths, recipe = sorted((folder / "train").rglob("*.jpg")), backbone.recipe
    photos = [np.asarray(read_photo(path, USUAL, (SIDE, SIDE))[0]) for path in paths]
    return on_all_cores(
        lambda photo: inputs_of_views(photo, first_views(1), recipe.image_size, recipe.resize), photos
    )


def in_memory(backbone: Backbone, folder: Path) -> Callable[[], None]:
    engine, plan = load_engine(backbone, EngineChoice(), BATCH), plan_of(folder, first_views(1))
    pixels = inputs_of(plan, backbone, range(len(plan.paths)), len(plan.paths))
    size = engine.batch_size
    parts = [pixels[start : start + size] for start in range(0, len(pixels), size)]

    def run() -> None:
        with ThreadPoolExecutor(engine.n_threads) as pool:
            list(pool.map(engine.compute, parts))

    return run


def writing(backbone: Backbone, folder: Path) -> Callable[[], None]:
    engine, plan = load_engine(backbone, EngineChoice(), BATCH), plan_of(folder, first_views(1))
    pixels = inputs_of(plan, backbone, range(BATCH), BATCH)
    pieces = [engine.compute(pixels[i : i + engine.batch_size]) for i in range(0, BATCH, engine.batch_size)]
    features = np.concatenate(pieces)
    store = FeatureStore.create(folder / "writing", backbone.recipe, "random")

    def run() -> None:
        shutil.rmtree(store.store_dir / "train", ignore_errors=True)
        todo = find_todo(store, backbone, plan, BATCH)

        def write(chunk: int) -> None:
            rows = todo.rows(chunk)
            found = features_of([features[: len(rows)]], list(range(len(rows))), len(rows), backbone)
            todo.arrays["identity"][rows.start : rows.stop] = found

        on_all_cores(write, todo.chunks)()

    return run


def feeding(backbone: Backbone, folder: Path) -> Callable[[], None]:
    """A device that takes no time, and results that are nothing to write."""
    recipe = dataclasses.replace(backbone.recipe, pool="avg")
    pooled = dataclasses.replace(backbone, recipe=recipe, feature_shape=backbone.feature_shape[-1:])
    store, plan = FeatureStore.create(folder / "feeding", recipe, "random"), plan_of(folder, first_views(1))
    device = Engine(
        "none", lambda images: np.ones((len(images), *pooled.feature_shape), np.float32), BATCH, 1
    )

    def run() -> None:
        shutil.rmtree(store.store_dir / "train", ignore_errors=True)
        extract([store], pooled, device, plan, BATCH, cpu_count())

    return run


def on_all_cores(work: Callable[[Any], Any], items: list[Any]) -> Callable[[], None]:
    def run() -> None:
        with ThreadPoolExecutor(cpu_count()) as pool:
            for _ in pool.map(work, items):  # nothing is kept
                pass

    return run


def plan_of(folder: Path, views: list[str]) -> SplitPlan:
    paths = sorted((folder / "train").rglob("*.jpg"))
    return SplitPlan("train", views, [path.name for path in paths], list(paths))
