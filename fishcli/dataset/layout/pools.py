"""Which photos are to learn from and which to predict: by split folders, or by the tables that name them."""

import os
from collections.abc import Sequence
from pathlib import Path

from fishcli.basics.errors import FishError
from fishcli.basics.files import read_cells
from fishcli.basics.once import once
from fishcli.basics.progress import note
from fishcli.basics.remote import names_in, parse_path
from fishcli.dataset.layout.folders import Folders, find_folders, split_names
from fishcli.dataset.layout.listing import Listing, files_below, is_photo, list_photos
from fishcli.dataset.layout.tables import id_place, is_sample, table_paths, tables_naming
from fishcli.dataset.layout.words import TEST, TRAIN, VALIDATION, has_word
from fishcli.dataset.names import NameIndex
from fishcli.options.layout import LayoutOptions

EXPECTED = "train/<CLASS>/*.jpg, or train.csv (image,label[,group]) beside train/*.jpg"
RECORDS = (".tfrec", ".tfrecord", ".tfrecords")
ONE_SPLIT = "test"
"""What the photos to be predicted are called where they lie in one folder with those to learn from."""


def read_tests(data_dir: Path, options: LayoutOptions) -> dict[str, tuple[Path, Listing]]:
    """Find the test photos: by split its folder and what is in it.

    Raises:
        FishError: there are none.
    """
    return once(("tests", str(data_dir), options), lambda: _read_tests(data_dir, options))


def _read_tests(data_dir: Path, options: LayoutOptions) -> dict[str, tuple[Path, Listing]]:
    folders = find_folders(data_dir, options)
    if folders.test:
        found = {
            name: (folder, list_photos(folder))
            for name, folder in split_names(folders.test, data_dir).items()
        }
        home = folders.test[0].parent
        for each in sorted(home / name for name in names_in(home) if has_word(name, TEST)):
            if each.is_dir() and not any(files_below(each)):
                raise FishError(f"{each} holds no image. Put the test images there or remove the folder.")
        return found
    if not folders.train and folders.others:
        root, listing = _pool(data_dir, folders)
        asked = _asked(list(listing.photos), data_dir, folders, options)
        if asked:
            return {ONE_SPLIT: (root, Listing({image: listing.photos[image] for image in asked}, []))}
    for folder in sorted(path for path in data_dir.glob("test*") if path.is_dir()):
        said = list_photos(folder).others_said()
        raise FishError(f"{folder} holds no image{said}. Put the test images there or remove the folder.")
    raise FishError(
        f"no test images: expected a folder {data_dir}/test or test_stg1, test_stg2, ... Name it with "
        "--test-dir."
    )


def has_tests(data_dir: Path, options: LayoutOptions) -> bool:
    """Whether there are test photos, or a folder that should hold some."""
    folders = find_folders(data_dir, options)
    if folders.test or any(path.is_dir() for path in data_dir.glob("test*")):
        return True
    if folders.train or not folders.others:
        return False
    return bool(_asked(list(_pool(data_dir, folders)[1].photos), data_dir, folders, options))


def training_photos(data_dir: Path, folders: Folders, options: LayoutOptions) -> tuple[Path, Listing]:
    """The folder that training ids are relative to, and the photos; where no folder is named after it, those
    in no other split's folder that no test table and no sample names."""
    if not folders.train and not folders.others:
        raise FishError(_no_photos(data_dir))
    train_dir, listing = _pool(data_dir, folders)
    if not listing.photos:
        raise FishError(f"no training images in {train_dir}{listing.others_said()}. Expected {EXPECTED}.")
    if folders.train:
        return train_dir, listing
    asked = _asked(list(listing.photos), data_dir, folders, options)
    left = {image: path for image, path in listing.photos.items() if image not in asked}
    return train_dir, Listing(left, listing.others)


def _pool(data_dir: Path, folders: Folders) -> tuple[Path, Listing]:
    """The folder of the training photos, or of all that lie in no split's folder, and what is in it."""
    if len(folders.train) == 1:
        return folders.train[0], list_photos(folders.train[0])
    if folders.train:
        root = folders.train[0].parent
        return root, list_photos(root, _without_copies(folders.train, of_names=True))
    if len(folders.others) == 1 and folders.others[0] != data_dir:
        return folders.others[0], list_photos(folders.others[0])
    inner = [each for each in folders.others if each != data_dir]
    tops = [
        each for each in inner if not any(each != other and each.is_relative_to(other) for other in inner)
    ]
    tops = _without_copies(sorted(tops, key=lambda each: (len(each.parts), each)), of_names=False)
    root = data_dir if data_dir in folders.others or not tops else Path(os.path.commonpath(tops))
    return root, list_photos(root, tops)


