"""A pack's files: written as a folder or a zip, and opened with every digest checked."""

import json
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from fishcli import __version__
from fishcli.basics.errors import FishError, cut, shown
from fishcli.basics.files import digests_of, read_json, whole_file, write_json
from fishcli.basics.remote import is_remote
from fishcli.runs.packing.manifest import FORMAT, MANIFEST, Packed

SUFFIX = ".zip"
MOST_MANIFEST_BYTES = 64 * 2**20
DAMAGE = (zipfile.BadZipFile, zlib.error, KeyError, RuntimeError, NotImplementedError, EOFError, ValueError)
"""What reading a zip file may raise: damaged, encrypted, or packed by a method that Python lacks."""
AGAIN = "Copy it again from where it was made, or pack the runs again: fishcli pack RUN ... --out NEW"


@dataclass(frozen=True)
class OpenPack:
    """A pack that is whole.

    Attributes:
        root: the folder in which its files lie.
        name: what it is called.
        packed: what it holds.
        version: of the fishcli that made it.
    """

    root: Path
    name: str
    packed: Packed
    version: str


def check_free(out: Path) -> None:
    """Raise FishError where no pack can be made: something lies there already, or it is a URL."""
    if is_remote(out):
        raise FishError(f"--out {out}: a pack is made on a disk. Name a folder or a {SUFFIX} file here.")
    if out.exists():
        raise FishError(f"--out {out} exists. Remove it, or name another folder or {SUFFIX} file.")


