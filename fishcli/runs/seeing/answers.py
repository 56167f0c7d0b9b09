"""What the report of a run needs, joined on image id: predictions, truth, groups, boxes, photos."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError
from fishcli.basics.progress import warn
from fishcli.basics.remote import content
from fishcli.dataset.annotations import BOX_COLUMNS, read_boxes
from fishcli.dataset.boxes import box_iou, target_boxes
from fishcli.dataset.classes import fold_priors, labels_of, proba_columns
from fishcli.dataset.groups import read_groups
from fishcli.dataset.layout.images import load_train
from fishcli.dataset.layout.pools import has_training
from fishcli.features.store.store import FeatureStore
from fishcli.options.reading import Reading
from fishcli.options.train import RunConfig, split_stores
from fishcli.report.run_facts import Part
from fishcli.runs.run import Run
from fishcli.runs.seeing.gap import plain_oof
from fishcli.scoring.metrics import accuracy, fold_mean_boxes, log_losses


@dataclass(frozen=True)
class Answers:
    """A run's out-of-fold answers for n images of C classes and what is true of them, row by row.

    Attributes:
        class_names: the class order.
        images: (n,) ids.
        labels: (n,) int.
        fold: (n,) int.
        proba: (n, C) for the plain photo.
        losses, prior_losses: (n,) log losses, nats; NaN with one class.
        groups: (n,) str, or None where none are known.
        groups_from: what said so, "" where nothing did.
        true_boxes: (n, 4) fractions of the photo, NaN where there is none.
        boxes: (n, 4) as predicted, likewise.
        ious, mean_ious: (n,) of the predicted box, and of the mean box of the fold's training images; NaN
            where there is none.
        boxes_note: why no IoU is known, "" where one is.
        paths: (n,) of the photos, or None where they are not at hand.
        all_boxes: every annotated box: image, x_min, y_min, x_max, y_max.
        reading: how photos are read.
    """

    class_names: list[str]
    images: np.ndarray
    labels: np.ndarray
    fold: np.ndarray
    proba: np.ndarray
    losses: np.ndarray
    prior_losses: np.ndarray
    groups: np.ndarray | None
    groups_from: str
    true_boxes: np.ndarray
    boxes: np.ndarray
    ious: np.ndarray
    mean_ious: np.ndarray
    boxes_note: str
    paths: list[Path] | None
    all_boxes: pd.DataFrame
    reading: Reading

    def part(self, name: str, rows: np.ndarray) -> Part:
        """What the run is worth on some rows, (n,) bool."""
        labels, proba = self.labels[rows], self.proba[rows]
        iou, mean_iou = _mean(self.ious[rows]), _mean(self.mean_ious[rows])
        if len(self.class_names) == 1:
            return Part(name, int(rows.sum()), box_iou=iou, mean_box_iou=mean_iou)
        found = proba.argmax(axis=1)
        wrong = np.bincount(found[found != labels], minlength=len(self.class_names))
        return Part(
            name,
            int(rows.sum()),
            log_loss=_mean(self.losses[rows]),
            prior_log_loss=_mean(self.prior_losses[rows]),
            accuracy=accuracy(labels, proba),
            taken_for=self.class_names[int(wrong.argmax())] if wrong.any() else "",
            box_iou=iou,
            mean_box_iou=mean_iou,
        )


def read_answers(run: Run, config: RunConfig, sibling: Run | None) -> Answers:
    """Join what a run answered out of fold with what is true.

    Args:
        run: the run.
        config: where the competition lies. Without its photos there are no boxes and no pictures.
        sibling: the run on the other kind of folds; a random run's groups are taken from it.

    Raises:
        FishError: the run was trained on other images, or a file of it is missing.
    """
    oof = plain_oof(run)
    labels, fold = labels_of(oof["class_name"], run.class_names), oof["fold"].to_numpy(int)
    proba = oof[proba_columns(run.class_names)].to_numpy(np.float64)
    prior = fold_priors(labels, fold, len(run.class_names))
    has_classes = len(run.class_names) > 1
    train = _photos(run, config)
    groups, groups_from = _groups(oof, config, sibling, train)
    all_boxes, true_boxes, boxes, boxes_note = _boxes(run, config, oof["image"], train)
    paths = None if train is None else dict(zip(train["image"], train["path"], strict=True))
    return Answers(
        class_names=run.class_names,
        images=oof["image"].to_numpy(),
        labels=labels,
        fold=fold,
        proba=proba,
        losses=log_losses(labels, proba) if has_classes else np.full(len(oof), np.nan),
        prior_losses=log_losses(labels, prior) if has_classes else np.full(len(oof), np.nan),
        groups=groups,
        groups_from=groups_from,
        true_boxes=true_boxes,
        boxes=boxes,
        ious=box_iou(true_boxes, boxes),
        mean_ious=box_iou(true_boxes, fold_mean_boxes(true_boxes, fold)),
        boxes_note=boxes_note,
        paths=None if paths is None else [paths[image] for image in oof["image"]],
        all_boxes=all_boxes,
        reading=_reading(run, config),
    )


def read_kept(run: Run, answers: Answers, name: str) -> np.ndarray | None:
    """What the folds kept under a name of their own rows (..., n, C), in the order of the answers.

    "proba" (v, n, C) are the run's own before any temperature. None where a fold lacks it.
    """
    folds = run.read_result("folds.csv", ["image", "fold"], ["image", "group"])
    fold = folds["fold"].to_numpy()
    found = np.zeros(0)
    try:
        for k in range(run.settings["folds"]):
            with np.load(content(run.fold_path(k, ".npz")), allow_pickle=False) as kept:
                part = kept[name]
            if k == 0:
                found = np.full((*part.shape[:-2], len(fold), part.shape[-1]), np.nan)
            found[..., fold == k, :] = part
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return found[..., pd.Index(folds["image"]).get_indexer(pd.Index(answers.images)), :]


def _photos(run: Run, config: RunConfig) -> pd.DataFrame | None:
    """The competition's training images; None, with a warning, where they are not at hand."""
    if not has_training(config.data_dir, config.layout):
        warn(
            f"{config.data_dir} holds no training photos: the report is written without photos, boxes "
            "and heatmaps. Name the competition's folder with --data-dir."
        )
        return None
    train = load_train(config.data_dir, config.reading)
    run.check_dataset(train)
    return train


