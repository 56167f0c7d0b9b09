"""What photos share, by the tables beside them or by their names: what no fold may hold a part of."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

import pandas as pd

from fishcli.basics.errors import FishError, examples
from fishcli.dataset.layout.tables import Table
from fishcli.dataset.layout.words import GROUPS, thing

SIDE = re.compile(r"(.+?)[ _-]?(left|right)", re.IGNORECASE)
"""Photos of a pair: 10_left, 10_right."""
PAIRED = 0.9


def find_groups(
    photos: Sequence[str], tables: Sequence[Table], label: frozenset[tuple[str, str]]
) -> tuple[pd.Series, str] | None:
    """The group of each photo, and what was decided.

    A column of any table that names photos, by its name, the coarsest first: site, location, camera, boat
    before subject, patient, driver before lesion, slide, video, sequence. A photo without one is a group of
    its own. Else the two photos of a pair, `_left` and `_right`.

    Args:
        photos: image ids.
        tables: those that name photos.
        label: (file, column) of the label, which is no group.

    Returns:
        Groups by image id, "group" and the line; None where nothing tells of any.
    """
    for level in GROUPS:
        for table in tables:
            for column in table.cells.columns:
                if thing(str(column)) not in level or (str(table.path), str(column)) in label:
                    continue
                groups = groups_of(photos, table, str(column))
                if 1 < groups.nunique() < len(groups):
                    said = f"groups: {column} of {table.path.name} ({groups.nunique():,})"
                    return groups, said
    return _of_pairs(photos)


def named_groups(photos: Sequence[str], tables: Sequence[Table], column: str) -> tuple[pd.Series, str]:
    """The groups of the column that the user names; FishError where no table has it."""
    table = next((table for table in tables if column in table.cells), None)
    if table is None:
        known = {str(name) for table in tables for name in table.cells.columns}
        raise FishError(
            f"--group-column {column}: no table that names training photos has such a column; "
            f"they have {examples(sorted(known), 12) or 'none, as there is no such table'}."
        )
    groups = groups_of(photos, table, column)
    return groups, f"groups: {column} of {table.path.name} ({groups.nunique():,})"


def groups_of(photos: Sequence[str], table: Table, column: str) -> pd.Series:
    """What a column says of each photo; its own id where it says nothing."""
    said = pd.DataFrame({"image": table.images, "group": table.cells[column]})
    said = said[(said["image"] != "") & (said["group"] != "")].drop_duplicates("image").set_index("image")
    ids = pd.Index(photos, name="image")
    return said["group"].reindex(ids).fillna(pd.Series(list(photos), index=ids))


def _of_pairs(photos: Sequence[str]) -> tuple[pd.Series, str] | None:
    found = [SIDE.fullmatch(PurePosixPath(image).stem) for image in photos]
    if not photos or sum(each is not None for each in found) < PAIRED * len(photos):
        return None
    names = [each[1] if each else image for each, image in zip(found, photos, strict=True)]
    groups = pd.Series(names, index=pd.Index(photos, name="image"), name="group")
    if groups.nunique() == len(groups):
        return None
    return groups, f"groups: pairs by _left and _right of the photos' names ({groups.nunique():,})"
