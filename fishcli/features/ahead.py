"""Work for threads, a few jobs ahead of whoever takes the results."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Key = TypeVar("Key")
Item = TypeVar("Item")
Result = TypeVar("Result")
JOBS_AHEAD = 2


def map_ahead(
    pool: ThreadPoolExecutor, work: Callable[[Item], Result], jobs: Iterable[tuple[Key, Iterable[Item]]]
) -> Iterator[tuple[Key, list[Result]]]:
    """Apply `work` to every item of every job, a few jobs ahead; yield each job's key and its results."""
    pending: deque[tuple[Key, list[Future[Result]]]] = deque()
    try:
        for key, items in jobs:
            pending.append((key, [pool.submit(work, item) for item in items]))
            if len(pending) > JOBS_AHEAD:
                key, futures = pending.popleft()
                yield key, [future.result() for future in futures]
        while pending:
            key, futures = pending.popleft()
            yield key, [future.result() for future in futures]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def in_pieces(items: list[Item], size: int) -> list[list[Item]]:
    """The items in lists of `size` at most."""
    return [items[start : start + size] for start in range(0, len(items), size)]
