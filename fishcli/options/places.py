"""Where commands read and write: paths as every config holds them, and the options that name them."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import get_args, get_type_hints

from fishcli.basics.remote import is_remote, parse_path

WRITTEN_TO = ("submissions_dir", "features_dir", "models_dir")
PUT_ELSEWHERE = ("out", "plot")
"""Options of commands that only read runs; those that write submissions, too, have `out` as another way."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """What all configs share: paths may be given as text, URLs too, and `~` is the home folder."""

    def __post_init__(self) -> None:
        """Make paths of what stands for one."""
        for name, hint in get_type_hints(type(self)).items():
            value = getattr(self, name)
            if Path in (hint, *get_args(hint)) and value is not None:
                paths = [parse_path(each) for each in value] if isinstance(value, list) else parse_path(value)
                object.__setattr__(self, name, paths)


def own_first(config_class: type[Config]) -> list[str]:
    """The names of a config's fields: those of its own command before those that it shares with others."""
    own = vars(config_class).get("__annotations__", {})
    return sorted((field.name for field in fields(config_class)), key=lambda name: name not in own)


def options_for(config: Config, path: Path) -> list[str]:
    """The options that put elsewhere what can't be written at `path`; where unsure all that might."""
    names = [field.name for field in fields(config)]
    is_read_only = "submissions_dir" not in names
    own = [name for name in PUT_ELSEWHERE if name in names and (is_read_only or getattr(config, name))]
    could = [
        *own,
        *(
            name
            for name in WRITTEN_TO
            if name in names and not (own and is_read_only and name == "models_dir")
        ),
    ]
    sure = [name for name in could if _lies_in(_folder(config, name), path)]
    return [f"--{name.replace('_', '-')}" for name in (sure or own or could)]


def _folder(config: Config, name: str) -> Path | None:
    """What an option names, or stands for where it is not given."""
    found: Path | None = getattr(config, name) or (
        getattr(config, "stores_dir", None) if name == "features_dir" else None
    )
    return found


def _lies_in(folder: Path | None, path: Path) -> bool:
    return folder is not None and not is_remote(folder) and path.absolute().is_relative_to(folder.absolute())
