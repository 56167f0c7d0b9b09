"""Work in several threads, of which each keeps to one core."""

import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from fishcli.basics.threads import threads_of

Item = TypeVar("Item")
Result = TypeVar("Result")


class GivenUpError(Exception):
    """Nobody waits for this thread's work any more."""


_own = threading.local()
"""Of a thread of `side_by_side`: the event that says so."""


def side_by_side(work: Callable[[Item], Result], items: Iterable[Item], n_threads: int) -> Generator[Result]:
    """What `work` makes of each item, in order, several at a time.

    Libraries of linear algebra keep to one thread each meanwhile. However the caller's loop ends, by an
    interrupt as well, what waits is not begun, and what runs may see that by `stop_if_given_up`.

    Args:
        work: uses NumPy, which lets other threads run, for most of its time.
        items: any.
        n_threads: at most; with one, all is done by the caller's own.
    """
    if n_threads == 1:
        yield from map(work, items)
        return
    given_up = threading.Event()

    def guarded(item: Item) -> Result:
        _own.given_up = given_up
        stop_if_given_up()
        return work(item)

    with threads_of("numpy").limit(limits=1), ThreadPoolExecutor(n_threads) as pool:
        try:
            for future in [pool.submit(guarded, item) for item in items]:
                yield future.result()
        finally:
            given_up.set()
            pool.shutdown(cancel_futures=True)


def stop_if_given_up() -> None:
    """Raise GivenUpError in a thread of `side_by_side` whose caller has left."""
    given_up = getattr(_own, "given_up", None)
    if given_up is not None and given_up.is_set():
        raise GivenUpError
