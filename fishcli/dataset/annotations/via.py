"""VGG Image Annotator's JSON (versions 1 and 2): a project, or the plain export of its annotations."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fishcli.basics.errors import FishError, shown
from fishcli.dataset.annotations.entries import (
    Corners,
    Record,
    Skipped,
    around,
    around_ellipse,
    field,
    listed_numbers,
    name_of,
    number,
    numbers,
)
from fishcli.dataset.annotations.headings import CATEGORY_HEADINGS, plain

PROJECT = "_via_img_metadata"


def is_via(content: dict[str, Any]) -> bool:
    """Whether an object is a project, or only images by key."""
    return PROJECT in content or (
        bool(content)
        and all(
            isinstance(entry, dict) and {"filename", "regions"} <= entry.keys() for entry in content.values()
        )
    )


def read_via(path: Path, content: dict[str, Any]) -> Iterator[Record | Skipped]:
    """Boxes around the rectangles, circles, ellipses and polygons of all images."""
    images = field(content, PROJECT, dict, str(path)) if PROJECT in content else content
    for position, image in enumerate(images.values(), 1):
        name = field(image, "filename", str, f"{path}, image {position}")
        where = f"{path}, image {shown(name)}"
        regions = field(image, "regions", (list, dict), where)
        regions = list(regions.values()) if isinstance(regions, dict) else regions  # version 1
        for place, region in enumerate(regions, 1):
            at = f"{where}, region {place}"
            shape = field(region, "shape_attributes", dict, at)
            corners = _corners(shape, at)
            if corners is None:
                yield Skipped(at, f"VIA {str(shape.get('name', 'unnamed'))[:20]} regions")
                continue
            yield Record(str(path), at, (name,), corners, category=_category(region))


def _corners(shape: dict[str, Any], where: str) -> Corners | None:
    """The box around a shape; None for one that encloses nothing, such as a point."""
    kind = shape.get("name")
    if kind == "rect":
        x, y, width, height = numbers(shape, ("x", "y", "width", "height"), where)
        return x, y, x + width, y + height
    if kind == "polygon":
        xs, ys = (listed_numbers(shape, f"all_points_{axis}", 3, where) for axis in "xy")
        if len(xs) != len(ys):
            raise FishError(f"{where}: as many x as y are expected, not {len(xs)} and {len(ys)}. Correct it.")
        return around(xs, ys)
    if kind == "circle":
        x, y, radius = numbers(shape, ("cx", "cy", "r"), where)
        return around_ellipse(x, y, (radius, radius))
    if kind == "ellipse":
        x, y, x_radius, y_radius = numbers(shape, ("cx", "cy", "rx", "ry"), where)
        angle = number(shape, "theta", where) if "theta" in shape else 0.0
        return around_ellipse(x, y, (x_radius, y_radius), angle)
    return None


def _category(region: dict[str, Any]) -> str | None:
    """The region's only attribute, or the one that is called class, label or the like."""
    attributes = region.get("region_attributes")
    if not isinstance(attributes, dict):
        return None
    if len(attributes) == 1:
        return name_of(next(iter(attributes.values())))
    named = {plain(key): value for key, value in attributes.items()}
    return next((name_of(named[key]) for key in CATEGORY_HEADINGS if key in named), None)
