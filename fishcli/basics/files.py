"""Files that exist only when they are whole, and readers whose errors name the file and the line."""

import csv
import hashlib
import json
import os
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fishcli.basics.errors import FishError, examples
from fishcli.basics.remote import content, is_remote, local_copy, read_bytes, uploaded

HEADER_BYTES = 65_536
"""The first line of a CSV is no longer, or is separated by commas."""
SEAL = "sha256 of the rest"
"""The key of a sealed JSON file's digest."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; rename it to `path` on success, delete it on failure.

    The name is fixed, so what a killed process leaves behind is overwritten by the next try. For a remote
    `path` a local file is yielded, and put there as one object.
    """
    if is_remote(path):
        with uploaded(path) as local:
            yield local
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        yield partial
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def cache_dir() -> Path:
    """The user's folder for what can be made again: fishcli in $XDG_CACHE_HOME or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fishcli"


def write_text(path: Path, text: str) -> None:
    """Write `text` (UTF-8) to `path`, whole or not at all."""
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any, *, sealed: bool = False) -> None:
    """Write `value` as indented JSON; NaN and infinity are refused (ValueError), as JSON has none.

    Args:
        path: the file.
        value: what to write; a dict where `sealed`.
        sealed: add its digest, so that `read_json` notices a change.
    """
    if sealed:
        value = {**value, SEAL: _seal(json.loads(json.dumps(value)))}
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def _seal(value: dict[str, Any]) -> str:
    return digest(json.dumps(value, sort_keys=True))


def read_json(path: Path) -> Any:
    """Read a JSON file; where it is sealed, without the seal.

    Raises:
        FishError: the file is missing, malformed (with its line), or was changed since it was sealed.
    """
    with _naming(path):
        text = read_bytes(path).decode("utf-8-sig")
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise FishError(f"{path}, line {error.lineno}: malformed JSON ({error.msg}).") from None
    except (RecursionError, ValueError) as error:  # nested too deeply, or a number of thousands of digits
        raise FishError(f"{path}: malformed JSON ({error}).") from None
    if isinstance(value, dict) and SEAL in value and value.pop(SEAL) != _seal(value):
        raise FishError(f"{path} was changed or is damaged: its content is not what its {SEAL!r} says.")
    return value


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Turn what may go wrong with any file of text into a FishError that names it."""
    try:
        yield
    except FileNotFoundError:
        raise FishError(f"{path} is missing.") from None
    except IsADirectoryError:
        raise FishError(f"{path} is a folder; expected a file.") from None
    except UnicodeDecodeError as error:
        raise FishError(
            f"{path} is not UTF-8 text ({error.reason} at byte {error.start}). Save it as UTF-8."
        ) from None
    except OSError as error:
        raise FishError(f"{path} can't be read ({error.strerror or error}).") from None


def write_csv(path: Path, table: Any, separator: str = ",") -> None:
    """Write a pandas table without its index, whole or not at all."""
    with whole_file(path) as partial:
        table.to_csv(partial, index=False, sep=separator)


def tidy(text: str) -> str:
    """`text` as names are compared: composed (Unicode NFC), without blanks around it.

    A folder's name that a Mac wrote and the same name in a CSV differ in their bytes; a blank that a
    spreadsheet left behind is no part of a name.
    """
    return unicodedata.normalize("NFC", text.strip())


def read_csv(path: Path, required: Sequence[str] = (), text: Sequence[str] | None = ()) -> Any:
    """Read a CSV as a pandas table; cells and column names are `tidy`, lines without any text are no lines.

    Args:
        path: the file.
        required: columns that must be there.
        text: columns kept as text, so that "007" stays "007" and "NA" is no missing value; None for all. Of
            the others, those that hold only numbers and gaps become numbers (gaps NaN).

    Returns:
        The table. A column without a name is called "Unnamed: <place>"; of columns with one name the first
        keeps it, the others are numbered: "x.1".

    Raises:
        FishError: missing, empty or malformed (with the line), or without a required column.
    """
    import pandas as pd

    header, table = read_cells(path, required)
    seen: dict[str, int] = {}
    for place, name in enumerate(header):
        name = name or f"Unnamed: {place}"
        seen[name] = seen.get(name, -1) + 1
        header[place] = f"{name}.{seen[name]}" if seen[name] else name
    table.columns = pd.Index(header)
    for column in [] if text is None else table.columns.difference(list(text)):
        numbers = as_numbers(table[column])
        if numbers.notna().eq(table[column] != "").all() and len(table):
            table[column] = numbers
    return table


