"""Above which cut a run of `finetune` is trained: the one that is asked for, or the best of a few."""

import dataclasses
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError
from fishcli.basics.files import read_json, whole_file, write_json
from fishcli.basics.progress import duration, say
from fishcli.basics.remote import content, names_in, read_bytes, remove_tree
from fishcli.dataset.classes import fold_priors, labels_of
from fishcli.heads.joined import name_of, parts_of
from fishcli.options.finetune import FinetuneConfig
from fishcli.runs.run import Run
from fishcli.runs.training.fold_fits import begin_run, missing_folds
from fishcli.runs.training.inputs import TrainData
from fishcli.runs.training.interpolating import calibrated_losses
from fishcli.runs.training.tuning import (
    Member,
    TuningSource,
    first_member,
    tune_folds,
    tuning_source,
)
from fishcli.scoring.metrics import log_loss

N_TRIED = 2
"""So many folds are trained above every cut; on each of them the choice rests for all folds but itself."""
CHOICE = "cut.json"
"""In the run's folder: what was chosen, and by which figures."""
TRIALS = "cuts"
"""In the run's folder while it is trained: what was trained above each cut."""


@dataclass(frozen=True)
class Trial:
    """A cut with what is trained above it.

    Attributes:
        config: of this cut alone.
        data: on its maps.
        run: the run that its folds belong to, a folder within the real one's.
    """

    config: FinetuneConfig
    data: TrainData
    run: Run


def tune_run(
    config: FinetuneConfig, cuts: list[TrainData], this_run: Run, folds: pd.DataFrame
) -> tuple[Run, TrainData]:
    """Train the folds of a run that are not done.

    Args:
        config: how.
        cuts: the data on the maps of each cut; of several one is chosen.
        this_run: the run.
        folds: `image`, `fold`, `group`.

    Returns:
        The run, of the store that was chosen, and its data.
    """
    source = None
    if len(cuts) > 1 and not this_run.is_complete:
        this_run, data, source = _chosen(config, cuts, this_run, folds)
    else:
        data = next(each for each in cuts if name_of(each.store) == this_run.store)
    if missing := missing_folds(this_run):
        source = source or _source(config, data, cuts[0], folds)
        begin_run(this_run, folds)
        first, once, a_step = first_member(source, this_run, missing[0])
        say(f"{_named(source, len(missing))}: about {duration(_cost(source, missing, (once, a_step)))} here")
        tune_folds(source, this_run, missing, first)
    return this_run, data


def read_choice(this_run: Run) -> dict[str, Any]:
    """What metrics.json tells of how the run's cut was chosen; nothing where it was not."""
    path = this_run.run_dir / CHOICE
    return {"cut": read_json(path)} if path.exists() else {}


def forget_trials(this_run: Run) -> None:
    """Remove what was trained above cuts while one was chosen."""
    if (this_run.run_dir / TRIALS).is_dir():
        remove_tree(this_run.run_dir / TRIALS)


def _chosen(
    config: FinetuneConfig, cuts: list[TrainData], this_run: Run, folds: pd.DataFrame
) -> tuple[Run, TrainData, TuningSource | None]:
    """Choose a cut, or read which was chosen; the folds on which cuts were tried are then done.

    Every fold is predicted with the cut that does best on those of the first N_TRIED folds that are not
    itself, as its temperature is found on the others; networks for test photos, and all later folds, are
    trained above the one that does best on all of these.
    """
    if not (this_run.run_dir / "config.json").exists():  # what a run left that was removed is none of ours
        (this_run.run_dir / CHOICE).unlink(missing_ok=True)
        forget_trials(this_run)
    trials = {}
    for data in cuts:
        cut = layer_of(data)
        own = dataclasses.replace(config, cut=cut, memory_budget=config.memory_budget / len(cuts))
        settings = {**this_run.settings, "cut": cut}
        run_dir = this_run.run_dir / TRIALS / cut
        run = dataclasses.replace(this_run, run_dir=run_dir, store=name_of(data.store), settings=settings)
        trials[cut] = Trial(own, data, run)
    sources: dict[str, TuningSource] = {}
    path = this_run.run_dir / CHOICE
    if not path.exists():
        sources = _try(trials, this_run, folds)
        write_json(path, _compared(trials, folds))
    choice = read_json(path)
    taken = trials[choice["chosen"]]
    said = ", ".join(f"{cut} {loss:.4f}" for cut, loss in choice["log_loss"].items())
    say(
        f"cuts tried on {choice['n_images']:,} images of folds {_numbers(choice['folds'])} (class prior "
        f"{choice['prior_log_loss']:.4f}), calibrated log loss: {said}; {choice['chosen']} is taken"
    )
    this_run = dataclasses.replace(this_run, store=taken.run.store)
    begin_run(this_run, folds)
    for k, cut in choice["by_fold"].items():
        if not this_run.fold_path(int(k), ".json").exists() and taken.run.run_dir.is_dir():
            _take_over(int(k), taken.run, trials[cut].run, this_run)
    return this_run, taken.data, sources.get(choice["chosen"])


