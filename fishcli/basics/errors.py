"""The error a user can mend, and the help that goes with it."""

import difflib
import re
import reprlib
from collections.abc import Iterable, Sequence

LONGEST_LIST = 400
"""Characters of a list in a message: all backbones have room."""


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


def of_system(error: OSError) -> str:
    """What the operating system refused, in a sentence."""
    return f"{error.strerror or error}: {error.filename or 'while writing'}."


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The one of `known` that `name` may mean: whatever the case, by how it begins, or by most letters.

    A word of a name stands for it, too: "aduit" means audit-leakage.
    """
    by_text = {each.casefold(): each for each in known}
    text = name.strip().casefold()
    longer = sorted((each for each in by_text if text and each.startswith(text)), key=len)
    words = {word: each for text, each in by_text.items() for word in re.split("[-_ ]", text)} | by_text
    near = longer or difflib.get_close_matches(text, words, n=1, cutoff=0.5)
    return words[near[0]] if near else None


def choose(name: str, options: Iterable[str], what: str) -> str:
    """Return `name` if it is one of `options`.

    Raises:
        FishError: `name` is unknown; the message has the nearest match and all options, or some of many.
    """
    known = list(options)
    if name in known:
        return name
    near = nearest(name, known)
    hint = f" Did you mean {near!r}?" if near else ""
    listed = ", ".join(known)
    if len(listed) > LONGEST_LIST:
        listed = next(
            text for n in range(len(known), 0, -1) if len(text := examples(known, n)) < LONGEST_LIST or n == 1
        )
    raise FishError(f"unknown {what} {name!r}.{hint} Known: {listed}.")


def shown(value: object) -> str:
    """`value`, as a file has it, for a message: as Python writes it, cut where it is long."""
    return cut(reprlib.repr(value), 100)


def cut(text: str, n: int) -> str:
    """`text` with its middle left out where it is longer than `n` characters."""
    half = (n - 3) // 2
    return text if len(text) <= n else f"{text[:half]}...{text[-half:]}"


def examples(items: Sequence[object] | set[str], n: int = 3) -> str:
    """The first `n` of `items` for a message, long ones cut: ``a.jpg, b.jpg, c.jpg, ... (12 in all)``."""
    known = sorted(items) if isinstance(items, set) else list(items)
    text = ", ".join(cut(str(item), 120) for item in known[:n])
    return text if len(known) <= n else f"{text}, ... ({len(known):,} in all)"
