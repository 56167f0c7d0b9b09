"""Paths that may be URLs: all that differs where data, store or runs lie on S3 or where else fsspec reaches.

A local path is a pathlib.Path. A URL is a upath.UPath, which is used the same way but for what is here.
Neither upath nor s3fs is imported without a URL.
"""

import errno
import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fishcli.basics.errors import FishError

LIBRARIES = ("botocore", "aiobotocore", "aiohttp", "s3fs", "fsspec", "gcsfs", "google", "adlfs", "azure")
"""What raises errors of its own kind where something remote fails."""
CHANGES = ("ETag", "etag", "md5Hash", "mtime", "last_modified", "LastModified", "updated", "created")
"""What file systems call that which changes with a file's content, the surest first."""

N_REQUESTS = 32
"""Remote files that are asked for at once: it is the way there and back that takes time."""
S3_OPTIONS = {"max_concurrency": 1, "config_kwargs": {"max_pool_connections": N_REQUESTS}}
"""One request a file, however large: to split it, s3fs would ask for the size of each first."""


class UnreachableError(Exception):
    """A remote file system failed. No FishError, which would pass for a damaged file here and there."""


def parse_path(text: str | Path) -> Path:
    """The path that an option names: of a URL such as s3://bucket/folder, a UPath.

    Raises:
        FishError: a URL that nothing installed can reach.
    """
    if not isinstance(text, str) and is_remote(text):
        return text
    if isinstance(text, Path) or "://" not in text:
        return with_home(text)
    protocol = text.partition("://")[0]
    try:
        from fsspec import get_filesystem_class  # type: ignore[import-untyped]
        from upath import UPath

        if protocol in ("file", "local"):
            return Path(UPath(text).path)
        options: Any = {}
        if get_filesystem_class(protocol).async_impl:
            # A listing kept in memory would miss what Zarr and other processes write meanwhile.
            options["use_listings_cache"] = False
        if protocol in ("s3", "s3a"):
            options |= S3_OPTIONS
        path: Any = UPath(text.rstrip("/"), **options)
        path.fs  # noqa: B018  fails here where something is not installed
    except ImportError as error:
        raise FishError(
            f"{text}: a URL takes more packages ({error}). Install them: pip install 'fishcli[remote]'; for "
            "others than s3:// the fsspec package of their kind too, such as gcsfs."
        ) from None
    except ValueError as error:
        raise FishError(
            f"{text}: no URL that can be read ({error}). Expected one such as s3://bucket/folder."
        ) from None
    return path


def with_home(text: str | Path) -> Path:
    """A local path whose `~` is the home folder: shells leave that of --option=~/folder as it is."""
    return Path(os.path.expanduser(text))  # noqa: PTH111  Path.expanduser fails where there is no such user


def is_remote(path: object) -> bool:
    """Whether a path is a URL's."""
    return hasattr(path, "storage_options")


@contextmanager
def reaching(*places: object) -> Iterator[None]:
    """Make sure that the URLs among `places`, or in lists there, are reached; name them if that fails later.

    Raises:
        FishError: a bucket that isn't there, wrong credentials, no connection.
    """
    listed = [each for place in places for each in (place if isinstance(place, list) else [place])]
    urls: list[Any] = [place for place in listed if is_remote(place)]
    try:
        for url in urls:
            with naming(url):
                try:
                    url.fs.ls(url.path)
                except FileNotFoundError:  # an empty folder, which S3 does not know, or no bucket
                    _check_bucket(url)
        with naming(*urls):
            yield
    except UnreachableError as error:
        raise FishError(str(error)) from None


def _check_bucket(url: Any) -> None:
    from upath.implementations.cloud import CloudPath

    if not isinstance(url, CloudPath):
        return
    try:
        url.fs.info(url.drive)
    except FileNotFoundError:
        raise FishError(f"{url}: there is no bucket {url.drive!r}. Make it first, or mend the URL.") from None
    except PermissionError:  # some may look into a folder of the bucket only
        pass


