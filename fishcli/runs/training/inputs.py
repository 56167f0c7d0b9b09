"""What train reads: images, groups, boxes and features, joined on image id."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError, examples
from fishcli.basics.progress import say, warn
from fishcli.dataset.annotations import read_boxes
from fishcli.dataset.boxes import target_boxes
from fishcli.dataset.classes import labels_of
from fishcli.dataset.groups import count_new_groups, load_groups
from fishcli.dataset.layout.images import class_names_of, is_tagged, load_train
from fishcli.dataset.metadata import check_metadata, is_hardly_shared
from fishcli.features.photos.recipes import MIXED, copies_of, parse_recipes
from fishcli.features.photos.transplant import choose_donors, find_known, is_transplanted
from fishcli.features.upkeep import Upkeep
from fishcli.heads.choices import check_takes_tags, needs_maps
from fishcli.heads.inputs import Features, HeadInputs, store_rows, view_boxes
from fishcli.heads.joined import HeadStore, parts_of
from fishcli.heads.reading import read_features
from fishcli.options.finetune import RunMaker
from fishcli.options.train import TrainConfig
from fishcli.runs.stores import bring_up, check_same_images, check_serves, pick_stores


@dataclass(frozen=True)
class TrainData:
    """The readable training images with all that is known of them but their features, row by row.

    Attributes:
        train: the table of `load_train`, unreadable images included.
        images: its readable rows.
        groups: the group of each row of `images`, or None for random folds.
        boxes: (n, 4) target boxes, fractions of the photo, NaN where there is none.
        class_names: the class order.
        store: where the features are, in one store or several.
        views: the names of the views and augmented copies to draw from.
        other_stores: the names of stores that a run may end up with as well: those of other cuts, of which
            one is chosen.
        test_groups: how many groups not among `groups` the test photos are of; None where nobody says.
    """

    train: pd.DataFrame
    images: pd.DataFrame
    groups: pd.Series | None
    boxes: np.ndarray
    class_names: list[str]
    store: HeadStore
    views: list[str]
    other_stores: tuple[str, ...] = ()
    test_groups: int | None = None

    @property
    def is_tagged(self) -> bool:
        """Whether an image may have several classes."""
        return is_tagged(self.train)

    @property
    def has_boxes(self) -> bool:
        """Whether any image has a target box."""
        return not np.isnan(self.boxes).all()


def with_mix(config: TrainConfig) -> TrainConfig:
    """The same config, `--augment` as one mix of recipes, which a run is known by; not as a policy's file.

    Raises:
        FishError: an unknown recipe; a file that is no policy; several mixes.
    """
    if config.augment is None:
        return config
    mix, *others = parse_recipes(config.augment)
    if others:
        joined = MIXED.join([mix, *others])
        raise FishError(f"--augment {config.augment}: train draws from one mix. Join recipes: {joined}.")
    return dataclasses.replace(config, augment=mix)


def load_train_data(config: TrainConfig) -> TrainData:
    """Read all but the features, compute views that the store lacks, and say what is noteworthy.

    Raises:
        FishError: see the parts.
    """
    views = config.chosen_views
    train = load_train(config.data_dir, config.reading)
    if is_tagged(train):
        check_takes_tags(config)
    store = pick_stores(config.stores_dir, config.features)
    check_serves(config, store)
    upkeep = Upkeep(
        config.data_dir, config.reading, scheduler=config.scheduler, box_categories=config.box_categories
    )
    copies = _copies(store) if config.augment is None else copies_of(config.augment, 1)
    return join_train_data(config, store, train, [*views, *copies], upkeep)


def join_train_data(
    config: RunMaker, store: HeadStore, train: pd.DataFrame, wanted: list[str], upkeep: Upkeep
) -> TrainData:
    """Bring a store up to date with the training images, and join what is known of them.

    Args:
        config: groups, boxes and metadata.
        store: of the features, one or several joined.
        train: of `load_train`.
        wanted: the names of views and augmented copies.
        upkeep: how the store is brought up to date.

    Raises:
        FishError: see the parts; or one class and no boxes, so that there is nothing to learn.
    """
    train = bring_up(config, store, {"train": (train, wanted)}, upkeep)["train"]
    check_same_images(parts_of(store), train)
    images = _readable(store, train)
    groups = load_groups(config.groups, config.data_dir, images, config.layout)
    data = TrainData(
        train=train,
        images=images,
        groups=groups,
        boxes=_load_boxes(config, images),
        class_names=class_names_of(images),
        store=store,
        views=wanted,
        test_groups=None if groups is None else _test_groups(config, train),
    )
    if len(data.class_names) == 1:
        if len(parts_of(store)) > 1:
            raise FishError(
                f"train/ has one class only ({data.class_names[0]}), so boxes are all there is to learn, and "
                "of several stores none are learned. Name one with --features."
            )
        if not data.has_boxes:
            raise FishError(
                f"train/ has one class only ({data.class_names[0]}) and no boxes: nothing to learn. "
                "Add images of other classes, or box annotations in boxes/."
            )
        say(f"one class only ({data.class_names[0]}): the class loss is off, only boxes are learned")
    if {"size", "size-embedding"} & set(check_metadata(config.metadata)) and is_hardly_shared(images):
        warn(
            f"nearly every image has a size of its own, so --metadata {config.metadata} tells nothing of "
            "most. Try --metadata size-numeric, or none."
        )
    n_views = len(config.chosen_views)
    if len(wanted) > n_views:
        say(f"drawing from {n_views} views and {len(wanted) - n_views} augmented copies")
    return data


def read_inputs(config: RunMaker, data: TrainData, features: Features | None = None) -> HeadInputs:
    """What the heads of `config` see; `features` where they are read already."""
    if features is None:
        rows = store_rows(data.store, "train", list(data.images["image"]))
        pool = isinstance(config, TrainConfig) and not needs_maps(config, data.has_boxes)
        features = read_features(data.store, {"train": rows}, data.views, pool, config.memory_budget)
    rule = "union" if config.boxes == "union" else "largest"
    return HeadInputs(
        images=data.images,
        labels=labels_of(data.images["class_name"], data.class_names),
        groups=None if data.groups is None else data.groups.to_numpy(),
        views=data.views,
        features=features,
        boxes=view_boxes(parts_of(data.store)[0], data.images, data.views, data.boxes, rule),
        decks=_decks(config, data),
    )


def _decks(config: RunMaker, data: TrainData) -> np.ndarray | None:
    """On whose deck each copy shows each image, as `HeadInputs` has it, drawn as when copies were made."""
    if not any(map(is_transplanted, data.views)):
        return None
    boxes = read_boxes(config.data_dir / "boxes", data.train, config.box_categories)
    known = find_known(data.train, boxes)
    ids = list(data.images["image"])
    own = [""] * len(ids)
    return np.array(
        [choose_donors(view, ids, known) if is_transplanted(view) else own for view in data.views]
    )


def _test_groups(config: RunMaker, train: pd.DataFrame) -> int | None:
    if config.test_groups is not None:
        return config.test_groups
    return count_new_groups(config.groups, config.data_dir, train, config.layout)


def _copies(store: HeadStore) -> list[str]:
    """The augmented copies to draw from: of several stores those that all have."""
    copies = store.copies("train")
    for part in parts_of(store):
        if unused := [name for name in part.copies("train") if name not in copies]:
            warn(
                f"{', '.join(unused)} of {part.recipe.name}: not every store has them, so they are left out. "
                "Compute as many copies for each, with features --augment."
            )
    return copies


def _readable(store: HeadStore, train: pd.DataFrame) -> pd.DataFrame:
    """The rows of `train` whose image could be read."""
    unreadable = train["image"].isin(list(store.unreadable("train")))
    if unreadable.any():
        ids = list(train["image"][unreadable])
        warn(f"{len(ids):,} unreadable training images are left out: {examples(ids)}")
    return train[~unreadable].reset_index(drop=True)


def _load_boxes(config: RunMaker, images: pd.DataFrame) -> np.ndarray:
    if config.boxes == "none":
        return np.full((len(images), 4), np.nan, np.float32)
    boxes = read_boxes(config.data_dir / "boxes", images, config.box_categories)
    return target_boxes(boxes, list(images["image"]), config.boxes)
