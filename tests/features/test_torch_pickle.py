"""Old torch checkpoints: what is read of a file that the test writes, and what is refused."""

import hashlib
import pickle
import sys
from collections import OrderedDict
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import pytest

from fishcli.basics.errors import FishError
from fishcli.features.backbones.networks import torch_pickle
from fishcli.features.backbones.networks.torch_pickle import MAGIC, PROTOCOL, read_checkpoint

MACHINE = {
    "protocol_version": PROTOCOL,
    "little_endian": True,
    "type_sizes": {"short": 2, "int": 4, "long": 4},
}


@dataclass(frozen=True)
class Stored:
    """Stands for a storage; written as torch does, by its key alone."""

    key: str
    values: np.ndarray


@dataclass(frozen=True)
class Rebuilt:
    """Stands for a tensor; written as a call of torch's function."""

    storage: Stored
    offset: int
    shape: tuple
    strides: tuple

    def __reduce__(self):
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
        return rebuild, (self.storage, self.offset, self.shape, self.strides, False, OrderedDict())


class Writer(pickle.Pickler):
    def persistent_id(self, obj):
        if not isinstance(obj, Stored):
            return None
        kind = {"float32": "FloatStorage", "int64": "LongStorage"}[obj.values.dtype.name]
        return "storage", getattr(sys.modules["torch"], kind), obj.key, "cpu", len(obj.values), None


@pytest.fixture
def write(monkeypatch, tmp_path):
    """Write a checkpoint as torch did before 2020; its path and its digest."""
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")
    for name in ("FloatStorage", "LongStorage"):
        setattr(torch, name, type(name, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2(*arguments):
        raise AssertionError("only its name is written")

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)

    def written(tensors, storages, machine=MACHINE):
        path = tmp_path / "old.pth"
        with path.open("wb") as file:
            for part in (MAGIC, PROTOCOL, machine, tensors, [storage.key for storage in storages]):
                Writer(file, protocol=2).dump(part)
            for storage in storages:
                file.write(np.int64(len(storage.values)).tobytes() + storage.values.tobytes())
        return path, hashlib.sha256(path.read_bytes()).hexdigest()

    return written


FLOATS = Stored("94001", np.arange(12, dtype=np.float32))
COUNTS = Stored("94002", np.array([7], np.int64))


def test_tensors_are_read_whatever_their_type_their_place_and_the_order_of_their_axes(write):
    tensors = OrderedDict(
        plain=Rebuilt(FLOATS, 0, (3, 4), (4, 1)),
        turned=Rebuilt(FLOATS, 0, (4, 3), (1, 4)),
        later=Rebuilt(FLOATS, 10, (2,), (1,)),
        count=Rebuilt(COUNTS, 0, (), ()),
    )
    tensors._metadata = OrderedDict(version=1)  # torch notes some on the dictionary itself
    found = read_checkpoint(*write(tensors, [FLOATS, COUNTS]), "")
    values = FLOATS.values.reshape(3, 4)
    expected = {"plain": values, "turned": values.T, "later": values[2, 2:], "count": np.array(7)}
    assert list(found) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


@pytest.mark.parametrize("name", ["print", "eval"])
def test_a_pickle_that_names_anything_else_is_not_run(write, name):
    class Harmful:
        def __reduce__(self):
            return getattr(__import__("builtins"), name), ("1",)

    path, sha256 = write(OrderedDict(a=Harmful()), [])
    with pytest.raises(pickle.UnpicklingError, match=rf"__builtin__\.{name} is no part of a tensor"):
        read_checkpoint(path, sha256, "")


def test_a_file_that_is_not_the_known_one_is_refused_before_it_is_read(write, monkeypatch):
    path, sha256 = write(OrderedDict(a=Rebuilt(FLOATS, 0, (12,), (1,))), [FLOATS])
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    monkeypatch.setattr(torch_pickle, "_read", None)
    with pytest.raises(FishError, match=r"old\.pth are not the ones that are known.*Install them again\."):
        read_checkpoint(path, sha256, "Install them again.")


def test_a_file_that_is_not_there_is_named_with_the_mending(tmp_path):
    with pytest.raises(FishError, match=r"gone\.pth can't be read \(No such file.*\)\. Install them again\."):
        read_checkpoint(tmp_path / "gone.pth", "0" * 64, "Install them again.")


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (Rebuilt(FLOATS, 1, (3, 4), (4, 1)), "ends behind its 12 values"),
        (Rebuilt(FLOATS, 0, (13,), (1,)), "ends behind its 12 values"),
        (Rebuilt(FLOATS, 0, (2,), (-1,)), "has strides"),
    ],
)
def test_a_tensor_never_looks_beyond_its_values(write, tensor, message):
    with pytest.raises(ValueError, match=message):
        read_checkpoint(*write(OrderedDict(a=tensor), [FLOATS]), "")


def test_other_machines_files_are_refused(write):
    machine = {**MACHINE, "little_endian": False}
    with pytest.raises(ValueError, match="little-endian"):
        read_checkpoint(*write(OrderedDict(), [], machine), "")
