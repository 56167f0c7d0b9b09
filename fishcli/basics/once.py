"""What a command finds out once and keeps while it runs; any other caller finds it out anew."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

Value = TypeVar("Value")

_kept: dict[Hashable, Any] | None = None


@contextmanager
def one_command() -> Iterator[None]:
    """Keep what `once` makes until the end of the block."""
    global _kept
    before, _kept = _kept, {}
    try:
        yield
    finally:
        _kept = before


def once(key: Hashable, make: Callable[[], Value]) -> Value:
    """What `make` returns: within a command it is called once a key; what it raises is raised each time."""
    if _kept is None:
        return make()
    if key not in _kept:
        _kept[key] = make()
    found: Value = _kept[key]
    return found