def as_numbers(cells: Any) -> Any:
    """A column of text as float64 or int64; NaN where a cell is empty or no number."""
    import pandas as pd

    return pd.to_numeric(cells.replace("", "nan"), errors="coerce")


def read_cells(path: Path, required: Sequence[str] = ()) -> tuple[list[str], Any]:
    """Read a CSV whose column names may come twice, as where a class is called "image".

    Returns:
        The column names in their order, and a pandas table of text whose columns are numbered. Both `tidy`.

    Raises:
        FishError: as `read_csv` does.
    """
    import pandas as pd

    options: Any = {"header": None, "dtype": str, "keep_default_na": False, "skipinitialspace": True}
    with _naming(path):
        try:
            cells = pd.read_csv(content(path), sep=separator_of(path), **options)
        except pd.errors.EmptyDataError:
            raise FishError(f"{path}, line 1: the file is empty; expected a header line.") from None
        except pd.errors.ParserError as error:
            reason = str(error).rpartition("error: ")[2].strip()
            raise FishError(
                f"{path}: malformed CSV ({reason}). Give each column a name in line 1, and quote cells that "
                "hold a comma."
            ) from None
    for place in cells.columns:
        cells[place] = cells[place].fillna("").map(tidy)
    cells = cells[(cells != "").any(axis=1)].reset_index(drop=True)
    if cells.empty:
        raise FishError(f"{path}, line 1: the file holds nothing but commas; expected a header line.")
    header, table = list(cells.iloc[0]), cells.iloc[1:].reset_index(drop=True)
    missing = [column for column in required if column not in header]
    if missing:
        raise FishError(
            f"{path}, line 1: no column {examples(list(map(repr, missing)))}; "
            f"found {examples(list(map(repr, header)), 10)}."
        )
    return header, table


def separator_of(path: Path) -> str:
    """What the header of a CSV is separated by: a comma, else what spreadsheets write abroad."""
    lines = read_bytes(path, HEADER_BYTES).decode("utf-8-sig", errors="replace").lstrip().splitlines()
    header = lines[0] if lines else ""
    return next((each for each in (",", ";", "\t") if each in header), ",")


def line_of(path: Path, row: int) -> int:
    """The line of a CSV on which a row of `read_csv`'s table begins: empty lines and quoted breaks count."""
    begins, n_rows = 1, -1  # the header is a row too
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file, suppress(csv.Error):
        reader = csv.reader(file, skipinitialspace=True)
        for cells in reader:
            n_rows += any(cell.strip(" \t;") for cell in cells)
            if n_rows > row:
                return begins
            begins = reader.line_num + 1
    return row + 2


def digests_of(paths: Iterable[Path]) -> dict[str, str]:
    """The sha256 of each file, in hexadecimal, by name."""
    found = {}
    for path in paths:
        with local_copy(path) as local, local.open("rb") as file:
            found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def sha256_of(content: bytes) -> str:
    """The sha256 of a file of that content, in hexadecimal, as `digests_of` has it."""
    return hashlib.sha256(content).hexdigest()


def digest(*parts: str | bytes) -> str:
    """The sha256 of `parts` one after the other, in hexadecimal."""
    hasher = hashlib.sha256()
    for part in parts:
        hasher.update(part.encode() if isinstance(part, str) else part)
        hasher.update(b"\0")
    return hasher.hexdigest()
