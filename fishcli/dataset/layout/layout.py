"""What a competition's folder means: which photos are to learn from, and what their labels and groups are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from fishcli.basics.errors import FishError, examples
from fishcli.basics.files import read_cells
from fishcli.basics.once import once
from fishcli.basics.progress import warn
from fishcli.basics.remote import parse_path
from fishcli.dataset.classes import class_order
from fishcli.dataset.layout import own_table
from fishcli.dataset.layout.class_folders import check_folders, classes_of
from fishcli.dataset.layout.folders import Folders, find_folders
from fishcli.dataset.layout.group_columns import find_groups, named_groups
from fishcli.dataset.layout.label_columns import Evidence, LabelColumn
from fishcli.dataset.layout.labels import FOLDERS, Labels, find_labels, labels_of_table, named_labels
from fishcli.dataset.layout.listing import Listing
from fishcli.dataset.layout.misplaced import warn_of_lists, warn_of_validation
from fishcli.dataset.layout.pools import EXPECTED, sample_paths, training_photos, training_tables
from fishcli.dataset.layout.relabel import relabelled
from fishcli.dataset.layout.tables import Table, id_place, read_table, tables_naming
from fishcli.dataset.names import NameIndex, warn_of_lookalikes
from fishcli.dataset.tags import are_tags
from fishcli.options.layout import LayoutOptions

N_TOKEN_COLUMNS = 10
"""Samples of more columns have a column a class, and their cells tell nothing."""
N_SHOWN = 1000
"""So many lines of a sample show what stands in it."""


@dataclass(frozen=True)
class Training:
    """The training photos of a competition, none of them opened.

    Attributes:
        train_dir: the folder below which their ids are paths.
        photos: id -> path of all photos in it, labelled or not.
        table: `image`, `class_name` and, where groups are known, `group`; in the order of ids.
        labels: where the labels come from.
        said: what was decided, in lines.
    """

    train_dir: Path
    photos: dict[str, Path]
    table: pd.DataFrame
    labels: Labels
    said: tuple[str, ...]


def read_training(data_dir: Path, options: LayoutOptions) -> Training:
    """Find the training photos, their labels and their groups.

    Raises:
        FishError: there are none, or they can't be told apart by what lies there; the message has the option
            that helps.
    """
    found: Training = once(("training", str(data_dir), options), lambda: _relabelled(data_dir, options))
    return found


def _relabelled(data_dir: Path, options: LayoutOptions) -> Training:
    """What lies there, with the labels that a person has corrected."""
    found = _read_training(data_dir, options)
    table, said = relabelled(data_dir, found.table)
    return replace(found, table=table, said=(*found.said, *said))


def _read_training(data_dir: Path, options: LayoutOptions) -> Training:
    folders = find_folders(data_dir, options)
    train_dir, listing = training_photos(data_dir, folders, options)
    own = data_dir / own_table.NAME
    warn_of_validation(folders.validation, train_dir)
    if not folders.test:
        warn_of_lists(folders.beside)
    if options.labels is None and options.label_column is None and own_table.is_own(own):
        known = own_table.read_own(own, train_dir, listing, options.label_separator)
        warn_of_lookalikes(class_order(known["class_name"]), str(own))
        line = f"labels from {own.name}: image and label ({_classes_said(known)})"
        said = [line, *_groups_said(data_dir, "groups: its column group" if "group" in known else None)]
        return Training(train_dir, listing.photos, known, Labels(known, line), tuple(said))
    tables = list(tables_naming(training_tables(folders), NameIndex(listing.photos)))
    labels = _labels(data_dir, options, (train_dir, listing, folders), tables)
    table, said = labels.table, [labels.said]
    source = labels.named.path if labels.named else train_dir
    warn_of_lookalikes(class_order(table["class_name"]), str(source))
    found = _groups(tables, labels, options)
    if found is not None:
        table = table.assign(group=list(found[0]))
    said += _groups_said(data_dir, None if found is None else found[1])
    return Training(train_dir, listing.photos, table, labels, tuple(said))


def _labels(
    data_dir: Path,
    options: LayoutOptions,
    training: tuple[Path, Listing, Folders],
    tables: Sequence[Table],
) -> Labels:
    """The labels of the training photos; `training`: their folder, what is in it, where else tables lie."""
    train_dir, listing, folders = training
    photos, classes = list(listing.photos), classes_of(list(listing.photos))
    evidence = read_evidence(sample_paths(data_dir, options, folders))
    if options.labels not in (None, FOLDERS):
        path = parse_path(str(options.labels))
        labels = named_labels(photos, path if path.exists() else data_dir / path, options, evidence)
    elif options.label_column is not None:
        named = [each for each in tables if options.label_column in each.cells]
        if not named:
            known = sorted({str(name) for each in tables for name in each.cells.columns})
            raise FishError(
                f"--label-column {options.label_column}: no table that names training photos has it; they "
                "have "
                f"{examples(known, 12) or 'none, as there is no such table'}. Name the table with --labels."
            )
        column = LabelColumn((options.label_column,), 0)
        labels = labels_of_table(named[0], column, options.label_separator)
    else:
        taken = [] if options.labels == FOLDERS else tables
        said = find_labels(photos, taken, evidence, classes, options.label_separator)
        if said is None:
            raise FishError(_no_labels(data_dir, train_dir, folders, tables))
        labels = said
    if labels.named is None and classes:
        check_folders(train_dir, listing, list(classes))
    if labels.named is not None and (unnamed := sorted(set(photos) - set(labels.table["image"]))):
        warn(
            f"{labels.named.path} has no label for {len(unnamed):,} images in {train_dir.name}/: left out "
            f"({examples(unnamed)})"
        )
    return labels


def _classes_said(known: pd.DataFrame) -> str:
    """How many classes, or tags, the training images have."""
    what = "tags" if are_tags(known["class_name"]) else "classes"
    return f"{len(class_order(known['class_name'])):,} {what}"


def _groups(tables: Sequence[Table], labels: Labels, options: LayoutOptions) -> tuple[pd.Series, str] | None:
    photos = list(labels.table["image"])
    if options.group_column == "none":
        return None
    if options.group_column is not None:
        return named_groups(photos, tables, options.group_column)
    taken = () if labels.named is None else ((str(labels.named.path), name) for name in labels.columns)
    return find_groups(photos, tables, frozenset(taken))


def _groups_said(data_dir: Path, found: str | None) -> list[str]:
    """What is said of groups: nothing where groups.csv has them, which goes before all."""
    return [] if (data_dir / "groups.csv").exists() else [found or "groups: none found"]


def read_evidence(paths: Sequence[Path]) -> Evidence:
    """What sample submissions show of the labels."""
    columns: set[str] = set()
    tokens: set[str] = set()
    for path in paths:
        header, cells = read_cells(path)
        place = id_place(header)
        names = [name for number, name in enumerate(header) if number != place]
        columns.update(names)
        if len(names) <= N_TOKEN_COLUMNS:
            shown = cells.drop(columns=place).head(N_SHOWN)
            tokens.update(token for cell in shown.to_numpy().ravel() for token in [cell, *cell.split()])
    return Evidence(frozenset(columns), frozenset(tokens - {""}))


def _no_labels(data_dir: Path, train_dir: Path, folders: Folders, tables: Sequence[Table]) -> str:
    """Why the photos have no labels, and what would give them some."""
    for path in training_tables(folders):
        try:
            read_table(path)
        except FishError as error:
            if path.parent == data_dir and path.suffix == ".csv":
                return str(error)
    if tables:
        table = max(tables, key=lambda each: each.n_named)
        columns = [str(name) for name in table.cells.columns if name != table.id_column]
        return (
            f"which column of {table.path} is the label? {table.id_column} names the photos. Pass "
            f"--label-column with one of {examples(columns, 12) or 'none: it has no other'}."
        )
    return (
        f"the images in {train_dir} lie in no class folder and {data_dir / own_table.NAME} is missing. "
        f"Expected {EXPECTED}, or a table that names them: --labels FILE."
    )
