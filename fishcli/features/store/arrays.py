"""How the feature store uses Zarr: one file a chunk, named by its number, with a checksum.

Zarr is imported where an array is opened: a command that finds nothing to compute opens none.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fishcli.basics.errors import FishError
from fishcli.basics.files import read_json, whole_file, write_json
from fishcli.basics.remote import is_remote, names_in, parse_path

CONFIG: Any = {"write_empty_chunks": True}
"""Otherwise a chunk of fill values would not be written, and be looked for on every resume. Zarr keeps no
note of it, and open_array ignores it."""
DESCRIPTION = "zarr.json"


def create_array(path: Path, shape: tuple[int, ...], chunk_size: int, dtype: str, made_by: str) -> Any:
    """A new array (n, ...) of NaN (uint8: of 0), `chunk_size` rows a chunk; its attributes keep `made_by`.

    One that is there already loses its chunks first and its description last: if that is interrupted, it is
    still known to be incomplete, and augmented copies do not vanish from the store.
    """
    import zarr
    from zarr.codecs import BloscCodec, Crc32cCodec
    from zarr.storage import MemoryStore

    for name in names_in(path) if path.is_dir() else []:
        if name != DESCRIPTION:
            (path / name).unlink()
    described: dict[str, Any] = {}
    zarr.create_array(
        MemoryStore(described),
        shape=shape,
        chunks=(chunk_size, *shape[1:]),
        dtype=dtype,
        fill_value=0 if dtype == "uint8" else float("nan"),
        compressors=[BloscCodec(cname="zstd", clevel=1, shuffle="shuffle"), Crc32cCodec()],
        chunk_key_encoding={"name": "v2", "separator": "."},
        attributes={"made_by": made_by},
        config=CONFIG,
    )
    with whole_file(path / DESCRIPTION) as partial:
        partial.write_bytes(described[DESCRIPTION].to_bytes())
    return open_array(path)


def open_array(path: Path) -> Any:
    """An existing array; FishError where its description is damaged."""
    import zarr
    from zarr.storage import FsspecStore

    try:
        store: Any = path
        if is_remote(path):
            store = FsspecStore.from_url(str(path), storage_options=dict(store.storage_options))
        array = zarr.open_array(store, mode="r+", zarr_format=3).with_config(CONFIG)
        array.attrs["made_by"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(path, error) from None
    return array


@dataclass(frozen=True)
class Described:
    """What the description of an existing array says.

    Attributes:
        n_rows: how many rows it has.
        chunk_size: rows a chunk.
        is_whole: whether all its chunks are there.
    """

    n_rows: int
    chunk_size: int
    is_whole: bool


def describe(path: Path) -> Described:
    """Look at an array without Zarr; FishError where its description is damaged."""
    try:
        described = read_json(path / DESCRIPTION)
        n_rows, *rest = described["shape"]
        chunk_size = described["chunk_grid"]["configuration"]["chunk_shape"][0]
        separator = described["chunk_key_encoding"]["configuration"]["separator"]
        described["attributes"]["made_by"]
        names = {separator.join([str(chunk), *"0" * len(rest)]) for chunk in range(-(-n_rows // chunk_size))}
    except (FishError, ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError) as error:
        raise _damaged(path, error) from None
    return Described(n_rows, chunk_size, names <= set(names_in(path)))


def _damaged(path: Path, error: Exception) -> FishError:
    return FishError(f"{path / DESCRIPTION} is damaged ({type(error).__name__}). Remove {path}")


def folder_of(array: Any) -> Path:
    """The folder of an array."""
    from zarr.storage import FsspecStore

    store = array.store
    if isinstance(store, FsspecStore):
        protocol = store.fs.protocol
        return (
            parse_path(f"{protocol if isinstance(protocol, str) else protocol[0]}://{store.path}")
            / array.path
        )
    return Path(store.root) / array.path


def chunk_path(array: Any, chunk: int) -> Path:
    """The file of a chunk of rows."""
    return folder_of(array) / _name_of(array, chunk)


def missing_chunks(array: Any) -> set[int]:
    """The numbers of the chunks that are not there."""
    names = set(names_in(folder_of(array)))
    return {chunk for chunk in range(array.cdata_shape[0]) if _name_of(array, chunk) not in names}


def read_rows(array: Any, rows: np.ndarray | slice, verify_line: str) -> np.ndarray:
    """Rows of an array, by number; `verify_line` is the command that verifies its store.

    Raises:
        FishError: a chunk is damaged, or gone: Zarr would fill it.
    """
    advice = f"This names the chunks, and what computes just them again: {verify_line}."
    try:
        found = np.asarray(array[rows] if isinstance(rows, slice) else array.oindex[rows])
    except (ValueError, RuntimeError) as error:
        raise FishError(f"the features in {folder_of(array)} are damaged ({error}). {advice}") from None
    if not len(found):
        return found
    numbers = np.arange(*rows.indices(array.shape[0])) if isinstance(rows, slice) else rows
    first = found.reshape(len(found), -1)[:, :1]
    unknown = (first == array.fill_value if found.dtype == np.uint8 else np.isnan(first)).any(axis=1)
    chunks = np.unique(numbers[unknown] // array.chunks[0])
    gone = [chunk for chunk in chunks if not chunk_path(array, int(chunk)).exists()]
    if gone:
        raise FishError(
            f"{len(gone):,} chunks of the features in {folder_of(array)} are not there: another process "
            f"changes them, or they were removed. {advice}"
        )
    return found


def _name_of(array: Any, chunk: int) -> str:
    return str(array.metadata.encode_chunk_key((chunk, *[0] * (array.ndim - 1))))


def record_engine(array_dir: Path, chunks: set[int], engine: str) -> None:
    """Note which engine makes some chunks of an array, in its engines.json, before they are computed."""
    path = array_dir / "engines.json"
    known = read_json(path) if path.exists() else {}
    left = {name: [chunk for chunk in made if chunk not in chunks] for name, made in known.items()}
    left[engine] = sorted([*left.get(engine, []), *chunks])
    write_json(path, {name: made for name, made in sorted(left.items()) if made})
