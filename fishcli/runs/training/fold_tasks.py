"""The heads of runs as the tasks of a cluster: fold x seed x head."""

import threading
import uuid
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, fields, replace
from typing import Any

import pandas as pd

from fishcli.basics.cluster import Cluster, connected
from fishcli.basics.progress import track
from fishcli.features.store.store import FeatureStore
from fishcli.heads.choices import needs_maps
from fishcli.heads.inputs import Features
from fishcli.heads.joined import joined, name_of, parts_of
from fishcli.options.train import TrainConfig
from fishcli.runs.run import Run
from fishcli.runs.training.fold_fits import FitDone, begin_run, finish_fold, fit_member, missing_folds
from fishcli.runs.training.inputs import TrainData, read_inputs
from fishcli.runs.training.pseudo import PseudoSource, load_pseudo


@dataclass(frozen=True)
class FitSource:
    """A run that is to be trained.

    Attributes:
        config: how.
        run: the run, claimed by this process.
        data: what it is trained on.
        folds: `image`, `fold`, `group`, in the order of `data.images`.
    """

    config: TrainConfig
    run: Run
    data: TrainData
    folds: pd.DataFrame


def train_on(address: str, sources: list[FitSource]) -> None:
    """Train on a cluster the folds that runs lack, to what `train_folds` makes of them here.

    Workers read the features and save the heads themselves; what a fold needs besides is written here.

    Args:
        address: the scheduler's; workers see the store and the runs under the same paths as this process.
        sources: the runs.
    """
    missing = [(number, k) for number, each in enumerate(sources) for k in missing_folds(each.run)]
    if not missing:
        return
    for each in sources:
        if each.config.pseudo is not None:  # what could refuse the run comes before its folder is made
            load_pseudo(each.config, each.run, each.folds, not _takes_maps(each))
    with connected(address) as cluster:
        fits: dict[tuple[int, int], dict[int, FitDone]] = defaultdict(dict)
        calls = _calls(cluster, sources, missing)
        with closing(cluster.run(fit_task, calls)) as results:
            for number, k, member, fit in track(results, "heads", "fit", len(calls)):
                found = fits[number, k]
                found[member] = fit
                if len(found) == sources[number].config.seeds:
                    finish_fold(sources[number].run, k, [found[i] for i in sorted(found)])
                    del fits[number, k]


def _calls(
    cluster: Cluster, sources: list[FitSource], missing: list[tuple[int, int]]
) -> list[tuple[Any, ...]]:
    """The arguments of every fit; runs that read features alike come one after the other."""
    token = uuid.uuid4().hex  # what workers read for this command is not for the next one
    data = {id(each.data): cluster.share(_seen_from_anywhere(each.data)) for each in sources}
    folds = {}
    for number in sorted({number for number, _ in missing}):
        begin_run(sources[number].run, sources[number].folds)
        folds[number] = cluster.share(sources[number].folds)
    calls: list[tuple[Any, ...]] = []
    for number, k in sorted(missing, key=lambda one: _read_alike(sources[one[0]])):
        each = sources[number]
        config, run = _with_absolute_paths(each.config), _with_absolute_paths(each.run)
        for member in range(config.seeds):
            calls.append((config, run, (token, number, k, member), data[id(each.data)], folds[number]))
    return calls


def _read_alike(source: FitSource) -> tuple[str, bool]:
    """What runs have in common that read the same features."""
    return name_of(source.data.store), _takes_maps(source)


def _takes_maps(source: FitSource) -> bool:
    return needs_maps(source.config, source.data.has_boxes)


def _seen_from_anywhere(data: TrainData) -> TrainData:
    """The same data as workers see it, whatever folder they were started in."""
    parts = [FeatureStore(part.store_dir.absolute()) for part in parts_of(data.store)]
    return replace(data, store=joined(parts))


def _with_absolute_paths(value: Any) -> Any:
    """A dataclass whose paths are absolute."""
    held = {field.name: getattr(value, field.name) for field in fields(value)}
    return replace(
        value, **{name: each.absolute() for name, each in held.items() if hasattr(each, "absolute")}
    )


_lock = threading.Lock()
_features: dict[tuple[Any, ...], Features] = {}
_teachers: dict[tuple[Any, ...], PseudoSource] = {}
"""On a worker: what it read last, for which command."""


def fit_task(
    config: TrainConfig, this_run: Run, part: tuple[str, int, int, int], data: TrainData, folds: pd.DataFrame
) -> tuple[int, int, int, FitDone]:
    """On a worker: fit and save one head.

    One at a time, however many threads the worker has: Keras draws its random numbers from one place.

    Args:
        config: how.
        this_run: whose head it is.
        part: the command's own token; the run's number, which comes back; the fold; and which of its heads.
        data: what the run is trained on.
        folds: `image`, `fold`, `group`, in the order of `data.images`.
    """
    token, number, k, member = part
    with _lock:
        takes_maps = needs_maps(config, data.has_boxes)
        key = (token, name_of(data.store), takes_maps)
        _forget_all_but(_features, key)
        inputs = read_inputs(config, data, _features.get(key))
        _features[key] = inputs.features
        teacher = None
        if config.pseudo is not None:
            _forget_all_but(_teachers, (token, number))
            teacher = _teachers.get((token, number)) or load_pseudo(config, this_run, folds, not takes_maps)
            _teachers[token, number] = teacher
        rows = None if teacher is None else teacher.rows(k)
        fit = fit_member(config, this_run, (inputs, rows), folds["fold"].to_numpy(), (k, member))
    return number, k, member, fit


def _forget_all_but(held: dict[tuple[Any, ...], Any], key: tuple[Any, ...]) -> None:
    """Hold one value at most: two sets of features may be more than a worker's memory."""
    for other in [each for each in held if each != key]:
        del held[other]
