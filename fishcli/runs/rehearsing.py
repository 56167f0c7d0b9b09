"""Promise against outcome: groups are held back, and what folds of the others said of them is compared."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError
from fishcli.basics.intervals import paired_interval, prediction_interval
from fishcli.dataset.classes import smoothed_prior
from fishcli.dataset.folds import make_folds
from fishcli.heads.fit import fit_fold
from fishcli.heads.inputs import HeadInputs
from fishcli.options.train import TrainConfig
from fishcli.runs.training.fold_fits import predict_views
from fishcli.scoring.calibration import find_temperature, nested_calibration, with_temperature
from fishcli.scoring.ensembling import average
from fishcli.scoring.metrics import log_loss, log_losses

HELD_BACK = 3
"""One of so many groups is held back."""


@dataclass(frozen=True)
class Told:
    """What folds of one kind told of the images learned from, and what came on those held back.

    Attributes:
        oof: (n,) out-of-fold losses, nats, calibrated as `train` does.
        came: (m,) losses of what `predict` would answer: all folds averaged.
    """

    oof: np.ndarray
    came: np.ndarray


def rehearse_split(
    config: TrainConfig, inputs: HeadInputs, groups: np.ndarray, split: int
) -> dict[str, float]:
    """Hold back a third of the groups, learn from the rest on random and on grouped folds, and compare.

    The public stage is a random half of the groups held back: its loss is what a leaderboard would show
    before the other half, the private stage, decides.

    Args:
        config: the head and its folds.
        inputs: of n images.
        groups: (n,) their groups.
        split: the seed of what is held back, of the folds and of the heads.

    Returns:
        `split`; `learned_groups` and `held_groups`; `prior`, the prior's loss on what is held back;
        `random`, `grouped`: the losses that folds promised; `low`, `high`: the 95% prediction interval of the
        grouped one; `mean_low`, `mean_high`: the confidence interval of the learned groups' mean, which is
        another thing; `random_came`, `came`: what then came of models of random and of grouped folds;
        `inside`, whether the latter is in the prediction interval, 0 or 1; `public`, `private`: `came` of
        both stages.

    Raises:
        FishError: fewer groups than can be held back and dealt into folds.
    """
    rng, known = np.random.default_rng(split), np.unique(groups)
    held = rng.permutation(known)[: len(known) // HELD_BACK]
    if len(held) < 2:
        raise FishError(
            f"{len(known)} groups are too few to hold a third of them back for a public and a private stage: "
            f"expected {2 * HELD_BACK} or more. Finer groups come from fishcli groups or --groups CSV."
        )
    is_held = np.isin(groups, held)
    learned, unseen = np.flatnonzero(~is_held), np.flatnonzero(is_held)
    labels = inputs.labels
    told = {
        kind: _told(dataclasses.replace(config, seed=split), inputs, (learned, unseen), own)
        for kind, own in (("random", None), ("grouped", groups))
    }
    prior = smoothed_prior(inputs.counts(learned))
    grouped, is_public = told["grouped"], np.isin(groups[unseen], held[: len(held) // 2])
    expected = prediction_interval(grouped.oof, groups[learned], len(held))
    of_mean = paired_interval(grouped.oof, groups[learned])
    came = float(grouped.came.mean())
    return {
        "split": split,
        "learned_groups": len(known) - len(held),
        "held_groups": len(held),
        "prior": log_loss(labels[unseen], np.tile(prior, (len(unseen), 1))),
        "random": float(told["random"].oof.mean()),
        "random_came": float(told["random"].came.mean()),
        "grouped": float(grouped.oof.mean()),
        "low": expected.low,
        "high": expected.high,
        "mean_low": of_mean.low,
        "mean_high": of_mean.high,
        "came": came,
        "inside": int(expected.low <= came <= expected.high),
        "public": float(grouped.came[is_public].mean()),
        "private": float(grouped.came[~is_public].mean()),
    }


def _told(
    config: TrainConfig, inputs: HeadInputs, rows: tuple[np.ndarray, np.ndarray], groups: np.ndarray | None
) -> Told:
    """Train the folds of the rows to learn from, of all groups or none known, and ask them of both."""
    learned, unseen = rows
    inputs = dataclasses.replace(inputs, groups=groups)
    of_learned = None if groups is None else pd.Series(groups[learned])
    fold = make_folds(inputs.images["class_name"].iloc[learned], of_learned, config.folds, config.seed)
    labels, n_classes = inputs.labels[learned], inputs.n_classes
    oof = np.zeros((len(learned), n_classes))
    came = np.zeros((config.folds, len(unseen), n_classes))
    n_views = len(config.chosen_views)
    for k in range(config.folds):
        found = []
        for member in range(config.seeds):
            seed = int(np.random.SeedSequence([config.seed, k, member]).generate_state(1)[0])
            head, _ = fit_fold(config, inputs, learned[fold != k], seed)
            asked = np.concatenate([learned[fold == k], unseen])
            found.append(predict_views(head, inputs, asked, n_views)[0].mean(axis=0))
        both = average(np.stack(found), "arithmetic")
        oof[fold == k], came[k] = np.split(both, [int((fold == k).sum())])
    nested, temperature = nested_calibration(labels, oof, fold)[0], find_temperature(labels, oof)
    if log_loss(labels, nested) >= log_loss(labels, oof):  # as `train` does, then none is used
        nested, temperature = oof, 1.0
    came = np.stack([with_temperature(each, temperature, labels.ndim == 2) for each in came])
    answered = average(came, "arithmetic")
    return Told(log_losses(labels, nested), log_losses(inputs.labels[unseen], answered))
