"""`fishcli finetune`: K copies of the backbone's upper layers, trained from where a frozen head stands."""

from fishcli.basics.progress import say
from fishcli.dataset.classes import labels_of
from fishcli.dataset.folds import warn_of_missing_classes
from fishcli.options.finetune import FinetuneConfig
from fishcli.runs.deciding import asked_metric, for_the_answer
from fishcli.runs.folders.folder import check_name
from fishcli.runs.folders.opening import claimed_run
from fishcli.runs.training.cuts import forget_trials, read_choice, tune_run
from fishcli.runs.training.interpolating import choose_shares, frozen_against_trained
from fishcli.runs.training.report import write_report
from fishcli.runs.training.tuning import check_tuning
from fishcli.runs.training.tuning_inputs import load_tuning_data, settled
from fishcli.tuning.interpolate import AUTO


def run(config: FinetuneConfig) -> str:
    """Fine-tune a run, or go on with an interrupted one; returns its tables and its folder."""
    check_tuning(config)
    asked_metric(config.metric)  # before anything is read
    if config.name is not None:
        check_name(config.name)
    cuts = load_tuning_data(config)
    config = for_the_answer(settled(config, cuts[0]), cuts[0].class_names)
    with claimed_run(config, cuts[0]) as (this_run, folds):
        fold = folds["fold"].to_numpy()
        warn_of_missing_classes(cuts[0].images["class_name"], fold)
        this_run, data = tune_run(config, cuts, this_run, folds)
        labels = labels_of(data.images["class_name"], data.class_names)
        if config.interpolate == AUTO and not this_run.is_complete:
            choose_shares(this_run, labels, fold)
        said = write_report(this_run, data, folds, read_choice(this_run))
        forget_trials(this_run)
        say(frozen_against_trained(this_run, labels, fold))
        return said
