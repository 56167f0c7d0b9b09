"""Command lines to be typed: all that a message advises is made here, quoted, with the folders it needs."""

import dataclasses
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from fishcli.options.layout import LayoutOptions
from fishcli.options.places import Config

Kind = TypeVar("Kind", bound=Config)
SHARED = (
    *("data_dir", "features_dir", "models_dir", "max_pixels", "box_categories"),
    *(field.name for field in dataclasses.fields(LayoutOptions)),
)
"""What the next command needs to be told, too: where things lie, what counts as a photo and as a box."""

_asked: Config | None = None


@contextmanager
def asked_for(config: Config) -> Iterator[None]:
    """Let the command lines that are advised in this block say of the data what the user's own has said."""
    global _asked
    before, _asked = _asked, config
    try:
        yield
    finally:
        _asked = before


def advised(command: str, config_class: type[Config], **values: Any) -> str:
    """A command line to advise: `values`, and what the command that runs was told of the data."""
    return command_line(command, with_shared(config_class, **values))


def with_shared(config_class: type[Kind], **values: Any) -> Kind:
    """A config of `values`, and what the command that runs was told of the data where `values` don't say."""
    taken = {field.name for field in dataclasses.fields(config_class)}
    shared = {name: getattr(_asked, name) for name in SHARED if name in taken and hasattr(_asked, name)}
    return config_class(**{**shared, **values})


def command_line(command: str, config: Config) -> str:
    """The command line that parses to `config`, quoted for a shell; options at their default are left out.

    Args:
        command: its name, such as "train".
        config: of a command without arguments.
    """
    words = ["fishcli", command]
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if value == field.default:
            continue
        words += [flag(field.name)] if value is True else [flag(field.name), str(value)]
    return shlex.join(words)


def flag(name: str) -> str:
    """An option as it is typed."""
    return f"--{name.replace('_', '-')}"
