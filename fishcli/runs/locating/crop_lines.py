"""The command lines that tell whether crops of what a localiser finds pay."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from fishcli.basics.errors import FishError
from fishcli.features.store.again import features_line
from fishcli.features.store.lists import list_stores
from fishcli.features.store.store import FeatureStore
from fishcli.options.command_lines import advised
from fishcli.options.data import StoreConfig
from fishcli.options.features import FeaturesConfig
from fishcli.options.train import TrainConfig
from fishcli.runs.locating.localiser import LocaliserRun


def crop_lines(this_run: LocaliserRun, config: StoreConfig) -> list[str]:
    """What computes features of the crops as the user's last ones are computed, and a run on the same folds.

    Args:
        this_run: the localiser's.
        config: where the competition and its stores lie.
    """
    usual = FeaturesConfig()
    crops: dict[str, Any] = {
        "crop": str(this_run.run_dir),
        "crop_margin": usual.crop_margin,
        "crop_min": usual.crop_min,
    }
    last = _last_of_user(config)
    if last is None:  # then the backbone is the localiser's own, but not its large input and early layer
        last = config.stores_dir / this_run.store
        crops |= {"image_size": usual.image_size, "layer": usual.layer}
    folds = {name: this_run.settings[name] for name in ("folds", "groups", "seed")}
    return [
        features_line(last, **crops),
        advised("train", TrainConfig, models_dir=this_run.run_dir.parent, **folds),
    ]


def _last_of_user(config: StoreConfig) -> Path | None:
    """The folder of the store used last of those that the user asked for."""
    for store_dir in list_stores(config.stores_dir):
        with suppress(FishError):  # a damaged one says so where it is used
            if FeatureStore(store_dir).is_users:
                return store_dir
    return None
