"""In which form a sample submission wants its answers, and what each of its columns stands for."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from fishcli.basics.errors import FishError, examples
from fishcli.dataset.layout.tag_columns import BLANK, separator_in
from fishcli.options.layout import AnswerForm, LayoutOptions

KNOWN_SHARE = 0.5
"""So many of a sample's words are classes where it wants labels: some stand for none that was seen."""


@dataclass(frozen=True)
class Answer:
    """What a sample wants for an image.

    Attributes:
        form: "probabilities": a column a class; "probability": of the positive class; "label": a class's
        name;
            "top-k": the likeliest ones, the first the likeliest; "label+confidence": one and how sure it is;
            "tags": all that are decided for.
        columns: the columns to be written, in the sample's order, without the one that names images.
        classes: the classes, as the run orders them.
        positive: the class whose probability is wanted, of two.
        k: how many labels an image.
        codes: whether labels are written as their places in the order of classes, from 0.
        is_tagged: whether an image may have several of the classes, whose probabilities don't sum to 1 then.
        separator: what stands between tags.
    """

    form: AnswerForm
    columns: tuple[str, ...]
    classes: tuple[str, ...]
    positive: str = ""
    k: int = 1
    codes: bool = False
    is_tagged: bool = False
    separator: str = BLANK

    def said(self, name: str) -> str:
        """What was decided, in a line; `name`: the sample's."""
        wants = {
            "probabilities": f"probabilities of {len(self.columns):,} classes",
            "probability": f"the probability of {self.positive} (--positive takes another)",
            "label": "a label" + (f", as a number: {self._codes()}" if self.codes else ""),
            "top-k": f"the {self.k} likeliest labels"
            + (f" in {self.k} columns" if len(self.columns) > 1 else ""),
            "label+confidence": "a label and its confidence",
            "tags": "an image's tags",
        }
        if self.is_tagged and self.form == "probabilities":
            wants["probabilities"] = f"the probability of each of {len(self.columns):,} tags"
        unseen = [each for each in self.columns if each not in self.classes]
        more = (
            f"; no training image shows {examples(unseen)}, so the smoothed prior answers" if unseen else ""
        )
        return f"{name} wants {wants[self.form]}{more if self.form == 'probabilities' else ''}"

    def _codes(self) -> str:
        return examples([f"{code} is {name}" for code, name in enumerate(self.classes)])


def find_answer(
    where: str,
    cells: pd.DataFrame,
    classes: Sequence[str],
    options: LayoutOptions,
    label: str = "",
    is_tagged: bool = False,
) -> Answer:
    """Find what a sample wants, by its columns and by what stands in them.

    Args:
        where: the sample's path and line, for errors.
        cells: the sample's table without the column that names images, its columns named, as text.
        classes: in their order.
        options: what the user says of it.
        label: the column of the labels' table that is the class.
        is_tagged: whether an image may have several classes.

    Raises:
        FishError: a sample that can't be answered, with the option that says what is meant.
    """
    columns = tuple(str(name) for name in cells.columns)
    known = tuple(classes)
    if is_tagged:
        return _of_tags(where, cells, known, options)
    if options.answer == "tags":
        raise FishError("--answer tags: an image has one label here. See --label-separator.")
    form = options.answer or _form(where, cells, known, label)
    if form == "probabilities":
        lacking = [name for name in known if name not in columns]
        if lacking:
            raise FishError(
                f"{where}: its columns are not the classes of the training images: missing "
                f"{examples(lacking)}, "
                f"extra {examples([name for name in columns if name not in known]) or 'none'}. Where it "
                "wants something else than a column a class, say so: --answer label."
            )
        return Answer(form, columns, known)
    if form == "probability":
        return Answer(form, columns, known, positive=_positive(where, columns, known, options))
    codes = form != "top-k" and _are_codes(cells.iloc[:, 0], known)
    k = len(columns) if len(columns) > 1 else max([len(cell.split()) for cell in cells.iloc[:, 0]], default=1)
    return Answer(form, columns, known, k=max(1, k) if form == "top-k" else 1, codes=codes)


def _of_tags(where: str, cells: pd.DataFrame, classes: tuple[str, ...], options: LayoutOptions) -> Answer:
    """What a sample wants where an image may have several classes."""
    columns = tuple(str(name) for name in cells.columns)
    form = options.answer or ("tags" if len(columns) == 1 and columns[0] not in classes else "probabilities")
    if form not in ("tags", "probabilities"):
        raise FishError(
            f"--answer {form}: images have several labels here, of which tags or probabilities are answered. "
            "Where a cell holds one label, pass --label-separator none."
        )
    lacking = [name for name in classes if name not in columns] if form == "probabilities" else []
    if lacking or (form == "tags" and len(columns) > 1):
        raise FishError(
            f"{where}: its columns are not the tags of the training images: missing {examples(lacking)}, "
            f"extra {examples([name for name in columns if name not in classes]) or 'none'}. Expected a "
            "column a tag, or one column of tags; where tags are in another column of the labels' table: "
            "--label-column."
        )
    separator = BLANK if form == "probabilities" else _separator(cells.iloc[:, 0], classes, options)
    return Answer(form, columns, classes, is_tagged=True, separator=separator)


