"""The settings that a run is known by: the options that change its result."""

import dataclasses
from typing import Any

from fishcli.basics.errors import FishError
from fishcli.options.finetune import FINETUNE, FinetuneConfig, RunMaker
from fishcli.options.reading import Reading
from fishcli.options.train import AUTO_METRIC, TrainConfig
from fishcli.options.views import SETS, first_views, is_view

NOT_COMPARED = (
    *("data_dir", "features_dir", "models_dir", "name", "features", "memory_budget", "scheduler"),
    "test_groups",
    *("backbone", "weights", "image_size", "skip_unreadable"),
    *("crop", "crop_margin", "crop_min", "crop_align"),
    *(field.name for field in dataclasses.fields(Reading)),
)
"""Where things lie and how they are held is no part of what a run is; its features are the store's matter."""
IF_ASKED = {"metric": AUTO_METRIC, "codebook": None, "pyramid": None, "generate": 0}
"""Settings that a run names where they are asked for only, and what they are where nobody asks."""
MEASURED_BY = {"metric"}
"""Settings by which a run is measured, not trained."""
LATER: dict[str, Any] = {
    "box_categories": None,
    "view_set": "square",
    "view_names": None,
    "repeats": 1,
    "augment": None,
}
"""Settings that early runs don't name, and what they were trained with."""


def settings_of(config: RunMaker, n_copies: int) -> dict[str, Any]:
    """What changes a run's result besides its store and its images; views are named, however chosen."""
    options = {name: value for name, value in dataclasses.asdict(config).items() if name not in NOT_COMPARED}
    options = {name: value for name, value in options.items() if IF_ASKED.get(name, ...) != value}
    names = config.chosen_views
    shared = {"views": len(names), "view_names": ",".join(names)}
    if isinstance(config, FinetuneConfig):
        return {**options, **shared, "head": FINETUNE, "view_set": "upright", "repeats": 1}
    return {**options, **shared, "copies": n_copies}


def usual_settings(head: Any) -> dict[str, Any]:
    """What the settings of a run with such a head are where nothing is asked for."""
    return settings_of(FinetuneConfig() if head == FINETUNE else TrainConfig(), 0)


def with_later(settings: dict[str, Any]) -> dict[str, Any]:
    """A run's settings with those that it is too old to name; FishError where its views make no sense."""
    known = {**LATER, **settings}
    if known["view_names"] is None:
        known["view_names"] = ",".join(first_views(known["views"], known["view_set"]))
    return known


def has_views(settings: dict[str, Any]) -> bool:
    """Whether settings, perhaps an older version's or damaged ones, name views that there are."""
    try:
        known = with_later(settings)
        names = known["view_names"].split(",")
        return known["view_set"] in SETS and all(map(is_view, names)) and len(names) == known["views"]
    except (FishError, AttributeError, LookupError, TypeError):
        return False
