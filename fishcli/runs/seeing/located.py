"""What the page of a localiser's run shows, from what its folds found and what is true."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fishcli import __version__
from fishcli.basics.errors import FishError
from fishcli.basics.files import read_csv, read_json
from fishcli.basics.progress import warn
from fishcli.dataset.annotations import read_boxes, read_points
from fishcli.dataset.ends import ends_by_image
from fishcli.dataset.layout.images import dataset_digest, load_train
from fishcli.features.backbones.choice import default_weights
from fishcli.features.store.again import features_line
from fishcli.features.store.store import FeatureStore
from fishcli.options.command_lines import flag
from fishcli.options.locate import LocateConfig
from fishcli.options.seeing import ReportConfig
from fishcli.report.heatmaps import Boxes
from fishcli.report.localiser_facts import CropsSaid, LocaliserFacts, PrecisionRecall, Seen
from fishcli.report.run_facts import Bins
from fishcli.runs.folders.listing import METRICS
from fishcli.runs.locating.crop_lines import crop_lines
from fishcli.runs.locating.end_scores import end_scores, with_end_scores
from fishcli.runs.locating.folds import boxes_by_image
from fishcli.runs.locating.localiser import LocaliserRun
from fishcli.runs.locating.scores import found_out_of_fold, gain_of_crops, mean_boxes, measured, scores_by
from fishcli.runs.seeing.measures import mean_curves
from fishcli.runs.seeing.small_photos import boxed_photo
from fishcli.scoring.detecting import Detected, centres_inside, precision_over_recall, surest_ious
from fishcli.scoring.reliability import reliability_of

N_PHOTOS = 16
"""On a sheet."""
PHOTO = (400, 300)  # pixels, width and height at most: about twice what the page shows
SURE = 0.5
N_SHOWN = 3
"""Found boxes on a photo: the surest, and the next ones where they are SURE."""


@dataclass(frozen=True)
class Located:
    """What was found in n training photos out of fold, and what is true of them, row by row.

    Attributes:
        images: `image`, `path`, `height`, `width`, `fold`, `group`, and others.
        boxes: the true boxes (k, 4) of each.
        found: in each, by the fold that had not seen it.
        constant: the mean box, likewise.
        ends: head and tail of the thing in each true box (k, 4); None where they were not learned.
    """

    images: pd.DataFrame
    boxes: list[np.ndarray]
    found: list[Detected]
    constant: list[Detected]
    ends: list[np.ndarray] | None


def gather_located(this_run: LocaliserRun, config: ReportConfig) -> LocaliserFacts:
    """Measure all that the page of a localiser's run shows.

    Raises:
        FishError: the competition's images are others than the run's, or a file of the run is damaged.
    """
    located = _read(this_run, config)
    images, boxes, found = located.images, located.boxes, located.found
    fold = images["fold"].to_numpy()
    sizes = images[["height", "width"]].to_numpy()
    scores = with_end_scores(measured(images, boxes, found), fold, found, located.ends, sizes)
    _compare(this_run, scores)
    gain = gain_of_crops(found, boxes, sizes)
    assert gain is not None  # some photos have a box
    ious, mean_ious = (surest_ious(each, boxes) for each in (found, located.constant))
    has_box = ~np.isnan(ious)
    sure = np.concatenate([each.confidences for each in found])
    right = [centres_inside(each.boxes, true) for each, true in zip(found, boxes, strict=True)]
    by_fold = _scores_by(located, fold)
    kept = [read_json(this_run.fold_path(k, ".json")) for k in range(this_run.settings["folds"])]
    wrong = _wrong(located)
    evenly = np.unique(np.linspace(0, len(images) - 1, N_PHOTOS).round().astype(int))
    facts, commands = _reproduce(this_run, config, kept)
    return LocaliserFacts(
        name=this_run.name,
        source=str(config.data_dir),
        folds=scores["folds"],
        n_boxed=int(has_box.sum()),
        n_boxes=sum(map(len, boxes)),
        scores=scores,
        by_group=_by_group(located),
        by_fold={f"fold {k}": each for k, each in by_fold.items()},
        crops=CropsSaid(gain.figures, gain.verdict, crop_lines(this_run, config)),
        precision_recall=_precision_recall(located, scores),
        bins=Bins(**dataclasses.asdict(reliability_of(sure, np.concatenate(right))), unit="boxes"),
        ious=(ious[has_box], mean_ious[has_box]),
        curves=[mean_curves([{"loss": each["losses"]}]) for each in kept],
        sheets=(
            [_seen(located, row, ious[row], config) for row in evenly],
            [_seen(located, row, ious[row], config) for row in wrong[:N_PHOTOS]],
        ),
        n_wrong=len(wrong),
        settings={
            flag(name): (str(value), value == getattr(LocateConfig, name))
            for name, value in this_run.settings.items()
            if name != "view_names"
        },
        facts=facts,
        commands=commands,
    )


def _read(this_run: LocaliserRun, config: ReportConfig) -> Located:
    """Join what was found with the photos and their boxes of today."""
    train = load_train(config.data_dir, config.reading)
    if dataset_digest(train) != this_run.dataset:
        raise FishError(
            f"the run {this_run.name} was trained on other images than those in train/ now. Name its "
            f"competition with --data-dir, or locate in these: "
            f"{this_run.locate_line(name=f'{this_run.name}-new', features=None)}."
        )
    folds = read_csv(this_run.run_dir / "folds.csv", ["image", "fold", "group"], ["image", "group"])
    images = folds.merge(train.drop(columns=["fold", "group"], errors="ignore"), on="image", how="left")
    box_categories = config.box_categories or this_run.settings["box_categories"]
    boxes = boxes_by_image(read_boxes(config.data_dir / "boxes", train, box_categories), images)
    if not any(map(len, boxes)):
        raise FishError(
            f"there are no boxes in {config.data_dir / 'boxes'}, and the run {this_run.name} learned from "
            "some: without them nobody knows what is right. Put them back."
        )
    found, _ = found_out_of_fold(this_run, folds, boxes)
    ends = None
    if this_run.settings.get("ends"):
        points = read_points(config.data_dir / "boxes", train, box_categories, is_told=True)
        ends = ends_by_image(points, images, boxes)
    return Located(images, boxes, found, mean_boxes(boxes, folds["fold"].to_numpy()), ends)


def _compare(this_run: LocaliserRun, scores: dict[str, Any]) -> None:
    """Warn where boxes have changed since the run was made."""
    known = read_json(this_run.run_dir / METRICS).get("box_iou")
    if known is None or scores["box_iou"] is None or abs(known - scores["box_iou"]) > 1e-6:
        warn(
            f"the boxes are others than when {this_run.name} was trained: its report measures by those of now"
        )


def _by_group(located: Located) -> dict[str, dict[str, Any]]:
    """Figures by group, that with the most photos first; empty where the folds know none."""
    groups = located.images["group"].to_numpy(str)
    if (groups == "").all():
        return {}
    return dict(sorted(_scores_by(located, groups).items(), key=lambda item: -item[1]["n_images"]))


def _scores_by(located: Located, parts: np.ndarray) -> dict[Any, dict[str, Any]]:
    """The figures of each part of the photos by name; `parts` (n,) says who is of which."""
    images, found = located.images, located.found
    scores = scores_by(parts, found, located.constant, located.boxes)
    if located.ends is None:
        return scores
    sizes = images[["height", "width"]].to_numpy()
    of_ends = end_scores(images["fold"].to_numpy(), found, located.ends, sizes)
    return {name: each | of_ends(np.flatnonzero(parts == name)) for name, each in scores.items()}


def _precision_recall(located: Located, scores: dict[str, Any]) -> PrecisionRecall:
    recall, precision = precision_over_recall(located.found, located.boxes)
    mean_recall, mean_precision = precision_over_recall(located.constant, located.boxes)
    # The mean box is as sure of every photo, so of its curve only the end says anything.
    end = (float(mean_recall[-1]), float(mean_precision[-1]))
    return PrecisionRecall(recall, precision, end, scores["average_precision"])


def _wrong(located: Located) -> np.ndarray:
    """The rows of photos whose surest box has its centre in no true one, the surest first.

    Where nothing is there, what was found is wrong only where it was SURE.
    """
    wrong = [
        len(each.boxes) > 0
        and not centres_inside(each.boxes[:1], true)[0]
        and (len(true) > 0 or each.confidences[0] >= SURE)
        for each, true in zip(located.found, located.boxes, strict=True)
    ]
    rows = np.flatnonzero(wrong)
    return rows[np.argsort([-located.found[row].confidences[0] for row in rows], kind="stable")]


def _seen(located: Located, row: int, iou: float, config: ReportConfig) -> Seen:
    """A photo with its true boxes and N_SHOWN found ones at most."""
    photo, found, true = located.images.iloc[row], located.found[row], located.boxes[row]
    rank = np.arange(len(found.confidences))
    shown = (rank == 0) | ((rank < N_SHOWN) & (found.confidences >= SURE))
    said = ", ".join(f"{confidence:.0%}" for confidence in found.confidences[shown])
    detail = [f"fold {photo['fold']}", "no true box" if np.isnan(iou) else f"IoU {iou:.2f}"]
    if photo["group"]:
        detail.insert(0, str(photo["group"]))
    picture = boxed_photo(Path(photo["path"]), Boxes(true, found.boxes[shown]), PHOTO, config.reading)
    return Seen(photo["image"], f"{said} sure" if said else "nothing found", " · ".join(detail), picture)


def _reproduce(
    this_run: LocaliserRun, config: ReportConfig, kept: list[dict[str, Any]]
) -> tuple[dict[str, str], list[str]]:
    """What defines a run besides its options, and the command lines that make it again."""
    facts = {
        "fishcli": __version__,
        "Maps": this_run.store,
        "Views": ", ".join(this_run.view_names),
        "Images, sha256": this_run.dataset,
        "Folds, groups and boxes, sha256": this_run.targets,
        "Parameters of a localiser": f"{max(each['n_parameters'] for each in kept):,}",
        "Seconds of training": f"{sum(each['seconds'] for each in kept):,.1f}",
    }
    store_dir = config.stores_dir / this_run.store
    try:
        store = FeatureStore(store_dir)
    except FishError:
        return facts, [this_run.locate_line()]
    recipe = store.recipe
    facts |= {"Layer": recipe.layer, "Input": "{}x{} (height x width)".format(*recipe.image_size)}
    if store.is_users:
        maps = features_line(store_dir, view_names=",".join(this_run.view_names))
        return facts, [maps, this_run.locate_line()]
    weights = None if store.weights == default_weights(recipe.backbone) else store.weights
    own = {"backbone": recipe.backbone, "weights": weights, "layer": recipe.layer}
    image_size = "{}x{}".format(*recipe.image_size)
    return facts, [this_run.locate_line(features=None, image_size=image_size, **own)]
