"""The command line: parse, call one workflow, print what it returns."""

import atexit
import gc
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import typer
from typer.core import TyperGroup
from typer.models import OptionInfo

from fishcli import __version__
from fishcli.basics.errors import FishError, LimitError, nearest, of_system
from fishcli.basics.progress import complain, say, set_quiet
from fishcli.basics.remote import parse_path
from fishcli.basics.streams import make_printable, show
from fishcli.commands import run_command
from fishcli.options.commands import COMMANDS, WITHOUT_PROJECT
from fishcli.options.places import Config, own_first
from fishcli.options.project import find_project, read_project
from fishcli.options.values import variable_of

INTERRUPTED = 130

QUIET_HELP = "No progress on stderr; warnings and errors stay."


class FishGroup(TyperGroup):
    """Turns the errors that a user can mend into one line on stderr and the exit code."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Begin, on streams that can show any name."""
        atexit.register(gc.freeze)  # to take all objects apart at the end takes up to a third of a second
        make_printable()
        return super().main(*args, **options)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that `args` begin with; some have two words."""
        two = " ".join(args[:2])
        args = [two, *args[2:]] if two in self.commands else args
        if args[0] not in self.commands and (near := nearest(args[0], self.commands)):
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near!r}?")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except FishError as error:
            if isinstance(error, LimitError):
                show(error.result)
            complain(str(error))
            sys.exit(error.exit_code)
        except OSError as error:
            complain(of_system(error))
            sys.exit(1)
        except KeyboardInterrupt:
            typer.echo("Interrupted. What is finished is kept; run the command again to go on.", err=True)
            sys.exit(INTERRUPTED)


app = typer.Typer(
    cls=FishGroup,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fishcli {__version__}")
        raise typer.Exit


@app.callback()
def main(
    ctx: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", envvar="FISHCLI_QUIET", help=QUIET_HELP)] = False,
) -> None:
    """From a folder of photos to a submission CSV, honest about unseen groups."""
    set_quiet(quiet)
    _take_project(ctx)


def _take_project(ctx: typer.Context) -> None:
    """Let the project file's defaults stand for those of the options, which the command line goes before."""
    path = find_project(Path.cwd())
    if path is None or ctx.invoked_subcommand in WITHOUT_PROJECT or {"--help", "-h"} & set(sys.argv):
        return
    ctx.default_map = read_project(path, {name: config for name, (config, _) in COMMANDS.items()})
    say(f"defaults from {path}")


def _command(name: str, config_class: type[Config]) -> Callable[..., None]:
    """A Typer command whose options are the fields of `config_class`."""

    def command(quiet: bool, **options: Any) -> None:
        if quiet:
            set_quiet(True)
        show(run_command(name, config_class(**options)))

    parameters = inspect.signature(config_class).parameters
    fields = [parameters[name] for name in own_first(config_class)]
    kind = Annotated[bool, typer.Option("--quiet", "-q", help=QUIET_HELP)]
    quiet = inspect.Parameter("quiet", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
    command.__signature__ = inspect.Signature([*fields, quiet])  # type: ignore[attr-defined]
    hints = get_type_hints(config_class, include_extras=True)
    for field, hint in hints.items():
        if isinstance(hint.__metadata__[0], OptionInfo):
            hint.__metadata__[0].envvar, hint.__metadata__[0].show_envvar = variable_of(field), False
        if Path in (hint.__origin__, *get_args(hint.__origin__)):
            option = hint.__metadata__[0]
            option.parser, option.metavar = parse_path, option.metavar or "PATH"
    command.__annotations__ = {**hints, "quiet": kind}
    command.__doc__ = config_class.__doc__
    return command


for _name, (_config_class, _) in COMMANDS.items():
    app.command(_name)(_command(_name, _config_class))
