"""Fitting the heads of a fold, and what is kept of them."""

import dataclasses
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from fishcli.basics.cluster import stop_if_cancelled
from fishcli.basics.files import digests_of, whole_file, write_csv, write_json
from fishcli.basics.progress import say
from fishcli.basics.side_by_side import side_by_side, stop_if_given_up
from fishcli.heads.choices import is_of_one_thread
from fishcli.heads.examples import PseudoRows
from fishcli.heads.fit import fit_fold
from fishcli.heads.inputs import HeadInputs, in_parts
from fishcli.heads.trained import FoldHead
from fishcli.options.train import TrainConfig
from fishcli.runs.run import Run
from fishcli.runs.training.pseudo import PseudoSource, load_pseudo
from fishcli.scoring.ensembling import average


@dataclass(frozen=True)
class FitDone:
    """One head of a fold, fitted and saved.

    Attributes:
        proba: (v, n, C) probabilities of the fold's rows, by view.
        boxes: (v, n, 4) their boxes.
        kept: of the fold's .json: `encoder`, `counts` and `n_parameters`, the same for all its heads.
        losses: each epoch's training losses by name.
        seconds: that it took.
        more: other probabilities (..., n, C) of the fold's rows that are kept beside `proba`, by name.
    """

    proba: np.ndarray
    boxes: np.ndarray
    kept: dict[str, Any]
    losses: dict[str, list[float]]
    seconds: float
    more: dict[str, np.ndarray] = field(default_factory=dict)


def missing_folds(this_run: Run) -> list[int]:
    """The folds of a run that are not trained yet; none of a complete run."""
    if this_run.is_complete:
        return []
    folds = range(this_run.settings["folds"])
    if not (this_run.run_dir / "config.json").exists():
        return list(folds)
    return [k for k in folds if not this_run.fold_path(k, ".json").exists()]


def begin_run(this_run: Run, folds: pd.DataFrame) -> None:
    """Write what is known before training; what a run left that was removed while it was trained goes."""
    if not (this_run.run_dir / "config.json").exists():
        for kind in ("fold_*", "architecture_*"):
            for path in this_run.run_dir.glob(kind):
                path.unlink()
    write_json(this_run.run_dir / "config.json", this_run.to_json(), sealed=True)
    write_csv(this_run.run_dir / "folds.csv", folds)


def fit_member(
    config: TrainConfig,
    this_run: Run,
    sources: tuple[HeadInputs, PseudoRows | None],
    fold: np.ndarray,
    part: tuple[int, int],
) -> FitDone:
    """Fit one head and save it.

    Args:
        config: how.
        this_run: whose head it is.
        sources: what it learns from: its inputs, and test images with a teacher's predictions.
        fold: (n,) the fold of each row.
        part: which fold's head, and which of its `config.seeds`.
    """
    inputs, pseudo = sources
    # Of a head of one thread its own seconds, of which several pass at a time where there are several cores.
    clock = time.thread_time if is_of_one_thread(config.head) else time.perf_counter
    started = clock()
    k, member = part
    seed = int(np.random.SeedSequence([config.seed, k, member]).generate_state(1)[0])
    head, losses = fit_fold(config, inputs, np.flatnonzero(fold != k), seed, pseudo)
    proba, boxes = predict_views(head, inputs, np.flatnonzero(fold == k), len(config.chosen_views))
    stop_if_given_up()
    stop_if_cancelled()  # else it could replace the head that was fitted in its place
    head.save(this_run.model_path(k, member))
    return FitDone(proba, boxes, kept_of(head), losses, clock() - started)


def kept_of(head: FoldHead) -> dict[str, Any]:
    """What the fold's .json keeps of a head."""
    return {
        "encoder": dataclasses.asdict(head.encoder),
        "counts": head.counts.tolist(),
        "n_parameters": head.n_parameters,
    }


