"""LabelMe's JSON: one file an image, shapes of points."""

from collections.abc import Iterator
from math import hypot
from pathlib import Path
from typing import Any

from fishcli.basics.errors import FishError
from fishcli.dataset.annotations.entries import (
    Record,
    Skipped,
    around_ellipse,
    declared,
    field,
    listed_numbers,
    name_of,
    points,
)

N_POINTS = {"rectangle": 2, "polygon": 3, "rotation": 4, "mask": 2}
"""At least so many points has a shape whose box lies around them."""


def read_labelme(path: Path, content: dict[str, Any]) -> Iterator[Record | Skipped]:
    """Boxes around the rectangles, polygons, circles and masks of ``{"shapes": [...], "imagePath": ...}``."""
    name = content.get("imagePath")
    names = (name, path.stem) if isinstance(name, str) and name else (path.stem,)
    width, height = declared(content, ("imageWidth", "imageHeight"), str(path))
    for position, shape in enumerate(field(content, "shapes", list, str(path)), 1):
        where = f"{path}, shape {position}"
        if not isinstance(shape, dict):
            raise FishError(f"{where}: is no object with 'points'. Correct it or delete the entry.")
        kind = shape.get("shape_type") or "polygon"  # early versions had no other
        if kind == "circle":  # its centre and a point of its rim
            centre, rim = (
                listed_numbers({"points": point}, "points", 2, where)
                for point in (*field(shape, "points", list, where), None, None)[:2]
            )
            radius = hypot(centre[0] - rim[0], centre[1] - rim[1])
            corners = around_ellipse(centre[0], centre[1], (radius, radius))
        elif isinstance(kind, str) and kind in N_POINTS:
            corners = points(shape, "points", N_POINTS[kind], where)
        else:
            yield Skipped(where, f"LabelMe {str(kind)[:20]} shapes")
            continue
        source, category = f"{path.parent}/*.json (LabelMe)", name_of(shape.get("label"))
        yield Record(source, where, names, corners, width, height, category=category)
