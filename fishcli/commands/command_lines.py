"""The command lines that make a run again."""

import dataclasses
import shlex
from typing import Any

from fishcli.commands.runs import Run
from fishcli.configs import FeaturesConfig, RunConfig, TrainConfig
from fishcli.features.backbones import default_weights
from fishcli.features.store import FeatureStore
from fishcli.heads.choices import flag

OF_RECIPE = ("backbone", "layer", "pool", "resize", "transparency", "truncated")
"""What a recipe says in the words of the options."""


def command_line(command: str, config: Any) -> str:
    """The command line that parses to `config`, quoted for a shell; options at their default are left out.

    Args:
        command: its name, such as "train".
        config: of a command without arguments.
    """
    words = ["fishcli", command]
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if value == field.default:
            continue
        words += [flag(field.name)] if value is True else [flag(field.name), str(value)]
    return shlex.join(words)


def store_options(store: FeatureStore) -> dict[str, Any]:
    """The fields of FeaturesConfig that decide which store it is."""
    recipe = store.recipe
    height, width = recipe.image_size
    return {
        **{name: getattr(recipe, name) for name in OF_RECIPE},
        "weights": None if store.weights == default_weights(recipe.backbone) else store.weights,
        "image_size": f"{height}x{width}",
    }


def features_config(run: Run, config: RunConfig, store: FeatureStore) -> FeaturesConfig:
    """What `fishcli features` takes to compute the store that a run was trained on."""
    values: dict[str, Any] = {
        "data_dir": config.data_dir,
        "features_dir": config.features_dir,
        "box_categories": run.settings["box_categories"] if run.settings["copies"] else None,
        "max_pixels": config.max_pixels,
        "views": run.settings["views"],
        "augment": run.settings["copies"],
        "skip_unreadable": bool(store.unreadable("train")),
        **store_options(store),
    }
    return FeaturesConfig(**values)


def train_config(run: Run, config: RunConfig, **changes: Any) -> TrainConfig:
    """What `fishcli train` took to make a run, with `changes`."""
    settings = {name: value for name, value in run.settings.items() if name != "copies"}
    values = {
        "data_dir": config.data_dir,
        "features_dir": config.features_dir,
        "models_dir": run.run_dir.parent,
        "max_pixels": config.max_pixels,
        "features": run.store,
        "name": run.name,
        **settings,
    }
    return TrainConfig(**{**values, **changes})
