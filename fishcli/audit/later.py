"""What other processes find out while an audit goes on."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

Found = TypeVar("Found")


@dataclass(frozen=True)
class Later(Generic[Found]):
    """Calls, and what comes of them.

    Attributes:
        calls: of joblib's `delayed`: independent of each other, none of them run yet.
        finish: makes it of what they return, in their order.
    """

    calls: list[tuple[Any, ...]]
    finish: Callable[[Iterator[Any]], Found]


def begin(laters: Sequence[Later[Any]]) -> Iterator[Any]:
    """Begin all calls, as many at a time as there are cores, and go on meanwhile.

    What loky shares between processes by files it forgets with the calls that it was shared for, so no others
    are begun before these are done.

    Returns:
        What comes of each of `laters` in their order; each is waited for when it is asked for.
    """
    from joblib import Parallel

    # An error ends the audit before all is waited for; its message is enough.
    warnings.filterwarnings("ignore", r"\d+ tasks (have been successfully|which were still)", UserWarning)
    made = Parallel(n_jobs=-1, return_as="generator")(call for each in laters for call in each.calls)

    def finished() -> Iterator[Any]:
        for each in laters:
            yield each.finish(islice(made, len(each.calls)))
        next(
            made, None
        )  # its end: else joblib would think that the rest is not wanted, and end its processes

    return finished()
