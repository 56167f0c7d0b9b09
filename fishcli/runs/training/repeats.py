"""A run of several fold seeds: a run each in its folder, and the average of what they answer."""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError
from fishcli.basics.files import digests_of, write_csv, write_json
from fishcli.basics.progress import say
from fishcli.basics.tables import table_text
from fishcli.dataset.annotations import BOX_COLUMNS
from fishcli.dataset.classes import proba_columns
from fishcli.options.train import TrainConfig
from fishcli.options.views import view_prefixes
from fishcli.runs.deciding import METRIC, figures_said, measure, metric_of_run
from fishcli.runs.expecting import EXPECTED, expect, expected_said
from fishcli.runs.folders.folder import oof_name
from fishcli.runs.run import METRICS, OOF_COLUMNS, Run
from fishcli.runs.training.fold_fits import begin_run
from fishcli.runs.training.inputs import TrainData
from fishcli.runs.training.report import flat, with_headings
from fishcli.runs.training.several import Held, say_where_folds_repeat, train_all_on, train_one
from fishcli.runs.training.truth import truth_of
from fishcli.scoring.metrics import log_losses

BOXES = "oof_boxes.csv"


def check_repeats(config: TrainConfig) -> None:
    """Raise FishError where other fold seeds make no sense."""
    if config.repeats > 1 and config.pseudo is not None:
        raise FishError(
            "--pseudo with --repeats: the other run was trained on the folds of one seed, so it has learned "
            "from images that other seeds are validated on. Leave one of them out."
        )


def train_repeats(config: TrainConfig, this_run: Run, data: TrainData, folds: pd.DataFrame) -> str:
    """Train the run of each fold seed that is missing, and average them; returns the tables for the screen.

    Args:
        config: of `this_run`.
        this_run: claimed by this process.
        data: what all are trained on.
        folds: of the first seed.
    """
    if not this_run.is_complete:
        begin_run(this_run, folds)
    entries = [
        dataclasses.replace(config, repeats=1, seed=config.seed + k, models_dir=path.parent, name=path.name)
        for k, path in enumerate(this_run.seed_dirs)
    ]
    if config.scheduler is not None:
        train_all_on(config.scheduler, [(entry, data) for entry in entries])
    held: Held = {}
    runs = []
    for number, entry in enumerate(entries):
        say(f"fold seed {entry.seed}, {number + 1} of {len(entries)}")
        runs.append(train_one(entry, data, held))
    say_where_folds_repeat(runs)
    return write_average(this_run, runs, data, folds)


def write_average(this_run: Run, runs: list[Run], data: TrainData, folds: pd.DataFrame) -> str:
    """Write the average's out-of-fold files and metrics.json; return the tables for the screen.

    An image's probabilities are the mean of those of each seed's run, calibrated as that is: no head of any
    seed that answers an image has learned from its group. So their loss is that of what `predict` answers.

    Args:
        this_run: the run that averages.
        runs: those of its fold seeds, complete.
        data: what all were trained on.
        folds: `image`, `fold`, `group` of the first seed, in the order of `data.images`.
    """
    fold = folds["fold"].to_numpy()
    truth, columns = truth_of(data, fold), proba_columns(data.class_names)
    groups = None if data.groups is None else folds["group"].to_numpy()
    metric = metric_of_run(this_run) if len(columns) > 1 else None
    boxes = _mean_boxes(runs, folds)
    kept = [each.read_metrics() for each in runs]
    by_views: dict[int, dict[str, Any]] = {}
    expected: dict[str, Any] = {}
    names = ["folds.csv"]
    for n in view_prefixes(this_run.settings["views"]):
        proba = np.mean([_oof(each, n, folds)[columns].to_numpy(np.float64) for each in runs], axis=0)
        by_views[n] = truth.scores(proba, boxes)
        if len(columns) > 1:
            losses = [float(each["by_views"][str(n)]["log_loss"]) for each in kept]
            by_views[n]["mean_log_loss"] = float(np.mean(losses))
        if metric is not None:
            measured = measure(metric, truth.labels, proba, fold, truth.prior)
            by_views[n][METRIC] = measured.all_figures(groups if n == 1 else None)
        if n == 1 and groups is not None and len(columns) > 1:
            expected = {EXPECTED: expect(log_losses(truth.labels, proba), groups, data.test_groups)}
        oof = folds.assign(class_name=data.images["class_name"])[OOF_COLUMNS]
        write_csv(
            this_run.run_dir / oof_name(n), pd.concat([oof, pd.DataFrame(proba, columns=columns)], axis=1)
        )
        names.append(oof_name(n))
    if not np.isnan(boxes).all():
        corners = pd.DataFrame(boxes, columns=BOX_COLUMNS)
        write_csv(this_run.run_dir / BOXES, pd.concat([folds[["image"]], corners], axis=1))
        names.append(BOXES)
    shown = ("n_images", *by_views[1])
    metrics = {
        "folds": "random" if data.groups is None else "grouped",
        "groups": this_run.settings["groups"],
        **by_views[1],
        **expected,
        "by_seed": [
            {"seed": run.settings["seed"], **{name: each[name] for name in shown if name in each}}
            for run, each in zip(runs, kept, strict=True)
        ],
        "by_views": by_views,
        "files": digests_of(this_run.run_dir / name for name in names),
    }
    write_json(this_run.run_dir / METRICS, metrics, sealed=True)
    return _tables(this_run, metrics)


def _oof(this_run: Run, n_views: int, folds: pd.DataFrame) -> pd.DataFrame:
    """A seed's out-of-fold predictions in the order of `folds`."""
    oof = this_run.read_oof(n_views)
    if oof is None:
        raise this_run.results_damaged(this_run.run_dir / oof_name(n_views), "it is missing.")
    return oof.set_index("image").loc[list(folds["image"])]


def _mean_boxes(runs: list[Run], folds: pd.DataFrame) -> np.ndarray:
    """The mean of the seeds' photo boxes (n, 4); NaN where none are learned."""
    if not all((each.run_dir / BOXES).exists() for each in runs):
        return np.full((len(folds), 4), np.nan)
    tables = [each.read_result(BOXES, ["image", *BOX_COLUMNS], ["image"]).set_index("image") for each in runs]
    found = [each.loc[list(folds["image"]), BOX_COLUMNS].to_numpy(np.float64) for each in tables]
    return np.asarray(np.mean(found, axis=0))


def _tables(this_run: Run, metrics: dict[str, Any]) -> str:
    """A row a fold seed and one of their average, sentences, the run's folder."""
    kind, whole = metrics["folds"], metrics["by_views"][1]
    rows = [flat(each) for each in [*metrics["by_seed"], {"seed": "average", **whole}]]
    lines = [table_text(with_headings(pd.DataFrame(rows))), ""]
    if "log_loss" not in whole:
        return "\n".join([*lines, str(this_run.run_dir)])
    losses = [each["log_loss"] for each in metrics["by_seed"]]
    lines.append(
        f"out-of-fold log loss {whole['log_loss']:.4f} of {len(losses)} fold seeds' predictions averaged "
        f"({kind} folds; class prior {whole['prior_log_loss']:.4f}); by themselves {min(losses):.4f} to "
        f"{max(losses):.4f}, mean {whole['mean_log_loss']:.4f}"
    )
    if METRIC in whole:
        lines.append(figures_said(whole[METRIC], kind))
    if EXPECTED in metrics:
        lines.append(expected_said(metrics[EXPECTED]))
    else:
        lines.append("random folds: on boats, cameras or videos not seen in training it may be far worse")
    return "\n".join([*lines, str(this_run.run_dir)])
