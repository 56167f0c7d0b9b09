"""`fishcli init`: what a competition's folder means, as a project file to edit."""

import json
import os
from pathlib import Path

from fishcli.basics.errors import FishError
from fishcli.basics.files import write_text
from fishcli.basics.remote import is_remote
from fishcli.dataset.layout.images import class_names_of, is_tagged
from fishcli.dataset.layout.layout import Training, read_training
from fishcli.dataset.layout.samples import wanted_answers
from fishcli.options.setup import InitConfig
from fishcli.scoring.metrics import usual_metric


def run(config: InitConfig) -> str:
    """Write the project file; returns its path."""
    if config.out.exists() and not config.force:
        raise FishError(f"{config.out} exists. Edit it, or replace it: --force.")
    found = read_training(config.data_dir, config.layout)
    classes, several = class_names_of(found.table), is_tagged(found.table)
    answers = wanted_answers(config.data_dir, classes, config.layout, several)
    said = [*found.said, *(answer.said(name) for name, answer in answers.items())]
    forms = [answer.form for answer in answers.values()] or ["probabilities"]
    lines = [
        "# Defaults of options. The command line goes before them, and FISHCLI_* variables between.",
        "# Folders are relative to this file. A table such as [train] holds those of one command.",
        "",
        _line("data_dir", _from_here(config.data_dir, config.out.parent)),
        _line("models_dir", "models"),
        _line("submissions_dir", "submissions"),
        _line("slug", config.slug) if config.slug else f"# {_line('slug', 'its-name-at-kaggle')}",
        "",
        *(f"# {line}" for line in said),
        *_layout_lines(config, found),
        "",
        f'# metric = "{usual_metric(forms[0], several)}"  # as goes with the form of the answer',
        "",
        "[train]",
        '# head = "blend"',
        "",
        "[predict]",
        '# tta = "auto"',
    ]
    write_text(config.out, "\n".join(lines) + "\n")
    return "\n".join([*said, str(config.out)])


def _layout_lines(config: InitConfig, found: Training) -> list[str]:
    """The options that say what was decided: those that were asked for, and the others to be changed."""
    asked = {name: value for name, value in vars(config.layout).items() if value is not None}
    lines = [_line(name, str(value)) for name, value in asked.items()]
    decided = {"train_dir": _from_here(found.train_dir, config.data_dir)}
    if found.labels.named is not None:
        decided |= {"labels": _from_here(found.labels.named.path, config.data_dir)}
        decided |= {"id_column": found.labels.named.id_column}
        if len(found.labels.columns) == 1:
            decided |= {"label_column": found.labels.columns[0]}
    return [*lines, *(f"# {_line(name, value)}" for name, value in decided.items() if name not in asked)]


def _from_here(path: Path, folder: Path) -> str:
    """A path as the project file names it: below a folder, else in full."""
    if is_remote(path):
        return str(path)
    absolute, base = path.absolute(), folder.absolute()
    return os.path.relpath(absolute, base) if absolute.is_relative_to(base) else str(absolute)


def _line(name: str, value: str) -> str:
    return f"{name} = {json.dumps(value, ensure_ascii=False)}"  # a TOML string is JSON's
