"""Localisers of several folds are trained by one graph, and are what each would be alone."""

import math

import numpy as np
import pytest

from fishcli.heads.networks.trainers import Trainer
from fishcli.locating import fit
from fishcli.locating.fit import BATCH, LocaliserInputs, fit_localiser

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]

N, SIZE = 24, (5, 6)


def some_inputs():
    """Maps whose first channel is high in a box of its own in each photo."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(2, N, *SIZE, 3)).astype(np.float16)
    boxes = []
    for row in range(N):
        left, top = rng.integers(0, 3, 2)
        features[:, row, top : top + 3, left : left + 3, 0] += 4
        boxes.append(np.array([[left / 6, top / 5, (left + 3) / 6, (top + 3) / 5]]))
    return LocaliserInputs(features, [boxes, boxes])


@pytest.fixture
def made(monkeypatch):
    """The trainers that a test makes; none is left by others."""
    fit._held.clear()
    made, make = [], Trainer.__init__

    def spy(self, *parts):
        made.append(self)
        make(self, *parts)

    monkeypatch.setattr(Trainer, "__init__", spy)
    yield made
    fit._held.clear()


def trained(rows, seed, epochs=2, told=lambda: None):
    model, losses = fit_localiser(some_inputs(), rows, epochs, seed, told)
    return model.get_weights(), losses


def test_a_localiser_that_was_trained_after_others_is_the_one_trained_alone(made):
    alone, losses = trained(np.arange(20), 1)
    fit._held.clear()
    for rows, seed in ((np.arange(4, N), 2), (np.arange(9), 1)):  # of other numbers of steps
        trained(rows, seed)
    after, again = trained(np.arange(20), 1)
    assert len(made) == 2
    assert losses == again
    for one, other in zip(alone, after, strict=True):
        np.testing.assert_array_equal(one, other)


def test_its_seed_and_its_rows_decide(made):
    first, _ = trained(np.arange(20), 1)
    for rows, seed in ((np.arange(20), 2), (np.arange(4, N), 1)):
        other, _ = trained(rows, seed)
        assert any((one != another).any() for one, another in zip(first, other, strict=True))


def test_each_epoch_is_told_of_and_shows_every_photo_once():
    told, rows, inputs = [], np.arange(3, 23), some_inputs()
    moments = np.zeros(3), np.ones(3)
    blocks = list(fit._blocks(inputs, rows, moments, (3, 0), lambda: told.append(len(told))))
    assert told == [0, 1, 2]
    assert [number for number, _ in blocks] == [0, 1, 2]
    for _, block in blocks:
        shown = block["inputs"]["features"]
        assert len(shown) == 20 and len(block["batches"]["ends"]) == math.ceil(20 / BATCH)
        plain = inputs.features[:, rows].reshape(-1, *shown.shape[1:]).astype(np.float32)
        assert all((each == plain).all(axis=(1, 2, 3)).any() for each in shown)


def test_training_finds_what_is_there(made):
    _, losses = trained(np.arange(20), 1, epochs=8)
    assert losses[-1] < 0.8 * losses[0]
