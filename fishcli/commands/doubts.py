"""`fishcli doubts`: labels that predictions contradict, for a person to decide on."""

import shlex
from pathlib import Path

import pandas as pd

from fishcli.basics.errors import FishError
from fishcli.basics.files import write_csv, write_text
from fishcli.basics.locks import alone
from fishcli.basics.progress import say, track, warn
from fishcli.basics.tables import table_text
from fishcli.dataset.layout.images import load_train
from fishcli.dataset.layout.layout import read_training
from fishcli.dataset.layout.relabel import COLUMNS, DROP, NAME, read_decided
from fishcli.dataset.photos.photo import UnreadableImageError, contained
from fishcli.dataset.photos.thumbnails import read_small
from fishcli.options.command_lines import advised
from fishcli.options.reading import Reading
from fishcli.options.seeing import DoubtsConfig
from fishcli.options.train import TrainConfig
from fishcli.report.pages.doubts import Doubt, doubts_page
from fishcli.runs.folders.picking import pick_run
from fishcli.runs.seeing.doubting import doubted
from fishcli.runs.seeing.small_photos import jpeg_of
from fishcli.runs.tagged import refuse_tags

PAGE = "doubts.html"
THUMBNAIL = (280, 210)  # pixels, width and height
N_LISTED = 10


def run(config: DoubtsConfig) -> str:
    """Find them, write the page and the CSV; returns the surest, what to do, and the page's path."""
    csv_path = config.out / NAME
    _check_free(csv_path, config)
    asked: list[str | None] = [*config.runs] if config.runs else [None]
    runs = [pick_run(config.models_dir, name) for name in asked]
    refuse_tags(any(each.is_tagged for each in runs), "doubts", "oof.csv of each run has what it says")
    train = load_train(config.data_dir, config.reading)
    found = doubted(runs, train, config.reading)
    names, folds = [each.name for each in runs], runs[0].read_metrics()["folds"]
    if folds == "grouped":
        surer = advised("train", TrainConfig, groups="none", name="for-doubts")
        warn(
            f"{', '.join(names)}: on grouped folds a model contradicts many labels that are right, of groups "
            f"that it has not seen. Surer doubts come of {surer}"
        )
    page = doubts_page(names, folds, len(train), _shown(found, train, config), len(found))
    with alone(config.out):  # both files of one process
        _check_free(csv_path, config)
        write_csv(csv_path, pd.concat([_decided(config), found], ignore_index=True))
        write_text(config.out / PAGE, page)
    if found.empty:
        return f"no label is in doubt\n\n{config.out / PAGE}"
    there = config.data_dir / NAME
    say(
        f"look at {config.out / PAGE}, mend {csv_path} (delete lines that are wrong, write {DROP} for a "
        "photo that nobody should learn from), then: "
        f"mv {shlex.quote(str(csv_path))} {shlex.quote(str(there))}"
    )
    more = len(found) - N_LISTED
    table = table_text(found.head(N_LISTED)) + (f"\n... and {more:,} more" if more > 0 else "")
    return f"{len(found):,} of {len(train):,} labels are in doubt\n\n{table}\n\n{config.out / PAGE}"


def _check_free(csv_path: Path, config: DoubtsConfig) -> None:
    """Refuse to overwrite what a person has decided."""
    if csv_path.resolve() == (config.data_dir / NAME).resolve():
        raise FishError(
            f"--out {config.out}: proposals there would be taken for decisions. Name another folder."
        )
    if csv_path.exists() and not config.force:
        raise FishError(
            f"{csv_path} exists, perhaps mended by hand. Name another --out, or pass --force to replace it."
        )


def _decided(config: DoubtsConfig) -> pd.DataFrame:
    """What stands in the competition's own relabel.csv, so that the new file may take its place."""
    path = config.data_dir / NAME
    if not path.exists():
        return pd.DataFrame(columns=COLUMNS)
    photos = read_training(config.data_dir, config.reading.layout).photos  # those that it drops, too
    return read_decided(path, pd.DataFrame({"image": list(photos)}))


def _shown(found: pd.DataFrame, train: pd.DataFrame, config: DoubtsConfig) -> list[Doubt]:
    paths = dict(zip(train["image"], train["path"], strict=True))
    rows = found.head(config.shown).to_dict("records")
    return [
        Doubt(
            image=row["image"],
            label=row["was"],
            proposal=row["class_name"],
            sureness=row["sureness"],
            why=row["why"],
            photo=_photo(paths[row["image"]], config.reading),
        )
        for row in track(rows, "photos", "photo")
    ]


def _photo(path: Path, reading: Reading) -> bytes | None:
    """A small JPEG; None of a photo that can't be read."""
    try:
        return jpeg_of(contained(read_small(path, THUMBNAIL, reading), THUMBNAIL))
    except UnreadableImageError:
        return None
