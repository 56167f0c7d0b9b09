"""`fishcli compare`: a grid of heads on the same folds, and which differences are more than noise."""

import dataclasses
import itertools
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

import pandas as pd

from fishcli.basics.errors import FishError, choose
from fishcli.basics.files import write_csv
from fishcli.basics.locks import alone
from fishcli.basics.progress import say, warn
from fishcli.features.backbones.stored import reload_tail
from fishcli.features.store.again import features_line
from fishcli.heads.choices import (
    HEADS,
    check_options,
    check_store,
    default_of,
    needs_maps,
    unused_options,
)
from fishcli.heads.inputs import Features
from fishcli.options.command_lines import advised, flag
from fishcli.options.train import CompareConfig, FitConfig, TrainConfig
from fishcli.report.plots.comparison import write_comparison_plot
from fishcli.runs.compare_table import compare_cells, screen_table
from fishcli.runs.crops import kind_of_folds
from fishcli.runs.fold_fits import missing_folds, train_folds
from fishcli.runs.fold_tasks import FitSource, train_on
from fishcli.runs.opening import claimed_run, open_run
from fishcli.runs.run import Run, check_name
from fishcli.runs.train_inputs import TrainData, load_train_data, read_inputs
from fishcli.runs.train_report import write_report


@dataclass(frozen=True)
class Cell:
    """One entry of the grid, on one kind of folds.

    Attributes:
        kind: "grouped" or "random".
        configs: the runs of it, one a fold seed.
    """

    kind: str
    configs: list[TrainConfig]


def run(config: CompareConfig) -> str:
    """Train what is missing of the grid; returns the table and the paths of its CSV and plot."""
    check_name(config.name)
    entries = _entries(config)
    data = {boxes: load_train_data(entry) for boxes, entry in {each.boxes: each for each in entries}.items()}
    first = next(iter(data.values()))
    _check_all(entries, first)
    groups = None if first.groups is None else pd.Series(first.groups.to_numpy(), first.images["image"])
    if groups is None:
        say("no groups: only random folds are compared, which say nothing of unseen boats, cameras or videos")
    kinds = ["random"] if groups is None else ["grouped", "random"]
    if groups is not None and config.balance == "group":
        say("--balance group needs folds by group: only grouped folds are compared")
        kinds = ["grouped"]
    if kind := kind_of_folds(first.store):
        say(f"the crops of {first.store.recipe.name} were found on {kind} folds: only those are compared")
        kinds = [kind]
    cells = [_cell(config, entry, kind) for entry in entries for kind in kinds]
    ungrouped = {boxes: dataclasses.replace(known, groups=None) for boxes, known in data.items()}
    grid = [(cell, (data if cell.kind == "grouped" else ungrouped)[cell.configs[0].boxes]) for cell in cells]
    _check_same_folds([(each, known) for cell, known in grid for each in cell.configs])
    if config.scheduler is not None:
        _train_all_on(config.scheduler, [(each, known) for cell, known in grid for each in cell.configs])
    held: dict[bool, Features] = {}
    runs = []
    for number, (cell, known) in enumerate(grid):
        say(f"{number + 1} of {len(cells)}: {cell.configs[0].name}")
        runs.append([_train(each, known, held) for each in cell.configs])
    _say_where_folds_repeat(runs)
    table = compare_cells([cell.kind for cell in cells], runs, groups)
    folder = config.models_dir / config.name
    with alone(folder):
        write_csv(folder / "compare.csv", table)
        write_comparison_plot(folder / "compare.png", table)
    return "\n".join([screen_table(table, config), str(folder / "compare.csv"), str(folder / "compare.png")])


def _say_where_folds_repeat(runs: list[list[Run]]) -> None:
    """Few or unequal groups leave little choice of folds; then other seeds are no other folds."""
    for members in runs:
        if len({(each.run_dir / "folds.csv").read_text(encoding="utf-8") for each in members}) < len(members):
            warn(
                "some of the --repeats have the same grouped folds, the groups being few or unequal: "
                "they repeat the training, not the split"
            )
            return


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


