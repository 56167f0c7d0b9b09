"""What the commands take that set a project up, and that say what is installed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from typer import Option

from fishcli.options.data import DataConfig
from fishcli.options.places import Config
from fishcli.options.project import NAME


@dataclass(frozen=True, kw_only=True)
class InitConfig(DataConfig):
    """Read a competition's folder, say what it means, and write fishcli.toml: defaults to edit."""

    slug: Annotated[
        str | None, Option(help="The competition's name in its URL at Kaggle.", show_default="none")
    ] = None
    out: Annotated[Path, Option(help="The project file.")] = Path(NAME)
    force: Annotated[bool, Option("--force", help="Replace it.")] = False


@dataclass(frozen=True, kw_only=True)
class DoctorConfig(Config):
    """Say what is installed and would compute, where caches lie, and what room there is: for bug reports."""
