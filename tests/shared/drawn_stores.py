"""Feature stores of drawn numbers, which no backbone made: complete, so that no command computes anything."""

from pathlib import Path

import numpy as np
import pandas as pd
from pipeline import train_config

from fishcli.basics.files import write_csv
from fishcli.dataset.layout.images import load_tests, load_train
from fishcli.features.photos.crops import REGION, Crop
from fishcli.features.store.contents import add_contents
from fishcli.features.store.recipe import Recipe
from fishcli.features.store.store import FeatureStore
from fishcli.runs.locating.crops import COLUMNS, CROPS, with_regions


def draw_store(root: Path, seed: int, shape=(3,), views=("identity",), sureness=None, fold=None, order=1):
    """A store of features (*shape,) that tell the class a little, of root/data's competition.

    `sureness` makes it one of crops: a function of a photo's id and class name ("" in test photos) that says
    how sure the detection is, None where nothing was found; `fold` (a function of the id) is who found it.
    `order` -1 lists the photos backwards.
    """
    crop = None if sureness is None else Crop(0.15, 0.2, f"{seed:012}")
    pool = "none" if len(shape) == 3 else "avg"
    recipe = Recipe(
        "vgg16", "block5_pool", f"{seed:064}", (32, 32), "squash", pool, "keras", "pillow", crop=crop
    )
    source = {} if crop is None else {"detections": str(root / "others.json")}
    store = FeatureStore.create(root / "data" / "features", recipe, "random", **source)
    tables = {"train": load_train(root / "data"), **load_tests(root / "data")}
    if sureness is not None:
        rows = [
            (split, image, name, None if fold is None or split != "train" else fold(image))
            for split, table in tables.items()
            for image, name in zip(table["image"], _classes(table), strict=True)
        ]
        crops = pd.DataFrame(rows, columns=["split", "image", "class", "fold"])
        crops["confidence"] = [sureness(row[1], row[2]) for row in rows]
        nothing = crops["confidence"].isna()
        for name, value in zip(COLUMNS[3:7], (0.25, 0.25, 0.75, 0.75), strict=True):
            crops[name] = np.where(nothing, np.nan, value)
        write_csv(store.store_dir / CROPS, crops[COLUMNS])
        tables = with_regions(train_config(root), store, tables)
    for split, table in tables.items():
        table = table.iloc[::order].reset_index(drop=True)
        listed, _ = add_contents(table, store.list_path(split))
        if REGION in table:
            listed[REGION] = list(table[REGION])
        store.update_images(split, listed, set())
        codes = pd.Series(_classes(table)).map({"ALB": 0, "BET": 1, "NoF": 2}).fillna(1).to_numpy()
        for v, view in enumerate(views):
            seeds = [[seed, v, *image.encode()] for image in table["image"]]
            numbers = np.stack([np.random.default_rng(each).normal(size=shape) for each in seeds])
            told = np.zeros_like(numbers)
            told[np.arange(len(table)), ..., codes.astype(int) % shape[-1]] = 1
            array = store.require_array(split, view, (len(table), *shape), 8)
            array[:] = (numbers + told).astype(np.float16)
    return store


def by_id(store, split="train", view="identity"):
    """The features of each photo, averaged over their places, by its id."""
    features = store.read(split, view).astype(np.float32)
    pooled = features.mean(axis=(1, 2)) if features.ndim == 4 else features
    return dict(zip(store.images(split)["image"], pooled, strict=True))


def _classes(table):
    return list(table["class_name"]) if "class_name" in table else [""] * len(table)
