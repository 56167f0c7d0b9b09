"""What the commands that show things take, like `configs`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from fishcli.configs import DataConfig, RunConfig


@dataclass(frozen=True, kw_only=True)
class HeatmapConfig(RunConfig):
    """Draw where a run looks: class maps over photos, and their share inside the fish's box."""

    run: Annotated[str, Argument(metavar="RUN", help="The run's name.")]


@dataclass(frozen=True, kw_only=True)
class ReportConfig(RunConfig):
    """Write one HTML page about a run: what it is worth, where it fails, how to make it again."""

    run: Annotated[str, Argument(metavar="RUN", help="The run's name.")]


@dataclass(frozen=True, kw_only=True)
class RunsConfig:
    """List the runs, best first; `runs rm RUN` removes one."""

    models_dir: Annotated[Path, Option(help="The runs' folder.")] = Path("models")


@dataclass(frozen=True, kw_only=True)
class SummaryConfig(RunConfig):
    """The layers of a run's head, their shapes and parameters."""

    run: Annotated[str, Argument(metavar="RUN", help="The run's name.")]


@dataclass(frozen=True, kw_only=True)
class PictureConfig(DataConfig):
    """Picture the competition before any model: counts, sizes, boxes, broken files, contact sheets."""
