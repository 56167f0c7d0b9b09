"""What a command says while it works: lines and bars on stderr, results on stdout."""

import math
import numbers
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

from tqdm import tqdm

if TYPE_CHECKING:
    import pandas as pd

Item = TypeVar("Item")


def say(message: str) -> None:
    """Print a line on stderr without breaking a progress bar."""
    tqdm.write(message, file=sys.stderr)


def warn(message: str) -> None:
    """Print a line that the user should not overlook on stderr."""
    say(f"Warning: {message}")


def bar(total: int, what: str, unit: str = "it") -> tqdm:
    """A progress bar on stderr, to be used as a context manager and moved with ``update(n)``."""
    return tqdm(total=total, desc=what, unit=unit, file=sys.stderr, dynamic_ncols=True, mininterval=0.5)


def track(items: Iterable[Item], what: str, unit: str = "it", total: int | None = None) -> Iterable[Item]:
    """Iterate over `items` with a progress bar on stderr."""
    return tqdm(
        items, desc=what, unit=unit, total=total, file=sys.stderr, dynamic_ncols=True, mininterval=0.5
    )


def table_text(table: "pd.DataFrame") -> str:
    """A table as plain text: counts with commas, other numbers in 4 decimals, gaps as "-"."""
    return table.map(_cell).to_string(index=False)


def _cell(value: object) -> str:
    if isinstance(value, float):  # NumPy's float64 is one
        return "-" if math.isnan(value) else f"{value:.4f}"
    return f"{value:,}" if isinstance(value, numbers.Integral) else str(value)