def _check_all(entries: list[TrainConfig], data: TrainData) -> None:
    """Refuse before hours of training what would be refused when its turn comes."""
    if len(data.class_names) == 1:
        raise FishError(
            f"train/ has one class only ({data.class_names[0]}), so there is no log loss to compare by. "
            f"Train each head by itself: {advised('train', TrainConfig, head='NAME')}; its box IoU stands in "
            "its table."
        )
    for entry in entries:
        maps_line = features_line(
            data.store.store_dir, pool="none", views=entry.views, view_set=entry.view_set
        )
        check_store(entry, data.store.recipe.pool == "none", data.store.recipe.name, maps_line)
    if any(entry.head == "tail" for entry in entries):
        reload_tail(data.store)


def _entries(config: CompareConfig) -> list[TrainConfig]:
    """The grid as configs of train, each checked; options that a head has no use for are left out."""
    shared = {field.name: getattr(config, field.name) for field in dataclasses.fields(FitConfig)}
    known_boxes = get_args(get_type_hints(TrainConfig)["boxes"])
    boxes = [choose(each, known_boxes, "boxes") for each in _listed(config.boxes, "--boxes")]
    heads, metadata = _listed(config.heads, "--heads"), _listed(config.metadata, "--metadata")
    entries: list[TrainConfig] = []
    useless: dict[str, str] | None = None
    for head, kind, rule in itertools.product(heads, metadata, boxes):
        values: dict[str, Any] = {**shared, "head": head, "metadata": kind, "boxes": rule}
        fitted_by = HEADS[choose(head, HEADS, "head")].fitted_by
        if fitted_by == "sklearn" and "size-embedding" in kind:
            say(f"{head} is left out with {kind}, which only Keras learns")
            continue
        entry = TrainConfig(**values)
        unused = unused_options(entry)
        useless = (
            unused if useless is None else {name: why for name, why in useless.items() if name in unused}
        )
        entry = dataclasses.replace(entry, **{name: default_of(name) for name in unused})
        check_options(entry)
        entries.append(entry)
    if not entries:
        raise FishError("nothing is left to compare. Pass other --heads or --metadata.")
    for name, why in (useless or {}).items():
        raise FishError(f"{flag(name)} means nothing to any of these heads ({why}). Leave it out.")
    return entries


def _listed(text: str, option: str) -> list[str]:
    parts = [part.strip() for part in text.split(",")]
    if not all(parts) or len(set(parts)) < len(parts):
        raise FishError(f"{option} {text!r}: expected different names with commas between them.")
    return parts


def _cell(config: CompareConfig, entry: TrainConfig, kind: str) -> Cell:
    """The runs of an entry of the grid: they lie in the comparison's own folder, as runs like any others."""
    configs = []
    for repeat in range(config.repeats):
        seed = config.seed + repeat
        name = f"{entry.head}-{entry.metadata}-{entry.boxes}-{kind}-{seed}"
        changes: dict[str, Any] = {"name": name, "seed": seed, "models_dir": config.models_dir / config.name}
        groups = entry.groups if kind == "grouped" else "none"
        configs.append(dataclasses.replace(entry, groups=groups, **changes))
    return Cell(kind, configs)


def _train_all_on(address: str, entries: list[tuple[TrainConfig, TrainData]]) -> None:
    """Train all folds of all runs on a cluster; their reports are written as if they were trained here."""
    with ExitStack() as claims:
        sources = []
        # In one order for all processes: two that wait for each other's runs would wait for ever.
        for config, data in sorted(entries, key=lambda each: str(each[0].name)):
            this_run, folds = claims.enter_context(claimed_run(config, data))
            sources.append(FitSource(config, this_run, data, folds))
        train_on(address, sources)


def _train(config: TrainConfig, data: TrainData, held: dict[bool, Features]) -> Run:
    """Train a run unless it is complete. Features are read once for all heads that take them alike."""
    with claimed_run(config, data) as (this_run, folds):
        if missing_folds(this_run):
            takes_maps = needs_maps(config, data.has_boxes)
            inputs = read_inputs(config, data, held.get(takes_maps))
            held[takes_maps] = inputs.features
            train_folds(config, this_run, inputs, folds)
        write_report(this_run, data, folds)
        return this_run
