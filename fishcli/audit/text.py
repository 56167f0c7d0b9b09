"""What audit-leakage prints: one short table and one plain sentence."""

from typing import Any

import pandas as pd

from fishcli.audit.gains import Gain
from fishcli.audit.luck.nulls import LEVEL, Null
from fishcli.audit.per_field import FieldGain
from fishcli.audit.per_tag import TagGain
from fishcli.basics.tables import table_text

SUBJECTS = {"file": "File metadata alone", "picked": "The picked fields alone", "table": "The table alone"}
N_NAMED = 3


def gains_text(gains: list[Gain]) -> str:
    """The table of all gains, bits."""
    rows = [
        {
            "fields": gain.fields,
            "folds": gain.folds,
            "log loss, bits": gain.log_loss,
            "prior, bits": gain.prior_log_loss,
            "gain, bits": gain.bits,
            "95% from": _or_nan(gain.bits_low),
            "to": _or_nan(gain.bits_high),
            "accuracy": gain.accuracy,
            "majority": gain.majority,
            "AUC": gain.macro_auc,
        }
        for gain in gains
    ]
    return table_text(pd.DataFrame(rows))


def tags_text(gains: list[TagGain]) -> str:
    """The table of all tags, bits."""
    rows = [
        {
            "tag": each.tag,
            "images": each.n_images,
            "bits of": each.entropy_bits,
            "random": each.random.bits,
            "p": _or_nan(each.p_images),
            "grouped": float("nan") if each.grouped is None else each.grouped.bits,
            "95% from": _or_nan(None if each.grouped is None else each.grouped.bits_low),
            "to": _or_nan(None if each.grouped is None else each.grouped.bits_high),
            "p groups": _or_nan(each.p_groups),
        }
        for each in gains
    ]
    return table_text(pd.DataFrame(rows).dropna(axis=1, how="all"))


def fields_text(fields: list[FieldGain]) -> str:
    """One line that names the fields that tell most alone, of those that are given, most telling first."""
    named = ", ".join(f"{each.field} {each.random_bits:.2f}" for each in fields[:N_NAMED])
    return f"Most telling alone under random folds, bits: {named}."


def sentence(gains: list[Gain], nulls: list[Null], entropy_bits: float) -> str:
    """What a competitor should remember.

    Args:
        gains: the headline under random folds, then, where groups are known, under grouped ones.
        nulls: the tests, of images and then of groups.
        entropy_bits: of the label.
    """
    subject = SUBJECTS[gains[0].fields]
    random = gains[0]
    if random.bits <= 0:
        text = f"{subject} tells nothing of the label under random folds ({random.bits:.2f} bits)"
    else:
        share = random.bits / entropy_bits
        text = (
            f"{subject} tells {random.bits:.2f} of {entropy_bits:.2f} bits ({share:.0%}) under random folds"
        )
    text += f", {_p_text(nulls[0])}"
    if len(gains) == 1:
        return f"{text}; without groups nobody knows what of it survives on unseen ones."
    grouped = gains[1]
    if grouped.bits <= 0:
        verdict = f"it tells nothing ({grouped.bits:.2f})"
    else:
        verdict = f"it tells {grouped.bits:.2f} bits"
    return f"{text}; on unseen groups {verdict}, {_p_text(nulls[1])}."


def _p_text(null: Null) -> str:
    if null.p_value is None:
        return f"untestable ({null.untestable})"
    accident = "" if null.p_value <= LEVEL else ", which may be an accident"
    return f"p = {null.p_value:.3g}{accident}"


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def selftest_text(checks: list[Any]) -> str:
    """The table of a self-test, and how to read it."""
    table = pd.DataFrame(checks).rename(
        columns={
            "n_sets": "sets",
            "expected_bits": "expected",
            "covered": "covered, aim .95",
            "low_above_0": "lower end > 0",
            "p_images": "p images <= .05",
            "p_groups": "p groups <= .05",
            "tested_groups": "tested",
        }
    )
    return "\n\n".join(
        [
            table_text(table),
            "Noise should pass 0.05 in 5% of the data sets and have its lower end above 0 in 2.5% at most; "
            "leaks should be covered in 95%; a leak within boats only should pass the test of groups in 5%.",
        ]
    )
