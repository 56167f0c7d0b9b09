"""The error a user can mend, and the help that goes with it."""

import difflib
from collections.abc import Iterable, Sequence

N_KNOWN = 20
"""The most of all names that a message lists."""


class FishError(Exception):
    """Something the user can mend: what happened, what was expected, and the command that mends it.

    The command line prints it as ``Error: ...`` on stderr, without a traceback, and exits with `exit_code`.
    """

    exit_code = 1


class LimitError(FishError):
    """The audit found more than the user allows; everything was computed and written.

    Attributes:
        result: what the command prints on stdout all the same.
    """

    exit_code = 3

    def __init__(self, message: str, result: str) -> None:
        """Say what passed which limit."""
        super().__init__(message)
        self.result = result


def choose(name: str, options: Iterable[str], what: str) -> str:
    """Return `name` if it is one of `options`.

    Raises:
        FishError: `name` is unknown; the message has the nearest match and all options.
    """
    known = list(options)
    if name in known:
        return name
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise FishError(f"unknown {what} {name!r}.{hint} Known: {examples(known, N_KNOWN)}.")


def examples(items: Sequence[object] | set[str], n: int = 3) -> str:
    """The first `n` of `items` for a message: ``a.jpg, b.jpg, c.jpg, ... (12 in all)``."""
    known = sorted(items) if isinstance(items, set) else list(items)
    text = ", ".join(str(item) for item in known[:n])
    return text if len(known) <= n else f"{text}, ... ({len(known):,} in all)"
