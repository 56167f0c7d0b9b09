"""Pairs that come in small parts, in larger ones."""

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import numpy as np

Part = TypeVar("Part", bound=tuple[np.ndarray, ...])

AT_ONCE = 1_000_000
"""Pairs are gathered until there are so many."""


def gathered(parts: Iterable[Part]) -> Iterator[Part]:
    """The same rows (k,) of arrays side by side, about a million at a time."""
    pending: list[Part] = []
    n_pending = 0
    for part in parts:
        pending.append(part)
        n_pending += len(part[0])
        if n_pending > AT_ONCE:
            yield _joined(pending)
            pending, n_pending = [], 0
    if pending:
        yield _joined(pending)


def _joined(parts: list[Part]) -> Any:
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))
