"""One workflow a command, and what goes around each of them, whoever asks for it."""

import importlib
import warnings
from pathlib import Path
from typing import Any

from fishcli.basics.errors import FishError, of_system
from fishcli.basics.memory import keep_freed_memory
from fishcli.basics.once import one_command
from fishcli.basics.progress import each_once
from fishcli.basics.quiet import drop_advice
from fishcli.basics.remote import reaching
from fishcli.basics.unwritable import CANNOT_BE_WRITTEN, NO_ROOM
from fishcli.options.command_lines import asked_for
from fishcli.options.commands import COMMANDS
from fishcli.options.places import Config, options_for


def run_command(name: str, config: Config, part: str = "run") -> Any:
    """Run a command; returns its result as text.

    Its module is imported only here, so that whoever asks for help alone loads nothing heavy.

    Args:
        name: one of COMMANDS.
        config: of that command.
        part: the function of its module that is called with it; another than `run` returns what it says.

    Raises:
        FishError: what the user can mend, full disks and folders that can only be read among it.
        OSError: what else the operating system refused.
    """
    keep_freed_memory()  # before there are threads, whose heaps are then made
    with warnings.catch_warnings(), reaching(*vars(config).values()), asked_for(config):
        drop_advice()
        with each_once(), one_command():
            workflow = importlib.import_module(f"fishcli.commands.{COMMANDS[name][1]}")
            try:
                return getattr(workflow, part)(config)
            except OSError as error:
                if error.errno not in CANNOT_BE_WRITTEN | NO_ROOM:
                    raise
                raise FishError(f"{of_system(error)} {_advice(config, error)}") from None


def _advice(config: Config, error: OSError) -> str:
    """What to do where a command could not write."""
    options = options_for(config, Path(error.filename or ""))
    return (
        "What is finished is kept; free space, or name another folder"
        f"{' with ' if options else ''}{' or '.join(options)}, then run the command again."
    )
