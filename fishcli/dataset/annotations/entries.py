"""What a reader of annotations yields, and how it reads a field strictly."""

import math
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple

from fishcli.basics.errors import FishError, shown
from fishcli.basics.remote import read_bytes

Corners = tuple[float, float, float, float]
"""x_min, y_min, x_max, y_max."""
Unit = Literal["pixels", "fractions", "percent", "untold"]

NO_OBJECT = "images without an object"
LONE_POINT = "points without a partner"


class Record(NamedTuple):
    """A box as its file has it, or the pair of points at an object's head and tail."""

    source: str  # the file, or the files of one kind: they have one unit
    where: str  # the file and the entry, for messages
    names: tuple[str, ...]  # of the image; the first that is known counts
    corners: Corners  # of a pair: x and y of the head, x and y of the tail
    width: float | None = None  # the image's, as the file declares it
    height: float | None = None
    unit: Unit = "pixels"  # what the format says
    category: str | None = None  # None where the file names none
    is_crowd: bool = False  # COCO's box around many
    is_aside: bool = False  # counts only where its category is asked for by name
    is_pair: bool = False


def kinds_of(records: Iterable[Record]) -> str:
    """What records are, in the plural, for messages."""
    kinds = {record.is_pair for record in records}
    return "boxes and pairs of points" if len(kinds) > 1 else "pairs of points" if True in kinds else "boxes"


class Skipped(NamedTuple):
    """An entry that is no box."""

    where: str
    what: str  # in the plural, for a count


def around(xs: Iterable[float], ys: Iterable[float]) -> Corners:
    """The smallest box around points."""
    xs, ys = list(xs), list(ys)
    return min(xs), min(ys), max(xs), max(ys)


def around_ellipse(x: float, y: float, radii: tuple[float, float], angle: float = 0.0) -> Corners:
    """The smallest box around an ellipse about (x, y), turned by `angle` (radians)."""
    cos, sin = math.cos(angle), math.sin(angle)
    half_width = math.hypot(radii[0] * cos, radii[1] * sin)
    half_height = math.hypot(radii[0] * sin, radii[1] * cos)
    return x - half_width, y - half_height, x + half_width, y + half_height


def around_turned(corners: Corners, pivot: tuple[float, float], degrees: float) -> Corners:
    """The smallest box around a box turned clockwise about `pivot`, in pixels."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x_min, y_min, x_max, y_max = corners
    points = [(x - pivot[0], y - pivot[1]) for x in (x_min, x_max) for y in (y_min, y_max)]
    xs = [pivot[0] + x * cos - y * sin for x, y in points]
    return around(xs, [pivot[1] + x * sin + y * cos for x, y in points])


def field(entry: Any, key: str, kind: type | tuple[type, ...], where: str) -> Any:
    """`entry[key]`, if `entry` is a dict that has it and it is of `kind` (a bool is no number)."""
    if isinstance(entry, dict) and isinstance(entry.get(key), kind) and not isinstance(entry[key], bool):
        return entry[key]
    has_key = isinstance(entry, dict) and key in entry
    found = f"{key!r} is {shown(entry[key])}" if has_key else f"no {key!r} in {shown(entry)}"
    names = " or ".join(one.__name__ for one in (kind if isinstance(kind, tuple) else (kind,)))
    raise FishError(f"{where}: {found}; expected {names}. Correct it or delete the entry.")


def number(entry: Any, key: str, where: str) -> float:
    """`entry[key]` as a finite float."""
    value = field(entry, key, (int, float), where)
    with suppress(OverflowError):  # an int of more than 308 digits
        if math.isfinite(found := float(value)):
            return found
    raise FishError(f"{where}: {key!r} is {shown(value)}; expected a finite number. Correct or delete it.")


def numbers(entry: Any, keys: Iterable[str], where: str) -> list[float]:
    """The finite floats `entry[key]` of all `keys`."""
    return [number(entry, key, where) for key in keys]


def listed_numbers(entry: Any, key: str, n_least: int, where: str) -> list[float]:
    """The list `entry[key]` of at least so many finite floats."""
    values = field(entry, key, list, where)
    if len(values) < n_least:
        raise FishError(
            f"{where}: {key!r} has {len(values)} values; expected {n_least} or more. Correct or delete it."
        )
    return [number({key: value}, key, where) for value in values]


def points(entry: Any, key: str, n_least: int, where: str) -> Corners:
    """The smallest box around the points [[x, y], ...] of `entry[key]`."""
    values = field(entry, key, list, where)
    if len(values) < n_least:
        raise FishError(
            f"{where}: {key!r} has {len(values)} points; expected {n_least} or more. Correct or delete it."
        )
    pairs = [listed_numbers({key: value}, key, 2, where) for value in values]
    return around((pair[0] for pair in pairs), (pair[1] for pair in pairs))


def parse(text: Any, key: str, where: str) -> float:
    """The finite float that `text` says; None stands for a missing element."""
    try:
        return number({key: float(text)}, key, where)
    except (TypeError, ValueError):
        found = "missing" if text is None else shown(text)
        raise FishError(f"{where}: {key!r} is {found}; expected a number. Correct or delete it.") from None


def declared(entry: Any, keys: tuple[str, str], where: str) -> tuple[float | None, float | None]:
    """Width and height as declared under `keys`; None where there is none or a tool wrote 0 for "unknown"."""
    width, height = (
        None if not isinstance(entry, dict) or entry.get(key) is None else positive(number(entry, key, where))
        for key in keys
    )
    return width, height


def positive(pixels: float) -> float | None:
    """A declared size, or None where a tool wrote 0 for "unknown"."""
    return pixels if pixels >= 1 else None


def name_of(value: Any) -> str | None:
    """A category's name from a file: text, stripped; a number as text; None for all else."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value).strip() or None


def read_text(path: Path) -> str:
    """A file's UTF-8 text, without a byte order mark; FishError where it is none."""
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FishError(f"{path} is not UTF-8 text ({error.reason} at byte {error.start}).") from None
