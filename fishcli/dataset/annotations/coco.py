"""COCO's JSON: images, annotations and categories, joined on ids."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fishcli.basics.errors import FishError, shown
from fishcli.dataset.annotations.entries import (
    Corners,
    Record,
    Skipped,
    declared,
    field,
    listed_numbers,
    name_of,
    numbers,
)

Photo = tuple[str, float | None, float | None]
"""Name, and width and height as declared."""
HEADS, TAIL = {"head", "nose", "snout"}, "tail"
"""Words in the names of keypoints."""


def read_coco(path: Path, content: dict[str, Any]) -> Iterator[Record | Skipped]:
    """Boxes of ``{"images": [...], "annotations": [{"image_id", "bbox": [x, y, width, height]}]}``.

    An annotation whose bbox is missing or empty is no box. Where its category names a head (or nose, or
    snout) and a tail among its keypoints, and both are labelled, they are a pair of points.
    """
    photos, categories, ends = _photos(path, content), _categories(content), _ends(content)
    for position, annotation in enumerate(field(content, "annotations", list, str(path)), 1):
        where = f"{path}, annotations entry {position}"
        key = field(annotation, "image_id", (int, str), where)
        if key not in photos:
            raise FishError(
                f"{where}: image_id {shown(key)} is no id in 'images'. Add it, or delete the entry."
            )
        name, width, height = photos[key]
        number = annotation.get("category_id")
        is_known = isinstance(number, int | str)
        category = categories.get(number) if is_known else None
        is_crowd = annotation.get("iscrowd") in (1, "1")
        pair = _pair(annotation, ends[number], where) if is_known and number in ends else None
        if pair is not None:
            yield Record(
                str(path), where, (name,), pair, width, height, "pixels", category, is_crowd, is_pair=True
            )
        if annotation.get("bbox") in (None, []):
            if pair is None:
                yield Skipped(where, "COCO annotations without a bbox")
            continue
        bbox = field(annotation, "bbox", list, where)
        if len(bbox) != 4:
            raise FishError(f"{where}: 'bbox' has {len(bbox)} values; expected [x, y, width, height].")
        sides = dict(zip(("bbox x", "bbox y", "bbox width", "bbox height"), bbox, strict=True))
        x, y, box_width, box_height = numbers(sides, sides, where)
        corners = (x, y, x + box_width, y + box_height)
        yield Record(str(path), where, (name,), corners, width, height, "pixels", category, is_crowd)


def _photos(path: Path, content: dict[str, Any]) -> dict[int | str, Photo]:
    """The images by id."""
    photos: dict[int | str, Photo] = {}
    for position, photo in enumerate(field(content, "images", list, str(path)), 1):
        where = f"{path}, images entry {position}"
        key = field(photo, "id", (int, str), where)
        if key in photos:
            raise FishError(
                f"{where}: id {shown(key)} occurs twice; expected one id an image. Number them anew."
            )
        name = field(photo, "file_name", str, where)
        photos[key] = (name, *declared(photo, ("width", "height"), where))
    return photos


def _categories(content: dict[str, Any]) -> dict[int | str, str | None]:
    """The categories' names by id; a file may have none, or none that are named."""
    return {entry["id"]: name_of(entry.get("name", entry["id"])) for entry in _listed(content)}


def _listed(content: dict[str, Any]) -> list[dict[str, Any]]:
    """The entries of 'categories' that have an id."""
    listed = content.get("categories")
    return [
        entry
        for entry in (listed if isinstance(listed, list) else [])
        if isinstance(entry, dict) and isinstance(entry.get("id"), int | str)
    ]


def _ends(content: dict[str, Any]) -> dict[int | str, tuple[int, int]]:
    """Which of their keypoints are head and tail, by the ids of the categories that name both."""
    ends = {}
    for entry in _listed(content):
        names = entry.get("keypoints")
        words = (
            [set(re.findall("[a-z]+", str(name).lower())) for name in names]
            if isinstance(names, list)
            else []
        )
        heads = [place for place, each in enumerate(words) if each & HEADS]
        tails = [place for place, each in enumerate(words) if TAIL in each]
        if heads and tails:
            ends[entry["id"]] = heads[0], tails[0]
    return ends


def _pair(annotation: dict[str, Any], ends: tuple[int, int], where: str) -> Corners | None:
    """Head and tail of ``"keypoints": [x, y, v, ...]``; None where one is not labelled (v = 0)."""
    if annotation.get("keypoints") in (None, []):
        return None
    values = listed_numbers(annotation, "keypoints", 3 * max(ends) + 3, where)
    (x_head, y_head, head), (x_tail, y_tail, tail) = (values[3 * end : 3 * end + 3] for end in ends)
    return (x_head, y_head, x_tail, y_tail) if head and tail else None
