"""What labels the training photos: a table, their folders or their names."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fishcli.basics.errors import FishError, examples
from fishcli.basics.files import tidy
from fishcli.basics.progress import warn
from fishcli.dataset.classes import class_order
from fishcli.dataset.layout.label_columns import (
    Evidence,
    LabelColumn,
    check_labels,
    find_label_column,
    read_label_column,
)
from fishcli.dataset.layout.tables import Table, named_by, read_table
from fishcli.dataset.layout.tag_columns import separator_in
from fishcli.dataset.names import NameIndex, check_names
from fishcli.dataset.tags import are_tags, shown, tags_in
from fishcli.options.layout import LayoutOptions

FOLDERS = "folders"
IN_NAMES = re.compile(r"([^\W\d_]+(?:[ _-][^\W\d_]+)*?)[._ -]*\d+")
"""A label, then a number: cat.0, whale_17."""
CERTAIN = 2
"""A table whose label column is as certain as this goes before class folders."""


@dataclass(frozen=True)
class Labels:
    """The labels of training photos.

    Attributes:
        table: `image` (id) and `class_name`, in the order of ids; photos without a label are left out.
        said: what was decided, in a line.
        named: the table they come from; None for folders and names.
        columns: its columns that say the label.
        unseen: classes that are asked for and that no training photo has.
    """

    table: pd.DataFrame
    said: str
    named: Table | None = None
    columns: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()


def find_labels(
    photos: Sequence[str],
    tables: Sequence[Table],
    evidence: Evidence,
    classes: dict[str, str],
    separator: str | None = None,
) -> Labels | None:
    """Find what labels the photos, by rules.

    A table whose label column the sample submission names, or that is certain otherwise, goes before class
    folders; those before a table whose label is its only likely column; then the photos' own names.

    Args:
        photos: ids of all photos in question.
        tables: those that name photos.
        evidence: of the sample submissions.
        classes: image id -> the class folder it lies in; empty where there are no class folders.
        separator: what separates an image's labels in a cell; None: it is found.

    Raises:
        FishError: a table says what the photos show, but not in labels.
    """
    found = []
    for place, table in enumerate(tables):
        column = find_label_column(table, evidence)
        if column is not None:
            found.append(((column.certainty, -table.n_named, place), table, column))
    best = min(found, key=lambda each: each[0]) if found else None
    if best is not None and (best[2].certainty <= CERTAIN or not classes):
        same = classes and best[2].certainty and not best[2].is_one_hot and _says_folders(*best[1:], classes)
        if not same:
            return labels_of_table(*best[1:], separator)
    if classes:
        return _of_folders(classes)
    return _of_names(photos)


def _says_folders(table: Table, column: LabelColumn, classes: dict[str, str]) -> bool:
    """Whether a table only repeats what the folders say."""
    labels = table.cells[column.names[0]]
    said = dict(zip(table.images, labels, strict=True))
    return all(said.get(image, name) == name for image, name in classes.items())


def named_labels(photos: Sequence[str], path: Path, options: LayoutOptions, evidence: Evidence) -> Labels:
    """The labels of the table that the user names.

    Raises:
        FishError: no such file or column; a table that names none of the photos; no labels.
    """
    cells = read_table(path)
    for flag, name in (("--id-column", options.id_column), ("--label-column", options.label_column)):
        if name is not None and name not in cells:
            raise FishError(
                f"{flag} {name}: {path} has no such column, but {examples(list(cells.columns), 12)}."
            )
    table = named_by(path, cells, NameIndex(photos), options.id_column)
    if table is None:
        raise FishError(
            f"--labels {options.labels}: no column of {path} names nine in ten of its rows' photos; it has "
            f"{examples(list(cells.columns), 12)}, the photos are called {examples(list(photos)[:3])}. "
            "Name it with --id-column, or the photos' folder with --train-dir."
        )
    if options.label_column is not None:
        return labels_of_table(table, LabelColumn((options.label_column,), 0), options.label_separator)
    column = find_label_column(table, evidence)
    if column is None:
        raise FishError(
            f"{path}: which column is the label? Name it with --label-column: "
            f"{examples([str(name) for name in cells.columns if name != table.id_column], 12)}."
        )
    return labels_of_table(table, column, options.label_separator)


def labels_of_table(table: Table, column: LabelColumn, separator: str | None = None) -> Labels:
    """The labels that a table gives photos; a line whose photo or label is missing is left out, said so.

    Args:
        table: it names photos.
        column: where it has their labels.
        separator: what separates an image's labels in a cell; None: it is found.
    """
    labels = read_label_column(table, column, separator)
    known = pd.DataFrame({"image": table.images, "class_name": labels})
    n_rows, is_named = len(known), known["image"] != ""
    if not is_named.all():
        lacking = list(table.cells[table.id_column][~is_named])
        warn(f"{table.path} names {len(lacking):,} photos that are not there: left out ({examples(lacking)})")
    if (is_named & (labels == "")).any():
        warn(f"{table.path} has {int((labels == '').sum()):,} lines without a label: left out")
    known = known[is_named & (known["class_name"] != "")].drop_duplicates()
    twice = known["image"].duplicated()
    if twice.any():
        image = known["image"][twice].iloc[0]
        names = [shown(text) for text in known["class_name"][known["image"] == image]]
        raise FishError(
            f"{table.path}: {image} has several lines with other labels ({examples(names)}). Pass a table "
            "with one line an image: --labels. Several labels of an image stand in one cell, or in columns "
            "of 0 and 1."
        )
    seen = class_order(known["class_name"])
    check_names(seen, str(table.path))
    what = f"{len(column.names)} columns of 0 and 1" if column.is_one_hot else column.names[0]
    are = "are" if column.is_one_hot else "is"
    said = (
        f"labels from {table.path.name}: {table.id_column} names {int(is_named.sum()):,} of {n_rows:,} "
        f"images, {what} {_said_of_tags(known, are) or f'{are} the class ({len(seen):,})'}"
    )
    unseen = [name for name in column.names if name not in set(seen)] if column.is_one_hot else []
    return Labels(known.sort_values("image", ignore_index=True), said, table, column.names, tuple(unseen))


def separator_of_labels(labels: Labels) -> str | None:
    """What separates an image's labels in their column; None where they are in no table."""
    return None if labels.named is None else separator_in(labels.named.cells[labels.columns[0]])


