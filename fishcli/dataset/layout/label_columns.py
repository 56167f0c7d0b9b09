"""Which column of a table is the label, and what its cells say."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError, examples
from fishcli.basics.files import as_numbers
from fishcli.dataset.layout.tables import Table
from fishcli.dataset.layout.words import GROUPS, LABELS, TAGS, rank, thing, words

N_PLACES = 5e8
"""Images x classes, of which out-of-fold predictions hold a number each: 4 GB."""
MANY = 20
"""A column of so many whole numbers, most of them used once or twice, is a measurement."""
SHARED_TOKENS = 0.25
"""In a column called "tags" or the like, so many of the words stand in several cells if they are tags."""
SEPARATORS = re.compile(r"[\s,;|]+")


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


def read_label_column(table: Table, column: LabelColumn) -> pd.Series:
    """The class name of each row, text; "" where a row has none.

    Raises:
        FishError: several labels an image, a number to predict, or more classes than memory holds.
    """
    where = f"{table.path}, column {examples(list(column.names), 3)}"
    if column.is_one_hot:
        values = table.cells[list(column.names)].astype(float).to_numpy()
        if (values.sum(axis=1) > 1).any():
            raise FishError(f"{where}: rows with several labels. {_ONE_LABEL}")
        labels = np.array(column.names, dtype=object)[values.argmax(axis=1)]
        return pd.Series(np.where(values.sum(axis=1) == 1, labels, ""), index=table.cells.index)
    labels = table.cells[column.names[0]]
    check_labels(column.names[0], labels, where)
    return labels


_ONE_LABEL = (
    "fishcli tells images apart that have one label each. Name a column of single labels with "
    "--label-column, or a table of them with --labels."
)


def check_labels(name: str, cells: pd.Series, where: str) -> None:
    """Refuse cells that hold several labels, measurements, or too many classes.

    Args:
        name: the column's.
        cells: text, "" for none.
        where: what the error names.

    Raises:
        FishError: so it is.
    """
    if _are_tags(name, cells):
        raise FishError(f"{where}: several labels in a cell, such as {_longest(cells)!r}. {_ONE_LABEL}")
    labels = cells[cells != ""]
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
    n_classes = labels.nunique()
    if len(labels) * n_classes > N_PLACES:
        raise FishError(
            f"{where}: {n_classes:,} classes for {len(labels):,} images. Their out-of-fold predictions alone "
            f"would take {8e-9 * len(labels) * n_classes:,.0f} GB. Pass a table of fewer classes with "
            "--labels."
        )


def _are_tags(name: str, labels: pd.Series) -> bool:
    """Whether cells hold several labels: some are single ones that stand in others beside more."""
    distinct = [cell for cell in labels.unique() if cell]
    parts = {cell: SEPARATORS.split(cell) for cell in distinct}
    several = {cell for cell in distinct if len(parts[cell]) > 1}
    if not several:
        return False
    in_several = {token for cell in several for token in parts[cell]}
    singles = [cell for cell in distinct if cell not in several]
    if singles and np.mean([cell in in_several for cell in singles]) >= 0.5:
        return True
    if TAGS.isdisjoint(words(name)):
        return False
    n_cells = Counter(token for cell in several for token in set(parts[cell]))
    lengths = {len(parts[cell]) for cell in several}
    return len(lengths) > 1 and sum(n > 1 for n in n_cells.values()) >= SHARED_TOKENS * len(n_cells)


def _longest(labels: pd.Series) -> str:
    return str(max(labels.unique(), key=lambda cell: len(SEPARATORS.split(cell))))
