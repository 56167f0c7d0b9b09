"""Methods that take a command's options: their signatures and docstrings name them all."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, get_args

from fishcli.library.calls import HINTS, TEXT_ONLY
from fishcli.options.commands import COMMANDS
from fishcli.options.places import own_first

Method = TypeVar("Method", bound=Callable[..., Any])


def takes(command: str, *but: str) -> Callable[[Method], Method]:
    """Let help() and editors show a method's `**options`: the command's, with defaults and help texts.

    Args:
        command: one of COMMANDS.
        but: those of its options that the method does not take, or takes by its own parameters.
    """
    hints, (config_class, _) = HINTS[command], COMMANDS[command]
    defaults = {field.name: field.default for field in dataclasses.fields(config_class)}
    names = [name for name in own_first(config_class) if name not in (*but, *TEXT_ONLY.get(command, ()))]

    def shown(method: Method) -> Method:
        signature = inspect.signature(method)
        own = [each for each in signature.parameters.values() if each.kind is not each.VAR_KEYWORD]
        options = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if defaults[name] is dataclasses.MISSING else defaults[name],
                annotation=get_args(hints[name])[0],
            )
            for name in names
            if name not in signature.parameters
        ]
        quiet = inspect.Parameter("quiet", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=bool)
        whole = signature.replace(parameters=[*own, *options, quiet])
        method.__signature__ = whole  # type: ignore[attr-defined]
        said = [f"    {name}: {hints[name].__metadata__[0].help}" for name in names]
        head = f"Options, as `fishcli {command}` takes them:"
        method.__doc__ = "\n".join([inspect.cleandoc(method.__doc__ or ""), "", head, *said])
        return method

    return shown
