"""The project file, fishcli.toml: the folders and defaults that nobody should have to type twice."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from fishcli.basics.errors import FishError, nearest
from fishcli.options.places import Config

NAME = "fishcli.toml"

Commands = Mapping[str, type[Config]]
"""The config of each command, by its name."""


def find_project(folder: Path) -> Path | None:
    """The project file of a folder: its own, or that of the nearest folder above it that has one."""
    return next((path for each in (folder, *folder.parents) if (path := each / NAME).is_file()), None)


def read_project(path: Path, commands: Commands) -> dict[str, dict[str, Any]]:
    """Read a project file into defaults by command and option, as Click's `default_map` takes them.

    Options stand at the top, for all commands that have them, or in a table named after one command, which
    goes before. Paths are relative to the file's folder.

    Args:
        path: the file.
        commands: all that there are.

    Raises:
        FishError: it is no TOML; a key that no command has, or a value that it can't take, with the line.
    """
    text = _text_of(path)
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FishError(f"{path}: malformed TOML ({error}).") from None
    found: dict[str, dict[str, Any]] = {name: {} for name in commands}
    known = {name: get_type_hints(config, include_extras=True) for name, config in commands.items()}
    everywhere = {key: hint for hints in known.values() for key, hint in hints.items()}
    for key, value in content.items():
        if isinstance(value, dict):
            if key not in commands:
                raise _unknown(path, text, f"[{key}]", key, commands, "a command's name")
            continue
        option = _option(path, text, key, everywhere)
        for name, hints in known.items():
            if option in hints:
                found[name][option] = _value(path, (text, key), value, hints[option])
    for command, table in content.items():
        if isinstance(table, dict):
            for key, value in table.items():
                option = _option(path, text, key, known[command])
                found[command][option] = _value(path, (text, key), value, known[command][option])
    return found


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise FishError(f"{path} is not UTF-8 text. Save it as UTF-8.") from None


def _option(path: Path, text: str, key: str, known: Mapping[str, Any]) -> str:
    option = key.replace("-", "_")
    if option not in known:
        raise _unknown(path, text, key, option, known, "an option")
    return option


def _unknown(path: Path, text: str, shown: str, name: str, known: Mapping[str, Any], what: str) -> FishError:
    near = nearest(name, known)
    meant = f" Did you mean {near!r}?" if near else ""
    return FishError(f"{path}, line {_line_of(text, shown)}: {shown} is not {what}.{meant}")


def _line_of(text: str, key: str) -> int:
    """The line on which a key or a table's header first stands."""
    start = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*(=|$|#)")
    return next((number for number, line in enumerate(text.splitlines(), 1) if start.match(line)), 1)


def _value(path: Path, place: tuple[str, str], value: Any, hint: Any) -> Any:
    """A value as the command line would have it; FishError where the option does not take its kind.

    Args:
        path: the file.
        place: its text, and the key.
        value: of the key.
        hint: the option's type.
    """
    kinds = _kinds(hint)
    where = f"{path}, line {_line_of(*place)}: {place[1]} = {value!r}"
    choices = [choice for kind in kinds if get_origin(kind) is Literal for choice in get_args(kind)]
    if choices:
        if value not in choices:
            raise FishError(f"{where}: expected one of {', '.join(map(str, choices))}.")
        return value
    if Path in kinds and isinstance(value, str):
        is_place = "://" in value or value.startswith("~") or Path(value).is_absolute()
        return value if is_place else str(path.parent / value)
    if float in kinds and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    plain = tuple(kind for kind in kinds if isinstance(kind, type) and kind is not type(None))
    if not isinstance(value, plain) or (isinstance(value, bool) and bool not in plain):
        words = {str: "text in quotes", int: "a whole number", float: "a number", bool: "true or false"}
        expected = " or ".join(words.get(kind, "text in quotes") for kind in plain)
        raise FishError(f"{where}: expected {expected}.")
    return value


def _kinds(hint: Any) -> list[Any]:
    """The types that an option takes, without what Typer adds to them."""
    inner = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    parts = (
        [] if get_origin(inner) is Literal else [part for part in get_args(inner) if part is not type(None)]
    )
    return parts or [inner]
