"""A CSV table to be audited without photos: which of its columns give away the label."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from fishcli.basics.errors import FishError, examples
from fishcli.basics.files import line_of, read_csv
from fishcli.basics.progress import say
from fishcli.dataset.fields import Field
from fishcli.dataset.names import warn_of_lookalikes

MAX_CODES = 20
"""Whole numbers with more distinct values than this are quantities."""
GAPS = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "None")
"""What may stand for "unknown" among numbers. Among texts only an empty cell does: "None" may be a name."""


@dataclass(frozen=True)
class Sheet:
    """A table's label, groups and columns, all with one index: its ids, or the lines of the file.

    Attributes:
        labels: the label of each row, text, two classes at least.
        groups: the group of each row, text, or None.
        columns: the other columns worth a look: float64 (NaN unknown) or text ("" unknown).
        fields: one of section "table" a column of `columns`, in their order, each a family of its own. All
            are tagged "legitimate": nothing but their names is known of them. `read_tags` says otherwise.
    """

    labels: pd.Series
    groups: pd.Series | None
    columns: pd.DataFrame
    fields: list[Field]


def read_sheet(
    path: Path, label_column: str, group_column: str | None = None, id_column: str | None = None
) -> Sheet:
    """Read a CSV table for the audit.

    A column is **numeric** if all its cells but the gaps are numbers and one of them has a fraction, or there
    are more than 20 distinct ones, or none occurs twice. Other whole numbers are codes, and **categorical**
    as all texts are; "1.0" and "01" count as 1. Infinite numbers count as unknown.

    Left out, with a line on stderr: columns with one value in all rows (a gap is a value), and texts of
    which none occurs twice (ids, free text). Whole numbers that are unique stay: the order of the rows may
    give away the label.

    Args:
        path: the CSV.
        label_column: what to predict.
        group_column: what must not straddle a fold, or None.
        id_column: names the rows, each once; None for the lines of the file (the first row is line 2).

    Raises:
        FishError: the file is missing, malformed or has no rows; a column is missing or asked for twice; a
            label, group or id is empty; an id stands there twice; all labels are the same; no column is left.
    """
    roles = {"label": label_column, "group": group_column, "id": id_column}
    special = {role: column for role, column in roles.items() if column is not None}
    if len(set(special.values())) < len(special):
        asked = ", ".join(f"{role} {column!r}" for role, column in special.items())
        raise FishError(f"{path}: label, group and id must be columns of their own; asked for {asked}.")
    table = read_csv(path, required=list(special.values()), text=list(special.values()))
    if table.empty:
        raise FishError(f"{path} has no line after its header. Expected a row an example.")
    for role, column in special.items():
        _check_full(path, table[column], role)
    for role in special.keys() - {"id"}:
        warn_of_lookalikes(table[special[role]].unique(), f"{path}, column {special[role]!r}")
    labels = table[label_column]
    if labels.nunique() < 2:
        raise FishError(
            f"{path}, column {label_column!r}: every label is {labels[0]!r}. The audit needs two classes."
        )
    index = pd.RangeIndex(2, len(table) + 2, name="line")
    table.index = index if id_column is None else _ids(path, table[id_column])
    columns = {name: _parse(table[name]) for name in table.columns if name not in special.values()}
    kept = _worth_a_look(path, columns)
    return Sheet(
        labels=table[label_column],
        groups=None if group_column is None else table[group_column],
        columns=pd.DataFrame(kept),
        fields=[_field(path, name, column) for name, column in kept.items()],
    )


def _check_full(path: Path, column: pd.Series, role: str) -> None:
    is_empty = column == ""
    if is_empty.any():
        line = line_of(path, int(is_empty.to_numpy().argmax()))
        raise FishError(
            f"{path}, line {line}: the {role} (column {column.name!r}) is empty. "
            f"Write one there, or delete the {is_empty.sum():,} lines without."
        )


def _ids(path: Path, column: pd.Series) -> pd.Index:
    twice = column[column.duplicated()]
    if len(twice):
        line = line_of(path, int(twice.index[0]))
        raise FishError(
            f"{path}, line {line}: the id {twice.iloc[0]!r} (column {column.name!r}) stands there a second "
            "time. Keep one line an id."
        )
    return pd.Index(column, name=column.name)


def _parse(column: pd.Series) -> pd.Series:
    """The column as float64 (NaN unknown) where it holds quantities, else as text ("" unknown)."""
    is_gap = column.isna() | column.isin(GAPS)
    numbers = pd.to_numeric(column.where(~is_gap), errors="coerce").astype(float)
    if numbers.isna().ne(is_gap).any() or is_gap.all():
        return column.astype(str)
    numbers = numbers.where(np.isfinite(numbers))
    known = numbers.dropna()
    is_quantity = known.nunique() > MAX_CODES or (known % 1 != 0).any() or known.is_unique
    return numbers if is_quantity else numbers.map("{:.0f}".format, na_action="ignore").fillna("").astype(str)


def _worth_a_look(path: Path, columns: dict[str, pd.Series]) -> dict[str, pd.Series]:
    """Leave out the columns that can't tell anything of an unseen row, and say which."""
    constant = [name for name, column in columns.items() if column.nunique(dropna=False) < 2]
    unique = [
        name
        for name, column in columns.items()
        if name not in constant and not is_numeric_dtype(column) and column[column != ""].is_unique
    ]
    if constant:
        say(f"{path}: left out, as all rows have one value: {examples(constant, 10)}")
    if unique:
        say(f"{path}: left out, as no text occurs twice: {examples(unique, 10)}")
    kept = {name: column for name, column in columns.items() if name not in {*constant, *unique}}
    if not kept:
        raise FishError(
            f"{path}, line 1: there is no column to audit. Expected one at least, beside the label's, the "
            "group's and the id's, with values that vary and come again."
        )
    return kept


def _field(path: Path, name: str, column: pd.Series) -> Field:
    kind = "numeric" if is_numeric_dtype(column) else "categorical"
    explanation = f"Column {name!r} of {path.name}, {column.nunique():,} distinct values."
    return Field(name, kind, family=name, section="table", at_test_time="legitimate", explanation=explanation)
