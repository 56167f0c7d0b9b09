"""Tables of a page: numbers as people read them."""

from collections.abc import Callable
from dataclasses import dataclass, field

from fishcli.report.plots.panels import p_text, signed

UNKNOWN = "–"


@dataclass(frozen=True)
class Cell:
    """What stands in a table: a line and, small below it, another.

    Attributes:
        text: the line.
        below: the line below, "" for none.
        is_quiet: whether it is of less interest than others of its column.
    """

    text: str
    below: str = ""
    is_quiet: bool = False


@dataclass(frozen=True)
class Table:
    """A table of a page.

    Attributes:
        name: what it shows, for those who can't see it.
        headings: of its columns.
        rows: a cell for each column.
        n_text: its first columns are words, the others numbers.
        legend: what a heading means, by heading.
    """

    name: str
    headings: list[str]
    rows: list[list[Cell]]
    n_text: int = 1
    legend: dict[str, str] = field(default_factory=dict)


def number(value: float | None, digits: int = 3) -> str:
    """A number with a fixed count of digits after its point, "–" where it is unknown."""
    return UNKNOWN if value is None else f"{value:,.{digits}f}".replace("-", "−")


def bits(value: float | None, low: float | None = None, high: float | None = None) -> Cell:
    """Bits won or lost, with the interval below."""
    if value is None:
        return Cell(UNKNOWN, is_quiet=True)
    return Cell(signed(value), ends(low, high))


def ends(low: float | None, high: float | None, say: Callable[[float], str] = signed) -> str:
    """The ends of an interval, "" where they are unknown."""
    return "" if low is None or high is None else f"{say(low)} … {say(high)}"


def percent(share: float | None) -> Cell:
    """A share as a percentage."""
    return Cell(UNKNOWN if share is None else f"{100 * share:.1f}%".replace("-", "−"))


def p_value(p: float | None) -> Cell:
    """A p-value, quiet where it is above 0.05."""
    return Cell(UNKNOWN, is_quiet=True) if p is None else Cell(p_text(p), is_quiet=p > 0.05)
