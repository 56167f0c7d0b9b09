"""Temperatures: what they do to probabilities, and that the best one is found."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishcli.scoring.calibration import find_temperature, nested_calibration, with_temperature
from fishcli.scoring.metrics import log_loss


def drawn(seed, sureness=1.0, n=2000):
    """Labels drawn from probabilities (n, 3), and those probabilities made `sureness` times as sure."""
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet([0.6, 0.6, 0.6], n)
    labels = (rng.random((n, 1)) > proba.cumsum(axis=1)).sum(axis=1)
    return labels, with_temperature(proba, 1 / sureness)


@given(st.integers(0, 1000), st.floats(0.1, 10))
def test_a_temperature_keeps_the_order_and_the_sum(seed, temperature):
    _, proba = drawn(seed, n=20)
    warm = with_temperature(proba, temperature)
    np.testing.assert_allclose(warm.sum(axis=1), 1)
    np.testing.assert_array_equal(warm.argmax(axis=1), proba.argmax(axis=1))


def test_heat_makes_less_sure_and_1_changes_nothing():
    _, proba = drawn(0)
    np.testing.assert_allclose(with_temperature(proba, 1.0), proba, atol=1e-12)
    assert with_temperature(proba, 3.0).max(axis=1).mean() < proba.max(axis=1).mean()
    assert with_temperature(proba, 0.3).max(axis=1).mean() > proba.max(axis=1).mean()


def test_certain_predictions_stay_finite():
    proba = with_temperature(np.array([[1.0, 0.0, 0.0]]), 0.1)
    assert np.isfinite(proba).all()
    assert with_temperature(np.array([[1.0, 0.0]]), 10.0)[0, 1] > 0


@pytest.mark.parametrize("sureness", [0.5, 1.0, 2.5])
def test_the_temperature_that_undoes_too_much_sureness_is_found(sureness):
    labels, proba = drawn(1, sureness, n=20_000)
    assert find_temperature(labels, proba) == pytest.approx(sureness, rel=0.08)


def test_no_other_temperature_has_less_loss():
    labels, proba = drawn(2, 1.7)
    best = find_temperature(labels, proba)
    losses = [log_loss(labels, with_temperature(proba, best * factor)) for factor in (0.9, 1.0, 1.1)]
    assert losses[1] == min(losses)


def test_a_fold_has_no_say_in_its_own_temperature():
    labels, proba = drawn(3, 2.0)
    fold = np.arange(len(labels)) % 4
    before, temperatures = nested_calibration(labels, proba, fold)
    shuffled = np.where(fold == 0, (labels + 1) % 3, labels)
    after, changed = nested_calibration(shuffled, proba, fold)
    assert temperatures[0] == changed[0]
    assert temperatures[1] != changed[1]
    np.testing.assert_array_equal(before[fold == 0], after[fold == 0])
    assert (before[fold == 1] != after[fold == 1]).any()


def test_predictions_are_made_at_most_twice_as_sure():
    labels = np.zeros(50, int)
    assert find_temperature(labels, np.tile([0.8, 0.2], (50, 1))) == pytest.approx(0.5, rel=1e-3)
