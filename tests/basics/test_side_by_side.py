"""Work side by side: in order, a core each, and given up where nobody waits."""

import threading
import time

import pytest
from threadpoolctl import threadpool_info

from fishcli.basics.side_by_side import GivenUpError, side_by_side, stop_if_given_up


def blas_threads():
    import numpy  # noqa: F401  whose library it is

    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


@pytest.mark.parametrize("n_threads", [1, 3])
def test_results_come_in_order_whoever_is_first(n_threads):
    def work(number):
        time.sleep(0.02 / (1 + number))
        return number, threading.current_thread() is threading.main_thread()

    found = list(side_by_side(work, range(6), n_threads))
    assert [number for number, _ in found] == list(range(6))
    assert {is_own for _, is_own in found} == {n_threads == 1}


def test_linear_algebra_keeps_to_a_thread_meanwhile():
    before = blas_threads()
    assert list(side_by_side(lambda _: blas_threads(), range(2), 2)) == [{1}, {1}]
    assert blas_threads() == before


def test_an_error_comes_out_and_what_waits_is_not_begun():
    begun = []

    def work(number):
        begun.append(number)
        if number == 0:
            raise ValueError("no")
        while True:  # the other thread's: it ends as nobody waits for it
            stop_if_given_up()
            time.sleep(0.001)

    with pytest.raises(ValueError, match="no"):
        list(side_by_side(work, range(9), 2))
    assert set(begun) <= {0, 1, 2}


def test_who_leaves_the_loop_gives_up_what_runs():
    ended, all_begun = [], threading.Barrier(3)

    def work(number):
        all_begun.wait(30)
        if number:
            try:
                while True:
                    stop_if_given_up()
                    time.sleep(0.001)
            except GivenUpError:
                ended.append(number)
                raise
        return number

    for number in (results := side_by_side(work, range(3), 3)):
        assert number == 0
        results.close()
    assert sorted(ended) == [1, 2]
    stop_if_given_up()  # this thread is nobody's
