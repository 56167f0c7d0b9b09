"""Which column of a table is the label, and what its cells say."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError, examples
from fishcli.basics.files import as_numbers
from fishcli.dataset.layout.tables import Table
from fishcli.dataset.layout.tag_columns import tags_of_cells
from fishcli.dataset.layout.words import GROUPS, LABELS, rank, thing
from fishcli.dataset.tags import MARK, as_text, tags_in

N_PLACES = 5e8
"""Images x classes, of which out-of-fold predictions hold a number each: 4 GB."""
MANY = 20
"""A column of so many whole numbers, most of them used once or twice, is a measurement."""


@dataclass(frozen=True)
class Evidence:
    """What sample submissions show, before it is known what they want.

    Attributes:
        columns: the names of their columns.
        tokens: what stands in their cells, split at blanks; those of the columns that name photos left out.
    """

    columns: frozenset[str]
    tokens: frozenset[str]


@dataclass(frozen=True)
class LabelColumn:
    """Where a table has its labels.

    Attributes:
        names: the label's column, or the columns of 0 and 1, a class each.
        certainty: 0 where a sample submission says so, 1 for columns of 0 and 1, 2 for a known name, 3 where
            it is the only column that could be.
    """

    names: tuple[str, ...]
    certainty: int

    @property
    def is_one_hot(self) -> bool:
        """Whether there is a column a class."""
        return len(self.names) > 1


def find_label_column(table: Table, evidence: Evidence) -> LabelColumn | None:
    """The column of a table that says what a photo shows; None where none does, or several might.

    By the sample submission: a column of the sample's; one whose values are the sample's columns; one in
    which
    stands what stands in the sample. Then columns of 0 and 1 whose rows sum to 1, then known names ("label",
    "species", "diagnosis"), then the only column that is no number, no group and not the same everywhere.
    """
    columns = [str(name) for name in table.cells.columns if name != table.id_column]
    one_hot = _one_hot(table.cells, columns, evidence)
    shared = [name for name in columns if name in evidence.columns]
    if len(one_hot) > 1 and (len(set(one_hot) & evidence.columns) > 1 or _sums_to_1(table.cells[one_hot])):
        return LabelColumn(tuple(one_hot), 0 if set(one_hot) <= evidence.columns else 1)
    if len(shared) == 1:
        return LabelColumn((shared[0],), 0)
    varied = [name for name in columns if 1 < table.cells[name].nunique() < len(table.cells)]
    found = [name for name in varied if _names_columns(table.cells[name], evidence)]
    found = found or [name for name in varied if _holds(table.cells[name], evidence.tokens)]
    if found:
        return LabelColumn((min(found, key=lambda name: (rank(name, LABELS), columns.index(name))),), 0)
    known = [name for name in columns if rank(name, LABELS) < len(LABELS)]
    if known:
        return LabelColumn((min(known, key=lambda name: rank(name, LABELS)),), 2)
    groups = frozenset().union(*GROUPS)
    left = [
        name for name in varied if thing(name) not in groups and as_numbers(table.cells[name]).isna().any()
    ]
    whole = [name for name in varied if thing(name) not in groups]
    candidates = left or whole
    return LabelColumn((candidates[0],), 3) if len(candidates) == 1 else None


def _one_hot(cells: pd.DataFrame, columns: Sequence[str], evidence: Evidence) -> list[str]:
    """Columns of 0 and 1; those of the sample alone where it has two of them."""
    found = [name for name in columns if set(cells[name].unique()) <= {"0", "1", "0.0", "1.0", "0.", "1."}]
    asked = [name for name in found if name in evidence.columns]
    return asked if len(asked) > 1 else found


def _sums_to_1(cells: pd.DataFrame) -> bool:
    return bool((cells.astype(float).sum(axis=1) == 1).all())


def _names_columns(column: pd.Series, evidence: Evidence) -> bool:
    """Whether a column's values are, all but for one in ten, columns of the sample."""
    values = set(column.unique()) - {""}
    return len(values & evidence.columns) > 1 and len(values & evidence.columns) >= 0.9 * len(values)


def _holds(column: pd.Series, tokens: frozenset[str]) -> bool:
    """Whether most of what stands in the sample stands in a column."""
    return bool(tokens) and len(set(column.unique()) & tokens) >= 0.5 * len(tokens)


def read_label_column(table: Table, column: LabelColumn, separator: str | None = None) -> pd.Series:
    """The class of each row, as `labels_of_cells` has it, or its tags; "" where a row has none.

    Columns of 0 and 1 are tags where a row has several: one that has none has no tags then.

    Raises:
        FishError: a number to predict, or more classes than memory holds.
    """
    where = f"{table.path}, column {examples(list(column.names), 3)}"
    if not column.is_one_hot:
        return labels_of_cells(column.names[0], table.cells[column.names[0]], where, separator)
    values = table.cells[list(column.names)].astype(float).to_numpy()
    names = np.array(column.names, dtype=object)
    if (values.sum(axis=1) > 1).any():
        check_tags(names, where)
        _check_room(len(names), len(values), where)
        tags = [as_text(list(names[row > 0])) for row in values]
        return pd.Series(tags, index=table.cells.index, dtype=object)
    labels = names[values.argmax(axis=1)]
    return pd.Series(np.where(values.sum(axis=1) == 1, labels, ""), index=table.cells.index)


def labels_of_cells(name: str, cells: pd.Series, where: str, separator: str | None = None) -> pd.Series:
    """What cells say: class names, or tags as `dataset.tags` writes them; "" for none.

    Args:
        name: the column's.
        cells: text, "" for none.
        where: what the error names.
        separator: what separates labels in a cell, "none" for nothing; None: it is found.

    Raises:
        FishError: they are measurements, or too many classes.
    """
    tags = tags_of_cells(name, cells, separator)
    if tags is not None:
        n_tags = len({tag for text in tags.unique() for tag in tags_in(text)})
        _check_room(n_tags, len(tags), where)
        return tags
    check_labels(name, cells, where)
    return cells


def check_labels(name: str, cells: pd.Series, where: str) -> None:
    """Refuse single labels that are measurements, too many classes, or written as tags are.

    Args:
        name: the column's.
        cells: text, "" for none.
        where: what the error names.

    Raises:
        FishError: so it is.
    """
    labels = cells[cells != ""]
    check_tags(labels[labels.str.startswith(MARK)].unique(), where)
    numbers = as_numbers(labels)
    if len(labels) and numbers.notna().all():
        distinct = numbers.nunique()
        broken = (numbers % 1 != 0).any()
        measured = distinct > MANY and distinct > 0.5 * len(labels)
        if broken or measured:
            raise FishError(
                f"{where}: a number to predict (such as {labels.iloc[0]}), not a class. fishcli tells "
                "classes "
                "apart: name another column with --label-column, or cut the numbers into grades in a table "
                "of your own (image,label) and pass it with --labels."
            )
    _check_room(labels.nunique(), len(labels), where)


def check_tags(names: Iterable[str], where: str) -> None:
    """Refuse names with the sign in them that separates tags in fishcli's own tables."""
    bad = [name for name in names if MARK in name]
    if bad:
        raise FishError(f"{where}: the label {bad[0]!r} has a {MARK} in it. Rename it.")


def _check_room(n_classes: int, n_labels: int, where: str) -> None:
    if n_labels * n_classes > N_PLACES:
        raise FishError(
            f"{where}: {n_classes:,} classes for {n_labels:,} images. Their out-of-fold predictions alone "
            f"would take {8e-9 * n_labels * n_classes:,.0f} GB. Pass a table of fewer classes with "
            "--labels."
        )
