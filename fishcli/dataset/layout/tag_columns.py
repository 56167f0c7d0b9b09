"""Columns whose cells hold several labels: whether they do, and what separates them."""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from fishcli.dataset.layout.words import TAGS, words
from fishcli.dataset.tags import as_text

SHARED_TOKENS = 0.25
"""In a column called "tags" or the like, so many of the words stand in several cells if they are tags."""
MARKS = ("|", ";", ",")
"""What separates tags that may hold blanks; the first that occurs does."""
BLANK = " "
ONE_LABEL = "none"
"""What `--label-separator` takes for cells of one label each."""


def separator_in(cells: pd.Series) -> str:
    """What would separate the labels in a cell, were there several: a mark, else blanks."""
    distinct = list(cells.unique())
    return next((mark for mark in MARKS if any(mark in cell for cell in distinct)), BLANK)


def tags_of_cells(name: str, cells: pd.Series, separator: str | None) -> pd.Series | None:
    """The tags in each cell, as `dataset.tags` writes them, "" for an empty one; None of single labels.

    Args:
        name: the column's.
        cells: text.
        separator: what separates labels in a cell, ONE_LABEL for nothing; None: found by `are_several`.
    """
    if separator == ONE_LABEL or (separator is None and not are_several(name, cells)):
        return None
    return parts_of_cells(cells, separator).where(cells != "", "")


def parts_of_cells(cells: pd.Series, separator: str | None = None) -> pd.Series:
    """The text of the tags in each cell, no tags in an empty one; None: what separates them is found."""
    separator = separator or separator_in(cells)
    return cells.map({cell: as_text(_parts(cell, separator)) for cell in cells.unique()})


def known_tags_of(cells: pd.Series, known: Sequence[str], separator: str | None = None) -> pd.Series:
    """`parts_of_cells`, but for cells that are one of the known tags, which may hold blanks themselves."""
    parts = parts_of_cells(cells, separator)
    return parts.where(~cells.isin(list(known)), cells.map(lambda cell: as_text([cell])))


def are_several(name: str, cells: pd.Series) -> bool:
    """Whether cells hold several labels: some are single ones that stand in others beside more."""
    separator = separator_in(cells)
    distinct = [cell for cell in cells.unique() if cell]
    parts = {cell: _parts(cell, separator) for cell in distinct}
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


def _parts(cell: str, separator: str) -> list[str]:
    """The labels of a cell."""
    found = cell.split() if separator == BLANK else re.split(re.escape(separator), cell)
    return [part.strip() for part in found if part.strip()]
