"""Where it is: what each metadata field tells alone, and what is lost without its family."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from fishcli.audit.bins import field_bins
from fishcli.audit.gains import Gain, measure_gain
from fishcli.audit.table import AuditTable
from fishcli.basics.progress import track

N_FAMILIES = 20
"""What is lost without a family is measured of so many: with 300 columns, each a family, it takes hours."""


@dataclass(frozen=True)
class FieldGain:
    """What one field tells of the label.

    Attributes:
        field: its name.
        family: fields of one family say one thing in several ways.
        section: "file", "layout", "pixels" or "table".
        at_test_time: "legitimate" or "illegitimate".
        explanation: one sentence.
        random_bits: the gain of this field alone under random folds, as `Gain.bits`.
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
    whole: Gain,
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

    alone = {field.name: table.only([field.name]) for field in table.fields}
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
    tasks = [
        *((name, part, random_fold, "random") for name, part in alone.items()),
        *((name, part, grouped_fold, "grouped") for name, part in alone.items() if grouped_fold is not None),
        *((family, part, random_fold, "random") for family, part in without.items()),
    ]
    calls = (delayed(measure_gain)(part, fold, name, folds) for name, part, fold, folds in tasks)
    found = Parallel(n_jobs=-1, return_as="generator")(calls)
    measured = [held.gain for held in track(found, "fields one by one", "fit", len(tasks))]
    n, n_alone = len(alone), len(tasks) - len(without)
    grouped = measured[n:n_alone] or [None] * n
    lost = {gain.fields: whole.bits - gain.bits for gain in measured[n_alone:]}
    gains = [
        FieldGain(
            field=field.name,
            family=field.family,
            section=field.section,
            at_test_time=field.at_test_time,
            explanation=field.explanation,
            random_bits=one.bits,
            random_low=one.bits_low,
            random_high=one.bits_high,
            grouped_bits=other.bits if other else None,
            grouped_low=other.bits_low if other else None,
            grouped_high=other.bits_high if other else None,
            bits_without_family=lost.get(field.family) if field in headline.fields else None,
            cramers_v=association[field.name],
            p_images=None,
            p_groups=None,
        )
        for field, one, other in zip(table.fields, measured[:n], grouped, strict=True)
    ]
    return sorted(gains, key=lambda gain: -gain.random_bits)


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