@contextmanager
def naming(*urls: Any) -> Iterator[None]:
    """Turn what fails at `urls` into an UnreachableError that names them.

    What is missing is a FileNotFoundError, as it is of local files.
    """
    try:
        yield
    except Exception as error:
        of_a_library = type(error).__module__.partition(".")[0] in LIBRARIES
        is_local = not isinstance(error, OSError) or error.filename or error.errno in (errno.ENOSPC,)
        if not urls or (is_local and not of_a_library):
            raise
        named = ", ".join(map(str, dict.fromkeys(urls)))
        if isinstance(error, FileNotFoundError):
            found = named if len(urls) == 1 else f"{error} ({named})"
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), found) from None
        raise UnreachableError(
            f"{named} can't be reached or used ({type(error).__name__}: {error}). What is finished is kept. "
            "Address and credentials come from the environment, for S3: AWS_ENDPOINT_URL, "
            "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_PROFILE."
        ) from error


def content(path: Path) -> Any:
    """What Pillow, NumPy and pandas open: a local path itself, a remote file's content in memory.

    Raises:
        FileNotFoundError: it is remote and missing.
        UnreachableError: it can't be reached.
    """
    return io.BytesIO(read_bytes(path)) if is_remote(path) else path


def read_bytes(path: Path, n_bytes: int | None = None) -> bytes:
    """A file's content, or the first `n_bytes` of it; raises what `content` does."""
    if not is_remote(path):
        with path.open("rb") as file:
            return file.read(n_bytes)
    there: Any = path
    with naming(path):
        try:
            return bytes(there.fs.cat_file(there.path, start=None if n_bytes is None else 0, end=n_bytes))
        except OSError as error:
            if "not satisfiable" in str(error):  # a range of an empty object
                return b""
            raise


@contextmanager
def local_copy(path: Path) -> Iterator[Path]:
    """A file for libraries that open nothing else: a local path itself, or a copy of a remote file."""
    if not is_remote(path):
        yield path
        return
    there: Any = path
    with tempfile.TemporaryDirectory(prefix="fishcli-") as folder:
        copy = Path(folder, path.name)
        with naming(path):
            there.fs.get_file(there.path, str(copy))
        yield copy


@contextmanager
def uploaded(path: Path) -> Iterator[Path]:
    """Yield a local file to write to; put it to the remote `path`, as one object, on success."""
    there: Any = path
    with tempfile.TemporaryDirectory(prefix="fishcli-") as folder:
        local = Path(folder, path.name)
        yield local
        with naming(path):
            there.fs.put_file(str(local), there.path)


@dataclass(frozen=True)
class Listed:
    """What a listing tells of a remote file.

    Attributes:
        n_bytes: its size.
        token: what changes with its content, after the protocol, such as "s3:0123456789abcdef"; of a file
            system that knows no such thing, what changes with its size.
    """

    n_bytes: int
    token: str


def list_files(folder: Path) -> dict[str, Listed]:
    """All files below a remote folder, by their path in it."""
    there: Any = folder
    with naming(folder):
        found = there.fs.find(there.path, detail=True)
    start = len(there.path.rstrip("/")) + 1
    return {name[start:]: Listed(int(info["size"] or 0), _token(there, info)) for name, info in found.items()}


def _token(there: Any, info: dict[str, Any]) -> str:
    known = next((str(info[name]) for name in CHANGES if info.get(name)), "")
    hashed = hashlib.sha256(f"{known.strip(chr(34))} {info['size']}".encode()).hexdigest()
    return f"{there.protocol}:{hashed[:16]}"


def list_folder(folder: Path) -> dict[str, bool]:
    """The names in a remote folder, each with whether it is a folder; else FileNotFoundError."""
    there: Any = folder
    with naming(folder):
        found = there.fs.ls(there.path, detail=True)
    listed = {info["name"].rstrip("/"): info["type"] == "directory" for info in found}
    own = there.path.rstrip("/")
    return {name.rpartition("/")[2]: is_folder for name, is_folder in listed.items() if name != own}


def names_in(folder: Path) -> list[str]:
    """The names in a folder, in no order; FileNotFoundError where it isn't there."""
    return list(list_folder(folder)) if is_remote(folder) else os.listdir(folder)  # noqa: PTH208  much faster


def remove_tree(folder: Path) -> None:
    """Remove a folder with all that is in it; links inside are not followed."""
    if not is_remote(folder):
        shutil.rmtree(folder)
        return
    there: Any = folder
    with naming(folder):
        there.fs.rm(there.path, recursive=True)
