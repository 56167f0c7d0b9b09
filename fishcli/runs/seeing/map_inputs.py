"""What is needed to see where a run looks: its out-of-fold predictions, photos, features, heads and boxes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError
from fishcli.basics.once import once
from fishcli.basics.progress import bar
from fishcli.dataset.annotations import BOX_COLUMNS, read_boxes
from fishcli.dataset.classes import fold_priors, labels_of, proba_columns
from fishcli.dataset.groups import load_groups
from fishcli.dataset.layout.images import load_train
from fishcli.dataset.metadata import SURENESS
from fishcli.features.photos.crops import REGION, regions_of, seen_sizes
from fishcli.features.photos.grids import PhotoGrid, photo_grid
from fishcli.features.store.again import features_line
from fishcli.features.store.store import FeatureStore
from fishcli.heads.class_maps import class_maps, map_method
from fishcli.heads.inputs import in_parts, store_rows
from fishcli.heads.joined import JoinedStore
from fishcli.heads.trained import FoldHead
from fishcli.options.reading import Reading
from fishcli.options.train import RunConfig
from fishcli.runs.locating.crops import with_regions
from fishcli.runs.run import Run
from fishcli.runs.stores import pick_stores

VIEW = "identity"


@dataclass(frozen=True)
class MapInputs:
    """A run's images with what it said of them out of fold.

    Attributes:
        run: the run.
        method: how its maps are made: one of `heads.class_maps.METHODS`.
        kind: "random" or "grouped" folds.
        store: the features, maps of the plain view.
        reading: how photos are read, as the store has it.
        images: by image id: `class_name`, `fold`, `group` ("" where unknown), `path`, `height`, `width`,
            `label`.
        proba: (n, C) out-of-fold probabilities, in the order of `images`.
        prior: (n, C) the class prior of each image's fold's training part.
        boxes: all true boxes (k, 4) of the images that have any, by image id.
    """

    run: Run
    method: str
    kind: str
    store: FeatureStore
    reading: Reading
    images: pd.DataFrame
    proba: np.ndarray
    prior: np.ndarray
    boxes: dict[str, np.ndarray]

    def predicted_boxes(self) -> dict[str, np.ndarray]:
        """The out-of-fold box (4,) of each image, by image id; none where the run has no box output."""
        path = self.run.run_dir / "oof_boxes.csv"
        if not path.exists():
            return {}
        table = self.run.read_result(path.name, ["image", *BOX_COLUMNS], ["image"])
        return dict(zip(table["image"], table[BOX_COLUMNS].to_numpy(np.float64), strict=True))

    def rows(self, images: Sequence[str]) -> np.ndarray:
        """The rows (n,) of some of `images`."""
        return self.images.index.get_indexer(pd.Index(list(images)))

    def grid(self, image: str, values: np.ndarray) -> PhotoGrid:
        """Where the cells of a map lie in the image's photo."""
        row, (sizes, regions) = self.images.index.get_loc(image), self._seen
        height, width = sizes[row]
        recipe, (rows, columns) = self.store.recipe, values.shape
        grid = photo_grid((rows, columns), self._sides, (height, width), recipe.image_size, recipe.resize)
        return grid if regions is None else grid.within(regions[row, :4])

    @cached_property
    def _seen(self) -> tuple[np.ndarray, np.ndarray | None]:
        """The sizes (n, 2) of what is seen of each image, and the regions of crops."""
        return seen_sizes(self.images), regions_of(self.images)

    @cached_property
    def _sides(self) -> tuple[int, int]:
        """(h, w) of the store's maps."""
        height, width = self.store.array("train", VIEW).shape[1:3]
        return height, width


def load_map_inputs(run: Run, config: RunConfig) -> MapInputs:
    """Read all but features and heads, once a command.

    Raises:
        FishError: other images, features that are missing or pooled, or a head that looks at no places.
    """
    return once(("map inputs", run.run_dir), lambda: _load_map_inputs(run, config))


