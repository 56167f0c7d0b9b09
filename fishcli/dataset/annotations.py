"""Box annotations in the forms people ship them: Sloth and COCO JSON, Pascal VOC XML, CSV.

One function a format turns a file into `_Record`s, in the file's own names and units; `_to_table` alone
knows image ids, fractions, clipping and what is to be dropped.
"""

import math
import reprlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import pandas as pd

from fishcli.dataset.names import NameIndex
from fishcli.errors import FishError, examples
from fishcli.files import read_csv, read_json
from fishcli.progress import warn
from fishcli.remote import read_bytes

BOX_COLUMNS = ["x_min", "y_min", "x_max", "y_max"]
MAX_FRACTION = 1.5  # fractions pass 1 where a box passes the edge; pixels beyond 1.5 occur in any real file


class _Record(NamedTuple):
    """A box as its file has it."""

    where: str  # the file and the entry, for messages
    names: tuple[str, ...]  # of the image; the first that is known counts
    corners: tuple[float, float, float, float]  # x_min, y_min, x_max, y_max
    width: float | None  # what the x are relative to; None: the photo's width in pixels
    height: float | None


def read_boxes(boxes_dir: Path, images: pd.DataFrame) -> pd.DataFrame:
    """Read all box annotations in a folder; the files' formats may be mixed.

    Formats: ``*.json``, a list (Sloth) or an object with "images" and "annotations" (COCO); ``*.xml``
    (Pascal VOC, one file an image); ``*.csv`` with the columns ``image,x_min,y_min,x_max,y_max``, taken
    as fractions where no value in the file exceeds 1.5, else as pixels. Hidden and other files are ignored.

    Boxes are clipped to the photo. Boxes of names that are no training image, without area inside the
    photo, or in pixels of an unknown size are left out with a warning.

    Args:
        boxes_dir: the folder; where it doesn't exist, there are no boxes.
        images: `image` (str id), `height`, `width` (pixels, of the upright photo, 0 where unknown).

    Returns:
        `image` (str id) and `x_min`, `y_min`, `x_max`, `y_max` (float64, fractions of width and height
        in [0, 1]): one row a box, ordered by id, then as read; images without a box have no row.

    Raises:
        FishError: a file is malformed or in another format, a field has the wrong type, or a base name
            belongs to several images.
    """
    if not boxes_dir.exists():
        return _to_table([], images)
    if not boxes_dir.is_dir():
        raise FishError(f"{boxes_dir} is a file; expected a folder of box annotations. Move it into one.")
    files = (path for path in sorted(boxes_dir.iterdir()) if path.is_file() and not path.name.startswith("."))
    paths = [path for path in files if path.suffix.lower() in _READERS]
    if not paths:
        warn(f"{boxes_dir} has no box annotations; expected *.json (Sloth, COCO), *.xml (VOC) or *.csv.")
    return _to_table((box for path in paths for box in _READERS[path.suffix.lower()](path)), images)


def _to_table(records: Iterable[_Record], images: pd.DataFrame) -> pd.DataFrame:
    """Find each record's image, scale it to fractions, clip it; drop and report what can't be used."""
    sizes = dict(zip(images["image"], zip(images["width"], images["height"], strict=True), strict=True))
    index = NameIndex(sizes)
    rows: list[tuple[str, float, float, float, float]] = []
    stray: dict[str, int] = {}
    empty: list[str] = []
    for record in records:
        candidates = (index.find(name, record.where) for name in record.names)
        image = next((found for found in candidates if found is not None), None)
        if image is None:
            name = repr(record.names[0])
            stray[name] = stray.get(name, 0) + 1
            continue
        width, height = record.width or sizes[image][0], record.height or sizes[image][1]
        sides = (width, height, width, height)
        if all(sides):  # a photo whose header can't be read has size 0
            x_min, y_min, x_max, y_max = (
                min(max(0.0, corner / side), 1.0) for corner, side in zip(record.corners, sides, strict=True)
            )
            if x_max > x_min and y_max > y_min:
                rows.append((image, x_min, y_min, x_max, y_max))
                continue
        empty.append(record.where)
    if stray:
        warn(
            f"skipped {sum(stray.values()):,} boxes of {len(stray):,} names that are no training image: "
            f"{examples(list(stray))}."
        )
    if empty:
        warn(
            f"dropped {len(empty):,} boxes that have no area inside their photo, or whose photo's size is "
            f"unknown: {examples(empty)}."
        )
    table = pd.DataFrame(rows, columns=["image", *BOX_COLUMNS])
    table = table.astype({"image": "str"} | dict.fromkeys(BOX_COLUMNS, "float64"))
    return table.sort_values("image", kind="stable", ignore_index=True)