def _reading(run: Run, config: RunConfig) -> Reading:
    """How the run's (first) store reads photos; where that is not at hand, as the options say."""
    try:
        return FeatureStore(config.stores_dir / split_stores(run.store)[0]).recipe.reading(config.max_pixels)
    except FishError:
        return config.reading


def _groups(
    oof: pd.DataFrame, config: RunConfig, sibling: Run | None, train: pd.DataFrame | None
) -> tuple[np.ndarray | None, str]:
    """The group of each image, and where it was found; random folds know of none themselves."""
    if (oof["group"] != "").all():
        return oof["group"].to_numpy(), "the run’s folds"
    theirs = sibling.read_oof(1) if sibling is not None else None
    if sibling is not None and theirs is not None:
        known = theirs.set_index("image")["group"].reindex(oof["image"])
        if known.notna().all() and (known != "").all():
            return known.to_numpy(), f"the folds of {sibling.name}"
    path = config.data_dir / "groups.csv"
    if train is None or not path.exists():
        return None, ""
    try:
        return read_groups(path, train).loc[oof["image"]].to_numpy(), str(path)
    except FishError as error:
        warn(f"the report is written without groups: {error}")
        return None, ""


def _boxes(
    run: Run, config: RunConfig, images: pd.Series, train: pd.DataFrame | None
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, str]:
    """All annotated boxes, the target boxes and the predicted ones, and why one of them is missing."""
    nothing = np.full((len(images), 4), np.nan)
    all_boxes = pd.DataFrame({"image": [], **{name: [] for name in BOX_COLUMNS}})
    if train is not None:
        all_boxes = read_boxes(config.data_dir / "boxes", train, run.box_categories(config))
    if run.settings["boxes"] == "none":
        return all_boxes, nothing, nothing, "the run was trained with --boxes none"
    path = run.run_dir / "oof_boxes.csv"
    if not path.exists():
        return (
            all_boxes,
            nothing,
            nothing,
            "no boxes were learned: the competition has none, or the head can’t",
        )
    if train is None:
        return all_boxes, nothing, nothing, "the photos and their boxes are not at hand (--data-dir)"
    predicted = run.read_result(path.name, ["image", *BOX_COLUMNS], ["image"]).set_index("image")[BOX_COLUMNS]
    targets = target_boxes(all_boxes, list(images), run.settings["boxes"])
    note = "" if len(all_boxes) else "the competition has no boxes"
    return all_boxes, targets.astype(np.float64), predicted.reindex(images).to_numpy(np.float64), note


def _mean(values: np.ndarray) -> float | None:
    """The mean of what is known, None where nothing is."""
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else None
