"""`fishcli train`: K heads on cached features, out-of-fold predictions, and what they are worth."""

import dataclasses
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fishcli.commands.runs import Run, check_name, list_runs, oof_name, settings_of
from fishcli.commands.train_inputs import TrainData, load_train_data
from fishcli.configs import TrainConfig
from fishcli.dataset.annotations import BOX_COLUMNS
from fishcli.dataset.classes import fold_priors
from fishcli.dataset.folds import make_folds, warn_of_missing_classes
from fishcli.dataset.images import dataset_digest
from fishcli.errors import FishError, choose
from fishcli.features.views import boxes_to_photo, view_prefixes
from fishcli.files import digest, whole_file, write_csv, write_json
from fishcli.heads.architectures import HEADS
from fishcli.heads.inputs import HeadInputs
from fishcli.heads.training import FoldHead, fit_fold
from fishcli.progress import say, table_text
from fishcli.scoring.metrics import accuracy, box_scores, explained, fold_mean_boxes, log_loss


def run(config: TrainConfig) -> str:
    """Train a run, or go on with an interrupted one; returns its tables and its folder."""
    choose(config.head, HEADS, "head")
    if config.name is not None:
        check_name(config.name)
    data = load_train_data(config)
    fold = make_folds(data.images["class_name"], data.groups, config.folds, config.seed)
    warn_of_missing_classes(data.images["class_name"], fold)
    groups = [""] * len(data.images) if data.groups is None else list(data.groups)
    folds = pd.DataFrame({"image": data.images["image"], "fold": fold, "group": groups})
    this_run = _open_run(config, data, folds)
    write_csv(this_run.run_dir / "folds.csv", folds)
    for k in range(config.folds):
        _train_fold(config, this_run, data.inputs, fold, k)
    return _report(config, this_run, data, folds)


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
    known = {each.name: each for each in list_runs(config.models_dir)}
    if config.name is None:
        counters = [name.removeprefix(prefix) for name in known if name.startswith(prefix)]
        numbers = [int(counter) for counter in counters if counter.isdecimal()]
        same = [known[f"{prefix}{n}"] for n in sorted(numbers) if _is_same(known[f"{prefix}{n}"], fresh)]
        waiting = [each.name for each in same if not each.is_complete]
        name = waiting[-1] if waiting else f"{prefix}{max(numbers, default=0) + 1}"
        fresh = dataclasses.replace(fresh, run_dir=config.models_dir / name)
    if fresh.name not in known:
        write_json(fresh.run_dir / "config.json", fresh.to_json())
    elif not _is_same(known[fresh.name], fresh):
        raise FishError(
            f"the run {fresh.run_dir} exists with other {_difference(known[fresh.name], fresh)}. "
            "Choose another --name, or remove its folder."
        )
    else:
        say(f"the run {fresh.name} exists with these settings; what it has is kept")
    return fresh


def _is_same(one: Run, other: Run) -> bool:
    return not _difference(one, other)


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
    return ", ".join([*(f"--{name.replace('_', '-')}" for name in options), *fields])


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


def _report(config: TrainConfig, this_run: Run, data: TrainData, folds: pd.DataFrame) -> str:
    """Write oof.csv and metrics.json; return the tables for the screen."""
    fold = folds["fold"].to_numpy()
    labels, n_classes = data.inputs.labels, len(data.class_names)
    proba = np.empty((config.views, len(folds), n_classes))
    boxes = np.empty((config.views, len(folds), 4))
    for k in range(config.folds):
        with np.load(this_run.fold_path(k, ".npz"), allow_pickle=False) as kept:
            proba[:, fold == k], boxes[:, fold == k] = kept["proba"], kept["boxes"]
    truth = _Truth(
        labels, fold_priors(labels, fold, n_classes), data.boxes, fold_mean_boxes(data.boxes, fold)
    )
    photo_boxes = _boxes_in_photo(data, boxes)
    by_views = {}
    for n in view_prefixes(config.views):
        averaged = proba[:n].mean(axis=0)
        by_views[n] = truth.scores(averaged, photo_boxes[:n].mean(axis=0))
        oof = folds.assign(class_name=data.images["class_name"])[["image", "class_name", "fold", "group"]]
        columns = pd.DataFrame(averaged, columns=data.class_names)
        write_csv(this_run.run_dir / oof_name(n), pd.concat([oof, columns], axis=1))
    if not np.isnan(photo_boxes).all():
        corners = pd.DataFrame(photo_boxes[0], columns=BOX_COLUMNS)
        write_csv(this_run.run_dir / "oof_boxes.csv", pd.concat([folds[["image"]], corners], axis=1))
    by_fold = []
    for k in range(config.folds):
        here = fold == k
        by_fold.append({"fold": k, **truth.part(here).scores(proba[0, here], photo_boxes[0, here])})
    kind = "random" if data.groups is None else "grouped"
    metrics = {
        "folds": kind,
        "groups": config.groups,
        **by_views[1],
        "by_fold": by_fold,
        "by_views": by_views,
    }
    write_json(this_run.run_dir / "metrics.json", metrics)
    return _tables(this_run, kind, by_fold, by_views)


