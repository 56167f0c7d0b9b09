"""Torch checkpoints of before 2020, read without torch: a row of pickles, then numbers as they lie in memory.

The row is what `torch.save` wrote up to release 1.5: a magic number, a version, the machine's sizes, the
object and the keys of its storages. Pickles run what they name, so only a file that is known by its digest is
read, and by an unpickler that knows nothing but tensors.
"""

import hashlib
import io
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fishcli.basics.errors import FishError

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
COUNT = np.dtype("<i8")
"""Of the number of values before each storage."""


@dataclass(frozen=True)
class _Storage:
    """Where tensors' numbers lie; they come after the pickles."""

    key: str
    dtype: str
    n_values: int


@dataclass(frozen=True)
class _Tensor:
    """What `torch._utils._rebuild_tensor_v2` takes; strides count values."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    requires_grad: bool
    hooks: Any


ADMITTED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _Tensor,
    ("torch", "FloatStorage"): "<f4",
    ("torch", "LongStorage"): "<i8",
}
"""All that a file may name, and what stands for it."""


class _TensorsOnly(pickle.Unpickler):
    """Reads a pickle that names only what is ADMITTED."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ADMITTED:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of a tensor")
        return ADMITTED[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _, n_values, view = pid
        if kind != "storage" or view is not None:
            raise pickle.UnpicklingError(f"{kind} is no storage of tensors")
        return _Storage(key, dtype, n_values)


def read_checkpoint(path: Path, sha256: str, again: str) -> dict[str, np.ndarray]:
    """The tensors of a checkpoint, by name: float32 or int64, read-only.

    Args:
        path: a local file.
        sha256: of the only content that is read, in hexadecimal.
        again: how the file is had again, for the error.

    Raises:
        FishError: the file can't be read, or is not the one that is known.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FishError(f"the weights {path} can't be read ({error.strerror}). {again}") from None
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise FishError(
            f"the weights {path} are not the ones that are known, and no others are read: their SHA-256 is "
            f"{found[:12]}..., expected {sha256[:12]}... {again}"
        )
    return _read(io.BytesIO(content))


def _read(file: io.BytesIO) -> dict[str, np.ndarray]:
    magic, protocol, machine, tensors, keys = (_TensorsOnly(file).load() for _ in range(5))
    if (magic, protocol) != (MAGIC, PROTOCOL) or not machine["little_endian"]:
        raise ValueError("no row of pickles as torch 1.5 wrote it on a little-endian machine")
    storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    values = {}
    for key in keys:
        n_values = int(np.frombuffer(file.read(COUNT.itemsize), COUNT)[0])
        if n_values != storages[key].n_values:
            raise ValueError(f"storage {key} has {n_values} values, {storages[key].n_values} were announced")
        dtype = np.dtype(storages[key].dtype)
        values[key] = np.frombuffer(file.read(n_values * dtype.itemsize), dtype, n_values)
    return {name: _array(tensor, values[tensor.storage.key]) for name, tensor in tensors.items()}


def _array(tensor: _Tensor, values: np.ndarray) -> np.ndarray:
    """The tensor's view of its storage's values: converted networks keep TensorFlow's order of axes."""
    steps = [(n - 1) * stride for n, stride in zip(tensor.shape, tensor.strides, strict=True)]
    if min([tensor.offset, *tensor.shape, *tensor.strides], default=0) < 0:
        raise ValueError(f"a tensor of {tensor.shape} has strides {tensor.strides}")
    if all(tensor.shape) and tensor.offset + sum(steps) >= len(values):
        raise ValueError(f"a tensor of {tensor.shape} ends behind its {len(values)} values")
    strides = [stride * values.itemsize for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(values[tensor.offset :], tensor.shape, strides, writeable=False)
