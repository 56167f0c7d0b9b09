"""A localiser's run folder: what locate writes, and what reads it."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fishcli import __version__
from fishcli.basics.errors import FishError
from fishcli.basics.files import digests_of, read_json, whole_file, write_json
from fishcli.basics.quiet import load_keras
from fishcli.basics.remote import content, local_copy
from fishcli.locating.decode import CellBoxes
from fishcli.options.command_lines import advised
from fishcli.options.locate import LocateConfig, detections_path
from fishcli.runs.folders.folder import RunFolder, check_digest
from fishcli.runs.folders.listing import CONFIG, LOCATE, METRICS
from fishcli.runs.folders.train_lines import locate_line

NOT_COMPARED = (
    *("data_dir", "features_dir", "models_dir", "name", "features", "memory_budget", "workers"),
    *("backbone", "weights", "image_size", "layer", "skip_unreadable"),
    *("transparency", "truncated", "max_pixels"),
)
"""Where things lie is no part of what a run is; what its features are the store's name says."""


@dataclass(frozen=True)
class LocaliserRun(RunFolder):
    """A run folder of `fishcli locate`.

    Attributes:
        store: the name of the store of maps that it learned on.
        dataset: the digest of the training images.
        targets: the digest of the folds, groups and boxes.
        settings: the fields of LocateConfig that change the result, and `view_names`.
    """

    store: str
    dataset: str
    targets: str
    settings: dict[str, Any]

    @property
    def view_names(self) -> list[str]:
        """The views that it learned from and averages."""
        return list(self.settings["view_names"])

    def to_json(self) -> dict[str, Any]:
        """As written into config.json."""
        return {"fishcli": __version__, "kind": LOCATE, **dataclasses.asdict(self), "run_dir": self.name}

    @staticmethod
    def open(run_dir: Path) -> "LocaliserRun":
        """Read a run's config.json; FishError where it is missing, damaged or no localiser's."""
        value = read_json(run_dir / CONFIG)
        fields = {field.name for field in dataclasses.fields(LocaliserRun)}
        if not isinstance(value, dict) or value.get("kind") != LOCATE or not fields <= value.keys():
            raise FishError(
                f"{run_dir} is no localiser's run. Make one: "
                f"{advised('locate', LocateConfig, models_dir=run_dir.parent, name=f'{run_dir.name}-boxes')}."
            )
        return LocaliserRun(**{**{name: value[name] for name in fields}, "run_dir": run_dir})

    def fold_path(self, fold: int, suffix: str) -> Path:
        """`fold_<k><suffix>`: .keras the model, .npz what it finds in its own photos, .json all else."""
        return self.run_dir / f"fold_{fold}{suffix}"

    def missing_folds(self) -> list[int]:
        """The folds that are not trained yet."""
        return [k for k in range(self.settings["folds"]) if not self.fold_path(k, ".json").exists()]

    def save_fold(self, fold: int, model: Any, found: list[CellBoxes], kept: dict[str, Any]) -> None:
        """Write a fold's model, what it finds in its validation photos, in their order, and `kept`, last."""
        with whole_file(self.fold_path(fold, ".keras")) as path:
            model.save(path)
        with whole_file(self.fold_path(fold, ".npz")) as path:
            np.savez(
                path,
                allow_pickle=False,
                boxes=np.concatenate([each.boxes for each in found]),
                scores=np.concatenate([each.scores for each in found]),
                counts=np.array([len(each.scores) for each in found]),
                **_ends_of(found),
            )
        files = digests_of([self.fold_path(fold, ".keras"), self.fold_path(fold, ".npz")])
        write_json(self.fold_path(fold, ".json"), {**kept, "files": files}, sealed=True)

    def found_in_fold(self, fold: int) -> list[CellBoxes]:
        """What a fold's localiser found in its validation photos, in their order; scores are raw."""
        try:
            self._check(fold, ".npz")
            with np.load(content(self.fold_path(fold, ".npz")), allow_pickle=False) as kept:
                starts = np.cumsum(kept["counts"])[:-1]
                names = ["boxes", "scores", *(["ends"] if "ends" in kept else [])]
                parts = [np.split(kept[name], starts) for name in names]
                return [CellBoxes(*each) for each in zip(*parts, strict=True)]
        except Exception as error:  # what a damaged zip raises has no common base
            raise self.damaged(fold, error) from None

    def load_models(self) -> list[Any]:
        """The localiser of each fold, as Keras models; FishError where one is missing or damaged."""
        return [self._load_model(fold) for fold in range(self.settings["folds"])]

    def _load_model(self, fold: int) -> Any:
        keras = load_keras()
        try:
            self._check(fold, ".keras")
            with local_copy(self.fold_path(fold, ".keras")) as local:
                return keras.models.load_model(local, compile=False, safe_mode=True)
        except Exception as error:  # likewise
            raise self.damaged(fold, error) from None

    def _check(self, fold: int, suffix: str) -> None:
        check_digest(self.fold_path(fold, suffix), read_json(self.fold_path(fold, ".json")))

    def check_found(self) -> None:
        """Raise FishError where what a complete run found, or its folds, are not what it wrote."""
        known = read_json(self.run_dir / METRICS)
        try:
            for path in (detections_path(self.run_dir), self.run_dir / "folds.csv"):
                check_digest(path, known)
        except FishError as error:
            raise FishError(
                f"{self.run_dir}: {error} Remove {self.run_dir / METRICS}, then write it again: "
                f"{self.locate_line()}."
            ) from None

    def damaged(self, fold: int, error: Exception) -> FishError:
        """The error that a damaged fold is: what to remove, so that locate makes it again."""
        reason = (str(error) or type(error).__name__).splitlines()[0]
        return FishError(
            f"fold {fold} of the run {self.name} is missing or damaged: {reason} "
            f"Remove {self.fold_path(fold, '.json')} and {self.run_dir / METRICS}, then make it again: "
            f"{self.locate_line()}."
        )

    def locate_line(self, **changes: Any) -> str:
        """The command line that makes the run again or goes on with it, or with `changes` another one."""
        return locate_line(self.run_dir, self.store, self.settings, **changes)


def _ends_of(found: list[CellBoxes]) -> dict[str, np.ndarray]:
    """The heads and tails of what was found, under their name; nothing where they were not learned."""
    known = [each.ends for each in found if each.ends is not None]
    return {"ends": np.concatenate(known)} if known else {}


def localiser_settings(config: LocateConfig, view_names: list[str]) -> dict[str, Any]:
    """What changes a run's result besides its store and its images."""
    options = {name: value for name, value in dataclasses.asdict(config).items() if name not in NOT_COMPARED}
    if not config.ends:
        del options["ends"]  # runs of before could not learn them
    return {**options, "view_names": view_names}