def _separator(cells: pd.Series, classes: tuple[str, ...], options: LayoutOptions) -> str:
    """What stands between tags in a sample; where its cells don't show it, what does in the labels' table."""
    found = separator_in(cells)
    are_parted = any(len(each) > 1 and set(each) <= set(classes) for each in cells.str.split())
    return found if found != BLANK or are_parted else options.label_separator or BLANK


def _form(where: str, cells: pd.DataFrame, classes: tuple[str, ...], label: str) -> AnswerForm:
    columns = [str(name) for name in cells.columns]
    of_classes = set(columns) & set(classes)
    are_numbers = cells.map(lambda cell: cell == "" or _is_number(cell)).all(axis=None)
    if len(columns) > 1 and (len(of_classes) > 1 or (of_classes and are_numbers)):
        return "probabilities"
    if len(columns) > 1:
        return _form_of_several(where, cells, classes)
    column = cells.iloc[:, 0][cells.iloc[:, 0] != ""]
    tokens = [cell.split() for cell in column]
    is_class = column.isin(classes)
    if not is_class.all() and max(map(len, tokens)) > 1 and _are_ranked(tokens, classes):
        return "top-k"
    if column.empty or is_class.mean() >= KNOWN_SHARE:
        is_binary = set(classes) == {"0", "1"} and not column.empty
        return "probability" if is_binary else "label"
    is_number = column.map(_is_number)
    if is_number.all():
        return _form_of_numbers(where, column, classes)
    if _have_confidence(tokens) and _known([each[:1] for each in tokens], classes):
        return "label+confidence"
    if columns[0] == label:
        return "label"
    raise FishError(
        f"{where}: what does column {columns[0]!r} want? It holds {column.iloc[0]!r}, and the classes are "
        f"{examples(list(classes))}. Say so with --answer label, probability, top-k or label+confidence; "
        "where another column of the labels' table is meant, with --label-column."
    )


def _form_of_several(where: str, cells: pd.DataFrame, classes: tuple[str, ...]) -> AnswerForm:
    """Several columns that are no classes: labels in their order, or a label and a number."""
    first, last = cells.iloc[:, 0], cells.iloc[:, -1]
    if len(cells.columns) == 2 and last.map(_is_number).all() and _known([[cell] for cell in first], classes):
        return "label+confidence"
    if _known([list(row) for row in cells.to_numpy()], classes) or (cells == "").all(axis=None):
        return "top-k"
    raise FishError(
        f"{where}: its columns are not the classes of the training images: missing "
        f"{examples(list(classes))}, extra {examples([str(name) for name in cells.columns])}. Where labels "
        "of another column are meant: --label-column; where labels are wanted in columns: --answer top-k."
    )


def _form_of_numbers(where: str, column: pd.Series, classes: tuple[str, ...]) -> AnswerForm:
    """Numbers that are no class names: codes of classes, or a probability."""
    is_whole = column.str.fullmatch(r"\d+")
    if is_whole.all() and column.astype(float).max() < len(classes):
        return "label"
    if len(classes) == 2 and column.astype(float).between(0, 1).all():
        return "probability"
    raise FishError(
        f"{where}: it holds numbers such as {column.iloc[0]}, and there are {len(classes)} classes "
        f"({examples(list(classes))}). fishcli predicts classes; where a class is wanted all the same, pass "
        "--answer label, and where its labels are in another column, --label-column."
    )


def _positive(where: str, columns: Sequence[str], classes: Sequence[str], options: LayoutOptions) -> str:
    if len(classes) != 2 or len(columns) != 1:
        raise FishError(
            f"{where}: a probability of one class of {len(classes)} in {len(columns)} columns can't be told. "
            "Pass --answer probabilities or label."
        )
    if options.positive is not None and options.positive not in classes:
        raise FishError(f"--positive {options.positive}: the classes are {examples(list(classes))}.")
    said = next((name for name in classes if name == columns[0]), classes[-1])
    return options.positive or said


def _are_codes(column: pd.Series, classes: Sequence[str]) -> bool:
    """Whether whole numbers that are no class names stand for classes."""
    filled = column[column != ""]
    return bool(len(filled) and filled.str.fullmatch(r"\d+").all() and not set(filled) & set(classes))


def _known(tokens: Sequence[Sequence[str]], classes: Sequence[str]) -> bool:
    """Whether most of the words are classes."""
    found, known = [token for each in tokens for token in each if token], set(classes)
    return bool(found) and sum(token in known for token in found) >= KNOWN_SHARE * len(found)


def _are_ranked(tokens: Sequence[Sequence[str]], classes: Sequence[str]) -> bool:
    """Whether cells hold several classes each; a number behind one says how sure it is."""
    return _known(tokens, classes) and not _have_confidence(tokens)


def _have_confidence(tokens: Sequence[Sequence[str]]) -> bool:
    """Whether each cell is a word and a number."""
    return all(len(each) == 2 and _is_number(each[1]) for each in tokens)


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text))