def finish_fold(this_run: Run, k: int, fits: list[FitDone]) -> None:
    """Write what is kept of a fold whose heads are all saved; its .json is last and says that it is done."""
    with whole_file(this_run.fold_path(k, ".npz")) as path:
        said = [{"proba": fit.proba, **fit.more} for fit in fits]
        mean = this_run.mean_of_members
        kept = {name: average(np.stack([each[name] for each in said]), mean) for name in said[0]}
        if this_run.is_tuned and len(fits) > 1:  # what each recipe brings by itself, the report tells
            kept |= {members_of(name): np.stack([each[name] for each in said]) for name in said[0]}
        kept["boxes"] = np.mean([fit.boxes for fit in fits], axis=0)
        np.savez(path, allow_pickle=False, **kept)
    losses = [fit.losses for fit in fits]
    seconds = round(sum(fit.seconds for fit in fits), 3)
    files = digests_of(this_run.model_path(k, member) for member in range(len(fits)))
    described = {**fits[-1].kept, "losses": losses, "seconds": seconds, "files": files}
    write_json(this_run.fold_path(k, ".json"), described, sealed=True)


def members_of(name: str) -> str:
    """Under what a fine-tuned fold keeps each of its heads' (m, ...) of what it keeps under `name`."""
    return f"members_{name}"


def predict_views(
    head: FoldHead, inputs: HeadInputs, rows: np.ndarray, n_views: int
) -> tuple[np.ndarray, np.ndarray]:
    """Predictions of `rows` under each of the first views: probabilities (v, n, C) and boxes (v, n, 4)."""
    found = []
    for view in range(n_views):
        parts = [
            head.predict(inputs.features[view, part], inputs.images.iloc[part]) for part in in_parts(rows)
        ]
        found.append([np.concatenate(each) for each in zip(*parts, strict=True)])
    return np.stack([proba for proba, _ in found]), np.stack([boxes for _, boxes in found])


def train_folds(config: TrainConfig, this_run: Run, inputs: HeadInputs, folds: pd.DataFrame) -> None:
    """Train the folds that are not done; what could refuse the run comes before its folder is made."""
    pooled = len(inputs.features.shape) == 3
    pseudo = load_pseudo(config, this_run, folds, pooled) if config.pseudo is not None else None
    missing = missing_folds(this_run)
    begin_run(this_run, folds)
    fold = folds["fold"].to_numpy()

    def fit(task: tuple[int, int, PseudoRows | None]) -> FitDone:
        k, member, rows = task
        if member == 0:
            say(f"fold {k + 1} of {config.folds}: training {config.head} on {np.sum(fold != k):,} images")
        return fit_member(config, this_run, (inputs, rows), fold, (k, member))

    n_at_once = _n_at_once(config, inputs, len(missing) * config.seeds)
    with closing(side_by_side(fit, _tasks(config, missing, pseudo), n_at_once)) as done:
        for k in missing:
            finish_fold(this_run, k, list(islice(done, config.seeds)))


def _tasks(
    config: TrainConfig, missing: list[int], pseudo: PseudoSource | None
) -> Iterator[tuple[int, int, PseudoRows | None]]:
    """The heads to fit: fold, which of its seeds, and what a teacher, who is asked once a fold, says."""
    for k in missing:
        rows = None if pseudo is None else pseudo.rows(k)
        yield from ((k, member, rows) for member in range(config.seeds))


def _n_at_once(config: TrainConfig, inputs: HeadInputs, n_heads: int) -> int:
    """How many heads are trained at a time: those of one thread on all cores, within the memory budget."""
    if not is_of_one_thread(config.head):
        return 1
    from joblib import cpu_count  # of this process, not of the machine

    from fishcli.heads.perceptrons.fitting import training_bytes

    n_that_fit = config.memory_budget * 2**30 / training_bytes(config, inputs)
    return int(max(1, min(cpu_count(), n_heads, n_that_fit)))