@dataclass(frozen=True)
class _Truth:
    """What predictions are measured against, row by row.

    Labels (n,), fold priors (n, C), boxes (n, 4) and the fold-training mean boxes (n, 4).
    """

    labels: np.ndarray
    prior: np.ndarray
    boxes: np.ndarray
    mean_boxes: np.ndarray

    def part(self, rows: np.ndarray) -> "_Truth":
        return _Truth(self.labels[rows], self.prior[rows], self.boxes[rows], self.mean_boxes[rows])

    def scores(self, proba: np.ndarray, boxes: np.ndarray) -> dict[str, Any]:
        boxes_found = box_scores(self.boxes, boxes)
        if boxes_found:
            boxes_found["mean_box_iou"] = box_scores(self.boxes, self.mean_boxes)["box_iou"]
        if proba.shape[1] == 1:
            return {"n_images": len(proba), **boxes_found}
        loss, prior_loss = log_loss(self.labels, proba), log_loss(self.labels, self.prior)
        return {
            "n_images": len(proba),
            "log_loss": loss,
            "prior_log_loss": prior_loss,
            "explained": explained(loss, prior_loss),
            "accuracy": accuracy(self.labels, proba),
            **boxes_found,
        }


def _boxes_in_photo(data: TrainData, boxes: np.ndarray) -> np.ndarray:
    """Boxes (v, n, 4) of the first views' inputs as fractions of the photo."""
    sizes, recipe = data.images[["height", "width"]].to_numpy(), data.store.recipe
    return np.stack(
        [
            boxes_to_photo(view, boxes[v], sizes, recipe.image_size, recipe.resize)
            for v, view in enumerate(data.inputs.views[: len(boxes)])
        ]
    )


def _tables(
    this_run: Run, kind: str, by_fold: list[dict[str, Any]], by_views: dict[int, dict[str, Any]]
) -> str:
    """The tables for the screen: a row a fold, a row a number of views, a sentence, the run's folder."""
    whole = by_views[1]
    rows = pd.DataFrame([*by_fold, {"fold": "all", **whole}])
    lines = [table_text(_with_headings(rows)), ""]
    if len(by_views) > 1:
        views = pd.DataFrame([{"tta": n, **scores} for n, scores in by_views.items()])
        lines += [table_text(_with_headings(views)), ""]
    if "log_loss" not in whole:
        return "\n".join([*lines, str(this_run.run_dir)])
    lines.append(
        f"out-of-fold log loss {whole['log_loss']:.4f} ({kind} folds; class prior "
        f"{whole['prior_log_loss']:.4f}): "
        f"{whole['explained']:.0%} of the prior's loss explained"
    )
    if kind == "random":
        lines.append("random folds: on boats, cameras or videos not seen in training it may be far worse")
    best = min(by_views, key=lambda n: by_views[n]["log_loss"])
    if len(by_views) > 1:
        lines.append(
            f"out of fold, {best} test-time view{'s pay' if best > 1 else ' pays'} most: --tta {best}"
        )
    return "\n".join([*lines, str(this_run.run_dir)])


def _with_headings(table: pd.DataFrame) -> pd.DataFrame:
    headings = {
        "n_images": "images",
        "log_loss": "log loss",
        "prior_log_loss": "prior",
        "box_iou": "box IoU",
        "box_iou_over_half": "IoU>0.5",
        "mean_box_iou": "mean box's IoU",
    }
    return table.dropna(axis=1, how="all").rename(columns=headings)
