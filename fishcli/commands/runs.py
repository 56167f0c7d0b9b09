"""Run folders: what train writes, and what predict and ensemble read."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fishcli.configs import TrainConfig
from fishcli.dataset.images import dataset_digest
from fishcli.dataset.metadata import MetadataEncoder
from fishcli.errors import FishError, choose
from fishcli.files import read_csv, read_json
from fishcli.heads.training import FoldHead, load_fold
from fishcli.progress import say

NOT_COMPARED = ("data_dir", "features_dir", "models_dir", "name", "features")
"""Where things lie is no part of what a run is."""


@dataclass(frozen=True)
class Run:
    """A run folder and its config.json.

    Attributes:
        run_dir: the folder; its name is the run's name.
        class_names: the class order.
        store: the name of the feature store it was trained on.
        dataset: the digest of the training images.
        targets: the digest of the folds, groups and boxes.
        settings: the fields of TrainConfig that change the result, and the number of augmented copies.
    """

    run_dir: Path
    class_names: list[str]
    store: str
    dataset: str
    targets: str
    settings: dict[str, Any]

    @property
    def name(self) -> str:
        """The run's name."""
        return self.run_dir.name

    @property
    def is_complete(self) -> bool:
        """Whether all folds are trained and the out-of-fold predictions are written."""
        return (self.run_dir / "metrics.json").exists()

    def to_json(self) -> dict[str, Any]:
        """As written into config.json."""
        return {**dataclasses.asdict(self), "run_dir": self.name}

    @staticmethod
    def open(run_dir: Path) -> "Run":
        """Read a run folder's config.json; FishError where it is missing or damaged."""
        value = read_json(run_dir / "config.json")
        fields = {field.name for field in dataclasses.fields(Run)}
        if not isinstance(value, dict) or set(value) != fields:
            raise FishError(
                f"{run_dir / 'config.json'} is no run of this version of fishcli. Train it again."
            )
        return Run(**{**value, "run_dir": run_dir})

    def fold_path(self, fold: int, suffix: str) -> Path:
        """`fold_<k><suffix>`: .keras the model, .npz its validation predictions, .json all else."""
        return self.run_dir / f"fold_{fold}{suffix}"

    def load_folds(self) -> list[FoldHead]:
        """The trained heads of all folds."""
        heads = []
        for fold in range(self.settings["folds"]):
            kept = read_json(self.fold_path(fold, ".json"))
            encoder = encoder_from_json(kept["encoder"])
            heads.append(load_fold(self.fold_path(fold, ".keras"), encoder, np.array(kept["counts"])))
        return heads

    def read_oof(self, n_views: int) -> pd.DataFrame | None:
        """Out-of-fold predictions averaged over the first `n_views` views; None where there are none."""
        path = self.run_dir / oof_name(n_views)
        if not path.exists():
            return None
        text = ["image", "class_name", "group"]
        return read_csv(path, required=[*text, "fold", *self.class_names], text=text)

    def check_dataset(self, train: pd.DataFrame) -> None:
        """Raise FishError where the run was trained on other images."""
        if dataset_digest(train) != self.dataset:
            raise FishError(
                f"the run {self.name} was trained on other images than those in train/ now. "
                "Name its competition with --data-dir, or train again: fishcli train."
            )


def check_name(name: str) -> None:
    """Raise FishError where `name` can't be the name of a folder or file of its own."""
    if not name or name.startswith((".", "-")) or set(name) & set("/\\\n\0"):
        raise FishError(f"--name {name!r}: expected a plain name, such as vgg16-first, without a path.")


def oof_name(n_views: int) -> str:
    """The file of out-of-fold predictions: oof.csv for the plain photo, oof_tta<N>.csv for N views."""
    return "oof.csv" if n_views == 1 else f"oof_tta{n_views}.csv"


def settings_of(config: TrainConfig, n_copies: int) -> dict[str, Any]:
    """What changes a run's result besides its store and its images."""
    options = {name: value for name, value in dataclasses.asdict(config).items() if name not in NOT_COMPARED}
    return {**options, "copies": n_copies}


def encoder_from_json(value: dict[str, Any]) -> MetadataEncoder:
    """The encoder that `dataclasses.asdict` turned into JSON."""
    lists = {name: tuple(value[name]) for name in ("vocabulary", "mean", "scale")}
    return MetadataEncoder(value["kind"], **lists)


def list_runs(models_dir: Path) -> list[Run]:
    """All runs, the newest first."""
    paths = sorted(models_dir.glob("*/config.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    return [Run.open(path.parent) for path in paths]


def pick_run(models_dir: Path, name: str | None) -> Run:
    """The run of that name, or the newest that is complete.

    Raises:
        FishError: there is none, or it is not complete.
    """
    runs = {run.name: run for run in list_runs(models_dir)}
    if not runs:
        raise FishError(f"no runs in {models_dir}. Train one first: fishcli train.")
    if name is None:
        complete = [run for run in runs.values() if run.is_complete]
        if not complete:
            raise FishError(
                f"no run in {models_dir} is complete. Go on: fishcli train --name {next(iter(runs))}."
            )
        say(f"run {complete[0].name} (the newest; --run NAME picks another)")
        return complete[0]
    run = runs[choose(name, runs, "run")]
    if not run.is_complete:
        raise FishError(
            f"the run {name} is not complete. Go on: fishcli train --name {name}, with its options."
        )
    return run
