"""`fishcli groups`: cluster the training images into cameras or sequences, for a person to mend."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from fishcli.audit.cameras import Cameras, find_cameras, measure_agreement
from fishcli.basics.errors import FishError
from fishcli.basics.files import write_csv
from fishcli.basics.locks import alone
from fishcli.basics.progress import say, track, warn
from fishcli.basics.tables import table_text
from fishcli.dataset.fields import read_fields
from fishcli.dataset.groups import read_groups
from fishcli.dataset.layout.images import load_train
from fishcli.dataset.metadata import is_hardly_shared, size_keys
from fishcli.dataset.photos.thumbnails import readable_thumbnails
from fishcli.features.store.lists import list_stores
from fishcli.features.store.picking import pick_store
from fishcli.features.upkeep import Upkeep, bring_up_to_date
from fishcli.heads.inputs import store_rows
from fishcli.heads.reading import read_features
from fishcli.options.command_lines import advised
from fishcli.options.data import GroupsConfig
from fishcli.options.features import FeaturesConfig
from fishcli.options.reading import Reading
from fishcli.options.train import TrainConfig
from fishcli.report.contact_sheets import MAX_PHOTOS, Shot, contact_sheet, write_sheet
from fishcli.runs.locating.crops import with_regions

SHEET = re.compile(r"(camera|sequence|alone)_\d+\.png")
N_LISTED = 10


def run(config: GroupsConfig) -> str:
    """Cluster, write the CSV and the sheets; returns what was found, with one plain sentence, last."""
    out = csv_of(config)
    _check_out(out, config)
    n_clusters = _parse_clusters(config.clusters)
    train = load_train(config.data_dir, config.reading)
    images, thumbnails = readable_thumbnails(train, reading=config.reading)
    if n_clusters is not None and n_clusters > len(images):
        raise FishError(f"--clusters {n_clusters} is more than the {len(images):,} training images.")
    features = _read_features(config, train, images)
    tables = list(read_fields(images, ["jpeg_tables"])["jpeg_tables"])
    found = find_cameras(images, thumbnails.pixels, tables, features, n_clusters)
    say(found.how)
    names = _names(found)
    sheets_dir = sheets_of(out)
    with alone(out):
        _check_out(out, config)  # again: another process may have written it meanwhile
        _write_sheets(sheets_dir, images, names, found, config.reading)
        write_csv(out, pd.DataFrame({"image": images["image"], "group": names}))
    parts = [_clusters_text(images, names), *_agreement_text(config.data_dir, images, found)]
    return "\n\n".join([*parts, _sentence(out, sheets_dir, names, found)])


def csv_of(config: GroupsConfig) -> Path:
    """The CSV that is written."""
    return config.out or config.data_dir / "groups_found.csv"


def sheets_of(out: Path) -> Path:
    """The folder of the contact sheets that go with that CSV."""
    return out.with_name(f"{out.stem}_sheets")


def _check_out(out: Path, config: GroupsConfig) -> None:
    """Refuse to overwrite what may be the truth, or a person's work."""
    if not out.exists():
        return
    if out.resolve() == (config.data_dir / "groups.csv").resolve():
        raise FishError(
            f"{out} exists and may hold the true groups: it is never overwritten. Name another --out, or "
            "move it away."
        )
    if not config.force or not out.is_file():
        raise FishError(
            f"{out} exists, perhaps mended by hand. Name another --out"
            + (", or pass --force to replace it." if out.is_file() else ".")
        )


