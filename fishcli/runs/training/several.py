"""Several runs that a command trains one after the other, here or on a cluster, on features read once."""

from contextlib import ExitStack

from fishcli.basics.progress import warn
from fishcli.heads.choices import needs_maps
from fishcli.heads.inputs import Features
from fishcli.heads.joined import name_of
from fishcli.options.train import TrainConfig
from fishcli.runs.folders.opening import claimed_run
from fishcli.runs.run import Run
from fishcli.runs.training.fold_fits import missing_folds, train_folds
from fishcli.runs.training.fold_tasks import FitSource, train_on
from fishcli.runs.training.inputs import TrainData, read_inputs
from fishcli.runs.training.report import write_report

Held = dict[tuple[str, bool], Features]
"""Features that are read, by the names of their stores and whether they are maps."""


def train_one(config: TrainConfig, data: TrainData, held: Held) -> Run:
    """Train a run unless it is complete. Features are read once for all heads that take them alike.

    Callers go through stores one by one: only those of the present one are held.
    """
    with claimed_run(config, data) as (this_run, folds):
        if missing_folds(this_run):
            key = (name_of(data.store), needs_maps(config, data.has_boxes))
            for other in [each for each in held if each[0] != key[0]]:
                del held[other]
            inputs = read_inputs(config, data, held.get(key))
            held[key] = inputs.features
            train_folds(config, this_run, inputs, folds)
        write_report(this_run, data, folds)
        return this_run


def train_all_on(address: str, entries: list[tuple[TrainConfig, TrainData]]) -> None:
    """Train all folds of all runs on a cluster; their reports are written as if they were trained here."""
    with ExitStack() as claims:
        sources = []
        # In one order for all processes: two that wait for each other's runs would wait for ever.
        for config, data in sorted(entries, key=lambda each: str(each[0].name)):
            this_run, folds = claims.enter_context(claimed_run(config, data))
            sources.append(FitSource(config, this_run, data, folds))
        train_on(address, sources)


def say_where_folds_repeat(runs: list[Run]) -> None:
    """Warn where other seeds are no other folds: few or unequal groups leave little choice."""
    if len({(each.run_dir / "folds.csv").read_text(encoding="utf-8") for each in runs}) < len(runs):
        warn(
            "some of the --repeats have the same grouped folds, the groups being few or unequal: "
            "they repeat the training, not the split"
        )
