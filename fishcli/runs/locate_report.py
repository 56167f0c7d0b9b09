"""What a localiser is worth out of fold, and the files that say what it found."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from fishcli.basics.files import digests_of, read_json, write_json
from fishcli.basics.tables import table_text
from fishcli.dataset.annotations import BOX_COLUMNS
from fishcli.dataset.detections import read_detections, write_detections
from fishcli.locating.decode import CellBoxes
from fishcli.locating.sureness import Sureness
from fishcli.options.locate import detections_path
from fishcli.runs.listing import METRICS
from fishcli.runs.localiser import LocaliserRun
from fishcli.scoring.detecting import Detected, centres_inside, score_detections

COLUMNS = ["split", "image", "confidence", *BOX_COLUMNS]
OF_MEAN_BOX = ("box_iou", "box_iou_over_half", "centre_in_box", "average_precision")


def write_found(
    this_run: LocaliserRun,
    folds: pd.DataFrame,
    boxes: list[np.ndarray],
    found_in_tests: Iterator[tuple[str, str, CellBoxes]],
) -> str:
    """Write detections.json and metrics.json, which is last; returns the table for the screen.

    A detection's confidence is the probability that its centre lies in a true box: each fold's found on the
    other folds, that of test photos on all.

    Args:
        this_run: its folds are trained.
        folds: `image`, `fold`, `group` of the training photos.
        boxes: their true boxes (k, 4).
        found_in_tests: split, image id and what all folds found there, of each test photo.
    """
    fold, n_folds = folds["fold"].to_numpy(), this_run.settings["folds"]
    raw: list[CellBoxes] = [CellBoxes(np.zeros((0, 4)), np.zeros(0))] * len(folds)
    for k in range(n_folds):
        for row, found in zip(np.flatnonzero(fold == k), this_run.found_in_fold(k), strict=True):
            raw[row] = found
    surenesses = [_sureness(raw, boxes, fold != k) for k in range(n_folds)]
    detected = [
        Detected(each.boxes, surenesses[k].of(each.scores)) for k, each in zip(fold, raw, strict=True)
    ]
    of_all = _sureness(raw, boxes, fold >= 0)
    parts = [_rows("train", image, each) for image, each in zip(folds["image"], detected, strict=True)]
    in_train = pd.DataFrame([row for part in parts for row in part], columns=COLUMNS)
    metrics = _metrics(this_run, folds, boxes, detected)
    metrics["sureness"] = {"slope": of_all.slope, "offset": of_all.offset}
    _write(this_run, metrics, in_train, found_in_tests)
    return _text(this_run, metrics)


def renew_found(
    this_run: LocaliserRun, photos: pd.DataFrame, found_in_tests: Iterator[tuple[str, str, CellBoxes]]
) -> None:
    """Write detections.json anew with what all folds found in test photos; training photos' stay.

    Args:
        this_run: a complete run.
        photos: those of all splits, as `read_detections` takes them.
        found_in_tests: as `write_found` takes it.
    """
    known = read_detections(detections_path(this_run.run_dir), photos)
    metrics = read_json(this_run.run_dir / METRICS)
    _write(this_run, metrics, known.loc[known["split"] == "train", COLUMNS], found_in_tests)


def _write(
    this_run: LocaliserRun,
    metrics: dict[str, Any],
    in_train: pd.DataFrame,
    found_in_tests: Iterator[tuple[str, str, CellBoxes]],
) -> None:
    """Write detections.json, then metrics.json with its digest."""
    sureness = Sureness(**metrics["sureness"])
    parts = [
        _rows(split, image, Detected(found.boxes, sureness.of(found.scores)))
        for split, image, found in found_in_tests
    ]
    in_tests = pd.DataFrame([row for part in parts for row in part], columns=COLUMNS)
    path = detections_path(this_run.run_dir)
    info = {"detector": f"fishcli locate {this_run.name}", "folds": this_run.settings["folds"]}
    write_detections(path, pd.concat([in_train, in_tests]) if len(in_tests) else in_train, info)
    files = digests_of([path, this_run.run_dir / "folds.csv"])
    write_json(this_run.run_dir / METRICS, {**metrics, "files": files}, sealed=True)


def _rows(split: str, image: str, detected: Detected) -> list[tuple[object, ...]]:
    pairs = zip(detected.confidences, detected.boxes, strict=True)
    return [(split, image, confidence, *box) for confidence, box in pairs]


def _sureness(found: list[CellBoxes], boxes: list[np.ndarray], chosen: np.ndarray) -> Sureness:
    """How sure to be, from what became of the detections in the `chosen` photos."""
    rows = np.flatnonzero(chosen)
    right = [centres_inside(found[row].boxes, boxes[row]) for row in rows]
    return Sureness.fit(np.concatenate([found[row].scores for row in rows]), np.concatenate(right))


def _metrics(
    this_run: LocaliserRun, folds: pd.DataFrame, boxes: list[np.ndarray], detected: list[Detected]
) -> dict[str, Any]:
    """All figures, whole and by fold, the mean box's beside them."""
    fold = folds["fold"].to_numpy()
    largest = np.stack([_largest(each) for each in boxes])
    means = [np.nanmean(largest[fold != k], axis=0)[None] for k in range(this_run.settings["folds"])]
    constant = [Detected(means[k], np.ones(1)) for k in fold]

    def scores(rows: np.ndarray) -> dict[str, object]:
        true = [boxes[row] for row in rows]
        own = score_detections([detected[row] for row in rows], true)
        mean_box = score_detections([constant[row] for row in rows], true)
        named = {**own, **{f"mean_{name}": mean_box[name] for name in OF_MEAN_BOX}}
        return {"n_images": len(rows), **{k: None if np.isnan(v) else v for k, v in named.items()}}

    by_fold = [{"fold": k, **scores(np.flatnonzero(fold == k))} for k in range(this_run.settings["folds"])]
    kind = "random" if (folds["group"] == "").all() else "grouped"
    return {"folds": kind, **scores(np.arange(len(fold))), "by_fold": by_fold}


def _largest(boxes: np.ndarray) -> np.ndarray:
    """The largest of boxes (k, 4): (4,), NaN where there is none."""
    if not len(boxes):
        return np.full(4, np.nan)
    return boxes[int((boxes[:, 2:] - boxes[:, :2]).prod(axis=1).argmax())]


def _text(this_run: LocaliserRun, metrics: dict[str, Any]) -> str:
    rows = []
    for each in [*metrics["by_fold"], {"fold": "all", **metrics}]:
        row = {
            "fold": each["fold"],
            "images": each["n_images"],
            "box IoU": each["box_iou"],
            "mean box's": each["mean_box_iou"],
            "IoU>0.5": each["box_iou_over_half"],
            "centre in a box": each["centre_in_box"],
            "mean box's centre": each["mean_centre_in_box"],
            "AP at 0.5": each["average_precision"],
            "AUC of any": each["auc_any"],
        }
        rows.append(row)
    kind = metrics["folds"]
    lines = [
        table_text(pd.DataFrame(rows).dropna(axis=1, how="all")),
        "",
        f"{kind} folds, out of fold: each photo's surest box against the true box nearest to it",
        str(detections_path(this_run.run_dir)),
    ]
    if kind == "random":
        lines.insert(-1, "random folds: on boats, cameras or videos not seen in training it may be far worse")
    return "\n".join(lines)
