"""Run folders: what train writes, and what predict and ensemble read."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fishcli import __version__
from fishcli.basics.errors import FishError
from fishcli.basics.files import read_csv, read_json
from fishcli.dataset.classes import proba_columns
from fishcli.dataset.layout.images import dataset_digest
from fishcli.dataset.metadata import encoder_from_json
from fishcli.heads.fit import files_of, found, load_fold, suffix_of
from fishcli.heads.networks.kept import Networks
from fishcli.heads.trained import FoldHead
from fishcli.options.command_lines import advised
from fishcli.options.finetune import FINETUNE
from fishcli.options.train import RunConfig, TrainConfig
from fishcli.runs.folders.finding import seeds_in
from fishcli.runs.folders.folder import RunFolder, check_digest, oof_name
from fishcli.runs.folders.listing import METRICS
from fishcli.runs.folders.settings import IF_ASKED, LATER, has_views, usual_settings, with_later
from fishcli.runs.folders.train_lines import train_line

OOF_COLUMNS = ["image", "class_name", "fold", "group"]
"""The first columns of out-of-fold predictions; one a class follows."""


@dataclass(frozen=True)
class Run(RunFolder):
    """A run folder and its config.json.

    Attributes:
        class_names: the class order.
        store: the name of the feature store it was trained on; several, in order, with + between them.
        dataset: the digest of the training images.
        targets: the digest of the folds, groups and boxes.
        settings: the options of train or finetune that change the result; the number of augmented copies.
        layout: how the competition's folder was read, in lines.
        is_tagged: whether an image may have several classes.
    """

    class_names: list[str]
    store: str
    dataset: str
    targets: str
    settings: dict[str, Any]
    layout: tuple[str, ...] = ()
    is_tagged: bool = False

    def to_json(self) -> dict[str, Any]:
        """As written into config.json, with the version of fishcli that writes it."""
        told = {"fishcli": __version__, **dataclasses.asdict(self), "run_dir": self.name}
        return told if self.is_tagged else {name: each for name, each in told.items() if name != "is_tagged"}

    @staticmethod
    def open(run_dir: Path) -> "Run":
        """Read a run folder's config.json; FishError where it is missing, damaged or another version's."""
        path = run_dir / "config.json"
        again = (
            f"Train it again, with its options, under another --name or with {run_dir} removed: "
            f"{advised('train', TrainConfig, models_dir=run_dir.parent, name=run_dir.name)}."
        )
        try:
            value = read_json(path)
        except FishError as error:
            raise FishError(f"{error} {again}") from None
        version = value.pop("fishcli", None) if isinstance(value, dict) else None
        if (
            not isinstance(value, dict)
            or set(value) | {"layout", "is_tagged"} != {field.name for field in dataclasses.fields(Run)}
            or not (isinstance(value["settings"], dict) and isinstance(value["class_names"], list))
            or not all(isinstance(each, str) for each in [*value["class_names"], value["store"]])
            or not isinstance(value.get("layout", []), list)
            or not isinstance(value.get("is_tagged", False), bool)
            or set(value["settings"] | LATER) - set(IF_ASKED)
            != set(usual_settings(value["settings"].get("head")))
            or not has_views(value["settings"])
        ):
            known = f"fishcli {version} wrote it, or it is damaged"
            wrote = known if version else "it doesn't say which wrote it"
            raise FishError(f"{path} is no run of this version of fishcli ({__version__}; {wrote}). {again}")
        later = {"settings": with_later(value["settings"]), "layout": tuple(value.get("layout", ()))}
        return Run(**{**value, **later, "run_dir": run_dir})

    @property
    def views(self) -> list[str]:
        """The names of the views that it was trained on, of which out-of-fold predictions are kept."""
        return str(self.settings["view_names"]).split(",")

    def box_categories(self, config: RunConfig) -> str | None:
        """The categories whose boxes are true to the run: those it learned from, unless others are named."""
        return config.box_categories or self.settings["box_categories"]

    def fold_path(self, fold: int, suffix: str) -> Path:
        """`fold_<k><suffix>`: .npz the fold's validation predictions, .json all else but the models."""
        return self.run_dir / f"fold_{fold}{suffix}"

    @property
    def seed_dirs(self) -> list[Path]:
        """The folders of the runs that it averages, one a fold seed; none of a run by itself."""
        return seeds_in(self.run_dir, self.settings)

    @property
    def is_complete(self) -> bool:
        """Whether all folds, of all its seeds, are trained and what they are worth is written."""
        return super().is_complete and all((path / METRICS).exists() for path in self.seed_dirs)

    def by_seed(self) -> list["Run"]:
        """The runs that it averages, in the order of their fold seeds; itself where it averages none."""
        return [Run.open(path) for path in self.seed_dirs] or [self]

    @property
    def n_members(self) -> int:
        """How many heads a fold has."""
        return len(self.settings["augment"].split(",")) if self.is_tuned else int(self.settings["seeds"])

    @property
    def is_tuned(self) -> bool:
        """Whether `finetune` made it."""
        return bool(self.settings["head"] == FINETUNE)

    @property
    def mean_of_members(self) -> str:
        """How the heads of a fold are averaged: those that were augmented differently, in log space."""
        return "geometric" if self.is_tuned else "arithmetic"

    def model_path(self, fold: int, member: int) -> Path:
        """Where a fold's fitted head is written; further members are numbered: fold_<k>_<s>."""
        number = "" if member == 0 else f"_{member}"
        return self.fold_path(fold, number + suffix_of(self.settings["head"]))

    def model_files(self) -> list[Path]:
        """All files of the fitted heads, each once; FishError where one is missing or damaged."""
        n_folds = self.settings["folds"]
        paths = [
            found(self.model_path(k, member)) for k in range(n_folds) for member in range(self.n_members)
        ]
        return list(dict.fromkeys(each for path in paths for each in files_of(path)))

    def load_folds(self) -> list[list[FoldHead]]:
        """The fitted heads of each fold, one a seed, to predict with: they share what is alike."""
        networks: Networks = {}
        return [self.load_fold(fold, networks) for fold in range(self.settings["folds"])]

    def load_fold(self, fold: int, networks: Networks | None = None) -> list[FoldHead]:
        """The fitted heads of a fold, one a seed; see `heads.fit.load_fold`. FishError if damaged."""
        try:
            kept = read_json(self.fold_path(fold, ".json"))
            encoder, counts = encoder_from_json(kept["encoder"]), np.array(kept["counts"])
            paths = [found(self.model_path(fold, member)) for member in range(self.n_members)]
            for path in paths:
                check_digest(path, kept)
            return [load_fold(path, encoder, counts, networks) for path in paths]
        except (FishError, KeyError, TypeError, ValueError) as error:
            raise self.damaged(fold, error) from None

    def damaged(self, fold: int, error: Exception) -> FishError:
        """The error that a damaged fold is: what to remove, so that train makes it again."""
        return FishError(
            f"fold {fold} of the run {self.name} is missing or damaged: {error} "
            f"Remove {self.fold_path(fold, '.json')} and {self.run_dir / METRICS}, then train it again: "
            f"{self.train_line()}."
        )

    def train_line(self, **changes: Any) -> str:
        """The command line that makes the run again or goes on with it, or with `changes` another one."""
        return train_line(self.run_dir, self.store, self.settings, **changes)

    def read_oof(self, n_views: int) -> pd.DataFrame | None:
        """Out-of-fold predictions averaged over the first `n_views` views; None where there are none.

        Returns:
            `OOF_COLUMNS`, then the classes' `proba_columns`, as written by `train_report`.
        """
        path = self.run_dir / oof_name(n_views)
        if not path.exists():
            return None
        columns = proba_columns(self.class_names)
        oof = self.read_result(path.name, OOF_COLUMNS, ["image", "class_name", "group"])
        if list(oof.columns) == [*OOF_COLUMNS, *_bare_columns(self.class_names)]:
            oof.columns = pd.Index([*OOF_COLUMNS, *columns])
        try:
            numbers = oof[["fold", *columns]].astype(np.float64)
        except (KeyError, ValueError) as error:
            raise self.results_damaged(path, error) from None
        if not len(oof) or not np.isfinite(numbers.to_numpy()).all():
            raise self.results_damaged(path, "numbers are missing.")
        return oof

    def read_result(self, name: str, required: list[str], text: list[str]) -> pd.DataFrame:
        """Read a CSV of the run, such as folds.csv; FishError where it is missing or damaged."""
        path = self.run_dir / name
        metrics = self.read_metrics()
        try:
            check_digest(path, metrics)
            return read_csv(path, required, text)
        except FishError as error:
            raise self.results_damaged(path, error) from None

    def read_metrics(self) -> dict[str, Any]:
        """Read metrics.json; FishError where it is damaged."""
        path = self.run_dir / METRICS
        try:
            metrics = read_json(path)
        except FishError as error:
            raise self.results_damaged(path, error) from None
        if not isinstance(metrics, dict):
            raise self.results_damaged(path, "it holds no figures.")
        return metrics

    def results_damaged(self, path: Path, problem: object) -> FishError:
        """The error that a damaged file of results is: train writes it again from the folds it has."""
        return FishError(
            f"{path} is damaged: {problem} The folds are kept; write their results anew: {self.train_line()}."
        )

    def temperature(self, n_views: int) -> float:
        """The temperature found on out-of-fold predictions of as many views, or of as many as are known."""
        try:
            by_views = self.read_metrics()["by_views"]
            known = max((n for n in map(int, by_views) if n <= n_views), default=1)
            return float(by_views[str(known)].get("temperature", 1.0))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self.results_damaged(self.run_dir / METRICS, f"{type(error).__name__} {error}.") from None

    def is_of(self, train: pd.DataFrame) -> bool:
        """Whether the run was trained on these images."""
        return dataset_digest(train) == self.dataset

    def check_dataset(self, train: pd.DataFrame) -> None:
        """Raise FishError where the run was trained on other images."""
        if not self.is_of(train):
            raise FishError(
                f"the run {self.name} was trained on other images than those in train/ now. "
                "Name its competition with --data-dir, or train on these: "
                f"{self.train_line(name=f'{self.name}-new')}."
            )


def _bare_columns(class_names: list[str]) -> list[str]:
    """The classes' columns in files of before `proba_columns`: `read_csv` numbers those that came twice."""
    return [f"{name}.1" if name in OOF_COLUMNS else name for name in class_names]
