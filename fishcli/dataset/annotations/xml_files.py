"""XML: Pascal VOC (one file an image) and CVAT for images (many images a file)."""

from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from fishcli.basics.errors import FishError, shown
from fishcli.basics.remote import read_bytes
from fishcli.dataset.annotations.entries import (
    Corners,
    Record,
    Skipped,
    around,
    around_ellipse,
    around_turned,
    name_of,
    parse,
    positive,
)


def read_xml(path: Path) -> Iterator[Record | Skipped]:
    """The boxes of a file, of whichever kind its root says."""
    data = read_bytes(path)
    if b"<!DOCTYPE" in data.replace(b"\0", b""):  # without the zeros that UTF-16 puts between letters
        raise FishError(f"{path}: has a DOCTYPE, which could hold entities; expected none. Delete it.")
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise FishError(f"{path}, line {error.position[0]}: malformed XML ({error}).") from None
    except (LookupError, ValueError) as error:
        raise FishError(f"{path}, line 1: unknown encoding ({error}); expected UTF-8.") from None
    if root.tag == "annotation":
        return _voc(path, root)
    if root.tag == "annotations":
        return _cvat(path, root)
    raise FishError(
        f"{path}: the root is <{root.tag}>; expected Pascal VOC's <annotation> or CVAT's <annotations>. "
        "Convert it, or move it out of the folder."
    )


def _voc(path: Path, root: Element) -> Iterator[Record | Skipped]:
    name = (root.findtext("filename") or "").strip()
    names = (name, path.stem) if name else (path.stem,)
    width, height = (
        positive(parse(text, side, str(path))) if (text := root.findtext(f"size/{side}")) else None
        for side in ("width", "height")
    )
    for position, thing in enumerate(root.findall("object"), 1):
        where = f"{path}, object {position}"
        if thing.find("bndbox") is None:
            yield Skipped(where, "VOC objects without a bndbox")
            continue
        x_min, y_min, x_max, y_max = (
            parse(thing.findtext(f"bndbox/{side}"), f"bndbox/{side}", where)
            for side in ("xmin", "ymin", "xmax", "ymax")
        )
        yield Record(
            f"{path.parent}/*.xml",
            where,
            names,
            (x_min, y_min, x_max, y_max),
            width,
            height,
            category=name_of(thing.findtext("name")),
        )


def _cvat(path: Path, root: Element) -> Iterator[Record | Skipped]:
    """CVAT's XML 1.1 for images: ``<image name width height><box label xtl ytl xbr ybr/></image>``."""
    for position, _ in enumerate(root.findall("track"), 1):
        yield Skipped(f"{path}, track {position}", "CVAT tracks of a video")
    for position, image in enumerate(root.findall("image"), 1):
        where = f"{path}, image {position}"
        name = (image.get("name") or "").strip()
        if not name:
            raise FishError(f"{where}: no 'name'; expected the image's file. Add it, or delete the entry.")
        width, height = (
            positive(parse(text, side, where)) if (text := image.get(side)) else None
            for side in ("width", "height")
        )
        for place, shape in enumerate(image, 1):
            where = f"{path}, image {shown(name)}, shape {place}"
            if shape.tag not in _CVAT_SHAPES:
                yield Skipped(where, f"CVAT {shape.tag} shapes")
                continue
            corners = _CVAT_SHAPES[shape.tag](shape, where)
            category = name_of(shape.get("label"))
            yield Record(str(path), where, (name,), corners, width, height, category=category)


def _attributes(shape: Element, keys: tuple[str, ...], where: str) -> list[float]:
    return [parse(shape.get(key), key, where) for key in keys]


def _box(shape: Element, where: str) -> Corners:
    x_min, y_min, x_max, y_max = _attributes(shape, ("xtl", "ytl", "xbr", "ybr"), where)
    corners = (x_min, y_min, x_max, y_max)
    degrees = parse(shape.get("rotation", "0"), "rotation", where)
    middle = ((x_min + x_max) / 2, (y_min + y_max) / 2)
    return around_turned(corners, middle, degrees) if degrees else corners


def _polygon(shape: Element, where: str) -> Corners:
    pairs = [pair.split(",") for pair in (shape.get("points") or "").split(";")]
    if len(pairs) < 3 or any(len(pair) != 2 for pair in pairs):
        raise FishError(f"{where}: 'points' is no list x,y;x,y;x,y. Correct it or delete the entry.")
    xs, ys = ([parse(pair[axis], "points", where) for pair in pairs] for axis in (0, 1))
    return around(xs, ys)


def _ellipse(shape: Element, where: str) -> Corners:
    x, y, x_radius, y_radius = _attributes(shape, ("cx", "cy", "rx", "ry"), where)
    return around_ellipse(x, y, (x_radius, y_radius))


def _mask(shape: Element, where: str) -> Corners:
    x, y, width, height = _attributes(shape, ("left", "top", "width", "height"), where)
    return x, y, x + width, y + height


_CVAT_SHAPES: dict[str, Callable[[Element, str], Corners]] = {
    "box": _box,
    "polygon": _polygon,
    "ellipse": _ellipse,
    "mask": _mask,
}
