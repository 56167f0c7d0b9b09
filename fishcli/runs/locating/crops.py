"""The regions of a crop store's photos: from a localiser's run or another tool's detections."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError
from fishcli.basics.files import digest, read_csv, read_json, write_csv
from fishcli.basics.progress import say, warn
from fishcli.basics.remote import parse_path
from fishcli.dataset.annotations import BOX_COLUMNS, POINT_COLUMNS
from fishcli.dataset.detections import read_detections
from fishcli.dataset.layout.images import load_tests_if_any, load_train
from fishcli.dataset.metadata import SURENESS
from fishcli.features.photos.crops import REGION, Crop, region_along, region_around
from fishcli.features.store.again import features_line
from fishcli.features.store.store import FeatureStore
from fishcli.options.command_lines import advised
from fishcli.options.data import StoreConfig
from fishcli.options.features import FeaturesConfig
from fishcli.options.locate import LocateConfig, detections_path
from fishcli.runs.listing import CONFIG, METRICS
from fishcli.runs.locating.folds import look_again
from fishcli.runs.locating.localiser import LocaliserRun

CROPS = "crops.csv"
COLUMNS = ["split", "image", "confidence", *BOX_COLUMNS, "fold"]


@dataclass(frozen=True)
class FoundCrops:
    """What the regions of all photos come from.

    Attributes:
        source: the file or the run's folder.
        crop: the rule.
        table: COLUMNS: each photo's surest box, NaN where there is none, and which fold found it;
            POINT_COLUMNS where heads and tails are known of any.
    """

    source: str
    crop: Crop
    table: pd.DataFrame


def find_crops(config: FeaturesConfig) -> FoundCrops:
    """Read what `--crop` names.

    Raises:
        FishError: no such run or file, a run that is not complete, or no detection in the training photos;
            `--crop-align` where it knows no heads and tails.
    """
    source = _source(str(config.crop))
    table = _read(config, source)
    train = table[table["split"] == "train"]
    if train["x_min"].isna().all():
        raise FishError(f"--crop {config.crop}: it has no detection in the training photos.")
    if config.crop_align and POINT_COLUMNS[0] not in table:
        line = advised("locate", LocateConfig, ends=True, name="ends")
        raise FishError(
            f"--crop-align: {source} knows no heads and tails. Where boxes/ has both ends of some fish, "
            f"learn them: {line}; or leave --crop-align out."
        )
    # Points count only where they are looked at: without them crops are what they were.
    counted = train if config.crop_align else train[COLUMNS]
    boxes_sha256 = digest(counted.sort_values("image").to_csv(index=False))[:12]
    crop = Crop(config.crop_margin, config.crop_min, boxes_sha256, config.crop_align)
    for split, part in table.groupby("split", sort=False):
        n_none = int(part["x_min"].isna().sum())
        whole = f"; {n_none:,} without any stay whole" if n_none else ""
        say(f"{split}: crops of {len(part) - n_none:,} photos at their surest box{whole}")
    return FoundCrops(str(source), crop, table)


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

    Photos that came after the store was made are looked up where its boxes came from.

    Args:
        config: where the competition lies.
        store: the store.
        tables: `image`, `height`, `width` of each split.

    Raises:
        FishError: no box is known of some photos.
    """
    crop = store.recipe.crop
    if crop is None:
        return tables
    known = read_crops(store)
    if _lacks(known, tables):
        source = parse_path(store.detections)
        if source.is_dir():
            look_again(LocaliserRun.open(source), config, _photos(config))
        known = _read(config, source)
        if lacking := _lacks(known, tables):
            raise FishError(
                f"{store.detections} says nothing of {len(lacking):,} photos, such as {lacking[0]}. Let it "
                f"look at them, then compute their features: {features_line(store.store_dir)}."
            )
        write_csv(store.store_dir / CROPS, known)
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
        return read_csv(path, COLUMNS, ["split", "image"])
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


def _lacks(known: pd.DataFrame, tables: dict[str, pd.DataFrame]) -> list[str]:
    """The photos of which no box is known, nor that there is none."""
    listed = set(zip(known["split"], known["image"], strict=True))
    return [
        image for split, images in tables.items() for image in images["image"] if (split, image) not in listed
    ]


def _source(name: str) -> Path:
    """The run's folder, or the file, that `--crop` names."""
    path = parse_path(name)
    run_dir = next((each for each in (path, Path("models") / name) if (each / CONFIG).exists()), None)
    if run_dir is not None:
        this_run = LocaliserRun.open(run_dir)
        if not this_run.is_complete:
            raise FishError(f"--crop {name}: the run is not complete. Go on: {this_run.locate_line()}.")
        return run_dir.absolute()
    if path.is_file():
        return path.absolute()
    raise FishError(
        f"--crop {name}: no run of locate, and no such file. Make a run: {advised('locate', LocateConfig)}, "
        "then pass its folder; or pass what MegaDetector wrote."
    )


def _read(config: StoreConfig, source: Path) -> pd.DataFrame:
    """Each photo's surest box, of all splits."""
    columns = ["split", "image", "height", "width", "path"]
    photos = pd.concat([table.assign(split=split) for split, table in _photos(config).items()])[columns]
    is_run = source.is_dir()
    if is_run:
        LocaliserRun.open(source).check_found()
    path = detections_path(source) if is_run else source
    surest = read_detections(path, photos, config.box_categories).drop_duplicates(["split", "image"])
    table = photos[["split", "image"]].merge(surest, on=["split", "image"], how="left")
    table["fold"] = np.nan
    if is_run:
        folds = read_csv(source / "folds.csv", ["image", "fold"], ["image", "group"])
        fold = folds.set_index("image")["fold"].reindex(table["image"]).to_numpy()
        table["fold"] = np.where(table["split"] == "train", fold, np.nan)
    else:
        warn(
            f"{source} is another tool's: if it has learned from these photos, or photos of the same groups, "
            "the figures of heads on its crops promise too much"
        )
    has_points = table[POINT_COLUMNS].notna().any(axis=None)
    return table[[*COLUMNS, *POINT_COLUMNS] if has_points else COLUMNS]


def _photos(config: StoreConfig) -> dict[str, pd.DataFrame]:
    """The photos of all splits."""
    tables = {"train": load_train(config.data_dir, config.reading)}
    return tables | load_tests_if_any(config.data_dir, config.reading)
