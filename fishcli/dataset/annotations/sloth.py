"""Sloth's JSON: a list of images, each with its annotations."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fishcli.basics.errors import shown
from fishcli.dataset.annotations.entries import LONE_POINT, Record, Skipped, field, name_of, numbers


def read_sloth(path: Path, entries: list[Any]) -> Iterator[Record | Skipped]:
    """Boxes and pairs of points of ``[{"filename": ..., "annotations": [...]}]``.

    Boxes are ``{"class": "rect", "x", "y", "width", "height"}``, with x and y of the upper left corner.
    Points ``{"class": "point", "x", "y"}`` mark head and tail in turn: two and two make a pair, in their
    order; a last one that is left over has no partner. A class other than "rect", which is a shape, is a
    category.
    """
    for position, entry in enumerate(entries, 1):
        name = field(entry, "filename", str, f"{path}, image {position}")
        annotations = entry.get("annotations")
        if annotations in (None, {}):  # some tools write these for "none"
            continue
        annotations = field(entry, "annotations", list, f"{path}, image {shown(name)}")
        heads: list[tuple[float, float]] = []  # one at most: that which waits for its tail
        for place, annotation in enumerate(annotations, 1):
            where = f"{path}, image {shown(name)}, annotation {place}"
            if annotation == {}:
                continue
            if isinstance(annotation, dict) and annotation.get("class") == "point":
                x, y = numbers(annotation, ("x", "y"), where)
                if heads:
                    yield Record(str(path), where, (name,), (*heads.pop(), x, y), is_pair=True)
                else:
                    heads.append((x, y))
                continue
            x, y, width, height = numbers(annotation, ("x", "y", "width", "height"), where)
            if "class" not in annotation and not any((x, y, width, height)):
                continue  # a way to write "no fish"
            shape = name_of(annotation.get("class"))
            category = None if shape == "rect" else shape
            yield Record(str(path), where, (name,), (x, y, x + width, y + height), category=category)
        if heads:
            yield Skipped(f"{path}, image {shown(name)}", LONE_POINT)
