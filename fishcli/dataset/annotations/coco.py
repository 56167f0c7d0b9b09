"""COCO's JSON: images, annotations and categories, joined on ids."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fishcli.basics.errors import FishError, shown
from fishcli.dataset.annotations.entries import Record, Skipped, declared, field, name_of, numbers

Photo = tuple[str, float | None, float | None]
"""Name, and width and height as declared."""


def read_coco(path: Path, content: dict[str, Any]) -> Iterator[Record | Skipped]:
    """Boxes of ``{"images": [...], "annotations": [{"image_id", "bbox": [x, y, width, height]}]}``.

    An annotation whose bbox is missing or empty is no box.
    """
    photos, categories = _photos(path, content), _categories(content)
    for position, annotation in enumerate(field(content, "annotations", list, str(path)), 1):
        where = f"{path}, annotations entry {position}"
        key = field(annotation, "image_id", (int, str), where)
        if key not in photos:
            raise FishError(
                f"{where}: image_id {shown(key)} is no id in 'images'. Add it, or delete the entry."
            )
        if annotation.get("bbox") in (None, []):
            yield Skipped(where, "COCO annotations without a bbox")
            continue
        bbox = field(annotation, "bbox", list, where)
        if len(bbox) != 4:
            raise FishError(f"{where}: 'bbox' has {len(bbox)} values; expected [x, y, width, height].")
        sides = dict(zip(("bbox x", "bbox y", "bbox width", "bbox height"), bbox, strict=True))
        x, y, box_width, box_height = numbers(sides, sides, where)
        name, width, height = photos[key]
        number = annotation.get("category_id")
        yield Record(
            str(path),
            where,
            (name,),
            (x, y, x + box_width, y + box_height),
            width,
            height,
            category=categories.get(number) if isinstance(number, int | str) else None,
            is_crowd=annotation.get("iscrowd") in (1, "1"),
        )


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
    listed = content.get("categories")
    return {
        entry["id"]: name_of(entry.get("name", entry["id"]))
        for entry in (listed if isinstance(listed, list) else [])
        if isinstance(entry, dict) and isinstance(entry.get("id"), int | str)
    }
