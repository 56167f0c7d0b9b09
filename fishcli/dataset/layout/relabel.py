"""relabel.csv: labels that a person has corrected, and photos that are not to be learned from."""

from pathlib import Path

import pandas as pd

from fishcli.basics.errors import FishError, examples, nearest
from fishcli.basics.files import line_of, read_csv
from fishcli.dataset.classes import class_order
from fishcli.dataset.layout.tag_columns import known_tags_of
from fishcli.dataset.names import NameIndex
from fishcli.dataset.tags import are_tags

NAME = "relabel.csv"
COLUMNS = ["image", "class_name"]
DROP = "drop"


def relabelled(data_dir: Path, table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Training photos with the labels that `data_dir`/relabel.csv gives them, less those it drops.

    The file has the columns image and class_name, others are not looked at; class_name is a class, all tags
    of an image, or "drop".

    Args:
        data_dir: the competition's folder.
        table: `image` and `class_name`, and perhaps others.

    Returns:
        The same columns; and what was done, in a line. Without the file the table itself, and no line.

    Raises:
        FishError: a photo that isn't there or stands there twice, a class that no photo has.
    """
    path = data_dir / NAME
    if not path.exists():
        return table, []
    decided = read_decided(path, table)
    known = set(class_order(table["class_name"]))
    if are_tags(table["class_name"]):
        tags = known_tags_of(decided["class_name"], sorted(known))
        decided = decided.assign(class_name=tags.where(decided["class_name"] != DROP, DROP))
    if DROP in known:
        raise FishError(
            f"{path}: a class is called {DROP!r}, as what leaves photos out is. Rename the class."
        )
    said = [(place, name) for place, text in enumerate(decided["class_name"]) for name in class_order([text])]
    for place, name in said:
        if name not in known | {DROP}:
            near = nearest(name, known)
            meant = (
                f"did you mean {near!r}?" if near else f"expected {DROP} or one of {examples(sorted(known))}."
            )
            line = line_of(path, int(decided.index[place]))
            raise FishError(f"{path}, line {line}: {name!r} is no class of the training images; {meant}")
    new = dict(zip(decided["image"], decided["class_name"], strict=True))
    labels = table["image"].map(new).fillna(table["class_name"])
    n_moved = int(((labels != table["class_name"]) & (labels != DROP)).sum())
    kept = table.assign(class_name=labels)[labels != DROP].reset_index(drop=True)
    gone = sorted(known - set(class_order(kept["class_name"])))
    if gone:
        raise FishError(f"{path} leaves no photo of {examples(gone)}. Keep one at least, or drop its folder.")
    n_dropped = len(table) - len(kept)
    return kept, [f"{NAME}: {n_moved:,} labels corrected, {n_dropped:,} photos left out"]


def read_decided(path: Path, table: pd.DataFrame) -> pd.DataFrame:
    """The lines of a relabel.csv: `image` (id of `table`) and `class_name`, as they stand there.

    Raises:
        FishError: a photo that is not in `table`, or stands there twice.
    """
    decided = read_csv(path, required=COLUMNS, text=COLUMNS)[COLUMNS]
    found, unknown = NameIndex(table["image"]).find_all(decided["image"], str(path))
    if unknown:
        raise FishError(
            f"{path} names {len(unknown):,} images that are not in train/: {examples(unknown)}. Delete their "
            "lines."
        )
    images = decided["image"].map(found)
    if images.duplicated().any():
        row = images[images.duplicated()]
        line = line_of(path, int(row.index[0]))
        raise FishError(f"{path}, line {line}: {row.iloc[0]!r} stands there a second time. Keep one line.")
    return decided.assign(image=images)
