"""What a trained run is worth out of fold: its files, and its tables for the screen."""

import zipfile
from typing import Any

import numpy as np
import pandas as pd

from fishcli.basics.files import digests_of, write_csv, write_json
from fishcli.basics.remote import content
from fishcli.basics.tables import table_text
from fishcli.dataset.annotations import BOX_COLUMNS
from fishcli.dataset.classes import labels_of, proba_columns
from fishcli.features.photos.crops import boxes_out_of_regions, seen_sizes
from fishcli.features.photos.resizing import boxes_to_photo
from fishcli.heads.joined import parts_of
from fishcli.options.views import view_prefixes
from fishcli.runs.deciding import (
    METRIC,
    Measured,
    beside_loss,
    figures_said,
    measure,
    metric_of_run,
    undefined_said,
)
from fishcli.runs.expecting import EXPECTED, expect, expected_said
from fishcli.runs.folders.folder import oof_name
from fishcli.runs.run import METRICS, OOF_COLUMNS, Run
from fishcli.runs.training.inputs import TrainData
from fishcli.runs.training.truth import truth_of
from fishcli.scoring.calibration import find_temperature, nested_calibration
from fishcli.scoring.metrics import log_loss, log_losses


def write_report(
    this_run: Run, data: TrainData, folds: pd.DataFrame, more: dict[str, Any] | None = None
) -> str:
    """Write a trained run's out-of-fold files and metrics.json; return the tables for the screen.

    Args:
        this_run: its folds are trained.
        data: what it was trained on.
        folds: `image`, `fold`, `group`, in the order of `data.images`.
        more: what else metrics.json tells.
    """
    n_folds, n_views = this_run.settings["folds"], this_run.settings["views"]
    fold = folds["fold"].to_numpy()
    labels, n_classes = labels_of(data.images["class_name"], data.class_names), len(data.class_names)
    proba = np.empty((n_views, len(folds), n_classes))
    boxes = np.empty((n_views, len(folds), 4))
    for k in range(n_folds):
        try:
            with np.load(content(this_run.fold_path(k, ".npz")), allow_pickle=False) as kept:
                proba[:, fold == k], boxes[:, fold == k] = kept["proba"], kept["boxes"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise this_run.damaged(k, error) from None
    truth = truth_of(data, fold)
    photo_boxes = _boxes_in_photo(data, boxes)
    by_views, calibrated = {}, {}
    metric = metric_of_run(this_run) if n_classes > 1 else None
    groups = None if data.groups is None else folds["group"].to_numpy()
    temperatures: dict[int, dict[int, float]] = {}
    measured: dict[int, Measured] = {}
    for n in view_prefixes(n_views):
        averaged = proba[:n].mean(axis=0)
        scores: dict[str, Any] = (
            {"raw_log_loss": log_loss(labels, averaged), "temperature": 1.0} if n_classes > 1 else {}
        )
        if this_run.settings["calibrate"] == "temperature" and n_classes > 1:
            nested, found = nested_calibration(labels, averaged, fold)
            if log_loss(labels, nested) < scores["raw_log_loss"]:  # else what folds need differs too much
                scores["temperature"] = find_temperature(labels, averaged)
                averaged, temperatures[n] = nested, found
        calibrated[n] = averaged
        by_views[n] = {**truth.scores(averaged, photo_boxes[:n].mean(axis=0)), **scores}
        if metric is not None:
            measured[n] = measure(metric, labels, averaged, fold, truth.prior)
            by_views[n][METRIC] = measured[n].all_figures(groups if n == 1 else None)
        oof = folds.assign(class_name=data.images["class_name"])[OOF_COLUMNS]
        columns = pd.DataFrame(averaged, columns=proba_columns(data.class_names))
        write_csv(this_run.run_dir / oof_name(n), pd.concat([oof, columns], axis=1))
    has_boxes = not np.isnan(photo_boxes).all()
    if has_boxes:
        corners = pd.DataFrame(photo_boxes[0], columns=BOX_COLUMNS)
        write_csv(this_run.run_dir / "oof_boxes.csv", pd.concat([folds[["image"]], corners], axis=1))
    by_fold = []
    for k in range(n_folds):
        here = fold == k
        scores = truth.part(here).scores(calibrated[1][here], photo_boxes[0, here])
        by_fold.append({"fold": k, **scores, "temperature": temperatures.get(1, {}).get(k, 1.0)})
        if measured:
            by_fold[-1][METRIC] = measured[1].figures(here)
    kind = "random" if data.groups is None else "grouped"
    expected = {}
    if groups is not None and n_classes > 1:
        expected = {EXPECTED: expect(log_losses(labels, calibrated[1]), groups, data.test_groups)}
    metrics = {
        "folds": kind,
        "groups": this_run.settings["groups"],
        **(more or {}),
        **by_views[1],
        **expected,
        "by_fold": by_fold,
        "by_views": by_views,
    }
    names = ["folds.csv", *(oof_name(n) for n in by_views), *(["oof_boxes.csv"] if has_boxes else [])]
    metrics["files"] = digests_of(this_run.run_dir / name for name in names)
    write_json(this_run.run_dir / METRICS, metrics, sealed=True)
    return _tables(this_run, metrics)


def _boxes_in_photo(data: TrainData, boxes: np.ndarray) -> np.ndarray:
    """Boxes (v, n, 4) of the first views' inputs as fractions of the photo."""
    sizes, recipe = seen_sizes(data.images), parts_of(data.store)[0].recipe  # of several there are no boxes
    found = [
        boxes_to_photo(view, boxes[v], sizes, recipe.image_size, recipe.resize)
        for v, view in enumerate(data.views[: len(boxes)])
    ]
    return np.stack([boxes_out_of_regions(each, data.images) for each in found])


def _tables(this_run: Run, metrics: dict[str, Any]) -> str:
    """The tables for the screen: a row a fold, a row a number of views, sentences, the run's folder."""
    kind, by_fold, by_views = metrics["folds"], metrics["by_fold"], metrics["by_views"]
    whole = by_views[1]
    rows = pd.DataFrame([flat(each) for each in [*by_fold, {"fold": "all", **whole}]])
    lines = [table_text(with_headings(rows)), ""]
    if len(by_views) > 1:
        views = pd.DataFrame([{"tta": n, **flat(scores)} for n, scores in by_views.items()])
        lines += [table_text(with_headings(views)), ""]
    if "log_loss" not in whole:
        return "\n".join([*lines, str(this_run.run_dir)])
    lines.append(
        f"out-of-fold log loss {whole['log_loss']:.4f} ({kind} folds; class prior "
        f"{whole['prior_log_loss']:.4f}): "
        f"{whole['explained']:.0%} of the prior's loss explained"
    )
    if whole["temperature"] == 1.0 and this_run.settings["calibrate"] == "temperature":
        lines.append("a temperature found on the other folds does not pay, so none is used")
    elif this_run.settings["calibrate"] == "temperature":
        lines.append(
            f"as sure as they are right: temperature {whole['temperature']:.2f}, each fold's found on the "
            f"others; without it {whole['raw_log_loss']:.4f}"
        )
    if METRIC in whole:
        lines.append(figures_said(whole[METRIC], kind))
        lines += undefined_said([each[METRIC] for each in by_fold])
    if EXPECTED in metrics:
        lines.append(expected_said(metrics[EXPECTED]))
    if kind == "random":
        lines.append("random folds: on boats, cameras or videos not seen in training it may be far worse")
    best = min(by_views, key=lambda n: by_views[n]["log_loss"])
    if len(by_views) > 1:
        lines.append(
            f"out of fold, {best} test-time view{'s pay' if best > 1 else ' pays'} most: --tta {best}"
        )
    return "\n".join([*lines, str(this_run.run_dir)])


def flat(scores: dict[str, Any]) -> dict[str, Any]:
    """Scores as a row of a table: the metric's figures in columns of their own."""
    flat = {name: value for name, value in scores.items() if name != METRIC}
    return {**flat, **beside_loss(scores[METRIC])} if METRIC in scores else flat


def with_headings(table: pd.DataFrame) -> pd.DataFrame:
    """Scores as `flat` has them under the headings of the screen, without what is not known of any row."""
    headings = {
        "n_images": "images",
        "log_loss": "log loss",
        "prior_log_loss": "prior",
        "box_iou": "box IoU",
        "box_iou_over_half": "IoU>0.5",
        "mean_box_iou": "mean box's IoU",
    }
    table = table.drop(columns=["raw_log_loss", "temperature", "mean_log_loss"], errors="ignore")
    return table.dropna(axis=1, how="all").rename(columns=headings)
