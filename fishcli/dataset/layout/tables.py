"""Tables beside the photos: CSV, TSV and JSON files as text, and which of their columns names photos."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from fishcli.basics.errors import FishError
from fishcli.basics.files import read_csv, read_json, tidy
from fishcli.basics.once import once
from fishcli.basics.remote import names_in, read_bytes
from fishcli.dataset.layout.words import IDS, rank, words
from fishcli.dataset.names import NameIndex
from fishcli.dataset.photos.photo import IMAGE_SUFFIXES

SUFFIXES = (".csv", ".tsv", ".json", ".jsonl")
OURS = frozenset({"groups.csv", "groups_found.csv", "images.csv", "relabel.csv"})
"""What fishcli reads or writes in a way of its own."""
NAMED_SHARE = 0.9
"""A column names photos if it does in so many of its rows."""
MOST_COLUMNS = 6
"""A table of more columns explains no other's."""
N_PROBED = 100
"""So many names tell whether a column may name photos at all."""


@dataclass(frozen=True)
class Table:
    """A table of text, its column of image names found.

    Attributes:
        path: the file.
        cells: its cells, each column text.
        id_column: the column that names photos.
        images: (n_rows,) the image id that each row means, "" where it means none.
    """

    path: Path
    cells: pd.DataFrame
    id_column: str
    images: pd.Series

    @property
    def n_named(self) -> int:
        """How many photos its rows name."""
        return int(self.images[self.images != ""].nunique())

    @property
    def is_once(self) -> bool:
        """Whether no photo has two rows."""
        return not self.images[self.images != ""].duplicated().any()


def is_sample(name: str) -> bool:
    """Whether a file is a sample submission by its name: sampleSubmission.csv, submission_format.csv."""
    found = words(Path(name).stem)
    said = "submission" in found or "submissions" in found
    return said and not {"sample", "samples", "format", "example", "template"}.isdisjoint(found)


def id_place(columns: Sequence[str]) -> int:
    """The place of a sample's column that names the images: the first "image", a second one is a class; else
    the first column."""
    names = list(columns)
    return names.index("image") if "image" in names else 0


def table_paths(folders: Iterable[Path]) -> list[Path]:
    """The files in folders that may be tables, samples and fishcli's own left out; shallow ones first."""
    found = [
        folder / name
        for folder in folders
        for name in sorted(names_in(folder))
        if name.lower().endswith(SUFFIXES) and name not in OURS and not name.startswith(".")
        if not is_sample(name)
    ]
    return sorted(dict.fromkeys(found), key=lambda path: len(path.parts))


def read_table(path: Path) -> pd.DataFrame:
    """A file's table, every cell text.

    JSON may be COCO's, with Camera Traps' fields or without: a row an image and category, with the category's
    name as `category`; a list of objects; or an object of single values, which become the columns `name` and
    `value`.

    Raises:
        FishError: the file is damaged, or holds no table.
    """
    found: pd.DataFrame = once(("table", str(path)), lambda: _read_table(path))
    return found


def _read_table(path: Path) -> pd.DataFrame:
    if path.suffix.lower() in (".csv", ".tsv"):
        table: pd.DataFrame = read_csv(path, text=None)
        return table
    if path.suffix.lower() == ".jsonl":
        lines = read_bytes(path).decode("utf-8-sig").splitlines()
        try:
            rows = [json.loads(line) for line in lines if line.strip()]
        except json.JSONDecodeError as error:
            raise FishError(f"{path}: malformed JSON lines ({error.msg}).") from None
    else:
        rows = read_json(path)
    found = _of_json(rows)
    if found is None or found.empty:
        raise FishError(
            f"{path} holds no table: expected COCO's images and annotations, or a list of objects."
        )
    return found.map(lambda cell: "" if _is_gap(cell) else tidy(str(cell)))


def _is_gap(cell: Any) -> bool:
    return cell is None or (isinstance(cell, float) and cell != cell)


def _of_json(value: Any) -> pd.DataFrame | None:
    if isinstance(value, dict) and isinstance(value.get("images"), list):
        return _of_coco(value)
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        rows = [
            {name: cell for name, cell in row.items() if not isinstance(cell, dict | list)} for row in value
        ]
        return pd.DataFrame(rows, dtype=object)
    if (
        isinstance(value, dict)
        and value
        and not any(isinstance(each, dict | list) for each in value.values())
    ):
        return pd.DataFrame({"name": list(value), "value": list(value.values())}, dtype=object)
    return None


