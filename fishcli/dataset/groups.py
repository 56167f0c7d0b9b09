"""Groups: what must not straddle a fold (boat, camera, video)."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from fishcli.basics.errors import FishError, examples
from fishcli.basics.files import line_of, read_csv
from fishcli.basics.progress import say, warn
from fishcli.basics.remote import parse_path
from fishcli.dataset.layout.layout import read_training
from fishcli.dataset.layout.pools import has_tests, read_tests
from fishcli.dataset.metadata import size_keys
from fishcli.dataset.names import NameIndex, check_names, warn_of_lookalikes
from fishcli.dataset.sizes import tell_classes
from fishcli.options.audit import AuditConfig
from fishcli.options.command_lines import advised
from fishcli.options.layout import LayoutOptions

USUAL_LAYOUT = LayoutOptions()


def load_groups(
    option: str, data_dir: Path, train: pd.DataFrame, layout: LayoutOptions = USUAL_LAYOUT
) -> pd.Series | None:
    """The group of each training image, or None where folds will be random.

    Args:
        option: "auto" (groups.csv, else the group of `train`, else none), "none", "size" (one group a
            size_key), or the path of a CSV with the columns image and group.
        data_dir: the competition's folder.
        train: the table of `load_train`.
        layout: where the test photos are, which a CSV may name, too.

    Returns:
        Group names, with the image ids as index.

    Raises:
        FishError: the file is missing, misses images or names one of them twice.
    """
    ids = pd.Index(train["image"], name="image")
    if option == "none":
        _warn_of_random(data_dir, train)
        return None
    if option == "size":
        return _checked(pd.Series(size_keys(train), index=ids, name="group"), "image sizes")
    if option != "auto":
        if not parse_path(option).is_file():
            raise FishError(
                f"--groups {option}: no such file. Expected auto, none, size, or a CSV with image,group."
            )
        return _checked(read_groups(parse_path(option), train, _other_images(data_dir, layout)), option)
    if (data_dir / "groups.csv").exists():
        say(f"groups from {data_dir / 'groups.csv'}")
        path = data_dir / "groups.csv"
        return _checked(read_groups(path, train, _other_images(data_dir, layout)), str(path))
    if "group" in train:
        groups = pd.Series(list(train["group"]), index=ids, name="group")
        return _checked(groups, f"the tables in {data_dir}")
    warn(
        "no groups, so folds are RANDOM and say nothing of unseen boats, cameras or videos: write "
        f"{data_dir / 'groups.csv'} (image,group), or try fishcli groups or --groups size"
    )
    _warn_of_random(data_dir, train)
    return None


def _warn_of_random(data_dir: Path, train: pd.DataFrame) -> None:
    """Warn of random folds where the data themselves say that photos come in groups."""
    known = data_dir / "groups.csv"
    if known.exists() or "group" in train:
        source = str(known) if known.exists() else f"the tables in {data_dir}"
        warn(f"folds are RANDOM, though {source} tells groups: on others it may be far worse")
    elif "class_name" in train and tell_classes(train):
        warn(
            "image size goes with class here, as where boats have their own cameras: random folds may "
            f"promise far too much. How much: {advised('audit-leakage', AuditConfig)}"
        )


def _checked(groups: pd.Series, source: str) -> pd.Series:
    """The same groups, with a warning where no two photos share one: nothing is kept together then."""
    if len(groups) > 1 and groups.is_unique:
        warn(
            f"each group of {source} holds one photo, so grouped folds are as good as RANDOM: "
            "a group is what photos share, such as a boat, a camera or a video"
        )
    return groups


def count_new_groups(option: str, data_dir: Path, train: pd.DataFrame, layout: LayoutOptions) -> int | None:
    """How many groups of test photos are none of the training images', where the groups' CSV has them.

    Args:
        option: as in `load_groups`.
        data_dir: the competition's folder.
        train: the table of `load_train`.
        layout: where in it the test photos are.

    Returns:
        The number; None where the CSV names no test photo of a group of its own, or there is none.
    """
    path = data_dir / "groups.csv" if option == "auto" else parse_path(option)
    if option in ("none", "size") or not path.is_file():
        return None
    table = read_csv(path, required=["image", "group"], text=["image", "group"])
    found, others = NameIndex(train["image"]).find_all(table["image"], str(path))
    asked, _ = NameIndex(_test_images(data_dir, layout) if others else []).find_all(others, str(path))
    known = {*table["group"][table["image"].isin(found)], ""}
    return len(set(table["group"][table["image"].isin(asked)]) - known) or None


def _other_images(data_dir: Path, layout: LayoutOptions) -> list[str]:
    """The ids of photos that a groups CSV may name, too: those of test, and of training without a label."""
    try:
        unlabelled = list(read_training(data_dir, layout).photos)
    except FishError:  # who reads the training photos says so
        unlabelled = []
    return [*unlabelled, *_test_images(data_dir, layout)]


def _test_images(data_dir: Path, layout: LayoutOptions) -> list[str]:
    """The ids of the test photos; none where there are none to predict yet."""
    try:
        found = read_tests(data_dir, layout) if has_tests(data_dir, layout) else {}
    except FishError:  # predict says so
        return []
    return [image for _, listing in found.values() for image in listing.photos]


def read_groups(path: Path, train: pd.DataFrame, others: Sequence[str] = ()) -> pd.Series:
    """Read a CSV with the columns image and group and join it on the ids of `train`.

    It may name `others`, such as test photos, too; lines of neither are warned of.
    """
    table = read_csv(path, required=["image", "group"], text=["image", "group"])
    found, unknown = NameIndex(train["image"]).find_all(table["image"], str(path))
    unknown = NameIndex(others).find_all(unknown, str(path))[1] if unknown else []
    if unknown:
        warn(f"{path} names {len(unknown):,} images that are not in train/: left out ({examples(unknown)})")
    table = table[table["image"].isin(found)]
    images = table["image"].map(found)
    if images.duplicated().any():
        row = images[images.duplicated()]
        line = line_of(path, int(row.index[0]))
        raise FishError(f"{path}, line {line}: {row.iloc[0]!r} stands there a second time. Keep one line.")
    check_names(table["group"].unique(), str(path))
    warn_of_lookalikes(table["group"].unique(), str(path))
    groups = pd.Series(list(table["group"]), index=pd.Index(images, name="image"), name="group")
    missing = [image for image in train["image"] if image not in groups.index or groups[image] == ""]
    if missing:
        raise FishError(
            f"{path} has no group for {len(missing):,} training images: {examples(missing)}. "
            "Add their lines, or go on with random folds: --groups none."
        )
    return groups.loc[train["image"]]
