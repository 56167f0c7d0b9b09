"""What is known of the networks without building one; `tools/list_backbones.py` writes the table."""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

TABLE = "known.csv"
COLUMNS = ("name", "map_height", "map_width", "channels", "parameters", "weights_file")


@dataclass(frozen=True)
class Known:
    """A network without its classifier, at its usual input.

    Attributes:
        map_size: (height, width) of its last maps.
        n_channels: of these.
        n_parameters: numbers in its weights.
        weights_file: what the file is called that keras.applications downloads; "" of others.
    """

    map_size: tuple[int, int]
    n_channels: int
    n_parameters: int
    weights_file: str


@cache
def known_networks() -> dict[str, Known]:
    """What is known of each network, by its name."""
    text = (files("fishcli.features.backbones.networks") / TABLE).read_text()
    return {
        row["name"]: Known(
            (int(row["map_height"]), int(row["map_width"])),
            int(row["channels"]),
            int(row["parameters"]),
            row["weights_file"],
        )
        for row in csv.DictReader(text.splitlines())
    }
