"""What the C library is told of freed memory."""

import ctypes
import os
from types import SimpleNamespace

import pytest

from fishcli.basics.memory import KEPT, keep_freed_memory


@pytest.fixture
def told(monkeypatch):
    """What a C library with glibc's parameters is told."""
    said = {}
    library = SimpleNamespace(mallopt=lambda parameter, value: said.update({parameter: value}))
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    for name in [name for name in os.environ if name.startswith("MALLOC_")]:
        monkeypatch.delenv(name)
    keep_freed_memory.cache_clear()
    yield said
    keep_freed_memory.cache_clear()


def test_freed_memory_is_kept(told):
    keep_freed_memory()
    assert told == KEPT


def test_what_the_environment_says_stands(told, monkeypatch):
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "131072")
    keep_freed_memory()
    assert told == {}


def test_other_c_libraries_are_left_alone(told, monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace())
    keep_freed_memory()
    assert told == {}
