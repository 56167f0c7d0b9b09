"""Where it is: what each metadata field tells alone, and what is lost without its family."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from fishcli.audit.ends import interval_ends
from fishcli.audit.gains import HeldOut, row_losses
from fishcli.audit.later import Later
from fishcli.audit.learners.bins import field_bins
from fishcli.audit.learners.learners import LEARNERS, cross_fit
from fishcli.audit.shares import shares_by_fold
from fishcli.audit.table import AuditTable
from fishcli.basics.progress import track
from fishcli.dataset.classes import fold_priors

N_FAMILIES = 20
"""What is lost without a family is measured of so many: with 300 columns, each a family, it takes hours."""
ENOUGH_FOLDS, MANY_IMAGES = 5, 1_000
"""It is measured on so many folds where there are so many images: losses are paired with the whole's."""


@dataclass(frozen=True)
class FieldGain:
    """What one field tells of the label.

    Attributes:
        field: its name.
        family: fields of one family say one thing in several ways.
        section: "file", "layout", "pixels" or "table".
        at_test_time: "legitimate" or "illegitimate".
        explanation: one sentence.
        random_bits: the gain of this field alone under random folds, by the class shares of its bins; 0 where
            no bin paid on the other folds.
        random_low: the lower end of its 95% interval.
        random_high: the upper end.
        grouped_bits: under grouped folds; None without groups, as the next two.
        grouped_low: the lower end of its 95% interval.
        grouped_high: the upper end.
        bits_without_family: what is lost under random folds when the whole family is left out, of all that
            that the headline tells; None of other fields, where there is one family only, and beyond the
            N_FAMILIES of the fields that are most associated with the label.
        cramers_v: association with the label, 0 to 1, numeric fields in bins; bias-corrected (Bergsma 2013).
        p_images: adjusted p-value under labels shuffled over images; None where the field is constant.
        p_groups: adjusted p-value under metadata permuted over groups; None where that could not be tested.
    """

    field: str
    family: str
    section: str
    at_test_time: str
    explanation: str
    random_bits: float
    random_low: float | None
    random_high: float | None
    grouped_bits: float | None
    grouped_low: float | None
    grouped_high: float | None
    bits_without_family: float | None
    cramers_v: float
    p_images: float | None
    p_groups: float | None


def associations(table: AuditTable) -> dict[str, float]:
    """Each field's `cramers_v`, by its name."""
    bins = {field.name: field_bins(table.columns[field.name], field.kind) for field in table.fields}
    return {name: cramers_v(table.labels, each) for name, each in bins.items()}


def without_families(
    headline: AuditTable, association: dict[str, float], fold: np.ndarray
) -> Later[dict[str, np.ndarray]]:
    """What is said of rows that were held out where all fields but those of a family are known.

    Args:
        headline: n rows, the fields that the headline is about.
        association: of `associations`.
        fold: (n,) int, random.

    Returns:
        The losses of the rows of `_compared`, nats, by family.
    """
    from joblib import delayed

    telling = sorted(headline.fields, key=lambda field: -association[field.name])
    families = list(dict.fromkeys(field.family for field in telling))[:N_FAMILIES]
    without = {
        family: headline.only([field.name for field in headline.fields if field.family != family])
        for family in families
        if len(families) > 1
    }

    def finish(made: Iterator[np.ndarray]) -> dict[str, np.ndarray]:
        tracked = track(made, "without each family", "family", len(without))
        return dict(zip(without, tracked, strict=True))

    return Later([delayed(_losses)(part, fold) for part in without.values()], finish)