def _parse_clusters(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise FishError(f"--clusters {text}: expected auto or a number of clusters from 1.")
    return int(text)


def _read_features(config: GroupsConfig, train: pd.DataFrame, images: pd.DataFrame) -> np.ndarray | None:
    """Pooled features (n, channels) of crops and photos by hand; None for frames of fixed cameras."""
    if config.features == "none":
        return None
    if not is_hardly_shared(images):
        if config.features is not None:
            warn(
                f"--features {config.features} is not looked at: image sizes are shared, so these are frames "
                "of fixed cameras, which edges tell apart better."
            )
        return None
    if config.features is None and not list_stores(config.stores_dir):
        say(
            f"no features in {config.stores_dir}: clustering by colours alone. Better first: "
            f"{advised('features', FeaturesConfig)}"
        )
        return None
    store = pick_store(config.stores_dir, config.features)
    train = with_regions(config, store, {"train": train})["train"]
    bring_up_to_date(store, {"train": (train, ["identity"])}, Upkeep(config.data_dir, config.reading))
    rows = store_rows(store, "train", list(images["image"]))
    found = read_features(store, {"train": rows}, ["identity"], pool=True)
    return np.asarray(found[0, np.arange(len(rows))], np.float32)


def _names(found: Cameras) -> list[str]:
    digits = max(2, len(str(found.cluster.max() + 1)))
    return [f"{found.kind}_{number + 1:0{digits}d}" for number in found.cluster]


def _write_sheets(
    sheets_dir: Path, images: pd.DataFrame, names: list[str], found: Cameras, reading: Reading
) -> None:
    """A contact sheet a cluster; clusters of one photo share sheets."""
    if sheets_dir.is_dir():
        for path in sheets_dir.iterdir():
            if SHEET.fullmatch(path.name):
                path.unlink()
    shots = pd.Series(
        [
            Shot(path, image, reading=reading)
            for path, image in zip(images["path"], images["image"], strict=True)
        ]
    )
    sizes = np.bincount(found.cluster)
    sheets = [
        (group, list(shots[members]))
        for group, members in pd.Series(range(len(images))).groupby(names).groups.items()
        if len(members) > 1
    ]
    alone = [shot for shot, cluster in zip(shots, found.cluster, strict=True) if sizes[cluster] == 1]
    for start in range(0, len(alone), MAX_PHOTOS):
        sheets.append((f"alone_{start // MAX_PHOTOS + 1:02d}", alone[start : start + MAX_PHOTOS]))
    for name, members in track(sheets, "contact sheets", "sheet"):
        shown = f", {MAX_PHOTOS} shown" if len(members) > MAX_PHOTOS else ""
        write_sheet(
            sheets_dir / f"{name}.png", contact_sheet(members, f"{name}: {len(members):,} images{shown}")
        )


def _clusters_text(images: pd.DataFrame, names: list[str]) -> str:
    """The largest clusters."""
    table = images.assign(group=names, size=size_keys(images))
    rows = table.groupby("group").agg(
        images=("image", "size"), classes=("class_name", "nunique"), sizes=("size", "nunique")
    )
    text = table_text(rows.head(N_LISTED).reset_index())
    n_more = len(rows) - N_LISTED
    return text if n_more <= 0 else f"{text}\n... and {n_more:,} more"


def _agreement_text(data_dir: Path, images: pd.DataFrame, found: Cameras) -> list[str]:
    """How well the clusters fit the groups that are known; nothing where none are."""
    if (data_dir / "groups.csv").exists():
        known = list(read_groups(data_dir / "groups.csv", images))
    elif "group" in images:
        known = list(images["group"])
    else:
        return []
    agreement = measure_agreement(found.cluster, known)
    row = {
        "known groups": agreement.n_groups,
        "clusters": int(found.cluster.max()) + 1,
        "adjusted Rand": agreement.adjusted_rand,
        "homogeneity": agreement.homogeneity,
        "completeness": agreement.completeness,
    }
    return [table_text(pd.DataFrame([row]))]


def _sentence(out: Path, sheets_dir: Path, names: list[str], found: Cameras) -> str:
    sizes = np.bincount(found.cluster)
    kinds = found.kind if len(sizes) == 1 else f"{found.kind}s"
    advice = "mend the CSV (in doubt merge: a group that is cut makes folds too kind)"
    return (
        f"Wrote {out}: {len(names):,} images in {len(sizes):,} {kinds}, {sizes.min():,} to {sizes.max():,} "
        f"images each. Look at {sheets_dir}, {advice}, then: "
        f"{advised('train', TrainConfig, groups=str(out))}"
    )
