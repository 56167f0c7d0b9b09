"""The command line: parse, call one workflow, print what it returns."""

import errno
import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import typer
from typer.core import TyperGroup

from fishcli import __version__, audit_configs, configs, seeing_configs
from fishcli.errors import FishError, LimitError
from fishcli.progress import RED, marked, set_quiet
from fishcli.quiet import drop_advice
from fishcli.remote import parse_path, reaching

INTERRUPTED = 130
MENDED_BY_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}
MENDED_BY_ROOM_ADVICE = (
    " What is finished is kept; free space, or choose a folder that can be written to, "
    "then run the command again."
)


QUIET_HELP = "No progress on stderr; warnings and errors stay."


class FishGroup(TyperGroup):
    """Turns the errors that a user can mend into one line on stderr and the exit code."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that `args` begin with; some have two words."""
        two = " ".join(args[:2])
        return super().resolve_command(ctx, [two, *args[2:]] if two in self.commands else args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except FishError as error:
            if isinstance(error, LimitError):
                typer.echo(error.result)
            typer.echo(f"{marked('Error:', RED)} {error}", err=True)
            sys.exit(error.exit_code)
        except OSError as error:
            advice = "" if error.errno not in MENDED_BY_ROOM else MENDED_BY_ROOM_ADVICE
            said = f"{error.strerror or error}: {error.filename or 'while writing'}.{advice}"
            typer.echo(f"{marked('Error:', RED)} {said}", err=True)
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
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", envvar="FISHCLI_QUIET", help=QUIET_HELP)] = False,
) -> None:
    """From a folder of photos to a submission CSV, honest about unseen groups."""
    set_quiet(quiet)
    drop_advice()


def _command(config_class: type, module: str) -> Callable[..., None]:
    """A Typer command whose options are the fields of `config_class`; it calls fishcli.commands.<module>.run.

    The workflow is imported only when the command runs, so that --help stays light.
    """

    def command(quiet: bool, **options: Any) -> None:
        if quiet:
            set_quiet(True)
        with reaching(*options.values()):
            result = importlib.import_module(f"fishcli.commands.{module}").run(config_class(**options))
        typer.echo(result)

    own = vars(config_class).get("__annotations__", {})
    fields = sorted(
        inspect.signature(config_class).parameters.values(), key=lambda each: each.name not in own
    )
    kind = Annotated[bool, typer.Option("--quiet", "-q", help=QUIET_HELP)]
    quiet = inspect.Parameter("quiet", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
    command.__signature__ = inspect.Signature([*fields, quiet])  # type: ignore[attr-defined]
    hints = get_type_hints(config_class, include_extras=True)
    for hint in hints.values():
        if Path in (hint.__origin__, *get_args(hint.__origin__)):
            option = hint.__metadata__[0]
            option.parser, option.metavar = parse_path, option.metavar or "PATH"
    command.__annotations__ = {**hints, "quiet": kind}
    command.__doc__ = config_class.__doc__
    return command


COMMANDS = {
    "demo": (configs.DemoConfig, "demo"),
    "features": (configs.FeaturesConfig, "features"),
    "train": (configs.TrainConfig, "train"),
    "compare": (configs.CompareConfig, "compare"),
    "predict": (configs.PredictConfig, "predict"),
    "ensemble": (configs.EnsembleConfig, "ensemble"),
    "score": (configs.ScoreConfig, "score"),
    "audit-leakage": (audit_configs.AuditConfig, "audit"),
    "groups": (audit_configs.GroupsConfig, "groups"),
    "heatmap": (seeing_configs.HeatmapConfig, "heatmap"),
    "report": (seeing_configs.ReportConfig, "report"),
    "runs": (seeing_configs.RunsConfig, "leaderboard"),
    "runs rm": (seeing_configs.RemoveConfig, "remove_runs"),
    "summary": (seeing_configs.SummaryConfig, "summary"),
    "data": (seeing_configs.PictureConfig, "data"),
}

for _name, (_config_class, _module) in COMMANDS.items():
    app.command(_name)(_command(_config_class, _module))
