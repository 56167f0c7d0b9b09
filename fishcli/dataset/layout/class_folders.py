"""Class folders: which part of a training photo's path is its class, if any is."""

import re
from collections.abc import Sequence
from pathlib import Path

from fishcli.basics.errors import FishError, examples
from fishcli.basics.files import tidy
from fishcli.basics.progress import warn
from fishcli.dataset.layout.folders import holds_photos
from fishcli.dataset.layout.listing import Listing, is_left_by_a_system
from fishcli.dataset.layout.misplaced import check_classes
from fishcli.dataset.layout.words import TRAIN, has_word


def class_depth(photos: Sequence[str]) -> int:
    """Which part of the photos' paths would be a class: the first that tells them apart.

    A folder that all photos lie in, and that has folders of its own with photos, is no class: the split's own
    name again, or "images". Nor are several that all bear the split's name.

    Args:
        photos: ids, paths below the split's folder.
    """
    parts = [image.split("/") for image in photos]
    depth = 0
    while True:
        names = {each[depth] for each in parts if len(each) > depth + 1}
        below = {tuple(each[depth : depth + 2]) for each in parts if len(each) > depth + 2}
        are_splits = all(has_word(name, TRAIN) for name in names)
        is_one = len(names) == 1 and (len(below) > 1 or are_splits)
        # Several folders of training photos, joined, have a word in common that a class has not.
        is_joined = len(names) > 1 and are_splits
        if not below or not (is_one or is_joined) or any(len(each) <= depth + 2 for each in parts):
            return depth
        depth += 1


def classes_of(photos: Sequence[str]) -> dict[str, str]:
    """The class that each photo's folder says; empty where the folders are none of classes.

    Folders that are the beginning of their photos' names ("0/0/4/004b..." or "001/07/00107__1") only spread
    files over folders.
    """
    depth = class_depth(photos)
    found = {}
    n_spread = 0
    for image in photos:
        parts = image.split("/")
        if len(parts) < depth + 2:
            continue
        found[image] = tidy(parts[depth])
        n_spread += _is_spread(parts[depth:])
    return {} if found and n_spread == len(found) else found


def _is_spread(parts: Sequence[str]) -> bool:
    """Whether the folders are the beginning of the name, figure by figure."""
    folders = "".join(parts[:-1])
    return bool(re.fullmatch("[0-9a-fA-F]+", folders)) and parts[-1].lower().startswith(folders.lower())


def check_folders(train_dir: Path, listing: Listing, labelled: Sequence[str]) -> None:
    """Warn of photos in no class folder; refuse a class without any.

    Args:
        train_dir: the folder.
        listing: what is in it.
        labelled: ids of the photos in class folders.

    Raises:
        FishError: so it is, or the folders are those of another competition.
    """
    loose = sorted(set(listing.photos) - set(labelled))
    if loose:
        warn(
            f"{len(loose):,} images lie directly in {train_dir}, in no class folder: left out "
            f"({examples(loose)})"
        )
    check_classes(train_dir, labelled)
    depth = class_depth(list(listing.photos))
    classes = {image.split("/")[depth] for image in labelled}
    home = train_dir.joinpath(*labelled[0].split("/")[:depth])
    there = {tidy(each.name): each.name for each in home.iterdir() if each.is_dir()}
    for name in sorted(there.keys() - {tidy(each) for each in classes}):
        folder = home / there[name]
        if not is_left_by_a_system(name) and (folder.is_symlink() or not holds_photos(folder)):
            raise FishError(
                f"class {name!r} is empty: {folder} holds no image"
                f"{listing.others_said(f'{there[name]}/')}. Add some or remove the folder."
            )
