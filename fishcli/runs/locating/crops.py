"""The regions of a crop store's photos, and what is kept of where they come from."""

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError
from fishcli.basics.files import read_csv, read_json, write_csv
from fishcli.basics.remote import parse_path
from fishcli.dataset.annotations import BOX_COLUMNS, POINT_COLUMNS
from fishcli.dataset.detections import CONTENT
from fishcli.dataset.metadata import SURENESS
from fishcli.features.photos.crops import REGION, Crop, region_along, region_around
from fishcli.features.store.again import features_line
from fishcli.features.store.contents import is_other
from fishcli.features.store.store import FeatureStore
from fishcli.options.data import StoreConfig
from fishcli.runs.folders.listing import METRICS
from fishcli.runs.locating.found import (
    COLUMNS,
    Contents,
    FoundCrops,
    all_photos,
    contents_of,
    surest_found,
)

CROPS = "crops.csv"


def keep_crops(store: FeatureStore, found: FoundCrops) -> None:
    """Write each photo's surest box beside the store's features."""
    write_csv(store.store_dir / CROPS, found.table)


def keep_crops_of(source: FeatureStore, store: FeatureStore) -> None:
    """Let a store of the same regions, at another layer or size, know what the source knows of them."""
    if not (store.store_dir / CROPS).exists():
        write_csv(store.store_dir / CROPS, read_crops(source))


def with_regions(
    config: StoreConfig, store: FeatureStore, tables: dict[str, pd.DataFrame]
) -> dict[str, pd.DataFrame]:
    """Tables of images with the `region` of each that a crop store has, and the `sureness` of its detection.

    Of a store of whole photos they are as they were.

    Photos that came after the store was made, or were replaced, are looked up where its boxes came from.

    Args:
        config: where the competition lies.
        store: the store.
        tables: `image`, `height`, `width` of each split.

    Raises:
        FishError: see `surest_found`.
    """
    if store.recipe.crop is None:
        return tables
    known = read_crops(store)
    contents = _contents_in(known)
    now = contents_of(config, tables, store.store_dir)
    if any(key not in contents or is_other(contents[key], content) for key, content in now.items()):
        known = surest_found(config, parse_path(store.detections), all_photos(config), contents)
        write_csv(store.store_dir / CROPS, known)
    return regions_in(store.recipe.crop, known, tables)


def regions_in(crop: Crop, known: pd.DataFrame, tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """What `with_regions` returns, from each photo's surest box as `FoundCrops.table` has it."""
    surest = known.set_index(["split", "image"]).reindex(columns=["confidence", *BOX_COLUMNS, *POINT_COLUMNS])
    found = {}
    for split, images in tables.items():
        here = surest.reindex(pd.MultiIndex.from_product([[split], images["image"]])).to_numpy(np.float64)
        sizes = images[["height", "width"]].to_numpy()
        regions = [
            region_along(row[1:5], row[5:], (h, w), crop)
            if crop.align
            else region_around(row[1:5], (h, w), crop)
            for row, (h, w) in zip(here, sizes, strict=True)
        ]
        found[split] = images.assign(**{REGION: regions}).assign(**{SURENESS: here[:, 0]})
    return found


def read_crops(store: FeatureStore) -> pd.DataFrame:
    """Each photo's surest box, as `FoundCrops.table`; FishError where the file is missing or damaged."""
    path = store.store_dir / CROPS
    try:
        return read_csv(path, COLUMNS, ["split", "image", CONTENT])
    except FishError as error:
        raise FishError(f"{error} Write it again: {features_line(store.store_dir)}.") from None


def check_folds(store: FeatureStore, folds: pd.DataFrame) -> None:
    """Raise FishError where a localiser has learned from photos that another one's crops are validated with.

    Each training photo's crop was found by the localiser that had not seen it, nor its fold. With the same
    folds no crop that a head is validated on, and no box behind it, has been seen by either.

    Args:
        store: whose crops they are; whole photos, and other tools' detections, have no folds.
        folds: `image`, `fold` of the training photos.
    """
    if store.recipe.crop is None:
        return
    known = read_crops(store)
    theirs = known[known["split"] == "train"].set_index("image")["fold"].reindex(folds["image"])
    if theirs.isna().all():
        return
    pairs = pd.DataFrame({"ours": folds["fold"].to_numpy(), "theirs": theirs.to_numpy()}).drop_duplicates()
    if pairs["ours"].duplicated().any() or pairs["theirs"].duplicated().any():
        raise FishError(
            f"the crops of {store.recipe.name} were found on other folds ({store.detections}), so localisers "
            "have learned from photos that these heads are validated on. Pass the --folds, --groups and "
            "--seed that it was made with, or locate on these folds under another --name."
        )


def kind_of_folds(store: FeatureStore) -> str | None:
    """On which folds a crop store's localisers were trained, "grouped" or "random"; None where untold."""
    source = None if store.recipe.crop is None else parse_path(store.detections)
    if source is None or not (source / METRICS).exists():
        return None
    return str(read_json(source / METRICS)["folds"])


def _contents_in(known: pd.DataFrame) -> Contents:
    """The content of each photo that the box of `known` is of; "" in files of before."""
    texts = known[CONTENT] if CONTENT in known else [""] * len(known)
    return dict(zip(zip(known["split"], known["image"], strict=True), texts, strict=True))
