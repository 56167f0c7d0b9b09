"""A CSV of boxes: corners, or a corner and sizes."""

from collections.abc import Iterator
from pathlib import Path

from fishcli.basics.errors import FishError, examples, shown
from fishcli.basics.files import read_csv
from fishcli.dataset.annotations.entries import NO_OBJECT, Corners, Record, Skipped, name_of, parse, positive
from fishcli.dataset.annotations.headings import (
    CATEGORY_HEADINGS,
    CORNER_HEADINGS,
    NAME_HEADINGS,
    SIDE_HEADINGS,
    plain,
)

Size = tuple[float | None, float | None]


def read_box_csv(path: Path) -> Iterator[Record | Skipped]:
    """Boxes of a CSV: a row a box, an image without one in a row of its name and gaps.

    Columns: see `headings`. Beside corners, `width` and `height` are the image's, as the size that the
    corners refer to, unless they are the boxes' own. The unit is not told: fractions or pixels.
    """
    # All as text: one wrong cell would turn its column into text and blame the first row for it.
    table = read_csv(path, text=None)
    columns: dict[str, str] = {}
    for column in table.columns:
        columns.setdefault(plain(column), column)
    name = next((columns[key] for key in NAME_HEADINGS if key in columns), None)
    forms = (*CORNER_HEADINGS, *SIDE_HEADINGS)
    form = next((form for form in forms if all(key in columns for key in form)), None)
    if name is None or form is None:
        missing = "'image'" if name is None else "'x_min' or 'x'"
        raise FishError(
            f"{path}, line 1: no column {missing}; found {examples(list(map(repr, table.columns)), 9)}. "
            "Expected image,x_min,y_min,x_max,y_max, or image,x,y,width,height."
        )
    has_corners = form in CORNER_HEADINGS
    sizes = ["width", "height"] if has_corners and {"width", "height"} <= columns.keys() else []
    picked = [columns[key] for key in (*form, *sizes)]
    category = next((columns[key] for key in CATEGORY_HEADINGS if key in columns), name)
    table = table.fillna("")
    boxes: list[tuple[str, str, Corners, Size, str]] = []
    for position, (image, label, *cells) in enumerate(
        table[[name, category, *picked]].to_numpy().tolist(), 1
    ):
        where = f"{path}, row {position} (image {shown(image)})"
        if not image:
            raise FishError(
                f"{where}: no name in {shown(name)}; expected the image's id. Add it, or delete the row."
            )
        if not any(cells[:4]):
            yield Skipped(where, NO_OBJECT)
            continue
        a, b, c, d = (parse(cell, column, where) for cell, column in zip(cells, picked[:4], strict=False))
        width, height = (
            positive(parse(cell, "width", where)) if cell else None for cell in cells[4:] or ("", "")
        )
        corners = (a, b, c, d) if has_corners else (a, b, a + c, b + d)
        boxes.append((where, image, corners, (width, height), "" if category == name else label))
    is_own = all(_is_own_size(corners, size) for _, _, corners, size, _ in boxes) and any(
        max(corners[:2]) > 0 for _, _, corners, _, _ in boxes
    )
    for where, image, corners, size, label in boxes:
        width, height = (None, None) if is_own else size
        yield Record(str(path), where, (image,), corners, width, height, "untold", name_of(label))


def _is_own_size(corners: Corners, size: Size) -> bool:
    """Whether a declared size is the box's own, not its image's."""
    sides = (corners[2] - corners[0], corners[3] - corners[1])
    return all(
        declared is not None and abs(declared - side) <= 1 for declared, side in zip(size, sides, strict=True)
    )
