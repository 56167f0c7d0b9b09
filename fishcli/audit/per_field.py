"""Where it is: what each metadata field tells alone, and what is lost without its family."""

import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from fishcli.audit.ends import interval_ends
from fishcli.audit.gains import HeldOut, row_losses
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


def gains_by_field(
    table: AuditTable,
    headline: AuditTable,
    random_fold: np.ndarray,
    grouped_fold: np.ndarray | None,
    whole: HeldOut,
) -> list[FieldGain]:
    """Measure each field alone, under random folds and, where given, grouped ones; and without each family.

    Args:
        table: n rows, all fields.
        headline: the same rows, the fields that the headline is about.
        random_fold: (n,) int.
        grouped_fold: (n,) int, or None.
        whole: of the headline under random folds.

    Returns:
        One a field, most telling first; p-values None until `with_p_values`.
    """
    from joblib import Parallel, delayed

    association = {
        field.name: cramers_v(table.labels, field_bins(table.columns[field.name], field.kind))
        for field in table.fields
    }
    telling = sorted(headline.fields, key=lambda field: -association[field.name])
    families = list(dict.fromkeys(field.family for field in telling))[:N_FAMILIES]
    without = {
        family: headline.only([field.name for field in headline.fields if field.family != family])
        for family in families
        if len(families) > 1
    }
    fits = (delayed(_lost)(part, random_fold, whole.losses) for part in without.values())
    found = Parallel(n_jobs=-1, return_as="generator")(fits)
    bits_lost = track(found, "without each family", "family", len(without))
    lost = dict(zip(without, bits_lost, strict=True))
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
            bits_without_family=lost.get(field.family) if field in headline.fields else None,
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


def _lost(without: AuditTable, fold: np.ndarray, losses: np.ndarray) -> float:
    """What is lost without some fields, bits, beside the `losses` (n,) of all of them, nats."""
    n_folds = ENOUGH_FOLDS if len(fold) >= MANY_IMAGES else None
    by_learner = cross_fit(without, fold, n_folds)
    rows = np.isin(fold, np.unique(fold)[:n_folds])
    proba = np.mean([by_learner[name][rows] for name in LEARNERS], axis=0)
    return float((row_losses(without.labels[rows], proba) - losses[rows]).mean() / math.log(2))


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
    from scipy.stats import chi2_contingency

    counts = pd.crosstab(labels, bins)
    rows, columns = counts.shape
    if min(rows, columns) < 2:
        return 0.0
    n = len(labels)
    phi2 = chi2_contingency(counts, correction=False).statistic / n
    excess = max(0.0, phi2 - (rows - 1) * (columns - 1) / (n - 1))
    rows_left, columns_left = (k - (k - 1) ** 2 / (n - 1) for k in (rows, columns))
    return float(np.sqrt(excess / max(min(rows_left, columns_left) - 1, np.finfo(float).tiny)))
