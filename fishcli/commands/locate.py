"""`fishcli locate`: K-fold localisers on cached maps, and what they find in every photo."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pandas as pd

from fishcli.basics.errors import FishError
from fishcli.basics.files import digest, read_csv, write_csv, write_json
from fishcli.basics.locks import alone
from fishcli.basics.progress import say
from fishcli.dataset.annotations import read_boxes, read_points
from fishcli.dataset.ends import ends_by_image
from fishcli.dataset.folds import make_folds
from fishcli.dataset.groups import load_groups
from fishcli.dataset.layout.images import dataset_digest, load_tests_if_any, load_train
from fishcli.features.store.contents import is_other
from fishcli.features.upkeep import Upkeep, bring_up_to_date
from fishcli.locating.fit import usual_epochs
from fishcli.options.locate import LocateConfig
from fishcli.runs.folders.folder import check_name
from fishcli.runs.folders.listing import CONFIG
from fishcli.runs.locating.crop_lines import crop_lines
from fishcli.runs.locating.folds import boxes_by_image, contents_seen, find_in_tests, train_localisers
from fishcli.runs.locating.localiser import LocaliserRun, localiser_settings
from fishcli.runs.locating.maps import store_of_maps
from fishcli.runs.locating.report import write_found


def run(config: LocateConfig) -> str:
    """Train localisers, or go on with interrupted ones; returns their figures and the detections' file."""
    check_name(config.name)
    views = config.chosen_views
    train = load_train(config.data_dir, config.reading)
    tests = load_tests_if_any(config.data_dir, config.reading)
    boxes = read_boxes(config.data_dir / "boxes", train, config.box_categories)
    if boxes.empty:
        raise FishError(
            f"no boxes in {config.data_dir / 'boxes'}: nothing to learn where things are. Annotate some "
            "photos, or use what another tool found: features --crop FILE takes MegaDetector's output."
        )
    store, backbone = store_of_maps(config, train, boxes)
    wanted = {split: (table, views) for split, table in {"train": train, **tests}.items()}
    upkeep = Upkeep(
        config.data_dir,
        config.reading,
        workers=config.workers,
        skip_unreadable=config.skip_unreadable or None,
    )
    bring_up_to_date(store, wanted, upkeep, backbone)
    images = train[~train["image"].isin(list(store.unreadable("train")))].reset_index(drop=True)
    config = replace(config, epochs=config.epochs or usual_epochs(len(images)))
    groups = load_groups(config.groups, config.data_dir, images, config.layout)
    fold = make_folds(images["class_name"], groups, config.folds, config.seed)
    names = [""] * len(images) if groups is None else list(groups)
    folds = pd.DataFrame({"image": images["image"], "fold": fold, "group": names})
    true_boxes = boxes_by_image(boxes, images)
    points, ends = None, None
    if config.ends:
        points = read_points(config.data_dir / "boxes", train, config.box_categories, is_told=True)
        ends = ends_by_image(points, images, true_boxes)
    if config.ends and ends is None:
        raise FishError(
            f"--ends: {config.data_dir / 'boxes'} has no fish with both ends. Annotate some (a point at the "
            "head, then one at the tail, as Sloth has them, or COCO's keypoints), or leave --ends out."
        )
    annotated = [boxes] if points is None else [boxes, points]
    this_run = LocaliserRun(
        run_dir=config.models_dir / config.name,
        store=store.recipe.name,
        dataset=dataset_digest(train),
        targets=digest(*(table.to_csv(index=False) for table in (folds, *annotated))),
        settings=localiser_settings(config, views),
    )
    with alone(this_run.run_dir):
        contents = contents_seen(store, {split: table for split, (table, _) in wanted.items()})
        _begin(this_run, folds.assign(content=[contents["train", image] for image in folds["image"]]))
        train_localisers(config, this_run, store, images, (true_boxes, fold), ends)
        truth = true_boxes, images[["height", "width"]].to_numpy()
        to_know = crop_lines(this_run, config)
        in_tests = find_in_tests(this_run, store, tests)
        return write_found(this_run, folds, truth, in_tests, to_know, ends, contents)


def _begin(this_run: LocaliserRun, folds: pd.DataFrame) -> None:
    """Write what is known before training; FishError where a run of that name is another."""
    path = this_run.run_dir / CONFIG
    if path.exists():
        known = LocaliserRun.open(this_run.run_dir)
        if known.to_json() != this_run.to_json() or _has_others(this_run.run_dir / "folds.csv", folds):
            raise FishError(
                f"the run {this_run.run_dir} exists with other settings, features, photos, folds or boxes. "
                "Choose another --name, or remove its folder."
            )
        say(f"the run {this_run.name} exists with these settings; what it has is kept")
    write_json(path, this_run.to_json(), sealed=True)
    write_csv(this_run.run_dir / "folds.csv", folds)


def _has_others(path: Path, folds: pd.DataFrame) -> bool:
    """Whether a run's folds are of other photos of the same names; where they can't be read, no."""
    with suppress(FishError):
        known = read_csv(path, ["image", "content"], ["image", "content"])
        before = dict(zip(known["image"], known["content"], strict=True))
        return any(
            is_other(before.get(image, ""), content)
            for image, content in zip(folds["image"], folds["content"], strict=True)
        )
    return False
