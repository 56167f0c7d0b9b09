"""The project file, fishcli.toml: the folders and defaults that nobody should have to type twice."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

from fishcli.basics.errors import FishError
from fishcli.options.places import Config
from fishcli.options.values import fitting, kinds_of, unknown

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
                found[name][option] = _value(path, (text, key), option, value, hints[option])
    for command, table in content.items():
        if isinstance(table, dict):
            for key, value in table.items():
                option = _option(path, text, key, known[command])
                found[command][option] = _value(path, (text, key), option, value, known[command][option])
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
    return unknown(f"{path}, line {_line_of(text, shown)}: {shown}", name, known, what)


def _line_of(text: str, key: str) -> int:
    """The line on which a key or a table's header first stands."""
    start = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*(=|$|#)")
    return next((number for number, line in enumerate(text.splitlines(), 1) if start.match(line)), 1)


def _value(path: Path, place: tuple[str, str], option: str, value: Any, hint: Any) -> Any:
    """A value as the command line would have it; FishError where the option does not take its kind.

    Args:
        path: the file.
        place: its text, and the key.
        option: what the key means.
        value: of the key.
        hint: the option's type.
    """
    where = f"{path}, line {_line_of(*place)}: {place[1]} = {value!r}"
    taken = fitting(option, value, hint, where)
    if Path in kinds_of(hint):
        return _from_its_folder(path.parent, taken)
    return [_from_its_folder(path.parent, each) for each in taken] if list[Path] in kinds_of(hint) else taken


def _from_its_folder(folder: Path, value: str) -> str:
    """A path as it is meant in a file of that folder."""
    is_place = "://" in value or value.startswith("~") or Path(value).is_absolute()
    return value if is_place else str(folder / value)
