"""What a command says while it works: lines and bars on stderr, in a notebook in the cell's output.

In a terminal and in a notebook bars move. In a log file or a pipe a long task leaves a few lines and a short
one none.
"""

import sys
import time
import warnings
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from fishcli.basics.streams import RED, YELLOW, in_notebook, leave_closed, marked, spoken_on

if TYPE_CHECKING:
    from tqdm import tqdm

Item = TypeVar("Item")

LINE_SECONDS, N_LINES = 15.0, 10
"""Where bars can't move, a line comes after so many seconds, and about so many in all."""

_is_quiet = False
_said: set[str] | None = None
"""The warnings and notes that the command has printed; None outside of one."""


def set_quiet(is_quiet: bool) -> None:
    """Leave lines and bars out from now on, or not; warnings and errors always show."""
    global _is_quiet
    _is_quiet = is_quiet


@contextmanager
def quietly(is_quiet: bool) -> Iterator[None]:
    """Leave lines and bars out in this block, or not, and do as before behind it."""
    before = _is_quiet
    set_quiet(is_quiet)
    try:
        yield
    finally:
        set_quiet(before)


def say(message: str) -> None:
    """Print a line without breaking a progress bar."""
    if not _is_quiet:
        _write(message)


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 90:
        return f"{max(1, round(seconds))} seconds"
    return f"{round(seconds / 60)} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


@contextmanager
def each_once() -> Iterator[None]:
    """Let a command that reads the same files twice say once what it warns of and notes."""
    global _said
    before, _said = _said, set()
    try:
        yield
    finally:
        _said = before


def note(message: str) -> None:
    """Print a line that says what was decided, once a command."""
    if _is_new(message):
        say(message)


def warn(message: str) -> None:
    """Print a line that the user should not overlook, once a command."""
    if _is_new(message):
        _write(f"{marked('Warning:', YELLOW)} {message}")


def _is_new(message: str) -> bool:
    """Whether the command has not said so; always outside of one."""
    if _said is None:
        return True
    is_new = message not in _said
    _said.add(message)
    return is_new


def complain(message: str) -> None:
    """Print the error that a command ends with on stderr."""
    _write(f"{marked('Error:', RED)} {message}")


def bar(total: int, what: str, unit: str = "it") -> "tqdm | Lines":
    """A progress bar, to be used as a context manager and moved with ``update(n)``."""
    if not _is_quiet and in_notebook():
        return _notebook_bar(total, what, unit)
    if _is_quiet or not sys.stderr.isatty():
        return Lines(total, what, unit)
    from tqdm import tqdm

    return tqdm(
        total=total or None, desc=what, unit=unit, file=sys.stderr, dynamic_ncols=True, mininterval=0.5
    )


def _notebook_bar(total: int, what: str, unit: str) -> "tqdm":
    """A widget, or text where there are none; it is gone once done, and never there where that is soon."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there are no widgets
        from tqdm.auto import tqdm

    return tqdm(
        total=total or None, desc=what, unit=unit, file=sys.stdout, leave=False, mininterval=0.5, delay=1
    )


def track(items: Iterable[Item], what: str, unit: str = "it", total: int | None = None) -> Iterator[Item]:
    """Iterate over `items` with a progress bar."""
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
        self.postfix = ""
        self.started = self.said = time.monotonic()

    def update(self, n: int = 1) -> None:
        """Count `n` more."""
        self.n += n
        if self.n - self.n_said >= self.total / N_LINES and time.monotonic() - self.said >= LINE_SECONDS:
            self._say()

    def set_postfix_str(self, postfix: str, refresh: bool = True) -> None:
        """Say something behind the numbers from now on, as tqdm's bars do."""
        self.postfix = postfix

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
        shown: dict[str, Any] = {"prefix": f"{self.what}: ", "unit": self.unit, "postfix": self.postfix}
        say(tqdm.format_meter(self.n, self.total, elapsed, 0, **shown))


def _length(items: Iterable[object]) -> int:
    return len(items) if isinstance(items, Sized) else 0


def _write(message: str) -> None:
    stream = spoken_on()
    try:
        if "tqdm" not in sys.modules:  # then no bar moves, and importing it takes a while
            print(message, file=stream, flush=True)
            return
        from tqdm import tqdm

        tqdm.write(message, file=stream)
    except BrokenPipeError:
        leave_closed(stream)
