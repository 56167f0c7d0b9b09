"""`fishcli demo`: draw a competition to learn on."""

from fishcli.configs import DemoConfig
from fishcli.demo.competition import draw_competition
from fishcli.errors import FishError


def run(config: DemoConfig) -> str:
    """Draw the competition into an empty or new folder; returns what to do next."""
    directory = config.directory
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise FishError(f"{directory} is not an empty folder. Name a new one: fishcli demo DIR.")
    directory.mkdir(parents=True, exist_ok=True)
    draw_competition(directory, config.images, config.boats, config.seed)
    return str(directory)
