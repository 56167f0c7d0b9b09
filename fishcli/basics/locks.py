"""Locks, so that two processes that want to change one store, run or submission take turns."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from fishcli.basics.leases import GONE_S, Lease, NoLeasesError
from fishcli.basics.progress import warn
from fishcli.basics.remote import is_remote
from fishcli.basics.unwritable import CANNOT_BE_WRITTEN


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold what lies at `path` against other fishcli processes; while one has it, say so and wait.

    The lock is the operating system's, on the hidden file `.<name>.lock` beside `path`: it ends with its
    process, however that ends. Not reentrant. Where nothing can be written there is nothing to hold, so that
    commands that only read go on. On S3 it is a lease on an object of that name, which a process that was
    killed leaves to others after half a minute; other remote file systems have neither, and there it is the
    user who sees to it that one process at a time writes to a store or a run.
    """
    if is_remote(path):
        with _leased(path):
            yield
        return
    path = path.absolute()
    lock = _lock_of(path)
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
            _leave(lock)


def remove_left_lock(path: Path) -> None:
    """Remove the lock that a process left which was killed; one that is held stays.

    For those that find nothing to do at `path`, and so don't hold it, which would remove it too.
    """
    if is_remote(path):
        return  # a lease is given up by itself
    lock = _lock_of(path.absolute())
    with suppress(OSError):  # held by another, or on a file system that takes no change
        if Path(lock.lock_file).exists():
            lock.acquire(blocking=False)
            _leave(lock)


def _lock_of(path: Path) -> FileLock:
    return FileLock(path.with_name(f".{path.name}.lock") if path.name else path / ".lock")


def _leave(lock: FileLock) -> None:
    with suppress(OSError):  # while held: who waits sees that the file has no name and asks again
        Path(lock.lock_file).unlink()
    lock.release()


@contextmanager
def _leased(path: Any) -> Iterator[None]:
    """Hold a remote path, where its file system has leases."""
    if path.protocol not in ("s3", "s3a"):
        yield
        return
    lease = Lease(path.parent / f".{path.name}.lock" if path.name else path / ".lock")

    def waits() -> None:
        warn(
            f"another fishcli process works on {path}, or was killed just now: waiting until it is done "
            f"or was silent for {GONE_S:.0f} s (Ctrl-C gives up)"
        )

    try:
        lease.acquire(waits)
    except NoLeasesError:
        yield
        return
    try:
        yield
    finally:
        lease.release()
