"""The tables of an audit's page about metadata and label."""

from typing import Any

from fishcli.report.plots.panels import p_text, signed
from fishcli.report.tables.cells import UNKNOWN, Cell, Table, bits, number, p_value, percent

FIELDS_SAID = {
    "file": "image files",
    "picked": "picked fields",
    "table": "table",
    "layout": "layout of the files",
    "pixels": "thumbnail pixels",
}
NULLS_SAID = {"images": "labels over images", "groups": "metadata over groups"}


def gains_table(gains: list[dict[str, Any]]) -> Table:
    """What metadata tells under each kind of folds, beside the prior."""
    learners = list(dict.fromkeys(name for row in gains for name in row["learners"]))
    headings = ["from", "folds", "gain, bits", "of prior", "log loss", "prior", "accuracy", "macro AUC"]
    rows = []
    for row in gains:
        alone = [bits(row["learners"].get(name)) for name in learners]
        accuracy = percent(row["accuracy"])
        rows.append(
            [
                Cell(FIELDS_SAID.get(row["fields"], row["fields"])),
                Cell(row["folds"]),
                bits(row["bits"], row["bits_low"], row["bits_high"]),
                percent(row["share_of_prior"]),
                Cell(number(row["log_loss"])),
                Cell(number(row["prior_log_loss"])),
                Cell(accuracy.text, f"majority {percent(row['majority']).text}"),
                Cell(number(row["macro_auc"])),
                *alone,
            ]
        )
    return Table("Gains over the class prior", [*headings, *learners], rows, n_text=2)


def nulls_table(nulls: list[dict[str, Any]]) -> Table:
    """The permutation tests in numbers."""
    headings = ["shuffled", "observed", "p", "smallest p", "shuffles"]
    rows = [
        [
            Cell(NULLS_SAID.get(null["null"], null["null"]), null["untestable"]),
            Cell(UNKNOWN if null["observed"] is None else signed(null["observed"])),
            p_value(null["p_value"]),
            Cell(p_text(null["smallest_p"])),
            Cell(f"{null['n_permutations']:,}"),
        ]
        for null in nulls
    ]
    return Table("Permutation tests", headings, rows)


def field_table(fields: list[dict[str, Any]]) -> Table:
    """All that was measured of each field, the most telling first."""
    legend = {
        "field": "What it is stands below its name.",
        "family": "Fields that say one thing in several ways, and where they are read; below, whether using "
        "the field on the test set is legitimate: a default tag, or yours.",
        "random": "Bits of this field alone under random folds, with the 95% interval.",
        "grouped": "The same under grouped folds: on groups never seen.",
        "family adds": "Bits lost under random folds without the family, of all that its section tells.",
        "V": "Cramér's V with the label, bias-corrected: 0 none, 1 one decides the other.",
        "p images": "Labels shuffled over images, adjusted (max-T) for how many the headline has.",
        "p groups": "Metadata shuffled over groups, adjusted alike.",
    }
    rows = [
        [
            Cell(row["field"], row["explanation"]),
            Cell(f"{row['family']} · {row['section']}", row["at_test_time"]),
            bits(row["random_bits"], row["random_low"], row["random_high"]),
            bits(row["grouped_bits"], row["grouped_low"], row["grouped_high"]),
            bits(row["bits_without_family"]),
            Cell(number(row["cramers_v"], 2)),
            p_value(row["p_images"]),
            p_value(row["p_groups"]),
        ]
        for row in sorted(fields, key=lambda row: -row["random_bits"])
    ]
    return Table("Fields one by one", list(legend), rows, n_text=2, legend=legend)
