"""Threads of the libraries that compute with arrays."""

import numpy as np
import threadpoolctl

from fishcli.basics.threads import threads_of


def of_blas():
    """How many threads each BLAS library would take now."""
    return [each["num_threads"] for each in threadpoolctl.threadpool_info() if each["user_api"] == "blas"]


def test_a_limit_holds_within_its_block_only():
    np.ones((2, 2)) @ np.ones((2, 2))
    before = of_blas()
    assert before
    with threads_of("numpy").limit(limits=1):
        assert set(of_blas()) == {1}
    assert of_blas() == before


def test_the_libraries_are_looked_for_once():
    assert threads_of("numpy") is threads_of("numpy")
