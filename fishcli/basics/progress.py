"""What a command says: lines and bars on stderr while it works, and tables for stdout.

In a terminal bars move and tables fit its width. In a log file, a pipe or a notebook cell a long task leaves
a few lines and a short one none, and tables are as wide as they are.
"""

import math
import numbers
import re
import shutil
import sys
import textwrap
import time
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from typing import TYPE_CHECKING, TypeVar

from fishcli.basics.streams import RED, YELLOW, leave_closed, marked

if TYPE_CHECKING:
    import pandas as pd
    from tqdm import tqdm

Item = TypeVar("Item")

LINE_SECONDS, N_LINES = 15.0, 10
"""Where bars can't move, a line comes after so many seconds, and about so many in all."""
APART, NARROWEST = 2, 24
"""Characters between the columns of a table, and of a column of words that is wrapped."""
NUMBER = re.compile(r"[+-]?[\d,]*\.?\d+%?")

_is_quiet = False


def set_quiet(is_quiet: bool) -> None:
    """Leave lines and bars out from now on, or not; warnings and errors always show."""
    global _is_quiet
    _is_quiet = is_quiet


def say(message: str) -> None:
    """Print a line on stderr without breaking a progress bar."""
    if not _is_quiet:
        _write(message)


def warn(message: str) -> None:
    """Print a line that the user should not overlook on stderr."""
    _write(f"{marked('Warning:', YELLOW)} {message}")


def complain(message: str) -> None:
    """Print the error that a command ends with on stderr."""
    _write(f"{marked('Error:', RED)} {message}")


def bar(total: int, what: str, unit: str = "it") -> "tqdm | Lines":
    """A progress bar on stderr, to be used as a context manager and moved with ``update(n)``."""
    if _is_quiet or not sys.stderr.isatty():
        return Lines(total, what, unit)
    from tqdm import tqdm

    return tqdm(
        total=total or None, desc=what, unit=unit, file=sys.stderr, dynamic_ncols=True, mininterval=0.5
    )


def track(items: Iterable[Item], what: str, unit: str = "it", total: int | None = None) -> Iterator[Item]:
    """Iterate over `items` with a progress bar on stderr."""
    with bar(_length(items) if total is None else total, what, unit) as progress:
        for item in items:
            yield item
            progress.update(1)


class Lines:
    """A bar for where nothing can move: a line on stderr now and then."""

    def __init__(self, total: int, what: str, unit: str) -> None:
        """Begin to count to `total` (0 where it is unknown) `unit`s of `what`."""
        self.total, self.what, self.unit = total, what, unit
        self.n = self.n_said = 0
        self.started = self.said = time.monotonic()

    def update(self, n: int = 1) -> None:
        """Count `n` more."""
        self.n += n
        if self.n - self.n_said >= self.total / N_LINES and time.monotonic() - self.said >= LINE_SECONDS:
            self._say()

    def __enter__(self) -> "Lines":
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """Say where it ended, if it took long."""
        if self.n > self.n_said and time.monotonic() - self.started >= LINE_SECONDS:
            self._say()

    def _say(self) -> None:
        from tqdm import tqdm

        self.n_said, self.said = self.n, time.monotonic()
        elapsed = self.said - self.started
        # 0 columns: no bar, only numbers.
        say(tqdm.format_meter(self.n, self.total, elapsed, 0, f"{self.what}: ", unit=self.unit))


def _length(items: Iterable[object]) -> int:
    return len(items) if isinstance(items, Sized) else 0


def _write(message: str) -> None:
    try:
        if "tqdm" not in sys.modules:  # then no bar moves, and importing it takes a while
            print(message, file=sys.stderr, flush=True)
            return
        from tqdm import tqdm

        tqdm.write(message, file=sys.stderr)
    except BrokenPipeError:
        leave_closed(sys.stderr)


