"""Sloth's JSON: a list of images, each with its annotations."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fishcli.basics.errors import shown
from fishcli.dataset.annotations.entries import Record, field, name_of, numbers


def read_sloth(path: Path, entries: list[Any]) -> Iterator[Record]:
    """Boxes of ``[{"filename": ..., "annotations": [{"class": "rect", "x", "y", "width", "height"}]}]``.

    Points mark head and tail and are no boxes. A class other than "rect", which is a shape, is a category.
    """
    for position, entry in enumerate(entries, 1):
        name = field(entry, "filename", str, f"{path}, image {position}")
        annotations = entry.get("annotations")
        if annotations in (None, {}):  # some tools write these for "none"
            continue
        annotations = field(entry, "annotations", list, f"{path}, image {shown(name)}")
        for place, annotation in enumerate(annotations, 1):
            where = f"{path}, image {shown(name)}, annotation {place}"
            if annotation == {} or (isinstance(annotation, dict) and annotation.get("class") == "point"):
                continue
            x, y, width, height = numbers(annotation, ("x", "y", "width", "height"), where)
            if "class" not in annotation and not any((x, y, width, height)):
                continue  # a way to write "no fish"
            shape = name_of(annotation.get("class"))
            category = None if shape == "rect" else shape
            yield Record(str(path), where, (name,), (x, y, x + width, y + height), category=category)
