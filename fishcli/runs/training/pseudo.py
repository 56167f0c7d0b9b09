"""Pseudo-labels: another run's confident test predictions, fold by fold, as examples to learn from."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError
from fishcli.basics.files import read_json
from fishcli.basics.progress import say, warn
from fishcli.dataset.layout.images import load_tests
from fishcli.features.upkeep import Upkeep
from fishcli.heads.examples import PseudoRows
from fishcli.heads.inputs import Features, in_parts, store_rows
from fishcli.heads.joined import HeadStore
from fishcli.heads.reading import read_features
from fishcli.options.train import TrainConfig
from fishcli.runs.folders.picking import pick_one_seed
from fishcli.runs.run import METRICS, Run
from fishcli.runs.stores import bring_up, pick_stores
from fishcli.scoring.calibration import with_temperature
from fishcli.scoring.ensembling import average

VIEW = "identity"


@dataclass(frozen=True)
class PseudoSource:
    """The test images, and the run whose opinion of them is taken.

    Attributes:
        teacher: the other run, trained on the same folds.
        images: the readable test images of all splits, `split` among their columns, with this run's metadata.
        their_images: the same rows with the teacher's metadata.
        theirs: their features as the teacher takes them, (1, m, ...).
        ours: their features for the head to be trained, (1, m, ...).
        confidence: the least probability of a row's likeliest class.
    """

    teacher: Run
    images: pd.DataFrame
    their_images: pd.DataFrame
    theirs: Features
    ours: Features
    confidence: float

    def rows(self, fold: int) -> PseudoRows | None:
        """What the teacher's heads of `fold` are confident of; None where they are confident of nothing.

        Only that fold's heads are asked: the others have seen the rows that `fold` is validated on, and would
        pass on what they know of them.
        """
        parts = in_parts(np.arange(len(self.images)))
        heads = self.teacher.load_fold(fold)
        found = []
        for part in parts:
            each = [head.predict(self.theirs[0, part], self.their_images.iloc[part])[0] for head in heads]
            found.append(average(np.stack(each), self.teacher.mean_of_members))
        proba = np.concatenate(found)
        proba = with_temperature(
            proba, read_json(self.teacher.run_dir / METRICS)["by_fold"][fold]["temperature"]
        )
        sure = np.flatnonzero(proba.max(axis=1) >= self.confidence)
        if not len(sure):
            warn(f"fold {fold}: {self.teacher.name} is confident of no test image; trained without any")
            return None
        say(f"fold {fold}: {len(sure):,} of {len(proba):,} test images with labels by {self.teacher.name}")
        return PseudoRows(self.images, self.ours, sure, proba)


def load_pseudo(config: TrainConfig, this_run: Run, folds: pd.DataFrame, pooled: bool) -> PseudoSource:
    """The test images with the features that both runs take; computed where they are missing.

    Args:
        config: of this run; its `pseudo` names the other one.
        this_run: the run to be trained.
        folds: `image`, `fold`, of this run.
        pooled: whether this run's heads take pooled features.

    Raises:
        FishError: no such run, one of other images, classes or folds, or no test images.
    """
    teacher = pick_one_seed(config.models_dir, config.pseudo)
    if (teacher.class_names, teacher.dataset) != (this_run.class_names, this_run.dataset):
        raise FishError(f"--pseudo {teacher.name}: it was trained on other images or classes.")
    known = teacher.read_result("folds.csv", ["image", "fold"], ["image", "group"])
    if list(known["image"]) != list(folds["image"]) or list(known["fold"]) != list(folds["fold"]):
        raise FishError(
            f"--pseudo {teacher.name}: it was trained on other folds, so it has learned from images that "
            "this run is validated on. Train both with the same --folds, --groups and --seed, and the same "
            "version of fishcli."
        )
    tests = load_tests(config.data_dir, config.reading)
    if not tests:
        raise FishError(f"--pseudo {teacher.name}: {config.data_dir} has no test images.")
    stores = [pick_stores(config.stores_dir, each.store) for each in (teacher, this_run)]
    wanted = {split: (table, [VIEW]) for split, table in tests.items()}
    upkeep = Upkeep(config.data_dir, config.reading, scheduler=config.scheduler)
    tables = [bring_up(config, store, wanted, upkeep) for store in stores]
    their_images, images = (_readable(stores, each) for each in tables)
    theirs = _read(stores[0], images, teacher.load_fold(0)[0].takes_pooled, config.memory_budget)
    ours = _read(stores[1], images, pooled, config.memory_budget)
    return PseudoSource(teacher, images, their_images, theirs, ours, config.pseudo_confidence)


def _readable(stores: list[HeadStore], tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The rows of all splits that can be read in every store, with their `split`."""
    parts = []
    for split, table in tables.items():
        bad = {image for store in stores for image in store.unreadable(split)}
        parts.append(table[~table["image"].isin(bad)].assign(split=split))
    return pd.concat(parts, ignore_index=True)


def _read(store: HeadStore, images: pd.DataFrame, pool: bool, budget: float) -> Features:
    sources = {
        str(split): store_rows(store, str(split), list(part["image"]))
        for split, part in images.groupby("split", sort=False)
    }
    return read_features(store, sources, [VIEW], pool, budget)
