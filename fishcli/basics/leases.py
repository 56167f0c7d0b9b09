"""Leases on S3, which has no locks but writes that are refused where an object has changed meanwhile.

Of those who write an object with `If-None-Match: *` one succeeds, and with `If-Match: <ETag>` only who saw it
last. Who holds the lease writes it anew now and then; who waits takes it over when it has not changed for so
long that its holder must be gone. No clock of one machine is compared with another's.
"""

import errno
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from fishcli.basics.progress import warn
from fishcli.basics.remote import UnreachableError, naming

GONE_S = 30.0
"""Seconds without renewal after which a holder is taken for dead."""
RENEWED_S = 8.0
"""Seconds between renewals: three may fail."""
ASKED_S = 1.0
"""Seconds between two looks at a lease that another has."""
REFUSED = {errno.EINVAL, errno.EBUSY}
"""What s3fs makes of the answers 412 (it is not as it was) and 409 (another writes it just now), unless it is
a FileExistsError."""


class NoLeasesError(Exception):
    """The server knows no conditional writes, or nothing may be written there."""


class Lease:
    """One lease, an object of its own, held from `acquire` until `release`. Not reentrant."""

    def __init__(self, place: Any) -> None:
        """`place` is the object's UPath on S3."""
        self.place = place
        self._etag: str | None = None
        self._stop = threading.Event()
        self._renewing = threading.Thread(target=self._renew, daemon=True)

    def acquire(self, waits: Callable[[], None]) -> None:
        """Take it, waiting for as long as another has it; `waits` is called once where that is so.

        Raises:
            NoLeasesError: there are none.
            UnreachableError: the server can't be reached.
        """
        seen, since = "", 0.0
        while (etag := self._write(IfNoneMatch="*")) is None:
            current = self._current()
            if not since:
                waits()
            if current != seen or not since:
                seen, since = current, time.monotonic()
            elif current and time.monotonic() - since >= GONE_S:
                etag = self._write(IfMatch=current)
                if etag is not None:
                    break
            time.sleep(ASKED_S)
        self._etag = etag
        self._renewing.start()

    def release(self) -> None:
        """Give it back, unless another has taken it meanwhile."""
        self._stop.set()
        self._renewing.join()
        if self._etag is not None and self._current() == self._etag:
            with naming(self.place):
                self.place.fs.rm_file(self.place.path)

    def _write(self, **condition: str) -> str | None:
        """Write the object anew, with content that it never had; its ETag, None where that is refused."""
        content = f"{socket.gethostname()} {os.getpid()} {uuid.uuid4()}".encode()
        with naming(self.place):
            try:
                return str(self.place.fs.pipe_file(self.place.path, content, **condition)["ETag"])
            except OSError as error:
                if isinstance(error, PermissionError) or error.errno == errno.ENOSYS:
                    raise NoLeasesError from error
                gone = isinstance(error, FileNotFoundError) and "IfMatch" in condition
                if gone or isinstance(error, FileExistsError) or error.errno in REFUSED:
                    return None
                raise

    def _current(self) -> str:
        """The ETag of what is there; "" of nothing."""
        try:
            with naming(self.place):
                return str(self.place.fs.info(self.place.path, refresh=True)["ETag"])
        except FileNotFoundError:
            return ""

    def _renew(self) -> None:
        while self._etag is not None and not self._stop.wait(RENEWED_S):
            try:
                self._etag = self._write(IfMatch=self._etag)
            except (NoLeasesError, UnreachableError):
                continue  # out of reach for now, as all is that this process writes there: it is tried again
        if self._etag is None:
            warn(
                f"another fishcli process took over {self.place.parent}, as this one was held up for "
                f"{GONE_S:.0f} s. Let one of them end, then run its command again."
            )