def table_text(table: "pd.DataFrame | Sequence[Mapping[str, object]]", width: int | None = None) -> str:
    """A table as plain text: counts with commas, other numbers in 4 decimals, gaps as "-".

    Where it is wider than `width`, first its headings are wrapped, then its columns of words; what is still
    too wide goes on below, the leading columns of words once more in front of it.

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
    width = width or terminal_width()
    limits = [max(map(_length_of, column)) for column in columns]
    if width is not None and _total(limits) > width:
        limits = _narrowed(columns, limits, width)
    return "\n\n".join(
        "\n".join(_lines([columns[k] for k in part], [limits[k] for k in part]))
        for part in _parts(columns, limits, width)
    )


def table_width(rows: Sequence[Mapping[str, object]]) -> int:
    """How wide `table_text` makes rows that have room, headings wrapped where they are longer than cells."""
    return _total([max(_least(name), *(_length_of(_cell(row[name])) for row in rows)) for name in rows[0]])


def terminal_width() -> int | None:
    """Columns of the terminal that stdout is, None where it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _narrowed(columns: list[list[str]], limits: list[int], width: int) -> list[int]:
    """Limits with wrapped headings; where that is not enough, the widest columns of words are wrapped."""
    limits = [
        max(_least(name), *(_length_of(cell) for cell in cells), 1) if cells else limit
        for (name, *cells), limit in zip(columns, limits, strict=True)
    ]
    least = [
        min(limit, max(NARROWEST, *map(_least, column)))
        for column, limit in zip(columns, limits, strict=True)
    ]
    while _total(limits) > width and limits != least:
        widest = max((k for k in range(len(limits)) if limits[k] > least[k]), key=lambda k: limits[k])
        limits[widest] -= 1
    return limits


def _parts(columns: list[list[str]], limits: list[int], width: int | None) -> list[list[int]]:
    """The columns of each part of a table, by number: one part where the width is enough."""
    if width is None or _total(limits) <= width:
        return [list(range(len(columns)))]
    n_leading = next((k for k, column in enumerate(columns) if _is_right(column)), len(columns))
    leading = list(range(max(n_leading, 1)))
    if _total([limits[k] for k in leading]) > width / 2:
        leading = [0]
    parts = [list(leading)]
    for k in range(len(leading), len(columns)):
        if len(parts[-1]) > len(leading) and _total([limits[i] for i in [*parts[-1], k]]) > width:
            parts.append(list(leading))
        parts[-1].append(k)
    return parts


def _lines(columns: list[list[str]], limits: list[int]) -> Iterator[str]:
    """The lines of a table: a row is as high as its highest cell, headings stand on the ground."""
    for number, row in enumerate(zip(*columns, strict=True)):
        cells = [_wrapped(cell, limit) for cell, limit in zip(row, limits, strict=True)]
        height = max(map(len, cells))
        blank = [[""] * (height - len(cell)) for cell in cells]
        cells = [[*b, *c] if number == 0 else [*c, *b] for c, b in zip(cells, blank, strict=True)]
        for line in zip(*cells, strict=True):
            parts = [
                _padded(text, limit, _is_right(column))
                for text, limit, column in zip(line, limits, columns, strict=True)
            ]
            yield (" " * APART).join(parts).rstrip()


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):  # NumPy's float64 is a float
        return "-"
    if isinstance(value, float):
        return f"{value:.4f}"
    is_count = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    text = f"{value:,}" if is_count else str(value)
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def _is_right(column: list[str]) -> bool:
    """Whether a column, its heading first, is one of numbers: a word among them may sum them up."""
    known = [cell for cell in column[1:] if cell not in ("-", "")]
    n_numbers = sum(NUMBER.fullmatch(cell) is not None for cell in known)
    return n_numbers > 0 and 2 * n_numbers >= len(known)


def _wrapped(text: str, limit: int) -> list[str]:
    return [text] if _length_of(text) <= limit else textwrap.wrap(text, limit) or [""]


def _padded(text: str, limit: int, is_right: bool) -> str:
    blank = " " * (limit - _length_of(text))
    return blank + text if is_right else text + blank


def _least(text: str) -> int:
    """The length of its longest word."""
    return max(map(_length_of, text.split()), default=0)


def _length_of(text: str) -> int:
    """How many columns of a terminal a text takes: wide letters two, marks on letters none."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide - sum(unicodedata.combining(letter) != 0 for letter in text)


def _total(limits: Sequence[int]) -> int:
    return sum(limits) + APART * (len(limits) - 1)