def _read_json(path: Path) -> Iterator[_Record]:
    content = read_json(path)
    if isinstance(content, list):
        return _sloth(path, content)
    if isinstance(content, dict) and {"images", "annotations"} <= content.keys():
        return _coco(path, content)
    raise FishError(
        f"{path}: neither Sloth (a list of images) nor COCO (an object with 'images' and 'annotations'). "
        "Convert it, or move it out of the folder."
    )


def _sloth(path: Path, entries: list[Any]) -> Iterator[_Record]:
    for number, entry in enumerate(entries, 1):
        name = _field(entry, "filename", str, f"{path}, image {number}")
        annotations = entry.get("annotations")
        if annotations in (None, {}):  # some tools write these for "none"
            continue
        annotations = _field(entry, "annotations", list, f"{path}, image {name!r}")
        for position, annotation in enumerate(annotations, 1):
            where = f"{path}, image {name!r}, annotation {position}"
            if annotation == {} or (isinstance(annotation, dict) and annotation.get("class") == "point"):
                continue  # points mark head and tail: they are no box
            x, y, width, height = (_number(annotation, key, where) for key in ("x", "y", "width", "height"))
            if "class" not in annotation and not any((x, y, width, height)):
                continue  # a way to write "no fish"
            yield _Record(where, (name,), (x, y, x + width, y + height), None, None)


def _coco(path: Path, content: dict[str, Any]) -> Iterator[_Record]:
    photos: dict[int | str, tuple[str, float | None, float | None]] = {}
    for number, photo in enumerate(_field(content, "images", list, str(path)), 1):
        where = f"{path}, images entry {number}"
        key = _field(photo, "id", (int, str), where)
        if key in photos:
            raise FishError(f"{where}: id {key!r} occurs twice; expected one id an image. Number them anew.")
        width, height = (
            None if photo.get(side) is None else _size(_number(photo, side, where))
            for side in ("width", "height")
        )
        photos[key] = (_field(photo, "file_name", str, where), width, height)
    for number, annotation in enumerate(_field(content, "annotations", list, str(path)), 1):
        where = f"{path}, annotations entry {number}"
        key = _field(annotation, "image_id", (int, str), where)
        if key not in photos:
            raise FishError(f"{where}: image_id {key!r} is no id in 'images'. Add it, or delete the entry.")
        bbox = _field(annotation, "bbox", list, where)
        if len(bbox) != 4:
            raise FishError(f"{where}: 'bbox' has {len(bbox)} values; expected [x, y, width, height].")
        sides = dict(zip(("bbox x", "bbox y", "bbox width", "bbox height"), bbox, strict=True))
        x, y, box_width, box_height = (_number(sides, side, where) for side in sides)
        name, width, height = photos[key]
        yield _Record(where, (name,), (x, y, x + box_width, y + box_height), width, height)


