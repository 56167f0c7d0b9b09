"""Values of options that come from elsewhere than the command line, each checked by its option's type."""

import numbers
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from fishcli.basics.errors import FishError, nearest
from fishcli.basics.remote import is_remote

SEVERAL = (
    *("view_names", "splits", "fields", "augment", "heads", "metadata", "boxes", "features"),
    *("box_categories", "train_dir", "test_dir", "sample"),
)
"""Options whose text may name several things with commas between them: a list stands for it, too."""
NUMBERS_TOO = ("tta", "interpolate", "clusters", "augment")
"""Options that take a word or a number, and so are text."""
WORDS = {str: "text in quotes", Path: "text in quotes", int: "a whole number", float: "a number"}
TRUE, FALSE = ("1", "true", "t", "yes", "y", "on"), ("0", "false", "f", "no", "n", "off")
"""What the command line takes for a switch in a variable, in any case."""


def fitting(name: str, value: Any, hint: Any, where: str) -> Any:
    """A value as an option's config takes it: whole numbers stand for others, one text for a list of one.

    Args:
        name: the option's field.
        value: what shall stand there.
        hint: the field's type, with what Typer adds to it.
        where: what an error begins with: the place, and the value as it was written.

    Raises:
        FishError: the option does not take it; what was expected, and the nearest choice.
    """
    kinds = kinds_of(hint)
    if value is None and NoneType in kinds:
        return None
    if str in kinds and name in SEVERAL and isinstance(value, list | tuple):
        value = ",".join(map(_text, value)) if value and all(map(_is_text, value)) else value
    if str in kinds and name in NUMBERS_TOO and _is_number(value):
        value = str(value)
    taken = next((taken for kind in kinds for taken in _taken(value, kind)), None)
    if taken is None:
        raise FishError(f"{where}: expected {_expected(kinds)}.{_meant(value, kinds)}")
    _check_range(taken, hint, where)
    return taken


def variable_of(name: str) -> str:
    """The environment variable that gives an option its default."""
    return f"FISHCLI_{name.upper()}"


def from_text(text: str, hint: Any) -> Any:
    """What the text of a variable stands for, as the command line reads it; `fitting` checks it."""
    for kind in kinds_of(hint):
        if kind is bool and text.lower() in (*TRUE, *FALSE):
            return text.lower() in TRUE
        if kind in (int, float):
            with suppress(ValueError):
                return kind(text)
    return text


def kinds_of(hint: Any) -> tuple[Any, ...]:
    """The types that an option takes, without what Typer adds to them."""
    inner = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    return get_args(inner) if get_origin(inner) in (Union, UnionType) else (inner,)


def unknown(where: str, name: str, known: Mapping[str, Any] | Sequence[str], what: str) -> FishError:
    """The error that a name is which means nothing there, with the nearest that does."""
    near = nearest(name, known)
    return FishError(f"{where} is not {what}.{f' Did you mean {near!r}?' if near else ''}")


def _taken(value: Any, kind: Any) -> list[Any]:
    """The value as this type has it, in a list; an empty one where it has no such value."""
    if get_origin(kind) is Literal:
        return [value] if isinstance(value, str) and value in get_args(kind) else []
    if get_origin(kind) is list:
        parts = list(value) if isinstance(value, list | tuple) else [value]
        found = [taken for each in parts for taken in _taken(each, get_args(kind)[0])]
        return [found] if found and len(found) == len(parts) else []
    if kind is str:
        return [_text(value)] if _is_text(value) else []
    if kind is Path:
        return [value] if _is_text(value) else []
    if kind is bool:
        return [value] if isinstance(value, bool) else []
    if kind in (int, float):
        is_kind = _is_number(value) and (kind is float or isinstance(value, numbers.Integral))
        return [kind(value)] if is_kind else []
    return []


def _is_text(value: Any) -> bool:
    return isinstance(value, str | os.PathLike) or is_remote(value)


def _text(value: Any) -> str:
    """Text, or a path as text; a URL's keeps its protocol."""
    return str(value) if is_remote(value) else os.fspath(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _expected(kinds: Sequence[Any]) -> str:
    said = []
    for kind in kinds:
        if get_origin(kind) is Literal:
            said.append(f"one of {', '.join(map(str, get_args(kind)))}")
        elif get_origin(kind) is list:
            said.append(f"a list of {WORDS[get_args(kind)[0]]}")
        elif kind is not NoneType:
            said.append("true or false" if kind is bool else WORDS[kind])
    return " or ".join(dict.fromkeys(said))


def _meant(value: Any, kinds: Sequence[Any]) -> str:
    choices = [choice for kind in kinds if get_origin(kind) is Literal for choice in get_args(kind)]
    near = nearest(value, choices) if isinstance(value, str) and choices else None
    return f" Did you mean {near!r}?" if near else ""


def _check_range(value: Any, hint: Any, where: str) -> None:
    option = hint.__metadata__[0] if get_origin(hint) is Annotated else None
    low, high = getattr(option, "min", None), getattr(option, "max", None)
    if not _is_number(value) or ((low is None or value >= low) and (high is None or value <= high)):
        return
    ends = [f"from {low:,}" if low is not None else "", f"to {high:,}" if high is not None else ""]
    raise FishError(f"{where}: expected a number {' '.join(filter(None, ends))}.")
