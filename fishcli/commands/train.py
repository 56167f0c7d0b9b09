"""`fishcli train`: K heads on cached features, out-of-fold predictions, and what they are worth."""

import dataclasses
import time

import numpy as np
import pandas as pd

from fishcli.commands.runs import Run, check_name, list_runs, settings_of
from fishcli.commands.train_inputs import TrainData, load_train_data
from fishcli.commands.train_report import write_report
from fishcli.configs import TrainConfig
from fishcli.dataset.folds import make_folds, warn_of_missing_classes
from fishcli.dataset.images import dataset_digest
from fishcli.errors import FishError, choose
from fishcli.files import digest, whole_file, write_csv, write_json
from fishcli.heads.architectures import HEADS
from fishcli.heads.inputs import HeadInputs
from fishcli.heads.training import FoldHead, fit_fold
from fishcli.progress import say


def run(config: TrainConfig) -> str:
    """Train a run, or go on with an interrupted one; returns its tables and its folder."""
    choose(config.head, HEADS, "head")
    if config.name is not None:
        check_name(config.name)
    data = load_train_data(config)
    fold = make_folds(data.images["class_name"], data.groups, config.folds, config.seed)
    warn_of_missing_classes(data.images["class_name"], fold)
    _check_there_is_something_to_learn(data, fold)
    groups = [""] * len(data.images) if data.groups is None else list(data.groups)
    folds = pd.DataFrame({"image": data.images["image"], "fold": fold, "group": groups})
    this_run = _open_run(config, data, folds)
    write_csv(this_run.run_dir / "folds.csv", folds)
    for k in range(config.folds):
        _train_fold(config, this_run, data.inputs, fold, k)
    return write_report(this_run, data, folds)


def _check_there_is_something_to_learn(data: TrainData, fold: np.ndarray) -> None:
    """Raise FishError where one class only is left, and a fold has no box to learn from."""
    for k in np.unique(fold) if len(data.class_names) == 1 else []:
        if np.isnan(data.boxes[fold != k]).all():
            raise FishError(
                f"fold {k}: there is one class only, and its training part has no box: nothing to learn. "
                "Pass fewer --folds or other --groups, or annotate more images."
            )


def _open_run(config: TrainConfig, data: TrainData, folds: pd.DataFrame) -> Run:
    """The run's folder: a new one, or the interrupted run of the same settings."""
    fresh = Run(
        run_dir=config.models_dir / (config.name or ""),
        class_names=data.class_names,
        store=data.store.recipe.name,
        dataset=dataset_digest(data.train),
        targets=digest(folds.to_csv(index=False), data.boxes.tobytes()),
        settings=settings_of(config, len(data.inputs.views) - config.views),
    )
    prefix = f"{data.store.recipe.backbone}-{config.head}-"
    known = [path.name for path in list_runs(config.models_dir)]
    if config.name is None:
        counters = [name.removeprefix(prefix) for name in known if name.startswith(prefix)]
        numbers = [int(counter) for counter in counters if counter.isdecimal()]
        name = f"{prefix}{max(numbers, default=0) + 1}"
        if numbers:
            last = Run.open(config.models_dir / f"{prefix}{max(numbers)}")
            name = last.name if not last.is_complete and not _difference(last, fresh) else name
        fresh = dataclasses.replace(fresh, run_dir=config.models_dir / name)
    if fresh.name not in known:
        write_json(fresh.run_dir / "config.json", fresh.to_json())
    elif difference := _difference(Run.open(fresh.run_dir), fresh):
        raise FishError(
            f"the run {fresh.run_dir} exists with other {difference}. "
            "Choose another --name, or remove its folder."
        )
    else:
        say(f"the run {fresh.name} exists with these settings; what it has is kept")
    return fresh


def _difference(one: Run, other: Run) -> str:
    """What tells two runs apart, by name; "" where they are the same but for their folder."""
    ours, theirs = one.to_json(), other.to_json()
    said = {
        "class_names": "classes",
        "store": "features",
        "dataset": "images",
        "targets": "groups, folds or boxes",
    }
    fields = [what for name, what in said.items() if ours[name] != theirs[name]]
    options = [name for name in one.settings if one.settings[name] != other.settings.get(name)]
    flags = ["augmented copies" if name == "copies" else f"--{name.replace('_', '-')}" for name in options]
    return ", ".join([*flags, *fields])


def _train_fold(config: TrainConfig, this_run: Run, inputs: HeadInputs, fold: np.ndarray, k: int) -> None:
    """Train fold `k` unless it is done; its .json is written last and says that it is."""
    done_path = this_run.fold_path(k, ".json")
    if done_path.exists():
        return
    started = time.perf_counter()
    say(f"fold {k + 1} of {config.folds}: training {config.head} on {int((fold != k).sum()):,} images")
    head, losses = fit_fold(config, inputs, np.flatnonzero(fold != k), seed=config.seed * 1000 + k)
    proba, boxes = _predict_views(head, inputs, np.flatnonzero(fold == k), config.views)
    with whole_file(this_run.fold_path(k, ".keras")) as path:
        head.model.save(path)
    with whole_file(this_run.fold_path(k, ".npz")) as path:
        np.savez(path, proba=proba, boxes=boxes)
    kept = {
        "encoder": dataclasses.asdict(head.encoder),
        "counts": head.counts.tolist(),
        "losses": losses,
        "n_parameters": head.model.count_params(),
        "seconds": round(time.perf_counter() - started, 3),
    }
    write_json(done_path, kept)


def _predict_views(
    head: FoldHead, inputs: HeadInputs, rows: np.ndarray, n_views: int
) -> tuple[np.ndarray, np.ndarray]:
    """Predictions of `rows` under each of the first views: probabilities (v, n, C) and boxes (v, n, 4)."""
    images = inputs.images.iloc[rows]
    found = [head.predict(inputs.features[v, rows], images) for v in range(n_views)]
    return np.stack([proba for proba, _ in found]), np.stack([boxes for _, boxes in found])
