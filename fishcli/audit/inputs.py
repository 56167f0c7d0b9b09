"""What audit-leakage reads: a table's columns, or what the files of the training images say of themselves."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fishcli.audit.table import AuditTable, audit_table
from fishcli.basics.errors import FishError, examples
from fishcli.basics.progress import say, warn
from fishcli.dataset.fields import SECTIONS, Field, pick_fields, read_fields, read_tags
from fishcli.dataset.groups import load_groups
from fishcli.dataset.layout.images import load_train
from fishcli.dataset.sheets import read_sheet
from fishcli.dataset.tags import shown
from fishcli.options.audit import AuditConfig

MANY_ROWS = 20_000
"""From here on a learner gains nothing from 90% of the rows that it wouldn't from 80%."""


def usual_folds(n_rows: int) -> int:
    """How many folds, where nobody says: ten, so that nearly all rows teach, or five of many rows."""
    return 10 if n_rows < MANY_ROWS else 5


@dataclass(frozen=True)
class AuditInputs:
    """What is audited, row by row.

    Attributes:
        source: where it was read.
        table: labels, groups and all fields that vary.
        sections: names of fields by what they are reported as, the headline first.
        constant: the fields that don't vary, and are left out.
        images: the readable training images in the same order; None for a table without photos.
        n_folds: how many folds the rows are dealt into.
    """

    source: Path
    table: AuditTable
    sections: dict[str, list[str]]
    constant: list[str]
    images: pd.DataFrame | None
    n_folds: int


def load_audit_inputs(config: AuditConfig) -> AuditInputs:
    """Read what `config` asks for.

    Raises:
        FishError: options that exclude each other, files that are missing or malformed, fewer than two
            classes, or no field that varies.
    """
    if config.table is not None:
        return _from_sheet(config, config.table)
    picked = pick_fields("file,layout,pixels" if config.fields is None else config.fields)
    images = _readable(load_train(config.data_dir, config.reading))
    groups = load_groups(config.groups, config.data_dir, images, config.layout)
    columns = read_fields(images, [field.name for field in picked], config.reading)
    labels = images["class_name"].map(shown)  # of tags: the set is the label, and `per_tag` looks into it
    table = audit_table(labels, groups, columns, _tagged(picked, config.tags))
    return _inputs(config, config.data_dir, table, images)


def _from_sheet(config: AuditConfig, path: Path) -> AuditInputs:
    sheet = read_sheet(path, config.label_column or "label", config.group_column, config.id_column)
    table = audit_table(sheet.labels, sheet.groups, sheet.columns, _tagged(sheet.fields, config.tags))
    if config.fields is not None:
        names = [name.strip() for name in config.fields.split(",")]
        unknown = [name for name in names if name not in sheet.columns]
        if unknown:
            raise FishError(
                f"--fields: {path} has no column {unknown[0]!r} to audit. It has: "
                f"{examples(list(sheet.columns), 10)}."
            )
        table = table.only(names)
    if sheet.groups is None:
        warn(
            "no groups, so folds are RANDOM: what the table tells of unseen ones stays unknown. Pass "
            "--group-column."
        )
    return _inputs(config, path, table, None)


def _inputs(config: AuditConfig, source: Path, table: AuditTable, images: pd.DataFrame | None) -> AuditInputs:
    varies = [field.name for field in table.fields if len(table.columns[field.name].unique()) > 1]
    if table.groups is not None and table.groups.max() == 0:
        warn("there is one group only, so nothing can be said of unseen ones")
        table = dataclasses.replace(table, groups=None)
    constant = [field.name for field in table.fields if field.name not in varies]
    if constant:
        say(f"the same in all rows, left out: {examples(constant, 10)}")
    if config.table is not None or config.fields is not None:
        sections = {"table" if images is None else "picked": varies}
    else:
        of = {field.name: field.section for field in table.fields}
        by_section = {section: [name for name in varies if of[name] == section] for section in SECTIONS}
        sections = {section: names for section, names in by_section.items() if names}
    if not varies or next(iter(sections)) not in ("file", "picked", "table"):
        raise FishError(
            f"{source}: no metadata varies, so there is nothing that could leak. Pick other --fields: see "
            "fishcli audit-leakage --list-fields."
        )
    n_folds = config.folds or usual_folds(len(table.labels))
    return AuditInputs(source, table.only(varies), sections, constant, images, n_folds)


def _tagged(fields: list[Field], path: Path | None) -> list[Field]:
    """The fields, tagged as the user says."""
    if path is None:
        return fields
    tags = read_tags(path, [field.name for field in fields])
    return [
        dataclasses.replace(field, at_test_time=tags.get(field.name, field.at_test_time)) for field in fields
    ]


def _readable(train: pd.DataFrame) -> pd.DataFrame:
    """The images whose size is known."""
    broken = train["problem"] != ""
    if broken.any():
        warn(
            f"{broken.sum():,} images have no readable size and are left out: "
            f"{examples(train['image'][broken].tolist())}"
        )
    images = train[~broken].reset_index(drop=True)
    if images["class_name"].nunique() < 2:
        raise FishError("the audit needs images of two classes at least; train/ has fewer that can be read.")
    return images
