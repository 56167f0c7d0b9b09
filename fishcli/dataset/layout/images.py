"""The images of a competition: their ids, classes and sizes, read from folders and file headers."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from fishcli.basics.errors import FishError, examples
from fishcli.basics.files import digest, line_of, read_csv, tidy
from fishcli.basics.progress import bar, warn
from fishcli.basics.remote import N_REQUESTS, Listed, is_remote, list_files
from fishcli.dataset.layout.listing import Listing, by_suffix, is_left_by_a_system, list_photos
from fishcli.dataset.layout.misplaced import check_classes, warn_of_nesting, warn_of_validation
from fishcli.dataset.names import NameIndex, check_names, warn_of_lookalikes
from fishcli.dataset.photos.photo import read_header
from fishcli.options.reading import USUAL, Reading

N_AT_A_TIME = 64
"""A thread reads so many headers in one go: a future for every photo would weigh more than what it reads."""
EXPECTED = "train/<CLASS>/*.jpg, or train.csv (image,label[,group]) beside train/*.jpg"


def load_train(data_dir: Path, reading: Reading = USUAL) -> pd.DataFrame:
    """Read the training images of a competition.

    Args:
        data_dir: its folder.
        reading: how photos are read: those of more pixels than that allows have a problem.

    Returns:
        One row an image, in the order of their ids: `image` (id: its path under train/), `path`,
        `class_name`, `height` and `width` (pixels of the upright photo, 0 where the header can't be read),
        `n_bytes`, `problem` (why the header can't be read, else ""), and `group` where train.csv has it.

    Raises:
        FishError: no images, an empty class folder, or a train.csv that doesn't fit the files.
    """
    labels, paths = load_labels(data_dir)
    table = _read_headers(data_dir / "train", {image: paths[image] for image in labels["image"]}, reading)
    return labels.merge(table, on="image", validate="one_to_one")


def load_labels(data_dir: Path) -> tuple[pd.DataFrame, dict[str, Path]]:
    """What is known of the training images without opening one.

    Returns:
        `load_train`'s columns `image`, `class_name` and, where train.csv has it, `group`, in its order; and
        image id -> path of all image files in train/.

    Raises:
        FishError: as `load_train` does.
    """
    train_dir = data_dir / "train"
    if not train_dir.is_dir():
        raise FishError(
            f"no training images: there is no folder {train_dir}. Expected {EXPECTED}. "
            "Name the competition's folder with --data-dir, or draw one: fishcli demo DIR."
        )
    listing = list_photos(train_dir)
    if not listing.photos:
        raise FishError(f"no training images in {train_dir}{listing.others_said()}. Expected {EXPECTED}.")
    warn_of_validation(data_dir)
    if csv_path := _train_csv(data_dir):
        warn_of_nesting(train_dir, listing.photos)
        labels = _labels_from_csv(data_dir, listing.photos, listing.others)
    else:
        labels = _labels_from_folders(train_dir, listing)
    warn_of_lookalikes(labels["class_name"].unique(), str(csv_path or train_dir))
    return labels, listing.photos


def load_tests(data_dir: Path, reading: Reading = USUAL) -> dict[str, pd.DataFrame]:
    """Read the test images: one table a folder data_dir/test*, with load_train's columns but the class.

    Raises:
        FishError: there is no test folder, or one holds no image.
    """
    tables = {}
    for test_dir in sorted(path for path in data_dir.glob("test*") if path.is_dir()):
        listing = list_photos(test_dir)
        if not listing.photos:
            raise FishError(
                f"{test_dir} holds no image{listing.others_said()}. Put the test images there or remove the "
                "folder."
            )
        warn_of_nesting(test_dir, listing.photos)
        tables[test_dir.name] = _read_headers(test_dir, listing.photos, reading)
    if not tables:
        raise FishError(f"no test images: expected a folder {data_dir}/test or test_stg1, test_stg2, ...")
    return tables


def class_names_of(train: pd.DataFrame) -> list[str]:
    """The class order of a run: the names in `train`, sorted."""
    return sorted(train["class_name"].unique())


def dataset_digest(images: pd.DataFrame) -> str:
    """The sha256 of ids, file sizes and, where known, classes: tells one data set from another."""
    columns = [column for column in ("image", "n_bytes", "class_name") if column in images]
    return digest(images[columns].sort_values("image").to_csv(index=False))


def _read_headers(split_dir: Path, paths: dict[str, Path], reading: Reading) -> pd.DataFrame:
    """A table of `image`, `path`, `height`, `width`, `n_bytes`, `problem`, given image id -> path.

    Remote images have a `token` besides, as `remote.Listed` has it.
    """
    files, remote = list(paths.values()), is_remote(split_dir)
    n_part = 1 if remote else N_AT_A_TIME
    parts = [files[start : start + n_part] for start in range(0, len(files), n_part)]
    headers: list[tuple[int, int, str]] = []
    with (
        ThreadPoolExecutor(N_REQUESTS if remote else None) as pool,
        bar(len(files), f"headers of {split_dir.name}", "img") as progress,
    ):
        for found in pool.map(lambda part: [read_header(path, reading) for path in part], parts):
            headers += found
            progress.update(len(found))
    table = pd.DataFrame(headers, columns=["height", "width", "problem"])
    table = table.assign(image=list(paths), path=pd.Series(files, dtype=object))
    if not remote:
        return table.assign(n_bytes=[path.stat().st_size if path.exists() else 0 for path in paths.values()])
    listed = {tidy(name): each for name, each in list_files(split_dir).items()}
    known = [listed.get(image, Listed(0, "")) for image in paths]
    return table.assign(n_bytes=[each.n_bytes for each in known], token=[each.token for each in known])


def _train_csv(data_dir: Path) -> Path | None:
    path = data_dir / "train.csv"
    return path if path.exists() else None


def _labels_from_folders(train_dir: Path, listing: Listing) -> pd.DataFrame:
    paths = listing.photos
    loose = [image for image in paths if "/" not in image]
    if len(loose) == len(paths):
        raise FishError(
            f"the images in {train_dir} lie in no class folder and {train_dir.parent / 'train.csv'} is "
            "missing. "
            f"Expected {EXPECTED}."
        )
    if loose:
        warn(
            f"{len(loose):,} images lie directly in {train_dir}, in no class folder: left out "
            f"({examples(loose)})"
        )
    images = [image for image in paths if "/" in image]
    check_classes(train_dir, images)
    class_names = [tidy(image.split("/")[0]) for image in images]
    folders = {
        tidy(path.name)
        for path in train_dir.iterdir()
        if path.is_dir() and not is_left_by_a_system(path.name)
    }
    for empty in sorted(folders - set(class_names)):
        raise FishError(
            f"class {empty!r} is empty: {train_dir / empty} holds no image"
            f"{listing.others_said(f'{empty}/')}. Add some or remove the folder."
        )
    return pd.DataFrame({"image": images, "class_name": class_names})


def _labels_from_csv(data_dir: Path, paths: dict[str, Path], others: Sequence[str] = ()) -> pd.DataFrame:
    csv_path = data_dir / "train.csv"
    table = read_csv(csv_path, required=["image", "label"], text=["image", "label", "group"])
    if table.empty:
        raise FishError(f"{csv_path} has no line after its header. Expected image,label[,group].")
    found, unknown = NameIndex(paths).find_all(table["image"], str(csv_path))
    if unknown:
        there, _ = NameIndex(others).find_all(unknown, str(csv_path))
        if there:
            raise FishError(
                f"{csv_path} names {len(there):,} files that lie in {data_dir / 'train'}, but are no photos "
                f"that fishcli reads ({by_suffix(there.values())}): {examples(list(there))}. Convert them to "
                "JPEG or PNG, or delete their lines."
            )
        raise FishError(
            f"{csv_path} names {len(unknown):,} images that {data_dir / 'train'} lacks: {examples(unknown)}. "
            "Add the files or delete their lines."
        )
    if (table["label"] == "").any():
        line = line_of(csv_path, int((table["label"] == "").idxmax()))
        raise FishError(f"{csv_path}, line {line}: the label is empty. Write a class name there.")
    check_names(table["label"].unique(), str(csv_path))
    images = table["image"].map(found)
    twice = images[images.duplicated()]
    if len(twice):
        line = line_of(csv_path, int(twice.index[0]))
        raise FishError(
            f"{csv_path}, line {line}: {twice.iloc[0]!r} stands there a second time. Keep one line an image."
        )
    unnamed = sorted(set(paths) - set(images))
    if unnamed:
        warn(f"{csv_path} has no label for {len(unnamed):,} images in train/: left out ({examples(unnamed)})")
    labels = pd.DataFrame({"image": images, "class_name": table["label"]})
    if "group" in table and (table["group"] == "").any():
        line = line_of(csv_path, int((table["group"] == "").idxmax()))
        raise FishError(f"{csv_path}, line {line}: the group is empty. Write one there or drop the column.")
    if "group" in table:
        check_names(table["group"].unique(), str(csv_path))
        labels["group"] = table["group"]
    return labels.sort_values("image", ignore_index=True)
