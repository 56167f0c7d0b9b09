"""Which folders of a competition hold the training photos and which the test photos."""

import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from fishcli.basics.errors import FishError
from fishcli.basics.once import once
from fishcli.basics.progress import note
from fishcli.basics.remote import is_remote, list_folder
from fishcli.dataset.layout.listing import files_below, is_left_by_a_system, is_photo
from fishcli.dataset.layout.words import NO_PHOTOS, TEST, TRAIN, VALIDATION, has_word
from fishcli.options.layout import LayoutOptions

OURS = frozenset({"features", "boxes", "models", "submissions", "data_picture"})
"""Folders at a competition's top that hold what fishcli reads or writes beside the photos."""
DEPTH = 4
"""So many folders below the competition's own a split's folder may lie."""
N_CLASSES = 3
"""With so many neighbours of other names, a folder called "train" is a class."""


@dataclass
class Folders:
    """Where photos lie, as paths.

    Attributes:
        train: folders of training photos.
        test: folders of test photos; where there are several, each is a split.
        validation: folders of a third split, which no command reads.
        others: folders that hold photos and are none of these.
        beside: folders outside of splits, and the splits' own: where tables and samples lie.
    """

    train: list[Path] = field(default_factory=list)
    test: list[Path] = field(default_factory=list)
    validation: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    beside: list[Path] = field(default_factory=list)


def find_folders(data_dir: Path, options: LayoutOptions) -> Folders:
    """Find the folders of a competition's splits by their names' words, wherever below `data_dir` they lie.

    Photos that lie in a split's folder are that split's, whatever the folders below it are called. A folder
    that a split is named after, but that holds no photo, is passed over: TFRecords and DICOM files often lie
    beside the pictures that were made of them.

    Raises:
        FishError: --train-dir or --test-dir names no folder.
    """
    return once(("folders", str(data_dir), options), lambda: _find_folders(data_dir, options))


def _find_folders(data_dir: Path, options: LayoutOptions) -> Folders:
    found = Folders()
    if not data_dir.is_dir():
        return found
    waiting = deque([(data_dir, 0)])
    while waiting:
        folder, depth = waiting.popleft()
        found.beside.append(folder)
        entries = _entries(folder)
        inner = [folder / name for name, is_folder in entries.items() if is_folder]
        inner = [each for each in inner if (depth or each.name not in OURS) and not _is_store(each)]
        if any(not is_folder and is_photo(name) for name, is_folder in entries.items()):
            found.others.append(folder)
        splits = _splits(inner)
        for each in inner:
            kind = splits.get(each)
            if kind is not None:
                getattr(found, kind).append(each)
                found.beside.append(each)
            elif depth < DEPTH and not has_word(each.name, NO_PHOTOS):
                waiting.append((each, depth + 1))
    _keep_one_home(found)
    if options.train_dir is not None:
        found.train = _named(data_dir, options.train_dir, "--train-dir")
    if options.test_dir is not None:
        found.test = _named(data_dir, options.test_dir, "--test-dir")
    return found


def _keep_one_home(found: Folders) -> None:
    """Keep the splits beside the first training folder: others are copies, or unpacked by mistake."""
    homes = [folder.parent for folder in found.train] or [folder.parent for folder in found.test]
    if not homes:
        return
    for name in ("train", "test", "validation"):
        folders = getattr(found, name)
        at_home = [folder for folder in folders if folder.parent == homes[0]]
        # Where test photos lie elsewhere altogether, the shallowest are meant.
        kept = at_home or [folder for folder in folders if folder.parent == folders[0].parent]
        # Beside train/ itself, train_extra/ and the like are not meant; test folders are all asked for.
        kept = [folder for folder in kept if name == "train" == folder.name] or kept
        setattr(found, name, kept)
        left = [folder for folder in folders if folder not in kept]
        if left and name != "validation":
            note(
                f"{', '.join(str(folder) for folder in left)}: left out, as {name} photos lie in "
                f"{', '.join(str(folder) for folder in kept)} (--{name}-dir takes others)"
            )


def _splits(inner: Sequence[Path]) -> dict[Path, str]:
    """Which folders of one folder are splits, and which."""
    found = {}
    for each in inner:
        kinds = {"train": TRAIN, "test": TEST, "validation": VALIDATION}
        kind = next((kind for kind, known in kinds.items() if has_word(each.name, known)), None)
        if kind is not None and not has_word(each.name, NO_PHOTOS) and holds_photos(each):
            found[each] = kind
    if "train" in found.values():  # beside it even "testphotos" is one
        for each in inner:
            if each not in found and each.name.startswith("test") and holds_photos(each):
                found[each] = "test"
    others = [each for each in inner if each not in found]
    if len(found) == 1 and len(others) >= N_CLASSES and all(map(holds_photos, others)):
        return {}
    return found


def holds_photos(folder: Path) -> bool:
    """Whether a photo lies in a folder or below it; looks no further than the first."""
    return any(is_photo(name) for name in files_below(folder))


def split_names(folders: Sequence[Path], data_dir: Path) -> dict[str, Path]:
    """The split's name of each test folder: its own, or its path where two have one name."""
    names = [folder.name for folder in folders]
    found = {}
    for folder in folders:
        path = folder.relative_to(data_dir) if names.count(folder.name) > 1 else PurePosixPath(folder.name)
        found["-".join(path.parts)] = folder
    return dict(sorted(found.items()))


def _named(data_dir: Path, text: str, flag: str) -> list[Path]:
    found = [data_dir / name.strip() for name in text.split(",")]
    for folder in found:
        if not folder.is_dir():
            raise FishError(f"{flag} {text}: there is no folder {folder}.")
    return found


def _entries(folder: Path) -> dict[str, bool]:
    """The names in a folder, in order, and whether each is a folder; hidden ones left out."""
    if is_remote(folder):
        found = list_folder(folder)
    else:
        with os.scandir(folder) as entries:
            found = {entry.name: entry.is_dir() for entry in entries}
    return {name: found[name] for name in sorted(found) if not is_left_by_a_system(name)}


def _is_store(folder: Path) -> bool:
    return (folder / "recipe.json").exists()
