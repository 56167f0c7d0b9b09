"""Ensembles by greedy selection, and a small learner on several runs' predictions."""

import numpy as np
import pytest

from fishcli.scoring.ensembling import Blend, find_blend, nested_blend
from fishcli.scoring.metrics import log_loss
from fishcli.scoring.selection import select_weights
from fishcli.scoring.stacking import fit_stack


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def drawn_runs(n=400, sharpness=(1.5, 1.5, 0.0, 0.0), seed=0):
    """Labels (n,) of 3 classes and runs (m, n, 3) that see them through noise of their own, so sharply."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=n)
    seen = rng.normal(size=(len(sharpness), n, 3))
    return labels, softmax(seen + np.array(sharpness)[:, None, None] * np.eye(3)[labels])


@pytest.mark.parametrize("mean", ["arithmetic", "geometric"])
def test_runs_that_know_something_are_selected_and_noise_is_not(mean):
    labels, proba = drawn_runs()
    weights = select_weights(mean, labels, proba)
    assert weights.sum() == pytest.approx(1)
    assert weights[:2].min() > 0.3
    # A bag of nothing but noise has to take some of it.
    assert weights[2:].max() < 0.2


def test_a_selection_beats_its_best_run_out_of_fold():
    labels, proba = drawn_runs()
    nested = nested_blend("greedy", "geometric", labels, proba, np.arange(len(labels)) % 4)
    assert log_loss(labels, nested) < min(log_loss(labels, each) for each in proba) - 0.05


def test_a_perfect_run_is_all_there_is():
    labels, proba = drawn_runs(sharpness=(0.0, 40.0, 0.0))
    assert select_weights("arithmetic", labels, proba).tolist() == [0, 1, 0]


def test_selection_is_seeded():
    labels, proba = drawn_runs()
    first, again = (select_weights("arithmetic", labels, proba) for _ in range(2))
    assert first.tolist() == again.tolist()
    assert select_weights("arithmetic", labels, proba, seed=1).tolist() != first.tolist()


def test_a_greedy_geometric_blend_has_a_temperature_of_its_own():
    labels, proba = drawn_runs()
    found = find_blend("greedy", "geometric", labels, proba, labels)
    assert isinstance(found, Blend)
    assert found.weights == tuple(select_weights("geometric", labels, proba))
    assert found.temperature != 1


def test_a_stack_learns_which_run_knows_which_class():
    rng = np.random.default_rng(1)
    labels = rng.integers(3, size=900)
    seen = rng.normal(size=(2, 900, 3))
    seen[0, :, 0] += 4 * (labels == 0)  # knows class 0 from the others, and no more
    seen[1, :, 1] += 4 * (labels == 1)
    proba, fold = softmax(seen), np.arange(900) % 3
    stack = log_loss(labels, nested_blend("stack", "arithmetic", labels, proba, fold))
    assert stack < log_loss(labels, nested_blend("oof", "arithmetic", labels, proba, fold)) - 0.1


def test_a_stack_of_rows_without_a_class_makes_it_less_likely():
    labels, proba = drawn_runs()
    rows = labels != 2
    stack = fit_stack(labels[rows], proba[:, rows], np.arange(rows.sum()) % 3)
    found = stack.of(proba[:, rows])
    assert found[:, 2].mean() < proba[:2, rows, 2].mean() / 2
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert sum(stack.weights) == pytest.approx(1)


def test_a_stack_that_has_learned_nothing_is_the_pool():
    labels, proba = drawn_runs(n=60)
    stack = fit_stack(labels, proba, np.zeros(60, int))  # one fold: the largest penalty
    pool = find_blend("oof", "geometric", labels, proba, labels)
    np.testing.assert_allclose(stack.of(proba), pool.of(proba), atol=0.02)