def _load_map_inputs(run: Run, config: RunConfig) -> MapInputs:
    method = map_method(run.settings["head"], run.settings.get("pooling", "avg"), len(run.class_names))
    train = load_train(config.data_dir, config.reading)
    run.check_dataset(train)
    store = pick_stores(config.stores_dir, run.store)
    if isinstance(store, JoinedStore):
        raise FishError(
            f"the run {run.name} was trained on joined, pooled features, which say nothing of places. "
            f"{_alone(run, store)}, then draw the new run."
        )
    if store.recipe.pool != "none":
        raise FishError(
            f"the run {run.name} was trained on pooled features, which say nothing of places. Compute maps: "
            f"{features_line(store.store_dir, pool='none')}, then train on that store and draw the new run."
        )
    if store.recipe.crop is not None and store.recipe.crop.align:
        raise FishError(
            f"the run {run.name} looks at crops that are turned (--crop-align): the cells of its maps are no "
            "upright rectangles of the photos. Compute level crops: "
            f"{features_line(store.store_dir, crop_align=False)}, then train on them and draw the new run."
        )
    oof = run.read_oof(1)
    if oof is None:
        raise FishError(f"{run.run_dir / 'oof.csv'} is missing. Write it: {run.train_line()}.")
    regioned = with_regions(config, store, {"train": train})["train"]
    kept = regioned.filter(["image", "path", "height", "width", REGION, SURENESS])
    images = oof[["image", "class_name", "fold", "group"]].merge(kept, on="image", validate="one_to_one")
    if (images["group"] == "").all() and ("group" in train or (config.data_dir / "groups.csv").exists()):
        groups = load_groups("auto", config.data_dir, train)
        assert groups is not None
        images["group"] = groups[images["image"]].to_numpy()
    labels = labels_of(images["class_name"], run.class_names)
    boxes = read_boxes(config.data_dir / "boxes", train, run.box_categories(config))
    return MapInputs(
        run=run,
        method=method,
        kind=run.read_metrics()["folds"],
        store=store,
        reading=store.recipe.reading(config.max_pixels),
        images=images.assign(label=labels).set_index("image"),
        proba=oof[proba_columns(run.class_names)].to_numpy(np.float64),
        prior=fold_priors(labels, images["fold"].to_numpy(), len(run.class_names)),
        boxes={str(image): table[BOX_COLUMNS].to_numpy() for image, table in boxes.groupby("image")},
    )


def _alone(run: Run, store: JoinedStore) -> str:
    """What makes a run like this one that can be drawn, on one of its stores."""
    needs_crop = "detection" in run.settings["metadata"]
    parts = [part for part in store.parts if part.recipe.crop is not None or not needs_crop]
    with_maps = next((part for part in parts if part.recipe.pool == "none"), None)
    if with_maps is None:
        return f"Compute maps: {features_line(parts[0].store_dir, pool='none')}, train on those"
    line = run.train_line(features=with_maps.recipe.name, name=f"{run.name}-alone")
    return f"Train on the maps of one store: {line}"


def _heads(inputs: MapInputs, fold: int) -> list[FoldHead]:
    """The heads of a fold; a report asks twice for them."""
    run = inputs.run
    return once(("heads", run.run_dir, fold), lambda: run.load_fold(fold))


def maps_of(
    inputs: MapInputs, images: Sequence[str], labels: Sequence[np.ndarray]
) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Each image's maps (h, w), by the heads of its own fold, which have not seen it.

    Args:
        inputs: the run.
        images: image ids.
        labels: of each map that is wanted, its class for each image (n,).

    Yields:
        The image and its maps, in the order of `labels`; part by part of the store, each fold by fold.
    """
    place = {image: i for i, image in enumerate(images)}
    table = inputs.images.loc[list(images)]
    table = table.assign(row=store_rows(inputs.store, "train", list(images))).sort_values("row")
    members = {int(fold): _heads(inputs, int(fold)) for fold in table["fold"].unique()}
    with bar(len(table), f"{inputs.method} of {inputs.run.name}", "img") as progress:
        for rows in in_parts(np.arange(len(table))):  # not fold by fold, which would read each chunk again
            part = table.iloc[rows]
            features = inputs.store.read("train", VIEW, part["row"].to_numpy())
            for fold, heads in members.items():
                of_fold = np.flatnonzero(part["fold"] == fold)
                if not len(of_fold):
                    continue
                ids = [str(image) for image in part.index[of_fold]]
                wanted = [each[[place[image] for image in ids]] for each in labels]
                here = (features[of_fold], part.iloc[of_fold])
                found = [class_maps(heads, inputs.method, *here, each) for each in wanted]
                for i, image in enumerate(ids):
                    yield image, [maps[i] for maps in found]
                progress.update(len(ids))
