"""One graph for all folds and seeds: heads are what they would be if each had one of its own."""

import dataclasses

import numpy as np
import pytest
from head_inputs import CONFIG, some_inputs

from fishcli.heads.fit import fit_fold
from fishcli.heads.networks import training
from fishcli.heads.networks.trainers import Trainer

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]

QUICK = dataclasses.replace(CONFIG, epochs=2, head="attention")
ROWS = np.arange(36)


@pytest.fixture
def made(monkeypatch):
    """How many weights each trainer has that a test makes; none is left by others."""
    training._held.clear()
    made, make = [], Trainer.__init__

    def spy(self, model, losses, optimizer):
        made.append(model.count_params())
        make(self, model, losses, optimizer)

    monkeypatch.setattr(Trainer, "__init__", spy)
    yield made
    training._held.clear()


def weights_of(config, rows, seed):
    return fit_fold(config, some_inputs(with_boxes=False), rows, seed)[0].model.get_weights()


def test_folds_seeds_and_repeats_are_trained_by_one(made):
    for config in (QUICK, dataclasses.replace(QUICK, seed=5, name="another", repeats=2)):
        for rows, seed in ((ROWS, 1), (np.arange(12, 48), 1), (ROWS, 2)):
            weights_of(config, rows, seed)
    assert len(made) == 1


def test_a_head_that_was_trained_after_others_is_the_one_trained_alone(made):
    alone = weights_of(QUICK, ROWS, 1)
    training._held.clear()
    for rows, seed in ((np.arange(12, 48), 3), (np.arange(20), 1)):  # of other numbers of steps
        weights_of(QUICK, rows, seed)
    after = weights_of(QUICK, ROWS, 1)
    assert len(made) == 2
    for one, other in zip(alone, after, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_head_keeps_its_weights_while_others_are_trained(made):
    head, _ = fit_fold(QUICK, some_inputs(with_boxes=False), ROWS, 1)
    before = head.model.get_weights()
    weights_of(QUICK, ROWS, 2)
    for one, other in zip(before, head.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "options", [{"dropout": 0.1}, {"metadata": "none"}, {"class_weight": "balanced"}, {"lr": 0.1}]
)
def test_heads_that_learn_otherwise_have_another(made, options):
    weights_of(QUICK, ROWS, 1)
    weights_of(dataclasses.replace(QUICK, **options), ROWS, 1)
    assert len(made) == 2


def test_few_are_held(made, monkeypatch):
    weights_of(QUICK, ROWS, 1)
    monkeypatch.setattr(training, "HELD_BYTES", 4 * made[0] + 1)
    weights_of(dataclasses.replace(QUICK, metadata="none"), ROWS, 1)
    weights_of(QUICK, ROWS, 1)
    assert len(made) == 3
