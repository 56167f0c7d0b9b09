"""The tables of an audit's page about what models see: features, background, twins and the test set."""

from typing import Any

from fishcli.report.plots.panels import signed
from fishcli.report.tables.audit import FIELDS_SAID
from fishcli.report.tables.cells import UNKNOWN, Cell, Table, bits, ends, number, percent

LOOKS_SAID = {
    "photo": Cell("photo", "as it is"),
    "background": Cell("background", "fish painted over"),
    "fish": Cell("fish", "all else painted over"),
    "boxes": Cell("boxes alone", "how many, where, how large"),
}


def detectability_table(fields: list[dict[str, Any]]) -> Table:
    """How well features tell each field, and the field the label."""
    headings = ["field", "values", "seen, bits", "seen, share", "utility, bits", "product"]
    rows = [
        [
            Cell(row["field"]),
            Cell(f"{row['n_bins']:,}"),
            Cell(number(row["bits"])),
            percent(row["share"]),
            Cell(UNKNOWN if row["utility_bits"] is None else signed(row["utility_bits"])),
            Cell(number(row["product"])),
        ]
        for row in sorted(fields, key=lambda row: -(row["product"] or 0.0))
    ]
    return Table("How well features tell each field", headings, rows)


def conditional_table(values: list[dict[str, Any]]) -> Table:
    """What metadata add to the image."""
    headings = ["folds", "metadata add, bits", "image alone", "with metadata", "prior", "repeats"]
    rows = [
        [
            Cell(row["folds"]),
            bits(row["bits"], row["bits_low"], row["bits_high"]),
            Cell(number(row["image_log_loss"])),
            Cell(number(row["both_log_loss"])),
            Cell(number(row["prior_log_loss"])),
            Cell(str(row["n_repeats"])),
        ]
        for row in values
    ]
    return Table("What metadata add to the image", headings, rows)


def class_maps_table(maps: dict[str, Any]) -> Table:
    """How much of a run's class maps lies in the true boxes, over all images and by class."""
    headings = ["class", "images", "in the boxes", "the boxes’ area", "in other photos’ boxes"]
    rows = [
        [
            Cell(row.get("name", "all")),
            Cell(f"{row['n_images']:,}"),
            *(percent(row[name]) for name in ("share", "area", "elsewhere")),
        ]
        for row in [maps, *maps["by_class"]]
    ]
    return Table("Where a run looks", headings, rows)


def background_table(looks: list[dict[str, Any]]) -> Table:
    """What each version of the photos tells of the label."""
    headings = ["look", "folds", "gain, bits", "of prior", "log loss", "prior", "accuracy"]
    rows = [
        [
            LOOKS_SAID.get(row["look"], Cell(row["look"])),
            Cell(row["folds"]),
            bits(row["bits"], row["bits_low"], row["bits_high"]),
            percent(row["share_of_prior"]),
            Cell(number(row["log_loss"])),
            Cell(number(row["prior_log_loss"])),
            percent(row["accuracy"]),
        ]
        for row in looks
    ]
    return Table("Fish against background", headings, rows, n_text=2)


def world_table(tellings: list[dict[str, Any]]) -> Table:
    """How well training and test images are told apart."""
    rows = [
        [
            Cell(FIELDS_SAID.get(row["by"], row["by"])),
            Cell(number(row["auc"]), ends(row["low"], row["high"], number)),
            Cell(", ".join(map(number, row["same_world"])) or UNKNOWN),
        ]
        for row in tellings
    ]
    return Table("Training against test images", ["told by", "AUC", "AUC within training"], rows)
