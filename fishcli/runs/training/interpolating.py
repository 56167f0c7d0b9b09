"""What fine-tuning brought, and how far from the frozen start its folds go, chosen out of fold."""

import zipfile
from pathlib import Path

import numpy as np

from fishcli.basics.files import digests_of, read_json, whole_file, write_json
from fishcli.basics.progress import say
from fishcli.basics.remote import content
from fishcli.heads.trained import KerasHead
from fishcli.runs.run import Run
from fishcli.runs.training.fold_fits import members_of
from fishcli.scoring.calibration import find_temperature, nested_calibration, with_temperature
from fishcli.scoring.metrics import log_loss
from fishcli.tuning.interpolate import SHARES, go_between, load_ends

PROBLEMS = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


def ends_path(this_run: Run, k: int, member: int) -> Path:
    """Where the weights are between which a fold's network is chosen."""
    return this_run.fold_path(k, f"_{member}_ends.npz")


def choose_shares(this_run: Run, labels: np.ndarray, fold: np.ndarray) -> None:
    """Choose the share of SHARES with the least calibrated log loss, and let all that is kept follow it.

    Each fold's own predictions become those at the share that the other folds choose, as their temperature
    is theirs; its network, which predicts test photos, goes where all folds together choose. What is kept
    beside them is enough to choose again.

    Args:
        this_run: its folds are trained.
        labels: (n,).
        fold: (n,) the fold of each row.
    """
    by_share = _kept(this_run, "by_share", fold)
    plain = by_share[:, 0]
    own = {int(k): best_share(labels[fold != k], plain[:, fold != k]) for k in np.unique(fold)}
    for k, place in own.items():
        _rewrite(this_run, k, place)
    place = best_share(labels, plain)
    for k in own:
        _move(this_run, k, SHARES[place])
    said = ", ".join(f"{SHARES[each]:g}" for each in own.values())
    say(
        f"weights {SHARES[place]:g} of the way from frozen to trained do best out of fold; each fold is "
        f"predicted with what the others choose: {said}"
    )


def best_share(labels: np.ndarray, by_share: np.ndarray) -> int:
    """The place in SHARES of the predictions (a, n, C) whose calibrated log loss is least."""
    return int(np.argmin(calibrated_losses(labels, by_share)))


def calibrated_losses(labels: np.ndarray, several: np.ndarray) -> list[float]:
    """The log losses of predictions (a, n, C) among which one is chosen, each calibrated as it needs.

    Without that the least sure would be best: it is the temperature's part to mend that.
    """
    return [log_loss(labels, with_temperature(each, find_temperature(labels, each))) for each in several]


def frozen_against_trained(this_run: Run, labels: np.ndarray, fold: np.ndarray) -> str:
    """A line on what the frozen heads are worth from which training started, on the same folds."""
    frozen = _kept(this_run, "frozen", fold)[0]
    calibrated = nested_calibration(labels, frozen, fold)[0]
    best = min(log_loss(labels, each) for each in (frozen, calibrated))
    return f"frozen, the head linear has {best:.4f} on the same folds"


def _kept(this_run: Run, name: str, fold: np.ndarray) -> np.ndarray:
    """What the folds kept of their own rows under a name: (..., n, C)."""
    parts = {}
    for k in np.unique(fold):
        try:
            with np.load(content(this_run.fold_path(k, ".npz")), allow_pickle=False) as kept:
                parts[k] = kept[name]
            if parts[k].shape[-2] != (fold == k).sum():
                raise ValueError("it is of other images")
        except PROBLEMS as error:
            raise this_run.damaged(int(k), error) from None
    first = next(iter(parts.values()))
    found = np.empty((*first.shape[:-2], len(fold), first.shape[-1]))
    for k, part in parts.items():
        found[..., fold == k, :] = part
    return found


def _rewrite(this_run: Run, k: int, place: int) -> None:
    """Put the probabilities at a place in SHARES in the place of a fold's own, and of each of its heads'."""
    path, each_by_share = this_run.fold_path(k, ".npz"), members_of("by_share")
    with np.load(content(path), allow_pickle=False) as kept:
        arrays = {name: kept[name] for name in kept.files}
    arrays["proba"] = arrays["by_share"][place]
    if each_by_share in arrays:
        arrays[members_of("proba")] = arrays[each_by_share][:, place]
    with whole_file(path) as partial:
        np.savez(partial, **arrays)


def _move(this_run: Run, k: int, share: float) -> None:
    """Let a fold's networks go to a share of their way."""
    paths = [this_run.model_path(k, member) for member in range(this_run.n_members)]
    for member, (path, head) in enumerate(zip(paths, this_run.load_fold(k), strict=True)):
        assert isinstance(head, KerasHead)
        try:
            ends = load_ends(ends_path(this_run, k, member))
        except PROBLEMS as error:
            raise this_run.damaged(k, error) from None
        go_between(head.model, ends, share)
        head.save(path)
    kept = read_json(this_run.fold_path(k, ".json"))
    write_json(this_run.fold_path(k, ".json"), {**kept, "files": digests_of(paths)}, sealed=True)
