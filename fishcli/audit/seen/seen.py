"""Whether a model that sees the photo already sees the metadata."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fishcli.audit.ends import interval_ends, interval_method
from fishcli.audit.gains import row_losses
from fishcli.audit.later import Later
from fishcli.audit.learners.bins import field_bins
from fishcli.audit.learners.encoding import Coded
from fishcli.audit.luck.repeats import repeated_folds
from fishcli.audit.seen.components import scores_by_fold, training_rows
from fishcli.audit.seen.image_learner import held_out_of_many, held_out_proba
from fishcli.audit.table import AuditTable
from fishcli.basics.progress import track
from fishcli.dataset.classes import fold_priors

N_REPEATS, MANY_IMAGES = 3, 1_000
"""Partitions into folds that are averaged over, of fewer than so many images; of more there is one."""


@dataclass(frozen=True)
class Detectability:
    """How well one field is predicted from the features of images that were held out.

    Attributes:
        field: its name.
        bits: the log loss of the prior less that of the prediction, bits; None where the field has one bin.
        share: `bits` as a share of the prior's log loss: 1 where the photo shows the field without doubt, 0
            or a little less where it shows nothing of it.
        n_bins: values that were told apart, after binning.
        utility_bits: what the field tells of the label, as handed in; None where unknown.
        product: utility times share, both counted as 0 where negative: what a model could gain by reading the
            field off the photo.
    """

    field: str
    bits: float | None
    share: float | None
    n_bins: int
    utility_bits: float | None
    product: float | None


@dataclass(frozen=True)
class ConditionalValue:
    """What the metadata tell of the label beyond what the image tells.

    Attributes:
        folds: "random" or "grouped".
        prior_log_loss: of the smoothed class prior of each fold's training part, bits.
        image_log_loss: of a logistic regression on the image, bits; like all losses the mean over repeats.
        both_log_loss: of the same learner on the same folds with the metadata added, bits.
        bits: the former less the latter; positive where metadata help.
        bits_low: the lower end of its 95% interval; None where there is but one group.
        bits_high: the upper end.
        n_repeats: different partitions into folds that were averaged.
        interval: its method.
    """

    folds: str
    prior_log_loss: float
    image_log_loss: float
    both_log_loss: float
    bits: float
    bits_low: float | None
    bits_high: float | None
    n_repeats: int
    interval: str


def detectabilities(
    table: AuditTable, features: np.ndarray, fold: np.ndarray, utility: Mapping[str, float]
) -> list[Detectability]:
    """How well each field is predicted from features, beside what it tells of the label.

    After G-AUDIT (Drenkow et al., "Detecting dataset bias in medical AI", 2025), with held-out log losses for
    its mutual information. A field that follows the label counts as seen where the photo shows the label.
    The learner is a logistic regression with a fixed penalty, so this is how well the field can be seen at
    least.

    Args:
        table: n rows.
        features: (n, channels) float32, pooled, finite.
        fold: (n,) int, the fold in which each row is held out; with grouped folds this says how well the
            field is seen on groups that training hasn't seen.
        utility: bits that a field alone tells of the label, by name, under the same folds.
    """
    bins = [field_bins(table.columns[field.name], field.kind) for field in table.fields]
    proba = [np.zeros((len(features), int(each.max()) + 1)) for each in bins]
    by_size: dict[int, list[int]] = {}  # fields with as many bins are fitted at once
    for place, found in enumerate(proba):
        if found.shape[1] > 1:
            by_size.setdefault(found.shape[1], []).append(place)
    for k, scores in track(scores_by_fold(features, fold), "seeing fields", "fold", len(np.unique(fold))):
        for places in by_size.values():
            said = held_out_of_many(scores, np.stack([bins[place] for place in places]), fold, k)
            for place, each in zip(places, said, strict=True):
                proba[place][fold == k] = each
    return [
        _detectability(field.name, each, found, fold, utility.get(field.name))
        for field, each, found in zip(table.fields, bins, proba, strict=True)
    ]


def conditional_values(
    table: AuditTable, features: np.ndarray, n_folds: int, seed: int, n_repeats: int | None = None
) -> Later[list[ConditionalValue]]:
    """What metadata add to the image, under random folds and, where groups are known, under grouped ones.

    Both arms are a logistic regression on the same principal components, whose penalty is chosen within the
    training part; in one the metadata's columns stand beside them. Each image's losses are averaged over the
    repeats before the interval is taken, of groups where they are known under either kind of folds.

    Args:
        table: n rows, two groups at least where groups are known.
        features: (n, channels) float32, pooled, finite.
        n_folds: folds; fewer where there are fewer groups.
        seed: of the folds.
        n_repeats: different partitions to average over; see `repeated_folds` for why there may be fewer. None
            for N_REPEATS, and for one from MANY_IMAGES: there the luck of a partition is small beside the
            interval, which is of images and groups.
    """
    from joblib import delayed

    n_repeats = n_repeats or (N_REPEATS if len(features) < MANY_IMAGES else 1)
    class_names = pd.Series(np.array(table.class_names)[table.labels])
    kinds: list[tuple[str, np.ndarray | None]] = [("random", None)]
    if table.groups is not None:
        kinds.append(("grouped", table.groups))
    partitions = []
    for folds, groups in kinds:
        n_units = len(features) if groups is None else len(np.unique(groups))
        dealt = repeated_folds(class_names, groups, min(n_folds, n_units), n_repeats, seed)
        partitions += [(folds, fold) for fold in dealt]

    def finish(made: Iterator[np.ndarray]) -> list[ConditionalValue]:
        losses: dict[str, list[np.ndarray]] = {folds: [] for folds, _ in kinds}
        tracked = track(made, "image and metadata", "fit", len(partitions))
        for (folds, _), each in zip(partitions, tracked, strict=True):
            losses[folds].append(each)
        return [
            _conditional_value(folds, np.mean(each, axis=0), table.groups, len(each))
            for folds, each in losses.items()
        ]

    return Later([delayed(held_out_losses)(table, features, fold) for _, fold in partitions], finish)


def held_out_losses(table: AuditTable, features: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Each row's log loss (3, n) float64, nats: under the prior, on its image, on its image and metadata."""
    image, both = (np.zeros((len(features), table.n_classes)) for _ in range(2))
    coded = Coded.of(table.columns, table.fields)
    for k, scores in scores_by_fold(features, fold):
        metadata = coded.linear(training_rows(fold, k))
        image[fold == k] = held_out_proba(scores, table.labels, fold, k)
        both[fold == k] = held_out_proba(np.hstack([scores, metadata]), table.labels, fold, k)
    prior = fold_priors(table.labels, fold, table.n_classes)
    return np.stack([row_losses(table.labels, proba) for proba in (prior, image, both)])


