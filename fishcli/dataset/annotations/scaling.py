"""From records to fractions of the upright photo: image ids, units, turns, clipping, what is dropped."""

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pandas as pd

from fishcli.basics.remote import N_REQUESTS
from fishcli.dataset.annotations.entries import Corners, Record, Unit
from fishcli.dataset.annotations.findings import Findings
from fishcli.dataset.annotations.units import Size, unit_of
from fishcli.dataset.names import NameIndex
from fishcli.dataset.photos.photo import read_orientation

BOX_COLUMNS = ["x_min", "y_min", "x_max", "y_max"]
SAME_ASPECT = 0.02
"""Aspects may differ by this share: sizes of copies are rounded, a few lines' crop does no harm."""
CUT, TINY = 0.05, 2.0
"""Share of a box that lies outside the photo, and pixels of a box's side, that are noteworthy: hands that
draw boxes pass the edge by a little."""

BoxRow = tuple[str, float, float, float, float]


class Located(NamedTuple):
    """A record, its image's id, and its corners as fractions of the upright photo."""

    record: Record
    image: str
    corners: Corners


def located(records: Sequence[Record], images: pd.DataFrame, found: Findings) -> list[Located]:
    """Find each record's image and scale it to fractions of the upright photo.

    Args:
        records: of all sources.
        images: as `read_boxes` takes them.
        found: what is noteworthy is added.

    Returns:
        The records whose image, size and unit are known; those of boxes are in order, none
        is clipped.

    Raises:
        FishError: a source mixes units, or a base name belongs to several images.
    """
    sizes = sizes_of(images)
    placed = _placed(records, sizes, found)
    units = _units(records, placed, sizes)
    orientations = _orientations(records, placed, images, sizes)
    there = []
    for record, image in zip(records, placed, strict=True):
        if image is None:
            continue
        corners = _fractions(record, units[record.source], sizes[image])
        if corners is None:
            found.empty.append(record.where)
            continue
        if not record.is_pair:
            corners = _in_order(corners, record, found)
        if image in orientations and _is_crossed(record, sizes[image]):
            corners = _turned(corners, orientations[image])
            corners = corners if record.is_pair else _sorted(corners)
            found.turned.add(image)
        elif _is_contradicted(record, sizes[image]):
            found.contradicted.setdefault(image, record.where)
        there.append(Located(record, image, corners))
    return there


def to_boxes(there: Sequence[Located], images: pd.DataFrame, found: Findings) -> list[BoxRow]:
    """The boxes among records, clipped; those without area are dropped."""
    sizes = sizes_of(images)
    rows = []
    for record, image, corners in there:
        if record.is_pair:
            continue
        found.boxes[record.source] += 1
        clipped = clip(corners)
        found.cut[record.source] += _area(clipped) < (1 - CUT) * _area(corners)
        if clipped[2] > clipped[0] and clipped[3] > clipped[1]:
            found.tiny[record.source] += _is_tiny(clipped, sizes[image])
            rows.append((image, *clipped))
        else:
            found.empty.append(record.where)
    return rows


def to_table(rows: Sequence[BoxRow], columns: Sequence[str]) -> pd.DataFrame:
    """Rows of an image id and four fractions as a table, ordered by id."""
    table = pd.DataFrame(rows, columns=["image", *columns])
    table = table.astype({"image": "str"} | dict.fromkeys(columns, "float64"))
    return table.sort_values("image", kind="stable", ignore_index=True)


def sizes_of(images: pd.DataFrame) -> dict[str, Size]:
    """Width and height of each image."""
    return dict(zip(images["image"], zip(images["width"], images["height"], strict=True), strict=True))


def _area(corners: Corners) -> float:
    """0 for one that lies outside, whose corners cross where it is clipped."""
    return max(corners[2] - corners[0], 0.0) * max(corners[3] - corners[1], 0.0)


def _placed(records: Sequence[Record], sizes: dict[str, Size], found: Findings) -> list[str | None]:
    """The image id of each record, None where its names are no training image's."""
    index = NameIndex(sizes)
    placed = []
    for record in records:
        candidates = (index.find(name, record.where) for name in record.names)
        image = next((each for each in candidates if each is not None), None)
        if image is None:
            found.stray[repr(record.names[0])] += 1
        placed.append(image)
    return placed