def _source(config: FinetuneConfig, data: TrainData, first: TrainData, folds: pd.DataFrame) -> TuningSource:
    """What folds learn from above a cut; what they start from is told by the `first` cut that was tried."""
    if name_of(data.store) == name_of(first.store):
        return tuning_source(config, data, folds)
    frozen = tuning_source(dataclasses.replace(config, cut=layer_of(first)), first, folds).frozen
    return tuning_source(config, data, folds, frozen)


def layer_of(data: TrainData) -> str:
    """The cut whose maps data hold."""
    return parts_of(data.store)[0].recipe.layer


def _try(trials: dict[str, Trial], this_run: Run, folds: pd.DataFrame) -> dict[str, TuningSource]:
    """Train the first folds above each cut, as far as that is not done; returns what they learned from."""
    sources: dict[str, TuningSource] = {}
    for cut, each in trials.items():
        frozen = next((one.frozen for one in sources.values()), None)
        sources[cut] = tuning_source(each.config, each.data, folds, frozen)
    begin_run(this_run, folds)
    n_folds = this_run.settings["folds"]
    ks = range(min(N_TRIED, n_folds))
    begun: dict[str, tuple[list[int], Member]] = {}
    seconds, others = 0.0, []
    for cut, trial in trials.items():
        begin_run(trial.run, folds)
        missing = [k for k in missing_folds(trial.run) if k in ks]
        first, once, a_step = first_member(sources[cut], trial.run, (missing or [0])[0])
        begun[cut] = missing, first
        seconds += _cost(sources[cut], missing, (once, a_step))
        others.append(_cost(sources[cut], range(len(ks), n_folds), (once, a_step)))
    least, most = (duration(seconds + each) for each in (min(others), max(others)))
    one = next(iter(sources.values()))
    say(
        f"{len(trials)} cuts tried on {len(ks)} folds, one trained on all {_named(one, n_folds)}: about "
        f"{least if least == most else f'{least} to {most}'} here"
    )
    for cut, (missing, first) in begun.items():
        if missing:
            say(f"trying {cut}")
            tune_folds(sources[cut], trials[cut].run, missing, first)
    return sources


def _compared(trials: dict[str, Trial], folds: pd.DataFrame) -> dict[str, Any]:
    """What CHOICE holds: the figures of every cut, and which each of the tried folds is predicted with."""
    data = next(iter(trials.values())).data
    fold = folds["fold"].to_numpy()
    tried = sorted(set(fold))[:N_TRIED]
    labels = labels_of(data.images["class_name"], data.class_names)
    rows = np.isin(fold, tried)
    proba = np.stack([_proba(each.run, fold, tried) for each in trials.values()])
    cuts, of_rows = list(trials), fold[rows]
    losses = calibrated_losses(labels[rows], proba)
    by_fold = {}
    for k in tried:
        other = of_rows != k
        by_fold[str(k)] = cuts[int(np.argmin(calibrated_losses(labels[rows][other], proba[:, other])))]
    prior = fold_priors(labels, fold, len(data.class_names))
    return {
        "chosen": cuts[int(np.argmin(losses))],
        "folds": [int(k) for k in tried],
        "n_images": int(rows.sum()),
        "log_loss": dict(zip(cuts, losses, strict=True)),
        "prior_log_loss": log_loss(labels[rows], prior[rows]),
        "by_fold": by_fold,
    }


def _proba(run: Run, fold: np.ndarray, tried: Sequence[int]) -> np.ndarray:
    """What a trial predicted of the plain photos of the tried folds, (m, C) in the order of the rows."""
    parts = {}
    for k in tried:
        path = run.fold_path(k, ".npz")
        try:
            with np.load(content(path), allow_pickle=False) as kept:
                parts[k] = kept["proba"][0]
            if len(parts[k]) != (fold == k).sum():
                raise ValueError("it is of other images")
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise FishError(f"{path} is damaged ({error}). Remove {run.run_dir}, and go on.") from None
    of_rows = fold[np.isin(fold, tried)]
    found = np.empty((len(of_rows), parts[tried[0]].shape[-1]))
    for k, part in parts.items():
        found[of_rows == k] = part
    return found


def _take_over(k: int, taken: Run, own: Run, this_run: Run) -> None:
    """Copy a fold's networks from the trial that was chosen, its predictions from that which is its own."""
    kinds = (f"fold_{k}.", f"fold_{k}_", "architecture_")
    names = [name for name in names_in(taken.run_dir) if name.startswith(kinds)]
    described = taken.fold_path(k, ".json").name
    for name in [*(each for each in names if each != described), described]:
        source = own.run_dir if name == own.fold_path(k, ".npz").name else taken.run_dir
        with whole_file(this_run.run_dir / name) as partial:
            partial.write_bytes(read_bytes(source / name))


def _cost(source: TuningSource, ks: Sequence[int], seconds: tuple[float, float]) -> float:
    """Seconds of some folds; `seconds`: of a network besides its steps, and of a step."""
    return len(ks) * len(source.recipes) * seconds[0] + source.n_steps(ks) * seconds[1]


def _named(source: TuningSource, n_folds: int) -> str:
    """What is ahead, as people say it."""
    recipes = f" x {len(source.recipes)} recipes" if len(source.recipes) > 1 else ""
    return f"{n_folds} fold{'s' if n_folds > 1 else ''}{recipes} x {source.config.epochs} epochs"


def _numbers(ks: Sequence[int]) -> str:
    return " and ".join(str(k + 1) for k in ks)
