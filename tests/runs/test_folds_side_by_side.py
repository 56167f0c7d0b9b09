"""Folds that are trained side by side: how many at a time, and what becomes of them when one is not kept."""

import dataclasses
import threading
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from head_inputs import CONFIG, some_inputs

from fishcli.basics.side_by_side import GivenUpError, stop_if_given_up
from fishcli.runs.training import fold_fits

FOLDS = pd.DataFrame({"fold": np.arange(48) % 4})


@pytest.fixture
def cores(monkeypatch):
    import joblib

    monkeypatch.setattr(joblib, "cpu_count", lambda: 3)


@pytest.mark.usefixtures("cores")
@pytest.mark.parametrize(
    ("head", "budget", "n_heads", "wanted"),
    [
        ("gap", 4.0, 5, 3),
        ("gap", 4.0, 2, 2),
        ("dense", np.inf, 5, 3),
        ("dense", 0.02, 5, 2),  # of 7.3 MB each
        ("dense", 0.0, 5, 1),
        ("attention", 4.0, 5, 1),
        ("linear", 4.0, 5, 1),
    ],
)
def test_so_many_heads_are_trained_at_a_time(head, budget, n_heads, wanted):
    config = dataclasses.replace(CONFIG, head=head, memory_budget=budget)
    assert fold_fits._n_at_once(config, some_inputs(), n_heads) == wanted


@pytest.mark.usefixtures("cores")
def test_when_a_fold_can_not_be_kept_the_others_are_given_up(monkeypatch):
    begun, given_up, both = [], [], threading.Barrier(2)

    def fit_member(config, run, sources, fold, part):
        begun.append(part[0])
        if part[0] < 2:
            both.wait(30)
        if part[0] == 0:
            return "fitted"
        try:
            while True:
                stop_if_given_up()
        except GivenUpError:
            given_up.append(part[0])
            raise

    def full(*fold):
        raise OSError("no space left")

    replaced = {
        "missing_folds": lambda run: [0, 1, 2, 3],
        "begin_run": lambda run, folds: None,
        "fit_member": fit_member,
        "finish_fold": full,
        "_n_at_once": lambda *of: 2,
    }
    for name, value in replaced.items():
        monkeypatch.setattr(fold_fits, name, value)
    with pytest.raises(OSError, match="no space"):
        fold_fits.train_folds(CONFIG, SimpleNamespace(), some_inputs(), FOLDS)
    assert sorted(given_up) == sorted(set(begun) - {0})
    assert 3 not in begun
