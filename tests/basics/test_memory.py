"""What the C library is told of freed memory."""

import ctypes
import os
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from fishcli.basics.memory import KEPT, keep_freed_memory
from fishcli.cli import app


@pytest.fixture
def told(monkeypatch):
    """What a C library with glibc's parameters is told."""
    said = {}
    library = SimpleNamespace(mallopt=lambda parameter, value: said.update({parameter: value}))
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    for name in [name for name in os.environ if name.startswith(("MALLOC_", "GLIBC_TUNABLES"))]:
        monkeypatch.delenv(name)
    keep_freed_memory.cache_clear()
    yield said
    keep_freed_memory.cache_clear()


def test_freed_memory_is_kept(told):
    keep_freed_memory()
    assert told == KEPT


@pytest.mark.parametrize("name", ["MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"])
def test_what_the_environment_says_stands(told, monkeypatch, name):
    monkeypatch.setenv(name, "131072")
    keep_freed_memory()
    assert told == {}


def test_other_c_libraries_are_left_alone(told, monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace())
    keep_freed_memory()
    assert told == {}


def test_a_command_says_it_before_it_does_anything(told, tmp_path):
    result = CliRunner().invoke(app, ["runs", "--models-dir", str(tmp_path / "none")])
    assert result.exit_code == 1
    assert told == KEPT