def _said_of_tags(known: pd.DataFrame, are: str) -> str:
    """How many tags images have; "" of single labels."""
    if not are_tags(known["class_name"]):
        return ""
    n_tags = known["class_name"].map(lambda text: len(tags_in(text)))
    none = f", {int((n_tags == 0).sum()):,} images without any" if (n_tags == 0).any() else ""
    has = "have" if are == "are" else "has"
    n_seen = len(class_order(known["class_name"]))
    return f"{has} each image's tags ({n_seen:,}; {n_tags.mean():.1f} an image{none})"


def _of_folders(classes: dict[str, str]) -> Labels:
    table = pd.DataFrame({"image": list(classes), "class_name": list(classes.values())})
    check_labels("class", table["class_name"], "the class folders")
    return Labels(table, f"labels from folders: {table['class_name'].nunique():,} classes")


def _of_names(photos: Sequence[str]) -> Labels | None:
    """Labels that stand before the number in the photos' names; None where they don't look like any."""
    stems = pd.Series([Path(image).stem for image in photos])
    labels = stems.map(lambda stem: found[1] if (found := IN_NAMES.fullmatch(stem)) else "")
    counts = labels.value_counts()
    if (
        len(photos) == 0
        or (labels == "").any()
        or len(counts) < 2
        or counts.min() < max(2, len(photos) // 1000)
    ):
        return None
    table = pd.DataFrame({"image": list(photos), "class_name": labels.map(tidy)})
    said = f"labels from the photos' names, such as {Path(photos[0]).name}: {len(counts):,} classes"
    return Labels(table.sort_values("image", ignore_index=True), said)
