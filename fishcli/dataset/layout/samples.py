"""Sample submissions: the columns, ids and order that the competition wants back, and the form of answers."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError, examples
from fishcli.basics.files import line_of, read_cells, separator_of
from fishcli.basics.progress import warn
from fishcli.dataset.layout.answers import Answer, find_answer
from fishcli.dataset.layout.folders import find_folders
from fishcli.dataset.layout.labels import Labels, separator_of_labels
from fishcli.dataset.layout.layout import read_training
from fishcli.dataset.layout.pools import read_tests, sample_paths
from fishcli.dataset.layout.tables import id_place, table_paths, tables_naming
from fishcli.dataset.names import NameIndex, check_names
from fishcli.options.layout import LayoutOptions

SAMPLE_WORDS = re.compile(
    r"((sample|example)[ _-]?)?submissions?([ _-]?(format|sample|example|template))?", re.IGNORECASE
)

Key = tuple[str, str]


@dataclass(frozen=True)
class Sample:
    """A sample submission joined with the test images.

    Attributes:
        path: the file.
        suffix: what its name adds to "sample_submission": "", "_stg1", ...
        columns: all columns in the file's order.
        place: which of them names the images.
        names: the image names as the file spells and orders them.
        keys: the (split, image id) that each name means.
        answer: what it wants.
        separator: what stands between its cells.
    """

    path: Path
    suffix: str
    columns: tuple[str, ...]
    place: int
    names: tuple[str, ...]
    keys: tuple[Key, ...]
    answer: Answer
    separator: str = ","


def load_samples(
    data_dir: Path,
    tests: dict[str, pd.DataFrame],
    class_names: list[str],
    options: LayoutOptions,
    is_tagged: bool = False,
) -> list[Sample]:
    """Read every sample submission of a competition.

    Where there is none, one of all test images is made up: their names as the table of labels spells them
    (else `image` and their paths), and the classes in their order.

    Args:
        data_dir: its folder.
        tests: the test images, by split.
        class_names: in their order.
        options: how the folder is read.
        is_tagged: whether an image may have several classes.

    Raises:
        FishError: samples that can't be answered; unknown, ambiguous or doubled images.
    """
    folders = find_folders(data_dir, options)
    paths = sample_paths(data_dir, options, folders)
    labels = _labels(data_dir, options)
    if is_tagged and options.label_separator is None and labels is not None and len(labels.columns) == 1:
        options = replace(options, label_separator=separator_of_labels(labels))
    if not paths:
        plain = Answer("probabilities", tuple(class_names), tuple(class_names), is_tagged=is_tagged)
        return [_made_up(data_dir, tests, plain, labels, options)]
    known = _Known(tests, table_paths(folders.beside))
    label = labels.columns[0] if labels is not None and len(labels.columns) == 1 else ""
    samples = []
    for path in paths:
        header, table = read_cells(path)
        place = known.place(path, header, table)
        names = list(table[place])
        check_names(names, str(path))
        cells = table.drop(columns=place)
        cells.columns = pd.Index([name for number, name in enumerate(header) if number != place])
        _check_columns(path, list(cells.columns))
        answer = find_answer(f"{path}, line 1", cells, class_names, options, label, is_tagged)
        if table.empty:
            raise FishError(
                f"{path} has no line after its header. Add the test images' names, or move it away."
            )
        keys = known.keys(path, names, suffix := _suffix(path))
        samples.append(
            Sample(path, suffix, tuple(header), place, tuple(names), tuple(keys), answer, separator_of(path))
        )
    return samples


def has_samples(data_dir: Path, options: LayoutOptions) -> bool:
    """Whether a competition has a sample submission; FishError where one is named that isn't there."""
    return bool(sample_paths(data_dir, options, find_folders(data_dir, options)))


def wanted_answers(
    data_dir: Path, class_names: list[str], options: LayoutOptions, is_tagged: bool = False
) -> dict[str, Answer]:
    """What each sample wants, by its name; a warning, before computing, where that can't be answered."""
    if not has_samples(data_dir, options):
        return {}
    try:
        tests = {
            split: pd.DataFrame({"image": list(listing.photos)})
            for split, (_, listing) in read_tests(data_dir, options).items()
        }
        samples = load_samples(data_dir, tests, class_names, options, is_tagged)
    except FishError as error:
        warn(f"no submission could be written as it is: {error}")
        return {}
    return {sample.path.name: sample.answer for sample in samples}


def _labels(data_dir: Path, options: LayoutOptions) -> Labels | None:
    """Where labels come from; None where the training photos are gone: predicting does not need them."""
    try:
        return read_training(data_dir, options).labels
    except FishError:
        return None


