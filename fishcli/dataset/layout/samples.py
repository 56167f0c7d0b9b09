"""Sample submissions: the columns, the ids and their order that the competition wants back."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError, examples
from fishcli.basics.files import line_of, read_cells
from fishcli.dataset.names import NameIndex, check_names

PATTERN = "sample_submission*.csv"


@dataclass(frozen=True)
class Sample:
    """A sample submission joined with the test images.

    Attributes:
        path: the file.
        suffix: what its name adds to "sample_submission": "", "_stg1", ...
        columns: all columns in the file's order; the first that is called "image" names the images.
        names: the image names as the file spells and orders them.
        keys: the (split, image id) that each name means.
    """

    path: Path
    suffix: str
    columns: tuple[str, ...]
    names: tuple[str, ...]
    keys: tuple[tuple[str, str], ...]


def id_place(columns: Sequence[str]) -> int:
    """The place of the column that names the images: the first "image", a second one is a class."""
    return list(columns).index("image")


def load_samples(data_dir: Path, tests: dict[str, pd.DataFrame], class_names: list[str]) -> list[Sample]:
    """Read every sample submission of a competition.

    Where there is none, one sample of all test images is made up: `image` and the classes in their order.

    Raises:
        FishError: columns that are not the classes, unknown, ambiguous or doubled images.
    """
    paths = sorted(data_dir.glob(PATTERN))
    if not paths:
        return [_default_sample(data_dir, tests, class_names)]
    return [_load_sample(path, tests, class_names) for path in paths]


def _default_sample(data_dir: Path, tests: dict[str, pd.DataFrame], class_names: list[str]) -> Sample:
    keys = [(split, image) for split, table in tests.items() for image in table["image"]]
    names = [image if len(tests) == 1 else f"{split}/{image}" for split, image in keys]
    path = data_dir / "sample_submission.csv"
    return Sample(path, "", ("image", *class_names), tuple(names), tuple(keys))


def _load_sample(path: Path, tests: dict[str, pd.DataFrame], class_names: list[str]) -> Sample:
    header, table = read_cells(path, required=["image"])
    columns = [column for place, column in enumerate(header) if place != id_place(header)]
    lacking, extra = (Counter(class_names) - Counter(columns)), (Counter(columns) - Counter(class_names))
    if lacking or extra:
        raise FishError(
            f"{path}, line 1: its columns are not the classes of train/: "
            f"missing {examples(sorted(lacking)) or 'none'}, extra {examples(sorted(extra)) or 'none'}."
        )
    if table.empty:
        raise FishError(f"{path} has no line after its header. Add the test images' names, or move it away.")
    names = list(table[id_place(header)])
    check_names(names, str(path))
    suffix = path.stem.removeprefix("sample_submission")
    keys = _find_keys(path, names, tests, suffix)
    twice = np.flatnonzero(pd.Series(keys, dtype=object).duplicated())
    if len(twice):
        row = int(twice[0])
        line = line_of(path, row)
        raise FishError(f"{path}, line {line}: {names[row]!r} stands there a second time.")
    return Sample(path, suffix, tuple(header), tuple(names), tuple(keys))


def _find_keys(
    path: Path, names: list[str], tests: dict[str, pd.DataFrame], suffix: str
) -> list[tuple[str, str]]:
    """The test images that `names` mean: in the folder test<suffix> if it has them all, else in any."""
    own = f"test{suffix}"
    if own in tests:
        found, unknown = NameIndex(tests[own]["image"]).find_all(names, str(path))
        elsewhere = any(name.partition("/")[0] in tests.keys() - {own} for name in names)
        if not unknown and not elsewhere:
            return [(own, found[name]) for name in names]
    keys = {f"{split}/{image}": (split, image) for split, table in tests.items() for image in table["image"]}
    found, unknown = NameIndex(keys).find_all(names, str(path))
    if unknown:
        raise FishError(
            f"{path} names {len(unknown):,} images that no test folder holds ({', '.join(tests)}): "
            f"{examples(unknown)}. Add the files, or move the sample away."
        )
    return [keys[found[name]] for name in names]
