"""What an option takes from a project file, a variable or Python, and what it says of anything else."""

from pathlib import Path
from typing import Literal, get_type_hints

import numpy as np
import pytest

from fishcli.basics.errors import FishError
from fishcli.options.commands import COMMANDS
from fishcli.options.values import NUMBERS_TOO, SEVERAL, fitting, from_text, kinds_of

HINTS = {name: get_type_hints(config, include_extras=True) for name, (config, _) in COMMANDS.items()}


def fitted(command, name, value):
    return fitting(name, value, HINTS[command][name], f"{name}={value!r}")


@pytest.mark.parametrize(
    ("command", "name", "value", "expected"),
    [
        ("train", "lr", 1, 1.0),
        ("train", "epochs", np.int64(3), 3),
        ("train", "features", None, None),
        ("train", "groups", Path("a/g.csv"), "a/g.csv"),
        ("train", "features", ["a", "b"], "a,b"),
        ("compare", "heads", ("gap", "linear"), "gap,linear"),
        ("predict", "tta", 8, "8"),
        ("finetune", "interpolate", 0.5, "0.5"),
        ("ensemble", "runs", "one", ["one"]),
        ("ensemble", "runs", ("one", "two"), ["one", "two"]),
        ("score", "submissions", Path("a.csv"), [Path("a.csv")]),
        ("train", "data_dir", "~/d", "~/d"),
    ],
)
def test_a_value_is_taken_as_the_command_line_would_have_it(command, name, value, expected):
    taken = fitted(command, name, value)
    assert taken == expected and type(taken) is type(expected)


@pytest.mark.parametrize(
    ("command", "name", "value", "message"),
    [
        ("train", "folds", 2.5, "expected a whole number"),
        ("train", "folds", None, "expected a whole number"),
        ("train", "lr", "fast", "expected a number"),
        ("train", "lr", 2, "expected a number from 1e-07 to 1.0"),
        ("train", "epochs", 0, "expected a number from 1[.]"),
        ("train", "smote", 1, "expected true or false"),
        ("train", "head", 3, "expected text in quotes"),
        ("train", "name", ["a", "b"], "expected text in quotes"),
        ("train", "pooling", "agv", "expected one of auto, avg, .* Did you mean 'avg'"),
        ("train", "pooling", np.zeros(3), "expected one of auto"),
        ("ensemble", "runs", ["one", 2], "expected a list of text"),
        ("ensemble", "runs", [], "expected a list of text"),
        ("compare", "heads", [], "expected text"),
    ],
)
def test_what_an_option_can_not_take_is_named_beside_what_it_expects(command, name, value, message):
    with pytest.raises(FishError, match=f"^{name}=.*{message}") as raised:
        fitted(command, name, value)
    assert len(str(raised.value)) < 300


def test_the_text_of_a_variable_is_read_by_the_options_type():
    assert from_text("3", int) == 3
    assert from_text("1e-3", float | None) == 1e-3
    assert [from_text(text, bool) for text in ("1", "True", "off", "maybe")] == [True, True, False, "maybe"]
    assert from_text("three", int) == "three"
    assert from_text("avg", Literal["avg", "max"]) == "avg"


@pytest.mark.parametrize("name", [*SEVERAL, *NUMBERS_TOO])
def test_options_that_take_more_than_text_are_options_of_text(name):
    known = [hints[name] for hints in HINTS.values() if name in hints]
    assert known and any(str in kinds_of(hint) for hint in known)