def _suffix(path: Path) -> str:
    return SAMPLE_WORDS.sub("", path.stem, count=1)


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    if not columns:
        raise FishError(
            f"{path}, line 1: it has one column only. Expected names of images and what is wanted."
        )
    twice = [name for name, n in Counter(columns).items() if n > 1]
    if twice:
        raise FishError(f"{path}, line 1: the column {twice[0]!r} stands there twice.")


def _made_up(
    data_dir: Path,
    tests: dict[str, pd.DataFrame],
    plain: Answer,
    labels: Labels | None,
    options: LayoutOptions,
) -> Sample:
    keys = [(split, image) for split, table in tests.items() for image in table["image"]]
    names = [image if len(tests) == 1 else f"{split}/{image}" for split, image in keys]
    path, id_name = data_dir / "sample_submission.csv", "image"
    unseen: tuple[str, ...] = ()
    if labels is not None and labels.named is not None:
        id_name, unseen = labels.named.id_column, labels.unseen
        spelled = set(labels.named.cells[id_name])
        for spelling in (lambda name: PurePosixPath(name).name, lambda name: PurePosixPath(name).stem):
            shown = {spelling(image) for image in labels.table["image"]}
            short = [spelling(name) for name in names]
            if shown & spelled and len(set(short)) == len(names):
                names = short
                break
    columns = (*plain.classes, *(name for name in unseen if name not in plain.classes))
    answer = replace(plain, columns=columns)
    if options.answer not in (None, "probabilities"):
        columns = labels.columns if labels is not None and len(labels.columns) == 1 else ("label",)
        cells = pd.DataFrame(columns=pd.Index(columns), dtype=str)
        answer = find_answer("the made-up sample", cells, plain.classes, options, "", plain.is_tagged)
    return Sample(path, "", (id_name, *columns), 0, tuple(names), tuple(keys), answer)


class _Known:
    """The test images, and what the tables beside them call them."""

    def __init__(self, tests: dict[str, pd.DataFrame], tables: Sequence[Path]) -> None:
        self.tests, self.tables = tests, tables
        self.by_path = {
            f"{split}/{image}": (split, image) for split, table in tests.items() for image in table["image"]
        }
        self.index = NameIndex(self.by_path)

    def place(self, path: Path, header: Sequence[str], table: pd.DataFrame) -> int:
        """Which column of a sample names images: "image", else the first one that does."""
        usual = id_place(header)
        if "image" in header:
            return usual
        for place in [usual, *range(len(header))]:
            names = [name for name in table[place].unique() if name]
            if names and len(self._meant(path, names)) >= 0.5 * len(names):
                return place
        return usual

    def keys(self, path: Path, names: Sequence[str], suffix: str) -> list[Key]:
        """The test images that `names` mean: in the folder test<suffix> if it has them all, else in any."""
        own = f"test{suffix}"
        keys = None
        if own in self.tests:
            found, unknown = NameIndex(self.tests[own]["image"]).find_all(names, str(path))
            elsewhere = any(name.partition("/")[0] in self.tests.keys() - {own} for name in names)
            if not unknown and not elsewhere:
                keys = [(own, found[name]) for name in names]
        if keys is None:
            keys = self._anywhere(path, names)
        twice = np.flatnonzero(pd.Series(keys, dtype=object).duplicated())
        if len(twice):
            row = int(twice[0])
            raise FishError(f"{path}, line {line_of(path, row)}: {names[row]!r} stands there a second time.")
        return keys

    def _anywhere(self, path: Path, names: Sequence[str]) -> list[Key]:
        found, unknown = self.index.find_all(names, str(path))
        if unknown:
            found |= self._by_tables(unknown)
            unknown = [name for name in unknown if name not in found]
        if unknown:
            raise FishError(
                f"{path} names {len(unknown):,} images that no test folder holds ({', '.join(self.tests)}): "
                f"{examples(unknown)}. Add the files, or move the sample away."
            )
        return [self.by_path[found[name]] for name in names]

    def _by_tables(self, names: Sequence[str]) -> dict[str, str]:
        """The images that names mean by another column of a table that names images: a number, say."""
        wanted = set(names)
        for table in tables_naming(self.tables, self.index):
            for column in table.cells.columns:
                said = table.cells[column]
                if column != table.id_column and not said.duplicated().any() and wanted <= set(said):
                    pairs = zip(said, table.images, strict=True)
                    return {name: image for name, image in pairs if name in wanted and image}
        return {}

    def _meant(self, path: Path, names: Sequence[str]) -> dict[str, str]:
        try:
            found, unknown = self.index.find_all(names, str(path))
        except FishError:  # ambiguous: it means images
            return dict.fromkeys(names, "")
        return found | self._by_tables(unknown) if unknown else found
