"""What was found in the photos of all splits: by a localiser's run, or by another tool."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError, examples
from fishcli.basics.files import digest, read_csv
from fishcli.basics.progress import say, warn
from fishcli.basics.remote import parse_path
from fishcli.dataset.annotations import BOX_COLUMNS, POINT_COLUMNS
from fishcli.dataset.detections import CONTENT, read_contents, read_detections
from fishcli.dataset.layout.images import load_tests_if_any, load_train
from fishcli.features.photos.crops import Crop
from fishcli.features.store.contents import add_contents, is_other
from fishcli.features.store.lists import list_stores
from fishcli.options.command_lines import advised
from fishcli.options.data import StoreConfig
from fishcli.options.features import FeaturesConfig
from fishcli.options.finetune import FinetuneConfig
from fishcli.options.locate import LocateConfig, detections_path
from fishcli.runs.folders.listing import CONFIG
from fishcli.runs.locating.folds import look_again
from fishcli.runs.locating.localiser import LocaliserRun

COLUMNS = ["split", "image", "confidence", *BOX_COLUMNS, "fold"]

CropMaker = FeaturesConfig | FinetuneConfig
Contents = dict[tuple[str, str], str]
"""What tells a photo from another one of its name, by split and id; "" where it is not known."""


@dataclass(frozen=True)
class FoundCrops:
    """What the regions of all photos come from.

    Attributes:
        source: the file or the run's folder.
        crop: the rule.
        table: COLUMNS: each photo's surest box, NaN where there is none, and which fold found it; CONTENT,
            that of the photo it was found in; POINT_COLUMNS where heads and tails are known of any.
    """

    source: str
    crop: Crop
    table: pd.DataFrame


def check_crops(config: CropMaker) -> None:
    """Refuse options of crops where there are none; FishError."""
    if config.crop_align and config.crop is None:
        raise FishError("--crop-align turns crops: pass --crop RUN, too, a run of fishcli locate.")


def find_crops(config: CropMaker, tables: dict[str, pd.DataFrame]) -> FoundCrops:
    """Read what `--crop` names.

    Args:
        config: names it, and how regions are made of boxes.
        tables: the photos of all splits.

    Raises:
        FishError: no such run or file, a run that is not complete, or no detection in the training photos;
            `--crop-align` where it knows no heads and tails.
    """
    source = _source(str(config.crop))
    table = surest_found(config, source, tables)
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
    counted = train.drop(columns=CONTENT) if config.crop_align else train[COLUMNS]
    boxes_sha256 = digest(counted.sort_values("image").to_csv(index=False))[:12]
    crop = Crop(config.crop_margin, config.crop_min, boxes_sha256, config.crop_align)
    for split, part in table.groupby("split", sort=False):
        n_none = int(part["x_min"].isna().sum())
        whole = f"; {n_none:,} without any stay whole" if n_none else ""
        say(f"{split}: crops of {len(part) - n_none:,} photos at their surest box{whole}")
    return FoundCrops(str(source), crop, table)


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


def surest_found(
    config: StoreConfig, source: Path, photos: dict[str, pd.DataFrame], before: Contents | None = None
) -> pd.DataFrame:
    """Each photo's surest box, as `FoundCrops.table`; a run first looks at test photos that it has not seen.

    Args:
        config: where the competition and its stores lie.
        source: a localiser's run, or another tool's file.
        photos: those of all splits.
        before: the contents of photos when the file was last read.

    Raises:
        FishError: training photos came, or were replaced, since the run was made; a damaged run or file.
    """
    columns = ["split", "image", "height", "width", "path"]
    listed = pd.concat([table.assign(split=split) for split, table in photos.items()])[columns]
    now = contents_of(config, photos)
    if source.is_dir():
        path = detections_path(source)
        _let_see(LocaliserRun.open(source), config, photos, now)
        contents = read_contents(path)
    else:
        path, contents = source, now
        warn(
            f"{source} is another tool's: if it has learned from these photos, or photos of the same groups, "
            "the figures of heads on its crops promise too much"
        )
        said = {key: content for key, content in read_contents(source).items() if content}
        _warn_of_replaced(source, {**(before or {}), **said}, now)
    surest = read_detections(path, listed, config.box_categories).drop_duplicates(["split", "image"])
    table = listed[["split", "image"]].merge(surest, on=["split", "image"], how="left")
    table["fold"] = np.nan
    if source.is_dir():
        folds = read_csv(source / "folds.csv", ["image", "fold"], ["image", "group"])
        fold = folds.set_index("image")["fold"].reindex(table["image"]).to_numpy()
        table["fold"] = np.where(table["split"] == "train", fold, np.nan)
    table[CONTENT] = [contents.get(key, "") for key in zip(table["split"], table["image"], strict=True)]
    has_points = table[POINT_COLUMNS].notna().any(axis=None)
    return table[[*COLUMNS, CONTENT, *(POINT_COLUMNS if has_points else [])]]


def _let_see(
    this_run: LocaliserRun, config: StoreConfig, photos: dict[str, pd.DataFrame], now: Contents
) -> None:
    """Let a run look at the test photos that it has not seen as they are now.

    Training photos are found by the fold that has not learned from them, so a new one takes a new run.
    """
    this_run.check_found()
    seen = read_contents(detections_path(this_run.run_dir))
    unseen = [key for key, content in now.items() if key not in seen or is_other(seen[key], content)]
    of_train = [image for split, image in unseen if split == "train"]
    if of_train and any(content for (split, _), content in seen.items() if split == "train"):
        line = this_run.locate_line(name=f"{this_run.name}-new", features=None)
        raise FishError(
            f"{len(of_train):,} training photos came, or were replaced, since {this_run.run_dir} was made: "
            f"{examples(of_train)}. Locate in those of today, then name that run: {line}."
        )
    if len(of_train) < len(unseen):
        look_again(this_run, config, photos)


def _warn_of_replaced(source: Path, before: Contents, now: Contents) -> None:
    """Say which photos are others than those that a tool's file is of."""
    replaced = [key[1] for key, content in now.items() if is_other(before.get(key, ""), content)]
    if replaced:
        warn(
            f"{len(replaced):,} photos were replaced since {source} was read: {examples(replaced)}. Unless "
            "it was written anew, their boxes are the former photos': let its tool look at them again"
        )


def contents_of(
    config: StoreConfig, photos: dict[str, pd.DataFrame], store_dir: Path | None = None
) -> Contents:
    """The contents of photos as they are now; only those are read that no store knows as they are.

    Args:
        config: where the stores lie.
        photos: of each split.
        store_dir: the store that is asked first.
    """
    contents: Contents = {}
    for split, images in photos.items():
        folders = [*([] if store_dir is None else [store_dir]), *list_stores(config.stores_dir)]
        lists = [path for folder in folders if (path := folder / split / "images.csv").exists()]
        known, _ = add_contents(images, lists[0] if lists else config.stores_dir / split / "images.csv")
        contents |= {(split, image): content for image, content in known[["image", "content"]].to_numpy()}
    return contents


def all_photos(config: StoreConfig) -> dict[str, pd.DataFrame]:
    """The photos of all splits."""
    tables = {"train": load_train(config.data_dir, config.reading)}
    return tables | load_tests_if_any(config.data_dir, config.reading)