def _of_coco(value: dict[str, Any]) -> pd.DataFrame | None:
    images = pd.DataFrame([row for row in value["images"] if isinstance(row, dict)], dtype=object)
    if "image_id" not in images:
        images = images.rename(columns={"id": "image_id"})
    if "image_id" not in images:
        return None
    annotations = [row for row in value.get("annotations") or [] if isinstance(row, dict)]
    if not annotations:
        return images
    known = ("image_id", "category_id")
    rows = pd.DataFrame([{name: row.get(name) for name in known} for row in annotations], dtype=object)
    rows = rows.dropna().drop_duplicates()
    if rows.empty:
        return images
    categories = [row for row in value.get("categories") or [] if isinstance(row, dict)]
    names = {row.get("id", row.get("category_id")): row.get("name") for row in categories}
    if names and all(name is not None for name in names.values()):
        rows["category"] = rows["category_id"].map(names)
    return images.merge(rows, on="image_id", how="inner")


def named_by(path: Path, cells: pd.DataFrame, index: NameIndex, column: str | None = None) -> Table | None:
    """The table with the column that names photos, or None where none does.

    That is the column that means most photos, at least nine rows in ten, by id, name, stem or a path's end;
    each photo in one row, unless the names carry a photo's suffix.

    Args:
        path: the file.
        cells: its table.
        index: of the photos' ids.
        column: the only one to be tried.
    """
    names = [str(name) for name in cells.columns] if column is None else [column]
    share = NAMED_SHARE if column is None else 0.0
    best = None
    for name in sorted(names, key=lambda each: rank(each, IDS)):  # of equals the better known one is taken
        images = _meant(cells[name], index, share)
        if images is None:
            continue
        table = Table(path, cells, name, images)
        with_suffix = cells[name].str.lower().str.endswith(tuple(IMAGE_SUFFIXES)).mean() >= NAMED_SHARE
        if not (table.is_once or with_suffix or column is not None):
            continue
        if best is None or (table.n_named, table.is_once) > (best.n_named, best.is_once):
            best = table
        if best.is_once and best.n_named == len(cells):
            break  # no column can do better
    return best


def _meant(column: pd.Series, index: NameIndex, share: float) -> pd.Series | None:
    """The image id of each cell, "" for none; None where fewer than a share of them mean one."""
    distinct = [cell for cell in column.unique() if cell != ""]
    if not distinct or len(column) == 0:
        return None
    step = max(1, len(distinct) // N_PROBED)
    probed = distinct[::step]
    if sum(_find(index, cell) != "" for cell in probed) < 0.5 * share * len(probed):
        return None
    images = column.map({cell: _find(index, cell) for cell in distinct}).fillna("")
    n_found = int((images != "").sum())
    return images if n_found and n_found >= share * len(column) else None


def _find(index: NameIndex, name: str) -> str:
    try:
        return index.find(name, "") or ""
    except FishError:  # several photos of that name: it means none
        return ""


def tables_naming(paths: Sequence[Path], index: NameIndex) -> Iterator[Table]:
    """The tables that name photos, explained by those that name none; other files are passed over."""
    glossaries: list[pd.DataFrame] = []
    found: list[Table] = []
    for path in paths:
        try:
            cells = read_table(path)
        except FishError:  # one of many files beside the photos; the one that is meant can be named by option
            continue
        table = named_by(path, cells, index)
        if table is None:
            glossaries.append(cells)
        else:
            found.append(table)
    for table in found:
        yield replace(table, cells=_explained(table.cells, glossaries))


def _explained(cells: pd.DataFrame, glossaries: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """A table with the columns of those that explain one of its own: a class's number, say, by its name."""
    for glossary in glossaries:
        for key in [name for name in glossary.columns if name in cells.columns]:
            is_key = glossary[key].is_unique and set(cells[key]) <= set(glossary[key])
            more = [name for name in glossary.columns if name not in cells.columns]
            if is_key and more and len(glossary.columns) <= MOST_COLUMNS:
                cells = cells.merge(glossary[[key, *more]], on=key, how="left", validate="many_to_one")
    return cells
