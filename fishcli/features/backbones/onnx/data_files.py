"""The files beside an ONNX file in which it keeps weights."""

import os
from collections.abc import Iterable
from pathlib import Path, PurePath

from fishcli.basics.errors import FishError, cut


def inside(file: Path, location: str) -> Path:
    """The file that a tensor's values lie in, as an ONNX file says; FishError where it lies elsewhere."""
    place = PurePath(location.replace("\0", "?"))
    path = file.parent / place
    leads_out = place.is_absolute() or ".." in place.parts or not place.parts
    if leads_out or not path.resolve().is_relative_to(file.parent.resolve()):
        raise FishError(
            f"{file} says that weights lie at {cut(location, 80)!r}, outside of its own folder, "
            "where nothing is read. Put them beside it, and export it so that it says so."
        )
    if not path.is_file():
        raise FishError(
            f"{file} keeps weights in {cut(location, 80)!r}, which is not beside it. Put it there: "
            "both files belong together."
        )
    return path


def check_memory(file: Path, n_bytes: int, data_files: Iterable[Path]) -> None:
    """Raise FishError where an ONNX file of so many bytes and its weights are more than memory holds."""
    n_bytes += sum(path.stat().st_size for path in data_files)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else n_bytes
    if n_bytes > memory:
        raise FishError(
            f"{file} has {n_bytes / 2**30:.1f} GiB of weights, more than this machine's memory "
            f"({memory / 2**30:.1f} GiB). Take a smaller network."
        )
