"""Label Studio's JSON exports: a list of tasks, in full ("JSON") or flat ("JSON-MIN")."""

import re
from collections.abc import Iterator
from math import radians
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from fishcli.basics.errors import FishError
from fishcli.dataset.annotations.entries import (
    Corners,
    Record,
    Skipped,
    around_ellipse,
    around_turned,
    declared,
    field,
    name_of,
    number,
    numbers,
    points,
)

UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")
"""What Label Studio writes before the name of an uploaded file."""
SHAPES = ("rectangle", "polygon", "ellipse")


def is_label_studio(entries: list[Any]) -> bool:
    """Whether a list is one of tasks."""
    first = entries[0] if entries else None
    return isinstance(first, dict) and "filename" not in first and ("data" in first or bool(_flat(first)))


def read_label_studio(path: Path, tasks: list[Any]) -> Iterator[Record | Skipped]:
    """Boxes around rectangles, polygons and ellipses, in percent of the image as its browser showed it.

    Of several annotations of a task counts the one marked as ground truth, else the first that was not
    cancelled. Predictions are no annotations.
    """
    for position, task in enumerate(tasks, 1):
        where = f"{path}, task {position}"
        if not isinstance(task, dict):
            raise FishError(f"{where}: is no object with 'data'. Correct it or delete the entry.")
        data = field(task, "data", dict, where) if "data" in task else task
        names = _names(data, where)
        if "data" in task:
            results, n_others = _results(task, where)
            for other in range(n_others):
                yield Skipped(
                    f"{where}, further annotation {other + 1}", "Label Studio annotations beside another"
                )
        else:
            results = _flat(task)
        labels = {str(result.get("id")): label for result in results if (label := _label(_value(result)))}
        for place, result in enumerate(results, 1):
            at = f"{where}, result {place}"
            value, kind = _value(result), _kind(result)
            if kind == "labels":  # of the shape that has its id
                continue
            if kind not in SHAPES:
                yield Skipped(at, f"Label Studio {kind[:20] or 'unnamed'} results")
                continue
            width, height = declared(result, ("original_width", "original_height"), at)
            corners = _corners(kind, value, (width or 100.0, height or 100.0), at)
            category = _label(value) or labels.get(str(result.get("id")))
            yield Record(str(path), at, names, corners, width, height, unit="percent", category=category)


def _names(data: dict[str, Any], where: str) -> tuple[str, ...]:
    """What a task's image may be called: its path or address, with and without the prefix of an upload."""
    texts = [value for value in data.values() if isinstance(value, str)]
    name = data["image"] if isinstance(data.get("image"), str) else texts[0] if len(texts) == 1 else None
    if name is None:
        raise FishError(f"{where}: no 'image' in its data; expected the image's path. Add it.")
    name = unquote(name.rpartition("?d=")[2])
    folder, slash, base = name.rpartition("/")
    return name, folder + slash + UPLOADED.sub("", base, count=1)


def _results(task: dict[str, Any], where: str) -> tuple[list[dict[str, Any]], int]:
    """The results of the annotation that counts, and the number of others that hold some."""
    key = "completions" if "completions" in task else "annotations"  # as it was called until 2021
    listed = [each for each in field(task, key, list, where) if isinstance(each, dict)]
    valid = [each for each in listed if not each.get("was_cancelled")]
    valid.sort(key=lambda each: not each.get("ground_truth"))
    if not valid:
        return [], 0
    results = field(valid[0], "result", list, where)
    for result in results:
        field({"result": result}, "result", dict, where)
    return results, sum(bool(each.get("result")) for each in valid[1:])


def _flat(task: dict[str, Any]) -> list[dict[str, Any]]:
    """JSON-MIN's results: whatever lists of shapes a task has."""
    return [
        item
        for value in task.values()
        if isinstance(value, list)
        for item in value
        if isinstance(item, dict) and {"original_width", "original_height"} <= item.keys()
    ]


def _value(result: dict[str, Any]) -> dict[str, Any]:
    """Where a result's numbers are: in a place of their own, or beside the rest in JSON-MIN."""
    value = result.get("value", result)
    return value if isinstance(value, dict) else {}


def _kind(result: dict[str, Any]) -> str:
    """The kind of shape: "rectanglelabels" is a rectangle that has labels."""
    named = [key for key in _value(result) if key.endswith("labels")]
    kind = result.get("type") or (named[0] if named else "rectangle")
    kind = kind if isinstance(kind, str) else ""
    return kind.removesuffix("labels") or kind


def _label(value: dict[str, Any]) -> str | None:
    """The first label of a result."""
    lists = [
        each for key, each in value.items() if key.endswith("labels") and isinstance(each, list) and each
    ]
    return name_of(lists[0][0]) if lists else None


def _corners(kind: str, value: dict[str, Any], size: tuple[float, float], where: str) -> Corners:
    """The box around a shape, in percent; shapes are turned in pixels, clockwise."""
    if kind == "polygon":
        return points(value, "points", 3, where)
    degrees = number(value, "rotation", where) if value.get("rotation") else 0.0
    x_scale, y_scale = size[0] / 100, size[1] / 100
    if kind == "ellipse":
        x, y, x_radius, y_radius = numbers(value, ("x", "y", "radiusX", "radiusY"), where)
        corners = around_ellipse(
            x * x_scale, y * y_scale, (x_radius * x_scale, y_radius * y_scale), radians(degrees)
        )
    else:
        x, y, width, height = numbers(value, ("x", "y", "width", "height"), where)
        x, y, width, height = x * x_scale, y * y_scale, width * x_scale, height * y_scale
        corners = (
            around_turned((x, y, x + width, y + height), (x, y), degrees)
            if degrees
            else (x, y, x + width, y + height)
        )
    x_min, y_min, x_max, y_max = corners
    return x_min / x_scale, y_min / y_scale, x_max / x_scale, y_max / y_scale