def image_losses(labels: np.ndarray, features: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Each row's log loss (n,) float64, nats, on its image alone, as `held_out_losses` has it."""
    losses = np.zeros(len(labels))
    for k, scores in scores_by_fold(features, fold):
        losses[fold == k] = row_losses(labels[fold == k], held_out_proba(scores, labels, fold, k))
    return losses


def _conditional_value(
    folds: str, losses: np.ndarray, groups: np.ndarray | None, n_repeats: int
) -> ConditionalValue:
    prior, image, both = losses / math.log(2)
    low, high = interval_ends(image - both, groups)
    return ConditionalValue(
        folds=folds,
        prior_log_loss=float(prior.mean()),
        image_log_loss=float(image.mean()),
        both_log_loss=float(both.mean()),
        bits=float((image - both).mean()),
        bits_low=low,
        bits_high=high,
        n_repeats=n_repeats,
        interval=interval_method(groups),
    )


def _detectability(
    name: str, bins: np.ndarray, proba: np.ndarray, fold: np.ndarray, utility: float | None
) -> Detectability:
    n_bins = proba.shape[1]
    if n_bins < 2:
        return Detectability(name, None, None, n_bins, utility, None)
    prior = row_losses(bins, fold_priors(bins, fold, n_bins)).mean()
    bits = float(prior - row_losses(bins, proba).mean()) / math.log(2)
    share = bits * math.log(2) / float(prior)
    product = None if utility is None else max(utility, 0.0) * max(share, 0.0)
    return Detectability(name, bits, share, n_bins, utility, product)
