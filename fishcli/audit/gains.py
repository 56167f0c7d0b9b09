"""What metadata tells of the label, in bits: held-out, beside the prior, with an interval."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fishcli.audit.ends import LUCK, interval_ends, interval_method
from fishcli.audit.learners.encoding import Coded
from fishcli.audit.learners.learners import LEARNERS, cross_fit, learned
from fishcli.audit.luck.widening import widening
from fishcli.audit.table import AuditTable
from fishcli.dataset.classes import fold_priors, smoothed_prior


@dataclass(frozen=True)
class Gain:
    """What the two learners, averaged, tell of the label under one kind of folds.

    The estimand: the gain of this learner, trained on this much data, on fresh images of the same groups
    (random folds) or on fresh groups (grouped folds). Where there is nothing to learn it is not 0 but
    negative: what fitting noise costs.

    Attributes:
        fields: what was looked at.
        folds: "random" or "grouped".
        log_loss: of the averaged probabilities on held-out rows, bits.
        prior_log_loss: of the smoothed class prior of each fold's training part, bits.
        bits: the second less the first.
        bits_low: the lower end of its 95% interval; None where there is one group.
        bits_high: the upper end.
        share_of_prior: `bits` as a share of `prior_log_loss`.
        accuracy: share right.
        majority: the share of the largest class.
        macro_auc: the mean over classes of the area under the ROC curve, one class against the rest.
        learners: each learner's own bits.
        interval: the method of the interval and its limits.
    """

    fields: str
    folds: str
    log_loss: float
    prior_log_loss: float
    bits: float
    bits_low: float | None
    bits_high: float | None
    share_of_prior: float
    accuracy: float
    majority: float
    macro_auc: float
    learners: dict[str, float]
    interval: str


@dataclass(frozen=True)
class HeldOut:
    """What was said of rows that were held out.

    Attributes:
        gain: its summary.
        losses: (n,) float64, each row's log loss, nats.
    """

    gain: Gain
    losses: np.ndarray


def measure_gain(table: AuditTable, fold: np.ndarray, fields: str, folds: str) -> HeldOut:
    """Cross-fit the label on the metadata.

    Args:
        table: n rows.
        fold: (n,) int, the fold in which each row is held out.
        fields: a word for what is looked at.
        folds: "random", or "grouped" where no group straddles a fold: the interval then draws groups.
    """
    groups = table.groups if folds == "grouped" else None
    by_learner = cross_fit(table, fold)
    proba = np.mean([by_learner[name] for name in LEARNERS], axis=0)
    prior = fold_priors(table.labels, fold, table.n_classes)
    losses, prior_losses = (row_losses(table.labels, each) for each in (proba, prior))
    difference = (prior_losses - losses) / math.log(2)
    low, high = interval_ends(
        difference, groups, 1.0 if folds == "grouped" else widening(table, fold, difference)
    )
    gain = Gain(
        fields=fields,
        folds=folds,
        log_loss=float(losses.mean() / math.log(2)),
        prior_log_loss=float(prior_losses.mean() / math.log(2)),
        bits=float(difference.mean()),
        bits_low=low,
        bits_high=high,
        share_of_prior=float(difference.sum() * math.log(2) / prior_losses.sum()),
        accuracy=float((proba.argmax(axis=1) == table.labels).mean()),
        majority=float(np.bincount(table.labels).max() / len(table.labels)),
        macro_auc=_macro_auc(table.labels, proba),
        learners={
            name: float((prior_losses - row_losses(table.labels, each)).mean() / math.log(2))
            for name, each in by_learner.items()
        },
        interval=interval_method(groups) + ("" if folds == "grouped" else LUCK),
    )
    return HeldOut(gain, losses)


def gain_on(known: AuditTable, fresh: AuditTable) -> float:
    """The gain of the learners fitted on one table, averaged, on the rows of another: bits."""
    both = pd.concat([known.columns, fresh.columns], ignore_index=True)
    rows = np.split(np.arange(len(both)), [len(known.labels)])
    coded = Coded.of(both, known.fields)
    proba = np.mean([learned(name, known, coded, *rows) for name in LEARNERS], axis=0)
    prior = smoothed_prior(np.bincount(known.labels, minlength=known.n_classes))
    prior_losses = row_losses(fresh.labels, np.tile(prior, (len(proba), 1)))
    return float((prior_losses - row_losses(fresh.labels, proba)).mean() / math.log(2))


def row_losses(labels: np.ndarray, proba: np.ndarray) -> np.ndarray:
    """The log loss of each row, (n,) float64 nats, of labels (n,) under probabilities (n, C)."""
    return -np.log(np.clip(proba[np.arange(len(labels)), labels], np.finfo(np.float64).tiny, 1.0))


def label_entropy(labels: np.ndarray) -> float:
    """The entropy of labels (n,), bits."""
    from scipy.special import entr  # scipy.stats takes as long to import as fits of many fields

    counts = np.bincount(labels)
    return float(entr(counts / counts.sum()).sum() / math.log(2))


def _macro_auc(labels: np.ndarray, proba: np.ndarray) -> float:
    """By ranks (Mann & Whitney 1947), ties counted as half."""
    from scipy.stats import rankdata

    is_class = labels[:, None] == np.arange(proba.shape[1])
    n_in = is_class.sum(axis=0)
    ranks = (rankdata(proba, axis=0) * is_class).sum(axis=0)
    return float(((ranks - n_in * (n_in + 1) / 2) / (n_in * (len(labels) - n_in))).mean())
