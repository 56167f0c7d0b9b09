"""YOLO's text files: one an image, a line a box."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from fishcli.basics.errors import FishError
from fishcli.dataset.annotations.entries import NO_OBJECT, Record, Skipped, around, parse, read_text

CLASS_NAMES = "classes.txt"
"""The names of the classes, one a line."""


def read_class_names(paths: Sequence[Path]) -> list[str]:
    """The names of the classes by number, where one of `paths` tells them."""
    found = [path for path in paths if path.name == CLASS_NAMES]
    return [line.strip() for path in found for line in read_text(path).splitlines()]


def read_yolo(path: Path, class_names: Sequence[str]) -> Iterator[Record | Skipped]:
    """Boxes of YOLO's text files, one an image, by stem: lines ``class x y width height`` in fractions.

    x and y are the middle. After four numbers may stand a confidence; more are a polygon's points. An empty
    file is an image without an object; one whose first line holds no number is no annotation.
    """
    if path.name == CLASS_NAMES:
        return
    lines = [(number, line.split()) for number, line in enumerate(read_text(path).splitlines(), 1)]
    lines = [(number, words) for number, words in lines if words]
    if not lines:
        yield Skipped(str(path), NO_OBJECT)
        return
    if not any(map(_is_number, lines[0][1])):
        yield Skipped(str(path), "text files whose first line holds no number")
        return
    for number, words in lines:
        where = f"{path}, line {number}"
        if len(words) < 5 or (len(words) > 6 and len(words) % 2 == 0):
            raise FishError(
                f"{where}: {len(words)} values; expected YOLO's class, x, y, width and height. "
                "Correct it, or move the file out of the folder."
            )
        key, *values = (parse(word, "class" if not i else "value", where) for i, word in enumerate(words))
        if len(words) > 6:
            corners = around(values[::2], values[1::2])
        else:
            x, y, width, height = values[:4]
            corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        is_named = key.is_integer() and 0 <= key < len(class_names)
        category = class_names[int(key)] if is_named else words[0]
        source = f"{path.parent}/*.txt (YOLO)"
        yield Record(source, where, (path.stem,), corners, unit="fractions", category=category)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
