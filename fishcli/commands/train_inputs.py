"""What train reads: images, groups, boxes and features, joined on image id."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fishcli.commands.upkeep import Upkeep, bring_up_to_date, pick_store
from fishcli.configs import TrainConfig
from fishcli.dataset.annotations import read_boxes
from fishcli.dataset.boxes import target_boxes
from fishcli.dataset.classes import labels_of
from fishcli.dataset.groups import load_groups
from fishcli.dataset.images import class_names_of, load_train
from fishcli.dataset.metadata import is_hardly_shared
from fishcli.errors import FishError, examples
from fishcli.features.store import FeatureStore
from fishcli.features.views import first_views
from fishcli.heads.architectures import needs_maps
from fishcli.heads.inputs import HeadInputs, read_features, store_rows, view_boxes
from fishcli.progress import say, warn


@dataclass(frozen=True)
class TrainData:
    """The readable training images with all that is known of them, row by row.

    Attributes:
        train: the table of `load_train`, unreadable images included.
        images: its readable rows.
        groups: the group of each row of `images`, or None for random folds.
        boxes: (n, 4) target boxes, fractions of the photo, NaN where there is none.
        class_names: the class order.
        store: where the features are.
        inputs: what the heads see.
    """

    train: pd.DataFrame
    images: pd.DataFrame
    groups: pd.Series | None
    boxes: np.ndarray
    class_names: list[str]
    store: FeatureStore
    inputs: HeadInputs


def load_train_data(config: TrainConfig) -> TrainData:
    """Read everything, compute views that the store lacks, and say what is noteworthy.

    Raises:
        FishError: see the parts; or one class and no boxes, so that there is nothing to learn.
    """
    views = first_views(config.views)
    train = load_train(config.data_dir)
    store = pick_store(config.stores_dir, config.features)
    copies = store.copies("train")
    wanted = [*views, *copies]
    bring_up_to_date(store, {"train": (train, wanted)}, Upkeep(config.data_dir))
    images = _readable(store, train)
    groups = load_groups(config.groups, config.data_dir, images)
    class_names = class_names_of(images)
    boxes = _load_boxes(config, images)
    if len(class_names) == 1:
        if np.isnan(boxes).all():
            raise FishError(
                f"train/ has one class only ({class_names[0]}) and no boxes: nothing to learn. "
                "Add images of other classes, or box annotations in boxes/."
            )
        say(f"one class only ({class_names[0]}): the class loss is off, only boxes are learned")
    if config.metadata == "size" and is_hardly_shared(images):
        warn(
            "nearly every image has a size of its own, so --metadata size tells nothing here. "
            "Try --metadata size-numeric, or none."
        )
    if copies:
        say(f"drawing from {len(views)} views and {len(copies)} augmented copies")
    rows = store_rows(store, "train", list(images["image"]))
    has_boxes = not np.isnan(boxes).all()
    features = read_features(store, "train", wanted, rows, pool=not needs_maps(config.head, has_boxes))
    rule = "union" if config.boxes == "union" else "largest"
    inputs = HeadInputs(
        images=images,
        labels=labels_of(images["class_name"], class_names),
        views=wanted,
        features=features,
        boxes=view_boxes(store, images, wanted, boxes, rule),
    )
    return TrainData(train, images, groups, boxes, class_names, store, inputs)


def _readable(store: FeatureStore, train: pd.DataFrame) -> pd.DataFrame:
    """The rows of `train` whose image could be read."""
    unreadable = train["image"].isin(list(store.unreadable("train")))
    if unreadable.any():
        ids = list(train["image"][unreadable])
        warn(f"{len(ids):,} unreadable training images are left out: {examples(ids)}")
    return train[~unreadable].reset_index(drop=True)


def _load_boxes(config: TrainConfig, images: pd.DataFrame) -> np.ndarray:
    if config.boxes == "none":
        return np.full((len(images), 4), np.nan, np.float32)
    boxes = read_boxes(config.data_dir / "boxes", images)
    return target_boxes(boxes, list(images["image"]), config.boxes)