def _voc(path: Path) -> Iterator[_Record]:
    data = read_bytes(path)
    if b"<!DOCTYPE" in data.replace(b"\0", b""):  # without the zeros that UTF-16 puts between letters
        raise FishError(f"{path}: has a DOCTYPE, which could hold entities; expected none. Delete it.")
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise FishError(f"{path}, line {error.position[0]}: malformed XML ({error}).") from None
    except (LookupError, ValueError) as error:
        raise FishError(f"{path}, line 1: unknown encoding ({error}); expected UTF-8.") from None
    if root.tag != "annotation":
        raise FishError(f"{path}: the root is <{root.tag}>; expected Pascal VOC's <annotation>. Convert it.")
    name = (root.findtext("filename") or "").strip()
    names = (name, path.stem) if name else (path.stem,)
    width, height = (
        _size(_parse(text, side, str(path))) if (text := root.findtext(f"size/{side}")) else None
        for side in ("width", "height")
    )
    for number, thing in enumerate(root.findall("object"), 1):
        where = f"{path}, object {number}"
        x_min, y_min, x_max, y_max = (
            _parse(thing.findtext(f"bndbox/{side}"), f"bndbox/{side}", where)
            for side in ("xmin", "ymin", "xmax", "ymax")
        )
        yield _Record(where, names, (x_min, y_min, x_max, y_max), width, height)


def _csv(path: Path) -> Iterator[_Record]:
    # All as text: one wrong cell would turn its column into text and blame the first row for it.
    table = read_csv(path, required=["image", *BOX_COLUMNS], text=["image", *BOX_COLUMNS])
    boxes = []
    for number, cells in enumerate(table[["image", *BOX_COLUMNS]].itertuples(index=False, name=None), 1):
        where = f"{path}, row {number} (image {cells[0]!r})"
        if not cells[0]:
            raise FishError(
                f"{where}: no name in 'image'; expected the image's id. Add it, or delete the row."
            )
        x_min, y_min, x_max, y_max = (
            _parse(cell, column, where) for cell, column in zip(cells[1:], BOX_COLUMNS, strict=True)
        )
        boxes.append((where, cells[0], (x_min, y_min, x_max, y_max)))
    size = None if any(max(corners) > MAX_FRACTION for _, _, corners in boxes) else 1.0
    for where, name, corners in boxes:
        yield _Record(where, (name,), corners, size, size)


_READERS = {".json": _read_json, ".xml": _voc, ".csv": _csv}


def _field(entry: Any, key: str, kind: type | tuple[type, ...], where: str) -> Any:
    """`entry[key]`, if `entry` is a dict that has it and it is of `kind` (a bool is no number)."""
    if isinstance(entry, dict) and isinstance(entry.get(key), kind) and not isinstance(entry[key], bool):
        return entry[key]
    has_key = isinstance(entry, dict) and key in entry
    found = f"{key!r} is {reprlib.repr(entry[key])}" if has_key else f"no {key!r} in {reprlib.repr(entry)}"
    names = " or ".join(one.__name__ for one in (kind if isinstance(kind, tuple) else (kind,)))
    raise FishError(f"{where}: {found}; expected {names}. Correct it or delete the entry.")


def _number(entry: Any, key: str, where: str) -> float:
    """`entry[key]` as a finite float."""
    value = _field(entry, key, (int, float), where)
    with suppress(OverflowError):  # an int of more than 308 digits
        if math.isfinite(number := float(value)):
            return number
    raise FishError(
        f"{where}: {key!r} is {reprlib.repr(value)}; expected a finite number. Correct or delete it."
    )


def _parse(text: Any, key: str, where: str) -> float:
    """The finite float that `text` says; None stands for a missing element."""
    try:
        return _number({key: float(text)}, key, where)
    except (TypeError, ValueError):
        found = "missing" if text is None else reprlib.repr(text)
        raise FishError(f"{where}: {key!r} is {found}; expected a number. Correct or delete it.") from None


def _size(pixels: float) -> float | None:
    """The annotated size, or None where a tool wrote 0 for "unknown"."""
    return pixels if pixels > 0 else None
