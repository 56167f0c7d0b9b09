"""What an audit looks at: the label, the groups and the metadata of each row."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fishcli.dataset.classes import labels_of
from fishcli.dataset.fields import Field


@dataclass(frozen=True)
class AuditTable:
    """Labels, groups and metadata, row by row.

    Attributes:
        class_names: sorted, two at least.
        labels: (n,) int64, index into `class_names`.
        groups: (n,) int64 from 0, or None where no groups are known.
        columns: n rows, a column a field: float64 (NaN unknown) or text ("" unknown).
        fields: of the columns, in their order.
    """

    class_names: list[str]
    labels: np.ndarray
    groups: np.ndarray | None
    columns: pd.DataFrame
    fields: list[Field]

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)

    def only(self, names: list[str]) -> "AuditTable":
        """The same rows with only some of the fields."""
        fields = [field for field in self.fields if field.name in names]
        columns = self.columns[[field.name for field in fields]]
        return AuditTable(self.class_names, self.labels, self.groups, columns, fields)

    def rows(self, chosen: np.ndarray) -> "AuditTable":
        """Some of the rows, by a mask (n,) bool or places (m,) int."""
        groups = None if self.groups is None else self.groups[chosen]
        columns = self.columns.iloc[np.flatnonzero(chosen) if chosen.dtype == bool else chosen]
        return AuditTable(self.class_names, self.labels[chosen], groups, columns, self.fields)


def audit_table(
    labels: pd.Series, groups: pd.Series | None, columns: pd.DataFrame, fields: list[Field]
) -> AuditTable:
    """Put together what `read_fields` or `read_sheet` returns; all arguments are in the same row order."""
    class_names = sorted(labels.unique())
    codes = None if groups is None else pd.factorize(groups, sort=True)[0].astype(np.int64)
    return AuditTable(class_names, labels_of(labels, class_names), codes, columns, fields)