def gains_by_field(
    table: AuditTable,
    association: dict[str, float],
    random_fold: np.ndarray,
    grouped_fold: np.ndarray | None,
) -> list[FieldGain]:
    """Measure each field alone, under random folds and, where given, grouped ones.

    Args:
        table: n rows, all fields.
        association: of `associations`.
        random_fold: (n,) int.
        grouped_fold: (n,) int, or None.

    Returns:
        One a field, most telling first; without what `with_families` and `with_p_values` add.
    """
    gains = []
    for field in track(table.fields, "fields one by one", "field"):
        only = table.only([field.name])
        bits, low, high = measure_alone(only, random_fold, None)
        grouped: tuple[float | None, ...] = (None, None, None)
        if grouped_fold is not None:
            grouped = measure_alone(only, grouped_fold, table.groups)
        grouped_bits, grouped_low, grouped_high = grouped
        gain = FieldGain(
            field=field.name,
            family=field.family,
            section=field.section,
            at_test_time=field.at_test_time,
            explanation=field.explanation,
            random_bits=bits,
            random_low=low,
            random_high=high,
            grouped_bits=grouped_bits,
            grouped_low=grouped_low,
            grouped_high=grouped_high,
            bits_without_family=None,
            cramers_v=association[field.name],
            p_images=None,
            p_groups=None,
        )
        gains.append(gain)
    return sorted(gains, key=lambda gain: -gain.random_bits)


def measure_alone(
    table: AuditTable, fold: np.ndarray, groups: np.ndarray | None
) -> tuple[float, float | None, float | None]:
    """The gain of a single field by `shares_by_fold`, bits, and the ends of its interval.

    Args:
        table: n rows, one field.
        fold: (n,) int, the fold in which each row is held out.
        groups: (n,) what is drawn for the interval, or None for images.
    """
    (field,) = table.fields
    column = table.columns[field.name]
    values = column.to_numpy(np.float64) if field.kind == "numeric" else pd.factorize(column)[0]
    proba = shares_by_fold(values, table.labels, table.n_classes, fold)
    prior = fold_priors(table.labels, fold, table.n_classes)
    bits = (row_losses(table.labels, prior) - row_losses(table.labels, proba)) / math.log(2)
    return float(bits.mean()), *interval_ends(bits, groups)


def _compared(fold: np.ndarray) -> tuple[int | None, np.ndarray]:
    """On how many folds it is measured what a family is worth, None for all, and their rows (n,) bool."""
    n_folds = ENOUGH_FOLDS if len(fold) >= MANY_IMAGES else None
    return n_folds, np.isin(fold, np.unique(fold)[:n_folds])


def _losses(table: AuditTable, fold: np.ndarray) -> np.ndarray:
    """What the learners' mean loses on the rows of `_compared`, held out: (m,) nats."""
    n_folds, rows = _compared(fold)
    by_learner = cross_fit(table, fold, n_folds)
    proba = np.mean([by_learner[name][rows] for name in LEARNERS], axis=0)
    return row_losses(table.labels[rows], proba)


def with_families(
    fields: list[FieldGain],
    names: list[str],
    fold: np.ndarray,
    whole: HeldOut,
    without: dict[str, np.ndarray],
) -> list[FieldGain]:
    """The same with what is lost without a field's family.

    Args:
        fields: of `gains_by_field`.
        names: of those that the headline is about.
        fold: (n,) int, random.
        whole: of the headline under it.
        without: of `without_families`.
    """
    losses = whole.losses[_compared(fold)[1]]
    lost = {family: float((each - losses).mean() / math.log(2)) for family, each in without.items()}
    return [
        replace(each, bits_without_family=lost.get(each.family)) if each.field in names else each
        for each in fields
    ]


def with_p_values(
    fields: list[FieldGain], images: dict[str, float | None], groups: dict[str, float | None] | None = None
) -> list[FieldGain]:
    """The same with the adjusted p-values of each null, by field name."""
    return [
        replace(each, p_images=images.get(each.field), p_groups=(groups or {}).get(each.field))
        for each in fields
    ]


def cramers_v(labels: np.ndarray, bins: np.ndarray) -> float:
    """Cramer's V of labels (n,) and bins (n,), bias-corrected (Bergsma 2013): 0 to 1."""
    counts = pd.crosstab(labels, bins).to_numpy()
    rows, columns = counts.shape
    if min(rows, columns) < 2:
        return 0.0
    n = len(labels)
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / n
    phi2 = ((counts - expected) ** 2 / expected).sum() / n
    excess = max(0.0, phi2 - (rows - 1) * (columns - 1) / (n - 1))
    rows_left, columns_left = (k - (k - 1) ** 2 / (n - 1) for k in (rows, columns))
    return float(np.sqrt(excess / max(min(rows_left, columns_left) - 1, np.finfo(float).tiny)))