@contextmanager
def written_pack(out: Path) -> Iterator[Path]:
    """Yield an empty folder to fill; on success it becomes `out`, a folder or, by its suffix, a zip file.

    `out` is there only when it is whole.
    """
    check_free(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{out.stem}.", suffix=".partial", dir=out.parent))
    try:
        yield folder
        if out.suffix == SUFFIX:
            with whole_file(out) as partial, zipfile.ZipFile(partial, "w") as archive:  # weights don't shrink
                for path in sorted(each for each in folder.rglob("*") if each.is_file()):
                    archive.write(path, path.relative_to(folder).as_posix())
        else:
            folder.chmod(0o755)  # what mkdtemp makes is its user's alone
            folder.replace(out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def seal(folder: Path, packed: Packed) -> int:
    """Write pack.json, which names every file with its digest; returns the bytes of them all."""
    paths = sorted(each for each in folder.rglob("*") if each.is_file())
    files = {
        path.relative_to(folder).as_posix(): {
            "sha256": digests_of([path])[path.name],
            "n_bytes": path.stat().st_size,
        }
        for path in paths
    }
    if unfit := [name for name in files if _leads_out(name)]:
        raise FishError(f"{shown(unfit[0])} can't be a file's name in a pack. Rename it, without \\ and :.")
    value = {"format": FORMAT, "fishcli": __version__, **packed.to_json(), "files": files}
    write_json(folder / MANIFEST, value, sealed=True)
    return sum(path.stat().st_size for path in [*paths, folder / MANIFEST])


@contextmanager
def opened_pack(path: Path) -> Iterator[OpenPack]:
    """Open a pack, a folder or a zip file, which is unpacked for as long as it is open.

    Nothing of it is run, and nothing is written but the files that it names, into a folder for temporary
    files.

    Raises:
        FishError: it is none, of another format, or damaged.
    """
    if is_remote(path):
        raise FishError(f"--pack {path}: copy it here first, then name the copy.")
    if path.is_dir():
        yield _checked(path, path)
        return
    if not path.is_file() or not zipfile.is_zipfile(path):
        found = "no such file or folder" if not path.exists() else "it is no zip file"
        raise FishError(
            f"--pack {path}: {found}. Expected a folder or a {SUFFIX} file that fishcli pack made."
        )
    with tempfile.TemporaryDirectory(prefix="fishcli-pack-") as folder:
        _unpack(path, Path(folder))
        yield _checked(Path(folder), path)


def _checked(root: Path, path: Path) -> OpenPack:
    """Open what lies in a folder; `path` is what the user calls it."""
    if not (root / MANIFEST).is_file():
        inner = next(root.glob(f"*/{MANIFEST}"), None)
        hint = f" There is one in {path / inner.parent.name}: name that." if inner and root == path else ""
        raise FishError(f"--pack {path}: it has no {MANIFEST}, so it is no pack.{hint}")
    try:
        value = read_json(root / MANIFEST)
    except FishError as error:
        raise _damaged(path, str(error)) from None
    files = _files_of(value, path)
    for name, known in files.items():
        file = root / name
        if not file.is_file():
            raise _damaged(path, f"it lacks {name}")
        if file.stat().st_size != known["n_bytes"] or digests_of([file])[file.name] != known["sha256"]:
            raise _damaged(path, f"{name} is not what {MANIFEST} says")
    try:
        packed = Packed.from_json(value, f"{path}'s {MANIFEST}")
        _check_named(packed, files)
    except (FishError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(path, f"{MANIFEST} is none of format {FORMAT} ({cut(str(error), 120)})") from None
    return OpenPack(root, path.stem if path.suffix == SUFFIX else path.name, packed, str(value["fishcli"]))


def _check_named(packed: Packed, files: dict[str, Any]) -> None:
    """Raise ValueError where what is loaded would lie elsewhere than among the files of the pack."""
    folders = {str(PurePosixPath(name).parent) for name in files}
    weights = {store.weights for store in packed.stores.values()} - {""}
    runs = {run for each in packed.members for run in each.runs} | {
        each.run for each in packed.localisers.values()
    }
    if not (weights <= set(files) and runs <= folders):
        raise ValueError("it names what is not in it")


def _files_of(value: Any, path: Path) -> dict[str, Any]:
    """The digests by file in a pack.json's content.

    Raises:
        FishError: another format; names that would lead out of the pack.
    """
    kind = value.get("format") if isinstance(value, dict) else None
    if kind != FORMAT:
        made_by = f"fishcli {value.get('fishcli')}" if isinstance(value, dict) else "something else"
        raise FishError(
            f"--pack {path}: it is of format {shown(kind)}, made by {made_by}; this fishcli ({__version__}) "
            f"reads format {FORMAT}. Install the version that made it, or pack the runs again."
        )
    files = value.get("files")
    if not isinstance(files, dict) or not all(
        isinstance(known, dict)
        and isinstance(known.get("n_bytes"), int)
        and isinstance(known.get("sha256"), str)
        for known in files.values()
    ):
        raise _damaged(path, f"{MANIFEST} names no files")
    for name in files:
        if _leads_out(name):
            raise _damaged(path, f"{MANIFEST} names {shown(name)}, which lies outside of it")
    return files


def _leads_out(name: str) -> bool:
    """Whether a file's name could mean one outside of its pack, here or on another system."""
    parts = PurePosixPath(name).parts
    return (
        name.startswith("/") or bool(set(name) & set("\\:\0")) or not parts or bool({"..", "."} & set(parts))
    )


def _unpack(path: Path, folder: Path) -> None:
    """Write those files of a zip that its pack.json names, as long as that says; FishError where it can't."""
    try:
        with zipfile.ZipFile(path) as archive:
            if MANIFEST not in archive.namelist():
                raise FishError(f"--pack {path}: it has no {MANIFEST}, so it is no pack.")
            if archive.getinfo(MANIFEST).file_size > MOST_MANIFEST_BYTES:
                raise _damaged(path, f"{MANIFEST} is too large")
            content = archive.read(MANIFEST)
            (folder / MANIFEST).write_bytes(content)
            value = json.loads(content.decode("utf-8"))
            for name, known in _files_of(value, path).items():
                info = archive.getinfo(name)
                if info.file_size != known["n_bytes"] or stat.S_ISLNK(info.external_attr >> 16):
                    raise _damaged(path, f"{name} is not what {MANIFEST} says")
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                with archive.open(name) as source, (folder / name).open("xb") as target:
                    shutil.copyfileobj(source, target)
    except DAMAGE as error:
        raise _damaged(path, str(error).strip("'\"") or type(error).__name__) from None
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise _damaged(path, f"it holds files in one another's place ({error.strerror})") from None


def _damaged(path: Path, problem: str) -> FishError:
    return FishError(f"--pack {path} is damaged: {cut(problem, 200).rstrip('.')}. {AGAIN}.")
