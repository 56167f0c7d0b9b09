"""`fishcli ensemble`: runs blended by their out-of-fold predictions into a submission CSV."""

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError
from fishcli.basics.tables import table_text
from fishcli.dataset.classes import proba_columns
from fishcli.options.predict import EnsembleConfig
from fishcli.options.views import parse_tta
from fishcli.runs.deciding import asked_metric
from fishcli.runs.folders.folder import check_name
from fishcli.runs.folders.picking import pick_run
from fishcli.runs.predicting.blending import Blending, blend_runs, fitting_runs
from fishcli.runs.predicting.images import predict_runs
from fishcli.runs.predicting.submission import (
    Answers,
    load_competition,
    n_train_of,
    promise,
    say_where_train_differs,
    write_submissions,
)
from fishcli.runs.predicting.views import tta_of
from fishcli.runs.run import Run


def run(config: EnsembleConfig) -> str:
    """Blend the runs; returns a table of losses and the submissions' paths."""
    parse_tta(config.tta)  # before anything is read
    asked_metric(config.metric)
    if config.name is not None:
        check_name(config.name)
    runs = _runs_of(config)
    numbers = [tta_of(each, config.tta) for each in runs.values()]
    blended = blend_runs(runs, numbers, Blending(config.blend, config.mean, config.metric))

    first = next(iter(runs.values()))
    columns = proba_columns(first.class_names)
    say_where_train_differs(config, first)
    samples, tests = load_competition(config, first)
    keys = ["split", "image"]
    asked = list(zip(runs.values(), numbers, strict=True))
    found = [each.set_index(keys)[columns] for each in predict_runs(config, asked, tests)]
    aligned = np.stack([each.loc[found[0].index].to_numpy() for each in found])
    mixed = pd.DataFrame(blended.how.of(aligned), found[0].index, columns).reset_index()
    promised = promise(blended.table["log loss"].iloc[-1], blended.kind)
    n_train = n_train_of(first)
    answers = Answers(samples, mixed, first.class_names, n_train, blended.decision, promised)
    paths = write_submissions(config, config.name or ("all" if config.all else "+".join(runs)), answers)
    return f"{table_text(blended.table)}\n\n{paths}"


def _runs_of(config: EnsembleConfig) -> dict[str, Run]:
    """The runs that are meant, by name, two at least."""
    names = config.runs or []
    if config.all and names:
        raise FishError("--all takes all runs: leave it out, or the names.")
    if config.all:
        return fitting_runs(config.models_dir, config.tta)
    if len(names) < 2 or len(set(names)) < len(names):
        raise FishError(
            "an ensemble takes two or more different runs: fishcli ensemble RUN RUN ..., or all: fishcli "
            "ensemble --all"
        )
    return {name: pick_run(config.models_dir, name) for name in names}
