"""Locks, so that two processes that want to change one store, run or submission take turns."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from fishcli.basics.progress import warn
from fishcli.basics.remote import is_remote
from fishcli.basics.unwritable import CANNOT_BE_WRITTEN


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold what lies at `path` against other fishcli processes; while one has it, say so and wait.

    The lock is the operating system's, on the hidden file `.<name>.lock` beside `path`: it ends with its
    process, however that ends. Not reentrant. Where nothing can be written there is nothing to hold, so that
    commands that only read go on. Nor on a remote file system: object stores have no locks. Files are put
    there whole, but it is the user who sees to it that one process at a time writes to a store or a run.
    """
    if is_remote(path):
        yield
        return
    path = path.absolute()
    lock = FileLock(path.with_name(f".{path.name}.lock") if path.name else path / ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            warn(f"another fishcli process works on {path}: waiting until it is done (Ctrl-C gives up)")
            lock.acquire()
    except OSError as error:
        if error.errno not in CANNOT_BE_WRITTEN:
            raise
    try:
        yield
    finally:
        if lock.is_locked:
            with suppress(OSError):  # while held: who waits sees that the file has no name and asks again
                Path(lock.lock_file).unlink()
            lock.release()
