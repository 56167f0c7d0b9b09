"""`fishcli compare`: a grid of heads on the same folds, and which differences are more than noise."""

from dataclasses import replace

import pandas as pd

from fishcli.basics.errors import FishError
from fishcli.basics.files import write_csv
from fishcli.basics.locks import alone
from fishcli.basics.progress import say
from fishcli.dataset.layout.images import class_names_of, is_tagged
from fishcli.dataset.layout.layout import read_training
from fishcli.heads.choices import check_takes_tags, takes_tags
from fishcli.heads.joined import HeadStore, parts_of
from fishcli.options.command_lines import advised
from fishcli.options.train import CompareConfig, TrainConfig
from fishcli.report.plots.comparison import write_comparison_plot
from fishcli.runs.comparing.grid import cell_of, grid_entries, kinds_of_crops, on_stores
from fishcli.runs.comparing.table import compare_cells, screen_table
from fishcli.runs.deciding import asked_metric, for_the_answer
from fishcli.runs.folders.folder import check_name
from fishcli.runs.folders.opening import open_run
from fishcli.runs.stores import check_same_images, labels_of
from fishcli.runs.training.inputs import TrainData, load_train_data
from fishcli.runs.training.several import Held, say_where_folds_repeat, train_all_on, train_one


def run(config: CompareConfig) -> str:
    """Train what is missing of the grid; returns the table and the paths of its CSV and plot."""
    check_name(config.name)
    asked_metric(config.metric)  # before anything is read
    entries = grid_entries(config)
    table = read_training(config.data_dir, config.layout).table
    if is_tagged(table):
        entries = _taking_tags(entries)
    config = for_the_answer(config, class_names_of(table), is_tagged(table))
    stores, entries = on_stores(config, [replace(entry, metric=config.metric) for entry in entries])
    data = {key: load_train_data(entry) for key, entry in {_data_of(each): each for each in entries}.items()}
    first = next(iter(data.values()))
    _check_all(entries, stores, first)
    groups = None if first.groups is None else pd.Series(first.groups.to_numpy(), first.images["image"])
    if groups is None:
        say("no groups: only random folds are compared, which say nothing of unseen boats, cameras or videos")
    kinds = ["random"] if groups is None else ["grouped", "random"]
    if groups is not None and config.balance == "group":
        say("--balance group needs folds by group: only grouped folds are compared")
        kinds = ["grouped"]
    kinds = kinds_of_crops(stores) or kinds
    cells = [cell_of(config, entry, kind, len(stores)) for entry in entries for kind in kinds]
    ungrouped = {key: replace(known, groups=None) for key, known in data.items()}
    grid = [
        (cell, (data if cell.kind == "grouped" else ungrouped)[_data_of(cell.configs[0])]) for cell in cells
    ]
    _check_same_folds([(each, known) for cell, known in grid for each in cell.configs])
    if config.scheduler is not None:
        train_all_on(config.scheduler, [(each, known) for cell, known in grid for each in cell.configs])
    held: Held = {}
    runs = []
    for number, (cell, known) in enumerate(grid):
        say(f"{number + 1} of {len(cells)}: {cell.configs[0].name}")
        runs.append([train_one(each, known, held) for each in cell.configs])
    for members in runs:
        say_where_folds_repeat(members)
    table = compare_cells([cell.kind for cell in cells], runs, groups, first.test_groups)
    folder = config.models_dir / config.name
    labels = labels_of(list(stores.values()))
    labelled = table.assign(features=table["features"].map(labels))
    with alone(folder):
        write_csv(folder / "compare.csv", table)
        write_comparison_plot(folder / "compare.png", labelled)
    said = [f"features {label}: {name}" for name, label in labels.items() if len(labels) > 1]
    text = screen_table(labelled, config)
    return "\n".join([text, *said, str(folder / "compare.csv"), str(folder / "compare.png")])


def _taking_tags(entries: list[TrainConfig]) -> list[TrainConfig]:
    """The entries whose heads learn several labels an image; FishError where an option does not."""
    heads = dict.fromkeys(entry.head for entry in entries)
    if left_out := [head for head in heads if not takes_tags(head)]:
        say(f"images have several labels: {', '.join(left_out)} left out")
    kept = [entry for entry in entries if takes_tags(entry.head)]
    for entry in kept or entries:
        check_takes_tags(entry)
    return kept


def _data_of(entry: TrainConfig) -> tuple[str, str]:
    """What entries have in common that are trained on the same data."""
    return str(entry.features), entry.boxes


def _check_same_folds(entries: list[tuple[TrainConfig, TrainData]]) -> None:
    """Raise FishError where runs of one seed would stand on different folds: nothing could be paired then."""
    dealt: dict[tuple[bool, int], pd.DataFrame] = {}
    for config, data in entries:
        folds = open_run(config, data)[1]
        if not dealt.setdefault((data.groups is None, config.seed), folds).equals(folds):
            raise FishError(
                f"some runs in {config.models_dir} have folds that another version of fishcli dealt "
                "otherwise, so others can't be compared with them. Choose another --name."
            )


def _check_all(entries: list[TrainConfig], stores: dict[str, HeadStore], data: TrainData) -> None:
    """Refuse before hours of training what would be refused when its turn comes."""
    if len(data.class_names) == 1:
        raise FishError(
            f"train/ has one class only ({data.class_names[0]}), so there is no log loss to compare by. "
            f"Train each head by itself: {advised('train', TrainConfig, head='NAME')}; its box IoU stands in "
            "its table."
        )
    check_same_images([part for store in stores.values() for part in parts_of(store)], data.train)
