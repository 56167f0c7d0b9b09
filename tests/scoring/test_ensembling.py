import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishcli.scoring.calibration import COLDEST, HOTTEST, find_temperature, with_temperature
from fishcli.scoring.ensembling import average, blend, find_blend, find_weights, nested_blend
from fishcli.scoring.metrics import log_loss


@st.composite
def runs(draw):
    """Labels (n,) and predictions (m, n, C) of runs from sharp to flat and from good to useless."""
    rng = np.random.default_rng(draw(st.integers(0, 100_000)))
    n_members, n_images, n_classes = (
        draw(st.integers(1, 5)),
        draw(st.integers(4, 60)),
        draw(st.integers(2, 6)),
    )
    labels = rng.integers(n_classes, size=n_images)
    spread = 10.0 ** draw(st.floats(-2, 1))
    proba = rng.dirichlet(np.full(n_classes, spread), (n_members, n_images)).clip(1e-15, 1)
    for member in proba:
        member[np.arange(n_images), labels] += rng.choice([0.0, 0.1, 1.0, 10.0])
    return labels, proba / proba.sum(axis=2, keepdims=True)


@given(runs(), st.sampled_from(["arithmetic", "geometric", "vote"]))
def test_averages_sum_to_one(drawn, mean):
    _, proba = drawn
    averaged = average(proba, mean)
    assert averaged.shape == proba.shape[1:]
    np.testing.assert_allclose(averaged.sum(axis=1), 1)
    assert (averaged >= 0).all()


TWO = np.array([[[0.8, 0.2, 0.0]], [[0.2, 0.2, 0.6]]])


def test_arithmetic_mean():
    np.testing.assert_allclose(average(TWO, "arithmetic"), [[0.5, 0.2, 0.3]])


def test_geometric_mean():
    roots = np.sqrt([0.16, 0.04, 0.6e-15])
    np.testing.assert_allclose(average(TWO, "geometric"), [roots / roots.sum()])


def test_geometric_mean_survives_zeros_everywhere():
    averaged = average(np.array([[[1.0, 0.0]], [[0.0, 1.0]]]), "geometric")
    np.testing.assert_allclose(averaged, [[0.5, 0.5]])


def test_votes_are_smoothed():
    np.testing.assert_allclose(average(TWO, "vote"), np.array([[1.5, 0.5, 1.5]]) / 3.5)
    np.testing.assert_allclose(average(TWO[:1].repeat(9, axis=0), "vote"), np.array([[9.5, 0.5, 0.5]]) / 10.5)


def test_another_mean_is_the_callers_bug():
    with pytest.raises(ValueError, match="unknown mean 'median', expected arithmetic, geometric or vote"):
        average(TWO, "median")


def test_blend_is_the_weighted_mean():
    np.testing.assert_allclose(blend(TWO, np.array([0.25, 0.75])), [[0.35, 0.2, 0.45]])


@given(runs())
def test_weights_are_convex_and_beat_every_run_and_equal_weights(drawn):
    labels, proba = drawn
    weights = find_weights(labels, proba)
    assert weights.shape == (len(proba),)
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1)
    found = log_loss(labels, blend(proba, weights))
    for other in [*proba, proba.mean(axis=0)]:
        assert found <= log_loss(labels, other) + 1e-4


@given(runs())
def test_the_nested_loss_is_no_better_than_the_loss_in_sample(drawn):
    labels, proba = drawn
    fold = np.arange(len(labels)) % 3
    for mean in ("arithmetic", "geometric"):
        in_sample = log_loss(labels, find_blend("oof", mean, labels, proba, fold).of(proba))
        assert log_loss(labels, nested_blend("oof", mean, labels, proba, fold)) >= in_sample - 1e-4


def test_the_nested_loss_predicts_each_fold_with_the_others_weights():
    labels, fold = np.zeros(20, int), np.repeat([0, 1], 10)
    good, bad = np.array([0.9, 0.1]), np.array([0.2, 0.8])
    first_is_good_on_0 = np.where(fold[:, None] == 0, good, bad)
    first_is_good_on_1 = np.where(fold[:, None] == 1, good, bad)
    proba = np.stack([first_is_good_on_0, first_is_good_on_1])
    nested = nested_blend("oof", "arithmetic", labels, proba, fold)
    assert log_loss(labels, nested) == pytest.approx(-np.log(0.2), abs=1e-3)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_perfect_run_is_picked_over_noise(place):
    rng = np.random.default_rng(0)
    labels = rng.integers(4, size=200)
    proba = rng.dirichlet(np.ones(4), (3, 200))
    proba[place] = np.eye(4)[labels]
    assert find_weights(labels, proba)[place] > 0.999


def test_runs_that_know_different_images_share_the_weight():
    labels = np.zeros(100, int)
    knows = np.arange(100) < 70
    first = np.where(knows[:, None], [0.99, 0.01], [0.01, 0.99])
    weights = find_weights(labels, np.stack([first, first[:, ::-1]]))
    assert weights[0] == pytest.approx(0.704, abs=0.01)


def test_one_run_has_all_the_weight():
    assert find_weights(np.array([0, 1]), np.full((1, 2, 2), 0.5)).tolist() == [1.0]


def test_images_that_no_run_knows_are_survived():
    weights = find_weights(np.array([0, 1]), np.array([[[0.0, 1.0], [0.3, 0.7]], [[0.0, 1.0], [0.9, 0.1]]]))
    assert weights == pytest.approx([1, 0], abs=1e-3)


@given(runs())
def test_a_log_linear_pool_beats_every_run_at_its_temperature_and_equal_weights(drawn):
    labels, proba = drawn
    found = find_blend("oof", "geometric", labels, proba, labels)
    assert sum(found.weights) == pytest.approx(1)
    assert min(found.weights) >= 0
    assert COLDEST - 1e-6 <= found.temperature <= HOTTEST + 1e-6
    mixed = found.of(proba)
    np.testing.assert_allclose(mixed.sum(axis=1), 1)
    equal = find_blend("equal", "geometric", labels, proba, labels)
    assert set(equal.weights) == {1 / len(proba)}
    for other in [
        *(with_temperature(each, find_temperature(labels, each)) for each in proba),
        equal.of(proba),
    ]:
        assert log_loss(labels, mixed) <= log_loss(labels, other) + 1e-3


def test_a_geometric_blend_of_equal_weights_is_the_geometric_mean_at_its_temperature():
    labels = np.array([0])
    found = find_blend("equal", "geometric", labels, TWO, labels)
    expected = with_temperature(average(TWO, "geometric"), found.temperature)
    np.testing.assert_allclose(found.of(TWO), expected, atol=1e-12)


def test_a_pool_of_runs_that_are_not_sure_enough_is_surer():
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=3000)
    seen = rng.normal(size=(2, 3000, 3)) + 1.5 * np.eye(3)[labels]
    proba = np.stack([average(np.exp(each)[None], "geometric") for each in 1.5 * seen])  # each knows half
    found = find_blend("oof", "geometric", labels, proba, labels)
    assert found.weights == pytest.approx([0.5, 0.5], abs=0.05)
    assert found.temperature == pytest.approx(0.5, abs=0.02)
    arithmetic = find_blend("oof", "arithmetic", labels, proba, labels)
    assert log_loss(labels, found.of(proba)) < log_loss(labels, arithmetic.of(proba)) - 0.02
