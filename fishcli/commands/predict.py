"""`fishcli predict`: views averaged, folds ensembled, a valid submission CSV."""

from fishcli.basics.progress import say, warn
from fishcli.dataset.classes import fold_priors, labels_of, proba_columns
from fishcli.options.predict import PredictConfig
from fishcli.options.views import parse_tta
from fishcli.runs.deciding import decision_of
from fishcli.runs.picking import pick_run
from fishcli.runs.predicting import predict_run
from fishcli.runs.run import Run
from fishcli.runs.submitting import load_competition, write_submissions
from fishcli.runs.tta import line_on_views, tta_of
from fishcli.scoring.metrics import log_loss


def run(config: PredictConfig) -> str:
    """Predict with the chosen run; returns the submissions' paths, a line each."""
    parse_tta(config.tta)  # before anything is read
    this_run = pick_run(config.models_dir, config.run)
    tta = tta_of(this_run, config.tta)
    _say_what_is_known(this_run, tta)
    samples, tests = load_competition(config, this_run)
    predictions = predict_run(config, this_run, tests, tta, config.mean)
    decision = decision_of(this_run, tta)
    return write_submissions(config, this_run.name, this_run, (samples, predictions), decision)


def _say_what_is_known(this_run: Run, tta: int) -> None:
    """Say what the run was worth out of fold with this number of views, or that nobody knows."""
    oof = this_run.read_oof(tta)
    if oof is None:
        warn(
            f"the run {this_run.name} has no out-of-fold figure for {tta} views (trained with --views "
            f"{this_run.settings['views']}): nobody knows whether they pay. Heads may get worse with views "
            "that they were not trained on; find out with "
            f"{line_on_views(this_run, tta)}."
        )
        return
    if len(this_run.class_names) == 1:
        return
    labels = labels_of(oof["class_name"], this_run.class_names)
    prior = fold_priors(labels, oof["fold"].to_numpy(), len(this_run.class_names))
    loss = log_loss(labels, oof[proba_columns(this_run.class_names)].to_numpy())
    kind = "random" if (oof["group"] == "").all() else "grouped"
    say(
        f"{this_run.name} with {tta} view{'s' * (tta > 1)}: out-of-fold log loss {loss:.4f} "
        f"({kind} folds; class prior {log_loss(labels, prior):.4f})"
    )
