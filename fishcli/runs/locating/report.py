"""What a localiser is worth out of fold, and the files that say what it found."""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from fishcli.basics.files import digests_of, read_json, write_json
from fishcli.basics.tables import table_text
from fishcli.dataset.annotations import BOX_COLUMNS, POINT_COLUMNS
from fishcli.dataset.detections import read_contents, read_detections, write_detections
from fishcli.locating.decode import CellBoxes
from fishcli.locating.sureness import Sureness
from fishcli.options.locate import detections_path
from fishcli.runs.folders.listing import METRICS
from fishcli.runs.locating.end_scores import with_end_scores
from fishcli.runs.locating.localiser import LocaliserRun
from fishcli.runs.locating.scores import found_out_of_fold, gain_of_crops, measured
from fishcli.scoring.cropping import CropGain
from fishcli.scoring.detecting import Detected

COLUMNS = ["split", "image", "confidence", *BOX_COLUMNS, *POINT_COLUMNS]

OF_ENDS = {
    "end error": "end_error",
    "mean ends'": "mean_end_error",
    "direction": "direction_right",
    "mean direction": "mean_direction_right",
}
"""What the table calls the figures of heads and tails."""


def write_found(
    this_run: LocaliserRun,
    folds: pd.DataFrame,
    truth: tuple[list[np.ndarray], np.ndarray],
    found_in_tests: Iterator[tuple[str, str, CellBoxes]],
    to_know: list[str],
    ends: list[np.ndarray] | None = None,
    contents: dict[tuple[str, str], str] | None = None,
) -> str:
    """Write detections.json and metrics.json, which is last; returns the table for the screen.

    Confidences are as `found_out_of_fold` has them, those in test photos found on all folds.

    Args:
        this_run: its folds are trained.
        folds: `image`, `fold`, `group` of the training photos.
        truth: their true boxes (k, 4), and their sizes (n, 2: height, width) in pixels.
        found_in_tests: split, image id and what all folds found there, of each test photo.
        to_know: the command lines that tell whether crops pay.
        ends: head and tail of the thing in each true box (k, 4); None where they were not annotated.
        contents: of the photos of all splits, as `write_detections` takes them.
    """
    boxes, sizes = truth
    detected, of_all = found_out_of_fold(this_run, folds, boxes)
    parts = [_rows("train", image, each) for image, each in zip(folds["image"], detected, strict=True)]
    in_train = pd.DataFrame([row for part in parts for row in part], columns=COLUMNS)
    gain = gain_of_crops(detected, boxes, sizes)
    metrics = {
        **with_end_scores(measured(folds, boxes, detected), folds["fold"].to_numpy(), detected, ends, sizes),
        "crops": None if gain is None else _kept(gain),
        "sureness": of_all.to_json(),
    }
    _write(this_run, metrics, in_train, found_in_tests, contents or {})
    return _text(this_run, metrics, gain, to_know)


def renew_found(
    this_run: LocaliserRun,
    photos: pd.DataFrame,
    found_in_tests: Iterator[tuple[str, str, CellBoxes]],
    contents: dict[tuple[str, str], str],
) -> None:
    """Write detections.json anew with what all folds found in test photos; training photos' stay.

    Args:
        this_run: a complete run.
        photos: those of all splits, as `read_detections` takes them.
        found_in_tests: as `write_found` takes it.
        contents: of the test photos, as `write_detections` takes them.
    """
    path = detections_path(this_run.run_dir)
    known = read_detections(path, photos)
    of_train = {key: text for key, text in read_contents(path).items() if key[0] == "train"}
    metrics = read_json(this_run.run_dir / METRICS)
    in_train = known.loc[known["split"] == "train", COLUMNS]
    _write(this_run, metrics, in_train, found_in_tests, of_train | contents)


def _write(
    this_run: LocaliserRun,
    metrics: dict[str, Any],
    in_train: pd.DataFrame,
    found_in_tests: Iterator[tuple[str, str, CellBoxes]],
    contents: dict[tuple[str, str], str],
) -> None:
    """Write detections.json, then metrics.json with its digest."""
    in_tests = in_table(found_in_tests, Sureness.from_json(metrics["sureness"]))
    path = detections_path(this_run.run_dir)
    info = {"detector": f"fishcli locate {this_run.name}", "folds": this_run.settings["folds"]}
    in_all = pd.concat([in_train, in_tests]) if len(in_tests) else in_train
    write_detections(path, in_all, info, contents)
    files = digests_of([path, this_run.run_dir / "folds.csv"])
    write_json(this_run.run_dir / METRICS, {**metrics, "files": files}, sealed=True)


def in_table(found: Iterable[tuple[str, str, CellBoxes]], sureness: Sureness) -> pd.DataFrame:
    """What all folds found in photos as a table, COLUMNS: split, image id and what was found there."""
    parts = [
        _rows(split, image, Detected(each.boxes, sureness.of(each.scores), each.ends))
        for split, image, each in found
    ]
    return pd.DataFrame([row for part in parts for row in part], columns=COLUMNS)


def _rows(split: str, image: str, detected: Detected) -> list[tuple[object, ...]]:
    unknown = np.full((len(detected.boxes), 4), np.nan)
    ends = unknown if detected.ends is None else detected.ends
    found = zip(detected.confidences, detected.boxes, ends, strict=True)
    return [(split, image, confidence, *box, *points) for confidence, box, points in found]


def _kept(gain: CropGain) -> dict[str, object]:
    """What crops show, as written into metrics.json."""
    zoom = None if np.isnan(gain.zoom) else gain.zoom
    return {**dataclasses.asdict(gain), "zoom": zoom, "verdict": gain.verdict}


def _text(this_run: LocaliserRun, metrics: dict[str, Any], gain: CropGain | None, to_know: list[str]) -> str:
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
        row |= {said: each[name] for said, name in OF_ENDS.items() if name in each}
        rows.append(row)
    kind = metrics["folds"]
    lines = [
        table_text(pd.DataFrame(rows).dropna(axis=1, how="all")),
        "",
        f"{kind} folds, out of fold: each photo's surest box against the true box nearest to it",
    ]
    if kind == "random":
        lines.append("random folds: on boats, cameras or videos not seen in training it may be far worse")
    if "end_error" in metrics:
        lines.append(
            "heads and tails: the median distance to the true ones, in lengths of the fish, and the share of "
            "photos whose direction is within 30 degrees, beside the mean fish's"
        )
    if gain is not None:
        lines += ["", f"{gain.figures} ({kind} folds)", gain.verdict]
        lines += ["to know for sure, against the same train on whole photos:", *to_know, ""]
    return "\n".join([*lines, str(detections_path(this_run.run_dir))])
