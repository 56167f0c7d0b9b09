"""Which stage of the competition an image of the solution belongs to, such as public and private."""

from pathlib import Path

import pandas as pd

from fishcli.basics.files import read_cells
from fishcli.dataset.layout.folders import find_folders
from fishcli.dataset.layout.pools import sample_paths
from fishcli.dataset.layout.tables import id_place
from fishcli.dataset.names import NameIndex
from fishcli.options.layout import LayoutOptions

USAGE = "Usage"
"""Kaggle's column of a solution: Public, Private, or Ignored."""
IGNORED = "Ignored"
FIRST = "Public"


def with_stages(solution: pd.DataFrame, data_dir: Path, layout: LayoutOptions) -> pd.DataFrame:
    """The solution with a column `stage`, where anything tells: its own, Kaggle's Usage, or several samples.

    An image that several samples name is of the first stage that does: later samples ask for it again.

    Args:
        solution: `image`, and perhaps `stage` or `Usage`, text.
        data_dir: the competition's folder; nothing is told by one that is not there.
        layout: which files are samples.
    """
    if "stage" in solution:
        return solution
    if USAGE in solution:
        return solution.rename(columns={USAGE: "stage"})
    paths = sample_paths(data_dir, layout, find_folders(data_dir, layout)) if data_dir.is_dir() else []
    if len(paths) < 2:
        return solution
    index = NameIndex(solution["image"])
    stage: dict[str, str] = {}
    for path in paths:
        header, cells = read_cells(path)
        named, _ = index.find_all([name for name in cells[id_place(header)] if name], str(path))
        stage = {**dict.fromkeys(named.values(), path.stem.rpartition("_")[2]), **stage}
    return solution.assign(stage=solution["image"].map(stage).fillna("")) if stage else solution


def in_order_of_time(stages: set[str]) -> list[str]:
    """Stages that have a name, the first one first: Public before Private, others by name."""
    return sorted(stages - {"", IGNORED}, key=lambda stage: (stage.casefold() != FIRST.casefold(), stage))
