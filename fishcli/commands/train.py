"""`fishcli train`: K heads on cached features, out-of-fold predictions, and what they are worth."""

import pandas as pd

from fishcli.basics.progress import say
from fishcli.dataset.folds import warn_of_missing_classes
from fishcli.heads.choices import check_options, without_boxes
from fishcli.options.train import TrainConfig
from fishcli.runs.deciding import asked_metric, for_the_answer
from fishcli.runs.folders.folder import check_name
from fishcli.runs.folders.opening import claimed_run
from fishcli.runs.run import Run
from fishcli.runs.training.fold_fits import missing_folds, train_folds
from fishcli.runs.training.fold_tasks import FitSource, train_on
from fishcli.runs.training.inputs import TrainData, load_train_data, read_inputs, with_mix
from fishcli.runs.training.outlook import outlook
from fishcli.runs.training.repeats import check_repeats, train_repeats
from fishcli.runs.training.report import write_report


def run(config: TrainConfig) -> str:
    """Train a run, or go on with an interrupted one; returns its tables and its folder."""
    config = with_mix(config)
    asked, config = config, without_boxes(config)
    if config != asked:
        say("several stores are joined, so no box is learned (--boxes none)")
    check_options(config)
    check_repeats(config)
    asked_metric(config.metric)  # before anything is read
    if config.name is not None:
        check_name(config.name)
    data = load_train_data(config)
    config = for_the_answer(config, data.class_names, data.is_tagged)
    with claimed_run(config, data) as (this_run, folds):
        warn_of_missing_classes(data.images["class_name"], folds["fold"].to_numpy())
        is_news = not this_run.is_complete
        said = (_train if config.repeats == 1 else train_repeats)(config, this_run, data, folds)
    if is_news and (ahead := outlook(asked, this_run, data)):
        say(ahead)
    return said


def _train(config: TrainConfig, this_run: Run, data: TrainData, folds: pd.DataFrame) -> str:
    """Train the folds that are missing; returns the run's tables."""
    if config.scheduler is not None:
        train_on(config.scheduler, [FitSource(config, this_run, data, folds)])
    elif missing_folds(this_run):
        train_folds(config, this_run, read_inputs(config, data), folds)
    return write_report(this_run, data, folds)
