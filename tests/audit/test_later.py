"""Calls that other processes make while an audit goes on."""

import gc
import os
from operator import add, truediv
from time import sleep

import pytest
from joblib import delayed, parallel_config

from fishcli.audit.later import Later, begin


def test_each_gets_what_its_own_calls_return_in_their_order():
    laters = [
        Later([delayed(add)(1, k) for k in range(7)], list),
        Later([], list),
        Later([delayed(add)("a", "b")], "".join),
    ]
    assert list(begin(laters)) == [[1, 2, 3, 4, 5, 6, 7], [], "ab"]


@pytest.mark.filterwarnings("error")
def test_there_may_be_nothing_to_call():
    assert list(begin([])) == []
    assert list(begin([Later([], list)])) == [[]]


def test_what_nobody_waits_for_is_given_up_without_a_word(recwarn):
    begun = begin([Later([delayed(sleep)(0.05)] * 40, list), Later([], list)])
    del begun
    gc.collect()
    assert not [str(each.message) for each in recwarn if "tasks" in str(each.message)]


def test_the_same_processes_make_the_calls_of_what_is_begun_next():
    first, second = ({*next(begin([Later([delayed(os.getpid)()] * 8, list)]))} for _ in range(2))
    assert os.getpid() not in first
    assert first & second


def test_what_a_call_raises_is_raised_where_it_is_waited_for():
    with parallel_config(backend="sequential"):
        begun = begin([Later([delayed(truediv)(1, 1)], list), Later([delayed(truediv)(1, 0)], list)])
    assert next(begun) == [1]
    with pytest.raises(ZeroDivisionError):
        next(begun)
