"""How the feature store uses Zarr: one file a chunk, named by its number, with a checksum."""

from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec
from zarr.storage import MemoryStore

from fishcli.errors import FishError
from fishcli.files import whole_file

CONFIG: Any = {"write_empty_chunks": True}
"""Otherwise a chunk of fill values would not be written, and be looked for on every resume. Zarr keeps no
note of it, and open_array ignores it."""
DESCRIPTION = "zarr.json"


def create_array(path: Path, shape: tuple[int, ...], chunk_size: int, dtype: str, made_by: str) -> Any:
    """A new array (n, ...) of NaN, `chunk_size` rows a chunk; `made_by` is kept in its attributes.

    One that is there already loses its chunks first and its description last: if that is interrupted, it is
    still known to be incomplete, and augmented copies do not vanish from the store.
    """
    for old in path.iterdir() if path.is_dir() else []:
        if old.name != DESCRIPTION:
            old.unlink()
    described: dict[str, Any] = {}
    zarr.create_array(
        MemoryStore(described),
        shape=shape,
        chunks=(chunk_size, *shape[1:]),
        dtype=dtype,
        fill_value=float("nan"),
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
    try:
        array = zarr.open_array(path, mode="r+").with_config(CONFIG)
        array.attrs["made_by"]
    except (ValueError, KeyError, TypeError) as error:
        raise FishError(
            f"{path / 'zarr.json'} is damaged ({type(error).__name__}). "
            f"Remove {path} and run fishcli features again."
        ) from None
    return array


def chunk_path(array: Any, chunk: int) -> Path:
    """The file of a chunk of rows."""
    key = array.metadata.encode_chunk_key((chunk, *[0] * (array.ndim - 1)))
    return Path(array.store.root) / array.path / key


def read_rows(array: Any, rows: np.ndarray | slice) -> np.ndarray:
    """Rows of an array, by number.

    Raises:
        FishError: a chunk is damaged, or gone: Zarr would fill it with NaN.
    """
    folder = Path(array.store.root) / array.path
    advice = "fishcli features --verify names the chunks and the command that computes just them again."
    try:
        found = np.asarray(array[rows] if isinstance(rows, slice) else array.oindex[rows])
    except (ValueError, RuntimeError) as error:
        raise FishError(f"the features in {folder} are damaged ({error}). {advice}") from None
    numbers = np.arange(*rows.indices(array.shape[0])) if isinstance(rows, slice) else rows
    chunks = np.unique(numbers // array.chunks[0])
    gone = [chunk for chunk in chunks if not chunk_path(array, int(chunk)).exists()]
    if gone:
        raise FishError(
            f"{len(gone):,} chunks of the features in {folder} are not there: another process changes them, "
            f"or they were removed. {advice}"
        )
    return found
