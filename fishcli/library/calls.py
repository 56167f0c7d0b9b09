"""From keywords to a command's config: what is told to a competition, to a variable, to the project file."""

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from typer.models import OptionInfo

from fishcli.basics.errors import FishError, shown
from fishcli.basics.progress import quietly, say
from fishcli.commands import run_command
from fishcli.options.command_lines import SHARED
from fishcli.options.commands import COMMANDS, WITHOUT_PROJECT
from fishcli.options.places import Config
from fishcli.options.project import find_project, read_project
from fishcli.options.values import fitting, from_text, unknown, variable_of

HINTS = {name: get_type_hints(config, include_extras=True) for name, (config, _) in COMMANDS.items()}
TEXT_ONLY = {
    "features": ("verify", "list_backbones", "list_layers"),
    "audit-leakage": ("list_fields", "selftest", "simulations"),
    "runs": ("json", "csv"),
}
"""Options by which a command returns another text: `Competition.command` takes them."""

Defaults = dict[str, dict[str, Any]]
"""By command and option."""


@dataclass(frozen=True)
class Told:
    """What all commands of a competition are told.

    Attributes:
        given: by its own keywords, which go before all but a command's.
        project: by the project file.
        quiet: whether they leave lines and bars out.
    """

    given: Defaults
    project: Defaults
    quiet: bool

    def also(self, config: Config) -> "Told":
        """The same, and where a command was told that things lie and how they are read."""
        shared = {name: getattr(config, name) for name in SHARED if hasattr(config, name)}
        given = {
            command: {**known, **{name: value for name, value in shared.items() if name in HINTS[command]}}
            for command, known in self.given.items()
        }
        return dataclasses.replace(self, given=given)


def tell(keywords: Mapping[str, Any], quiet: bool | None) -> Told:
    """Read the project file above the working folder, and check what is told beside it.

    Args:
        keywords: options, each for all commands that have it.
        quiet: None for what FISHCLI_QUIET says.

    Raises:
        FishError: a keyword that is no option, a value that it does not take; a damaged project file.
    """
    if quiet is None:
        quiet = from_text(os.environ.get(variable_of("quiet"), ""), bool) is True
    quiet = fitting("quiet", quiet, bool, _said("Competition", "quiet", quiet))
    given: Defaults = {name: {} for name in COMMANDS}
    everywhere = [*{name: None for hints in HINTS.values() for name in hints}]
    for name, value in keywords.items():
        if name not in everywhere:
            raise unknown(f"Competition({name}=...): {name}", name, everywhere, "an option")
        for command, hints in HINTS.items():
            if name in hints:
                given[command][name] = fitting(
                    name, plain(value), hints[name], _said("Competition", name, value)
                )
    path = find_project(Path.cwd())
    project = (
        {} if path is None else read_project(path, {name: config for name, (config, _) in COMMANDS.items()})
    )
    with quietly(quiet):
        if path is not None:
            say(f"defaults from {path}")
    return Told(given, project, quiet)


def ask(
    told: Told,
    command: str,
    keywords: Mapping[str, Any],
    fixed: Mapping[str, Any] | None = None,
    part: str = "run",
) -> tuple[Any, Any]:
    """Run a command; returns its config, and its result.

    Args:
        told: what goes without saying.
        command: one of COMMANDS.
        keywords: its options, and perhaps `quiet`.
        fixed: options that are no matter of choice.
        part: as `run_command` takes it.

    Raises:
        FishError: a keyword that is none of its options, a value that it does not take; what it raises.
    """
    keywords = dict(keywords)
    quiet = keywords.pop("quiet", told.quiet)
    quiet = fitting("quiet", quiet, bool, _said(command, "quiet", quiet))
    config = config_of(told, command, keywords, fixed or {})
    with quietly(quiet):
        return config, run_command(command, config, part)


def config_of(told: Told, command: str, keywords: Mapping[str, Any], fixed: Mapping[str, Any]) -> Any:
    """A command's config: `fixed`, keywords, what is told, variables, the project file, then its defaults."""
    hints, (config_class, _) = HINTS[command], COMMANDS[command]
    open_ones = [name for name in hints if name not in fixed]
    for name in keywords:
        if name in fixed:
            raise FishError(f"{_said(command, name, keywords[name])}: {name} is settled here.")
        if name not in open_ones:
            raise unknown(
                f"{_said(command, name, keywords[name])}: {name}", name, open_ones, "an option here"
            )
    values: dict[str, Any] = {} if command in WITHOUT_PROJECT else dict(told.project.get(command, {}))
    for name, hint in hints.items():
        variable = variable_of(name)
        if isinstance(hint.__metadata__[0], OptionInfo) and os.environ.get(variable):
            text = os.environ[variable]
            values[name] = fitting(name, from_text(text, hint), hint, f"{variable}={shown(text)}")
    values |= told.given[command]
    for name, value in {**keywords, **fixed}.items():
        values[name] = fitting(name, plain(value), hints[name], _said(command, name, value))
    for field in dataclasses.fields(config_class):
        if field.default is dataclasses.MISSING and field.name not in values:
            raise FishError(f"{_method(command)}(...): {field.name} is missing.")
    return config_class(**values)


def refuse_text_only(command: str, keywords: Mapping[str, Any]) -> None:
    """Raise FishError for options by which a command returns another text than what is read here."""
    for name in TEXT_ONLY[command]:
        if name in keywords:
            raise FishError(
                f"{_said(command, name, keywords[name])} returns text. Ask for it: "
                f"command({command!r}, {name}={shown(keywords[name])})."
            )


def plain(value: Any) -> Any:
    """What stands for a result where an option takes its name."""
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return getattr(value, "as_option", value)


def _method(command: str) -> str:
    return command.replace("-", "_").replace(" ", "_")


def _said(command: str, name: str, value: Any) -> str:
    return f"{_method(command)}({name}={shown(value)})"
