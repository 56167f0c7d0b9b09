"""MegaDetector's batch output: detections in many photos, each with its confidence.

The format, versions 1.0 to 1.6: https://lila.science/megadetector-output-format. Boxes are fractions of the
photo, which MegaDetector turns upright by its EXIF before it looks.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from fishcli.basics.errors import FishError, shown
from fishcli.dataset.annotations.entries import Record, declared, field, listed_numbers, name_of, number

CONFIDENT = 0.2
"""From this confidence on a detection counts as a box: what MegaDetector's authors advise for version 5
("typical_detection_threshold" in its files)."""
ASIDE = {"person", "vehicle"}
"""MegaDetector's categories that no competition of animals is about: left out unless they are asked for."""
KEYPOINTS = "keypoints"
"""Our own key of a detection, which other tools pass over: [[x, y, conf], [x, y, conf]], head and tail in
fractions; null in place of one that is not known."""

Ends = tuple[float | None, float | None, float | None, float | None]
"""x and y of head and tail; None where not known."""
NOWHERE = (0.0, 0.0, 0.0, 0.0)


class Detection(NamedTuple):
    """A detection as its file has it."""

    box: Record
    confidence: float  # 0 to 1
    ends: Ends


def is_megadetector(content: dict[str, Any]) -> bool:
    """Whether an object is MegaDetector's batch output."""
    return {"images", "detection_categories"} <= content.keys()


def read_megadetector(path: Path, content: dict[str, Any]) -> Iterator[Record]:
    """The boxes of detections of 0.2 or more, and the pairs of points of those that have both.

    A file of the whole competition's photos names test photos, too: what lies in a folder test* is passed
    over, as its base name may be a training image's.
    """
    for name, detections in photos_in(path, content):
        if name.replace("\\", "/").removeprefix("./").partition("/")[0].startswith("test"):
            continue
        for box, confidence, (x_head, y_head, x_tail, y_tail) in detections:
            if confidence < CONFIDENT:
                continue
            yield box
            if x_head is not None and y_head is not None and x_tail is not None and y_tail is not None:
                yield box._replace(corners=(x_head, y_head, x_tail, y_tail), is_pair=True)


def photos_in(path: Path, content: dict[str, Any]) -> Iterator[tuple[str, list[Detection]]]:
    """Each photo's name and detections; none of one that MegaDetector could not read.

    As the format has it, a detection whose category "detection_categories" lacks is none.

    Raises:
        FishError: an entry is malformed.
    """
    categories = field(content, "detection_categories", dict, str(path))
    for position, photo in enumerate(field(content, "images", list, str(path)), 1):
        name = field(photo, "file", str, f"{path}, images entry {position}")
        where = f"{path}, images entry {position} ({shown(name)})"
        if photo.get("failure") and photo.get("detections") is None:
            yield name, []
            continue
        size = declared(photo, ("width", "height"), where)
        detections = []
        for place, entry in enumerate(field(photo, "detections", list, where), 1):
            at = f"{where}, detection {place}"
            category = name_of(categories.get(str(field(entry, "category", (str, int), at))))
            if category is not None:
                detections.append(_detection(entry, category, Record(str(path), at, (name,), NOWHERE, *size)))
        yield name, detections


def _detection(entry: dict[str, Any], category: str, box: Record) -> Detection:
    """A detection, filled into what is known of its box."""
    confidence = number(entry, "conf", box.where)
    if not 0 <= confidence <= 1:
        raise FishError(f"{box.where}: 'conf' is {confidence:g}; expected 0 to 1. Correct or delete it.")
    sides = listed_numbers(entry, "bbox", 4, box.where)
    if len(sides) != 4:
        raise FishError(f"{box.where}: 'bbox' has {len(sides)} values; expected [x, y, width, height].")
    x, y, width, height = sides
    box = box._replace(
        corners=(x, y, x + width, y + height), unit="fractions", category=category, is_aside=category in ASIDE
    )
    return Detection(box, confidence, _ends(entry, box.where))


def _ends(entry: dict[str, Any], where: str) -> Ends:
    listed = entry.get(KEYPOINTS)
    if listed is None:
        return None, None, None, None
    if len(field(entry, KEYPOINTS, list, where)) != 2:
        raise FishError(f"{where}: {KEYPOINTS!r} has {len(listed)} points; expected 2, head and tail.")
    head, tail = (
        (None, None) if point is None else tuple(listed_numbers({KEYPOINTS: point}, KEYPOINTS, 2, where)[:2])
        for point in listed
    )
    return (*head, *tail)
