"""`fishcli demo`: draw a competition to learn on."""

import shutil

from fishcli.basics.errors import FishError
from fishcli.basics.remote import is_remote
from fishcli.demo.competition import draw_competition
from fishcli.options.data import DemoConfig


def run(config: DemoConfig) -> str:
    """Draw the competition into an empty or new folder, whole or not at all; returns the folder."""
    if is_remote(config.directory):
        raise FishError(
            f"{config.directory}: a competition is drawn on a disk. Name a folder, and copy it there."
        )
    directory = config.directory.resolve()
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise FishError(f"{directory} is not an empty folder. Name a new one: fishcli demo DIR.")
    partial = directory.with_name(f".{directory.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    draw_competition(partial, config.images, config.boats, config.seed)
    partial.replace(directory)  # an empty folder gives way
    return str(directory)
