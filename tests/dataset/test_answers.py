"""In which form a sample submission wants its answers."""

import pandas as pd
import pytest

from fishcli.basics.errors import FishError
from fishcli.dataset.layout.answers import find_answer
from fishcli.options.layout import LayoutOptions

FISH = ["ALB", "BET", "NoF"]
BINARY = ["0", "1"]
PETS = ["cat", "dog"]
GRADES = ["0", "1", "2", "3"]


def answer(classes, cells, label="", **options):
    """The answer that a sample of such columns wants."""
    return find_answer(
        "s.csv, line 1", pd.DataFrame(cells, dtype=str), classes, LayoutOptions(**options), label
    )


@pytest.mark.parametrize(
    ("classes", "cells", "form"),
    [
        (FISH, {"NoF": ["0"], "ALB": ["1"], "BET": ["0"]}, "probabilities"),
        (PETS, {"cat": ["0.5"], "dog": ["0.5"]}, "probabilities"),
        (BINARY, {"target": ["0", "0"]}, "probability"),
        (BINARY, {"invasive": ["0.5", "0.5"]}, "probability"),
        (PETS, {"label": ["0.5", "0.5"]}, "probability"),
        (PETS, {"label": ["0", "0"]}, "label"),
        (FISH, {"species": ["BET", "BET"]}, "label"),
        (FISH, {"species": ["", ""]}, "label"),
        (GRADES, {"level": ["0", "0"]}, "label"),
        (FISH, {"Id": ["ALB BET NoF", "BET NoF ALB"]}, "top-k"),
        (FISH, {"guess": ["new BET ALB NoF"]}, "top-k"),
        (FISH, {"p1": ["ALB"], "p2": ["BET"], "p3": ["new"]}, "top-k"),
        (FISH, {"landmarks": ["ALB 0.1"]}, "label+confidence"),
        (FISH, {"label": ["ALB"], "confidence": ["0.5"]}, "label+confidence"),
    ],
)
def test_the_form_follows_from_the_columns_and_what_stands_in_them(classes, cells, form):
    assert answer(classes, cells).form == form


def test_the_positive_class_is_the_last_unless_the_column_or_the_option_says_it():
    assert answer(PETS, {"label": ["0.5"]}).positive == "dog"
    assert answer(PETS, {"cat": ["0.5"]}).positive == "cat"
    assert answer(PETS, {"label": ["0.5"]}, positive="cat").positive == "cat"
    assert "the probability of dog (--positive takes another)" in answer(PETS, {"label": ["0.5"]}).said(
        "s.csv"
    )
    with pytest.raises(FishError, match="--positive cow: the classes are cat, dog"):
        answer(PETS, {"label": ["0.5"]}, positive="cow")


def test_numbers_of_named_classes_are_their_places_in_order():
    found = answer(PETS, {"label": ["0", "0"]})
    assert found.codes and "0 is cat, 1 is dog" in found.said("s.csv")
    assert not answer(GRADES, {"level": ["0", "0"]}).codes


def test_k_is_how_many_stand_there():
    assert answer(FISH, {"Id": ["ALB BET NoF", "BET"]}).k == 3
    assert answer(FISH, {"p1": ["ALB"], "p2": ["BET"]}).k == 2


def test_the_option_goes_before_what_stands_there():
    assert answer(BINARY, {"target": ["0", "0"]}, answer="label").form == "label"
    assert answer(PETS, {"label": ["0", "1"]}, answer="probability").positive == "dog"


@pytest.mark.parametrize(
    ("classes", "cells", "message"),
    [
        (FISH, {"ALB": ["1"], "BET": ["1"], "SHARK": ["1"]}, "missing NoF, extra SHARK.*--answer label"),
        (FISH, {"x": ["1"], "y": ["1"]}, "missing ALB, BET, NoF, extra x, y.*--label-column"),
        (FISH, {"score": ["0.5"]}, r"holds numbers such as 0\.5, and there are 3 classes.*--answer label"),
        (FISH, {"score": ["what is this"]}, "what does column 'score' want.*--answer label, probability"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_the_options_that_help(classes, cells, message):
    with pytest.raises(FishError, match=message):
        answer(classes, cells)


def test_probabilities_of_one_class_among_several_cannot_be_asked_for():
    with pytest.raises(FishError, match="a probability of one class of 3.*--answer probabilities or label"):
        answer(FISH, {"score": ["0.5"]}, answer="probability")


def test_an_unknown_word_under_the_labels_own_name_is_a_label():
    assert answer(FISH, {"species": ["unknown"]}, label="species").form == "label"