def _without_copies(folders: Sequence[Path], *, of_names: bool) -> list[Path]:
    """Folders without those most of whose photos lie in one before: at another size, or unpacked twice.

    Args:
        folders: in their order.
        of_names: whether photos are the same by their names alone, or by their folder's name, too: class
            folders each have a 1.jpg.
    """
    seen: set[str] = set()
    kept: list[Path] = []
    for folder in folders:
        stems = {name.rpartition("/")[2].partition(".")[0] for name in files_below(folder) if is_photo(name)}
        names = stems if of_names else {f"{folder.name}/{stem}" for stem in stems}
        if len(names & seen) > 0.5 * len(names):
            note(f"{folder}: left out, as its photos lie in a folder before, too (--train-dir takes others)")
            continue
        seen |= names
        kept.append(folder)
    return kept


def _asked(photos: Sequence[str], data_dir: Path, folders: Folders, options: LayoutOptions) -> list[str]:
    """Which of the photos are to be predicted, by test tables, else by samples; in the order of ids."""
    if folders.test:
        return []
    index = NameIndex(photos)
    tests = [path for path in table_paths(folders.beside) if _is_of(path, TEST, folders.test)]
    named = {image for table in tables_naming(tests, index) for image in table.images}
    for path in [] if named - {""} else sample_paths(data_dir, options, folders):
        header, cells = read_cells(path)
        column = cells[id_place(header)]
        named |= set(index.find_all([name for name in column if name], str(path))[0].values())
    return sorted(named - {""})


def has_training(data_dir: Path, options: LayoutOptions) -> bool:
    """Whether photos lie where training photos might."""
    folders = find_folders(data_dir, options)
    return bool(folders.train or folders.others)


def training_tables(folders: Folders) -> list[Path]:
    """The files that may say something of training photos: not those of another split by their names."""
    return [
        path
        for path in table_paths(folders.beside)
        if not _is_of(path, TEST, folders.test) and not _is_of(path, VALIDATION, folders.validation)
    ]


def _is_of(path: Path, kind: frozenset[str], folders: Sequence[Path]) -> bool:
    """Whether a table is a split's: it lies among its photos, or bears its name and not the training's."""
    lies_there = any(path.is_relative_to(folder) for folder in folders)
    return lies_there or (has_word(path.stem, kind) and not has_word(path.stem, TRAIN))


def sample_paths(data_dir: Path, options: LayoutOptions, folders: Folders) -> list[Path]:
    """The sample submissions: those that --sample names, else those whose names say so.

    Raises:
        FishError: --sample names a file that isn't there.
    """
    if options.sample is not None:
        named = [parse_path(name.strip()) for name in options.sample.split(",")]
        paths = [path if path.exists() else data_dir / path for path in named]
        for path in paths:
            if not path.exists():
                raise FishError(f"--sample {options.sample}: there is no file {path}.")
        return paths
    splits = {*folders.train, *folders.test, *folders.validation}
    beside = [folder for folder in folders.beside if folder not in splits]
    return [
        folder / name
        for folder in beside
        for name in sorted(names_in(folder))
        if name.lower().endswith(".csv") and not name.startswith(".") and is_sample(name)
    ]


def _no_photos(data_dir: Path) -> str:
    """Why there is nothing to learn from."""
    train_dir = data_dir / "train"
    records = []
    for folder in find_folders(data_dir, LayoutOptions()).beside:
        records += [folder / name for name in names_in(folder) if name.lower().endswith(RECORDS)]
    if records:
        return (
            f"no training images: {data_dir} holds TFRecords ({records[0].relative_to(data_dir)}) and no "
            "photos. "
            "fishcli reads image files: write each record's image field into a file of its name, and its "
            f"label into {data_dir / 'train.csv'} (image,label)."
        )
    if train_dir.is_dir():
        return (
            f"no training images in {train_dir}{list_photos(train_dir).others_said()}. Expected {EXPECTED}."
        )
    return (
        f"no training images: there is no folder {train_dir}. Expected {EXPECTED}. "
        "Name the competition's folder with --data-dir, or draw one: fishcli demo DIR."
    )
