"""The command lines that make a run again, or go on with it. Imports nothing heavy."""

from pathlib import Path
from typing import Any

from fishcli.options.command_lines import advised
from fishcli.options.finetune import FINETUNE, FinetuneConfig
from fishcli.options.locate import LocateConfig
from fishcli.options.train import TrainConfig
from fishcli.options.views import as_options

OF_TRAIN = ("head", "views", "view_set", "repeats")
"""Settings of a fine-tuned run that are no options of `finetune`: they say what those of `train` do."""


def train_line(run_dir: Path, store: str, settings: dict[str, Any], **changes: Any) -> str:
    """What `train` or `finetune` took to make a run, with `changes`; "" of settings of another version.

    Args:
        run_dir: its folder, a comparison's runs lying in the comparison's.
        store: the features' name.
        settings: as its config.json has them.
        changes: other options.
    """
    places = {"models_dir": run_dir.parent, "features": store, "name": run_dir.name}
    try:
        if settings["head"] == FINETUNE:
            options = {name: value for name, value in settings.items() if name not in OF_TRAIN}
            return advised(FINETUNE, FinetuneConfig, **{**places, **options, **changes})
        options = {name: value for name, value in settings.items() if name != "copies"}
        options |= as_options(str(settings["view_names"]).split(","), settings["view_set"])
        return advised("train", TrainConfig, **{**places, **options, **changes})
    except TypeError:
        return ""


def locate_line(run_dir: Path, store: str, settings: dict[str, Any], **changes: Any) -> str:
    """What `fishcli locate` took to make a localiser's run, with `changes`; "" of another version's settings.

    Args:
        run_dir: its folder.
        store: the name of the store of maps.
        settings: as its config.json has them.
        changes: other options.
    """
    options = {**settings, "view_names": as_options(settings["view_names"], "upright")["view_names"]}
    places = {"models_dir": run_dir.parent, "features": store, "name": run_dir.name}
    try:
        return advised("locate", LocateConfig, **{**places, **options, **changes})
    except TypeError:
        return ""
