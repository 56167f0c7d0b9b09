"""Files that can't be written: folders that are only for reading, and full disks."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fishcli.basics.progress import warn
from fishcli.basics.remote import UnreachableError

CANNOT_BE_WRITTEN = {errno.EACCES, errno.EPERM, errno.EROFS}
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def by_product(path: Path) -> Iterator[None]:
    """Write what a command's result can do without; where that can't be done, say so and go on."""
    try:
        yield
    except (OSError, UnreachableError) as error:
        if isinstance(error, OSError) and error.errno not in CANNOT_BE_WRITTEN | NO_ROOM:
            raise
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        warn(f"{path} is left out, it can't be written: {reason}")
