"""`fishcli predict`: views averaged, folds ensembled, a valid submission CSV."""

from pathlib import Path

from fishcli.basics.errors import FishError
from fishcli.basics.progress import note, say, warn
from fishcli.dataset.classes import fold_priors, labels_of, proba_columns
from fishcli.dataset.layout.images import load_tests
from fishcli.dataset.layout.samples import has_samples, load_samples
from fishcli.options.predict import PredictConfig, seconds_of
from fishcli.options.views import parse_tta
from fishcli.runs.deciding import decision_of
from fishcli.runs.folders.picking import pick_run
from fishcli.runs.packing.files import opened_pack
from fishcli.runs.packing.forms import sample_of
from fishcli.runs.packing.streaming import predict_pack
from fishcli.runs.predicting.images import predict_runs
from fishcli.runs.predicting.smoothing import smoothed
from fishcli.runs.predicting.submission import (
    Answers,
    asked_for,
    load_competition,
    n_train_of,
    promise,
    say_where_train_differs,
    write_submissions,
)
from fishcli.runs.predicting.views import line_on_views, tta_of
from fishcli.runs.run import Run
from fishcli.runs.tagged import refuse_tags
from fishcli.scoring.metrics import log_loss


def run(config: PredictConfig) -> str:
    """Predict with the chosen run or pack; returns the submissions' paths, a line each."""
    if config.pack is not None:
        return _with_pack(config, config.pack)
    if config.time_limit is not None:
        raise FishError("--time-limit is of --pack, which predicts block by block. Leave it out.")
    parse_tta(config.tta)  # before anything is read
    this_run = pick_run(config.models_dir, config.run)
    tta = tta_of(this_run, config.tta)
    if config.smooth:
        refuse_tags(this_run.is_tagged, "predict --smooth", "without it they are predicted")
    promised = _say_what_is_known(this_run, tta)
    say_where_train_differs(config, this_run)
    samples, tests = load_competition(config, this_run)
    (predictions,) = predict_runs(config, [(this_run, tta)], tests, config.mean)
    if config.smooth:
        predictions, loss = smoothed(config, this_run, tta, predictions)
        promised = promise(loss, "grouped")
    decision = decision_of(this_run, tta)
    n_train = n_train_of(this_run)
    answers = Answers(samples, predictions, this_run.class_names, n_train, decision, promised)
    return write_submissions(config, this_run.name, answers)


def _with_pack(config: PredictConfig, path: Path) -> str:
    """Predict with a pack."""
    usual = PredictConfig()
    for name in ("run", "tta", "mean", "smooth"):
        if (asked := getattr(config, name)) != getattr(usual, name):
            raise FishError(f"--{name} {asked}: a pack has its own. Leave it out, or pack the runs with it.")
    seconds_of(config.time_limit)
    with opened_pack(path) as pack:
        packed = pack.packed
        tests = load_tests(config.data_dir, config.reading)
        if packed.form is not None and not has_samples(config.data_dir, config.layout):
            samples = [sample_of(packed.form, config.data_dir, tests)]
            note(f"no sample submission in {config.data_dir}: the pack knows the form of the answers")
        else:
            is_tagged = packed.blend.is_tagged
            samples = load_samples(config.data_dir, tests, packed.class_names, config.layout, is_tagged)
        predictions = predict_pack(config, pack, asked_for(config, samples, tests))
        answers = Answers(samples, predictions, packed.class_names, packed.n_train, packed.decision)
        return write_submissions(config, pack.name, answers)


def _say_what_is_known(this_run: Run, tta: int) -> str:
    """Say what the run was worth out of fold with so many views, or that nobody knows; returns `promise`."""
    oof = this_run.read_oof(tta)
    if oof is None:
        warn(
            f"the run {this_run.name} has no out-of-fold figure for {tta} views (trained with --views "
            f"{this_run.settings['views']}): nobody knows whether they pay. Heads may get worse with views "
            "that they were not trained on; find out with "
            f"{line_on_views(this_run, tta)}."
        )
        return ""
    if len(this_run.class_names) == 1:
        return ""
    labels = labels_of(oof["class_name"], this_run.class_names)
    prior = fold_priors(labels, oof["fold"].to_numpy(), len(this_run.class_names))
    loss = log_loss(labels, oof[proba_columns(this_run.class_names)].to_numpy())
    kind = "random" if (oof["group"] == "").all() else "grouped"
    say(
        f"{this_run.name} with {tta} view{'s' * (tta > 1)}: out-of-fold log loss {loss:.4f} "
        f"({kind} folds; class prior {log_loss(labels, prior):.4f})"
    )
    return promise(loss, kind)
