"""Which files of a split are photos: the walk over its folders, and what is told of the other files."""

import os
import posixpath
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fishcli.basics.errors import FishError, examples
from fishcli.basics.files import tidy
from fishcli.basics.progress import warn
from fishcli.basics.remote import is_remote, list_files
from fishcli.dataset.names import check_names, harmless
from fishcli.dataset.photos.photo import IMAGE_SUFFIXES

LEFT_BY_SYSTEMS = frozenset(
    {"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "@eadir", "#recycle", "$recycle.bin"}
)
"""Files and folders that Windows, macOS and network drives leave behind, in lower case."""


@dataclass(frozen=True)
class Listing:
    """The files below a split's folder, but for hidden ones and what systems leave behind.

    Attributes:
        photos: image id (the path under the folder, `tidy`) -> path, in the order of ids.
        others: the paths under the folder of all other files, in order.
    """

    photos: dict[str, Path]
    others: list[str]

    def others_said(self, under: str = "") -> str:
        """ "What lies in a folder in place of photos, to go on a sentence; "" where nothing does."""
        others = [name for name in self.others if name.startswith(under)]
        return f", but {len(others):,} files of other kinds ({by_suffix(others)})" if others else ""


def list_photos(split_dir: Path, folders: Sequence[Path] | None = None) -> Listing:
    """List a split's files; one warning counts those that are no photos by their suffix.

    Args:
        split_dir: the split's folder, below which ids are paths.
        folders: where only these folders below it count, with what is in them: they.

    Raises:
        FishError: a photo's name that `check_names` refuses, or a pipe, socket or device of that name, which
            could block for ever; two photos of one id.
    """
    photos: dict[str, Path] = {}
    others = []
    for name in files_below(split_dir) if folders is None else _below_some(split_dir, folders):
        if not is_photo(name):
            others.append(name)
            continue
        image, path = tidy(name), split_dir / name
        if not is_remote(path) and _is_no_file(path):
            raise FishError(f"{path} is a pipe, a socket or a device; expected a file. Remove it.")
        if image in photos:
            raise FishError(
                f"{photos[image]} and {path} have the same name but for blanks or accents. Rename one."
            )
        photos[image] = path
    check_names(photos, str(split_dir))
    if others and photos:
        warn(
            f"{len(others):,} files in {split_dir} are no photos that fishcli reads: left out "
            f"({by_suffix(others)}). What is a photo: convert it to JPEG or PNG."
        )
    return Listing(dict(sorted(photos.items())), sorted(others))


def by_suffix(names: Iterable[str]) -> str:
    """How many of some files have each suffix, frequent ones first: ".heic: 10, .txt: 2"."""
    counts = Counter(PurePosixPath(name).suffix.lower() or "no suffix" for name in names)
    ranked = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    return examples([f"{harmless(suffix)[:20]}: {n:,}" for suffix, n in ranked])


def is_left_by_a_system(name: str) -> bool:
    """Whether a file or folder is hidden, or what a system leaves behind."""
    return name.startswith(".") or name.lower() in LEFT_BY_SYSTEMS


def is_photo(name: str) -> bool:
    """Whether a file is a photo by its name."""
    return posixpath.splitext(name)[1].lower() in IMAGE_SUFFIXES


def _is_no_file(path: Path) -> bool:
    """Whether something is there that is no file: reading it could block for ever."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:  # a link to nothing: read later, and reported with its name
        return False


def files_below(folder: Path) -> Iterator[str]:
    """The files below a folder by their paths under it, but for those that systems leave behind."""
    return _remote_files(folder) if is_remote(folder) else _files(folder)


def _below_some(split_dir: Path, folders: Sequence[Path]) -> Iterator[str]:
    for folder in folders:
        start = folder.relative_to(split_dir)
        yield from ((start / name).as_posix() for name in files_below(folder))


def _files(split_dir: Path) -> Iterator[str]:
    """The files below a local folder.

    Links are followed, wherever they lead: large sets are often linked in. But no folder is walked twice, or
    a link to a folder above itself would have no end.
    """
    walked = set()
    for folder, folders, files in os.walk(split_dir, followlinks=True):
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in walked:
            warn(f"{folder} leads to a folder that was read already: left out.")
            folders.clear()
            continue
        walked.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not is_left_by_a_system(name))
        start = Path(folder).relative_to(split_dir).as_posix()
        above = "" if start == "." else f"{start}/"
        yield from (f"{above}{name}" for name in files if not is_left_by_a_system(name))


def _remote_files(split_dir: Path) -> Iterator[str]:
    for name in list_files(split_dir):
        if not any(is_left_by_a_system(part) for part in name.split("/")):
            yield name