def _units(
    records: Sequence[Record], placed: Sequence[str | None], sizes: dict[str, Size]
) -> dict[str, Unit]:
    """The unit of each source."""
    parts: dict[str, tuple[list[Record], list[Size]]] = defaultdict(lambda: ([], []))
    for record, image in zip(records, placed, strict=True):
        part = parts[record.source]
        part[0].append(record)
        part[1].append(_declared(record) or (sizes[image] if image is not None else (0, 0)))
    return {source: unit_of(*part) for source, part in parts.items()}


def _orientations(
    records: Sequence[Record], placed: Sequence[str | None], images: pd.DataFrame, sizes: dict[str, Size]
) -> dict[str, int]:
    """The EXIF orientation, where it turns a photo by a quarter, of the images that are declared crossed."""
    crossed = {
        image
        for record, image in zip(records, placed, strict=True)
        if image is not None and _is_crossed(record, sizes[image])
    }
    if not crossed or "path" not in images:
        return {}
    chosen = images[images["image"].isin(crossed)]
    with ThreadPoolExecutor(N_REQUESTS) as pool:
        read = dict(zip(chosen["image"], pool.map(read_orientation, chosen["path"]), strict=True))
    return {image: orientation for image, orientation in read.items() if orientation in (5, 6, 7, 8)}


def _declared(record: Record) -> Size | None:
    return (record.width, record.height) if record.width and record.height else None


def _misfits(record: Record, photo: Size) -> tuple[float, float]:
    """By how much a declared size is of another shape than the photo: as it is, and with its sides swapped.

    In units of what rounding makes; (0, 0) where a size is not declared or unknown.
    """
    size = _declared(record)
    if size is None or not all(photo):
        return 0.0, 0.0
    allowed = max(*photo, SAME_ASPECT * size[0] * photo[1])
    straight = abs(size[0] * photo[1] - size[1] * photo[0])
    return straight / allowed, abs(size[1] * photo[1] - size[0] * photo[0]) / allowed


def _is_crossed(record: Record, photo: Size) -> bool:
    """Whether a declared size fits the photo better, and well, with its sides swapped."""
    straight, swapped = _misfits(record, photo)
    return swapped < straight and swapped <= 1


def _is_contradicted(record: Record, photo: Size) -> bool:
    return _misfits(record, photo)[0] > 1


def _fractions(record: Record, unit: Unit, photo: Size) -> Corners | None:
    """Corners as fractions; None for pixels where neither the record nor the photo has a size."""
    if unit == "pixels":  # a photo whose header can't be read has size 0
        width, height = record.width or photo[0], record.height or photo[1]
    else:
        width = height = 100.0 if unit == "percent" else 1.0
    if not (width and height):
        return None
    x_min, y_min, x_max, y_max = record.corners
    return x_min / width, y_min / height, x_max / width, y_max / height


def _turned(corners: Corners, orientation: int) -> Corners:
    """Two points of the photo as it is stored, in the photo as its EXIF orientation (5 to 8) turns it.

    Corners of a box may come out of order.
    """
    x_1, y_1, x_2, y_2 = corners
    if orientation in (7, 8):
        x_1, x_2 = 1 - x_1, 1 - x_2
    if orientation in (6, 7):
        y_1, y_2 = 1 - y_1, 1 - y_2
    return y_1, x_1, y_2, x_2


def _in_order(corners: Corners, record: Record, found: Findings) -> Corners:
    x_min, y_min, x_max, y_max = corners
    if x_min <= x_max and y_min <= y_max:
        return corners
    found.mended.append(record.where)
    return _sorted(corners)


def _sorted(corners: Corners) -> Corners:
    x_min, y_min, x_max, y_max = corners
    return min(x_min, x_max), min(y_min, y_max), max(x_min, x_max), max(y_min, y_max)


def clip(corners: Corners) -> Corners:
    """Corners within the photo."""
    x_min, y_min, x_max, y_max = (min(max(0.0, corner), 1.0) for corner in corners)
    return x_min, y_min, x_max, y_max


def _is_tiny(corners: Corners, photo: Size) -> bool:
    """Whether a box is hardly a pixel of its photo."""
    sides = ((corners[2] - corners[0]) * photo[0], (corners[3] - corners[1]) * photo[1])
    return all(photo) and min(sides) < TINY
