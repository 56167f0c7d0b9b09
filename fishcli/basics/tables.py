"""Tables for stdout: as wide as the terminal, or where there is none as they need."""

import io
import math
import numbers
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

APART, NARROWEST = 2, 24
"""Characters between the columns of a table, and of a column of words that is wrapped."""
NUMBER = re.compile(r"[+-]?[\d,]*\.?\d+%?")


def table_text(table: "pd.DataFrame | Sequence[Mapping[str, object]]", width: int | None = None) -> str:
    """A table as plain text: counts with commas, other numbers in 4 decimals, gaps as "-".

    Where it is wider than `width`, its headings and its columns of words are wrapped; what is still too wide
    goes on below, the leading columns of words once more in front of it.

    Args:
        table: a DataFrame, or rows that all have the same keys.
        width: characters; None for the terminal's where stdout is one, else without limit.
    """
    if isinstance(table, Sequence):
        names = list(table[0]) if table else []
        values = [[row[name] for name in names] for row in table]
    else:
        names = [str(name) for name in table.columns]
        values = [list(row) for row in table.itertuples(index=False, name=None)]
    columns = [[name, *(_cell(row[k]) for row in values)] for k, name in enumerate(names)]
    width = width or terminal_width() or max(_total([_widest(column) for column in columns]), 1)
    return "\n\n".join(_laid_out(part, width) for part in _parts(columns, width))


def table_width(rows: Sequence[Mapping[str, object]]) -> int:
    """How wide `table_text` makes rows that have room, headings wrapped where they are longer than cells."""
    return _total([max(_least(name), *(_length(_cell(row[name])) for row in rows)) for name in rows[0]])


def terminal_width() -> int | None:
    """Columns of the terminal that stdout is, None where it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _laid_out(columns: list[list[str]], width: int) -> str:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, APART, 0, 0))
    for name, *cells in columns:
        table.add_column(
            Text(name),
            justify="right" if _is_right(cells) else "left",
            min_width=_narrowest(name, cells),
            overflow="fold",
        )
    for row in zip(*(cells for _, *cells in columns), strict=True):
        table.add_row(*map(Text, row))
    page = io.StringIO()
    # In a notebook rich would display the table instead of writing it.
    plain = Console(file=page, width=width, color_system=None, legacy_windows=False, force_jupyter=False)
    plain.print(table)
    return "\n".join(line.rstrip() for line in page.getvalue().splitlines())


def _parts(columns: list[list[str]], width: int) -> list[list[list[str]]]:
    """The columns of each part of a table: one part where the width is enough for all, wrapped."""
    least = [_narrowest(name, cells) for name, *cells in columns]
    if not columns or _total(least) <= width:
        return [columns] if columns else []
    n_leading = next((k for k, (_, *cells) in enumerate(columns) if _is_right(cells)), len(columns))
    leading = list(range(max(n_leading, 1)))
    if _total([least[k] for k in leading]) > width / 2:
        leading = [0]
    parts = [list(leading)]
    for k in range(len(leading), len(columns)):
        if len(parts[-1]) > len(leading) and _total([least[i] for i in [*parts[-1], k]]) > width:
            parts.append(list(leading))
        parts[-1].append(k)
    return [[columns[k] for k in part] for part in parts]


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):  # NumPy's float64 is a float
        return "-"
    if isinstance(value, float):
        return f"{value:.4f}"
    is_count = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    text = f"{value:,}" if is_count else str(value)
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def _is_right(cells: list[str]) -> bool:
    """Whether a column is one of numbers: a word among them may sum them up."""
    known = [cell for cell in cells if cell not in ("-", "")]
    n_numbers = sum(NUMBER.fullmatch(cell) is not None for cell in known)
    return n_numbers > 0 and 2 * n_numbers >= len(known)


def _narrowest(name: str, cells: list[str]) -> int:
    """What a column takes at least: its words stay whole, and so do short cells."""
    return max(_least(name), min(_widest(cells), max(NARROWEST, *map(_least, [*cells, ""]))), 1)


def _least(text: str) -> int:
    """The length of its longest word."""
    return max(map(_length, text.split()), default=0)


def _widest(cells: Sequence[str]) -> int:
    return max(map(_length, cells), default=0)


def _length(text: str) -> int:
    """How many columns of a terminal a text takes: wide letters two, marks on letters none."""
    from rich.cells import cell_len

    return cell_len(text)


def _total(limits: Sequence[int]) -> int:
    return sum(limits) + APART * (len(limits) - 1)
