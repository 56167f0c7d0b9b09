"""Rules are tried on simulated answers whose truth is known; a gain counts where it is more than noise."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishcli.scoring.decisions import FINDERS, Decision, nested_decision
from fishcli.scoring.metrics import METRICS

N_TRIALS = 12


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def grades(seed, n_images, sharpness=1.0, shift=0.0):
    """Five grades of an illness, most of them the lowest, seen through noise; groups are off by their own."""
    rng = np.random.default_rng(seed)
    shares = np.array([0.6, 0.13, 0.2, 0.04, 0.03])
    centres = 1.2 * np.array([0, 1, 2, 3, 3.7])
    labels = rng.choice(5, n_images, p=shares)
    group = rng.integers(20, size=n_images)
    seen = centres[labels] + rng.normal(0, 1, n_images) + rng.normal(0, 0.3, 20)[group]
    scores = np.log(shares) - (seen[:, None] - centres) ** 2 / 2
    return labels, softmax(sharpness * scores + shift * np.arange(5)), group % 5


def long_tail(seed, n_images, n_classes=8, tail=1.2, distance=1.5):
    """Classes of which the k-th is 1 / k^tail as frequent as the first, seen through noise."""
    rng = np.random.default_rng(seed)
    shares = 1 / np.arange(1, n_classes + 1) ** tail
    shares /= shares.sum()
    labels = rng.choice(n_classes, n_images, p=shares)
    seen = rng.normal(0, 1, (n_images, n_classes))
    seen[np.arange(n_images), labels] += distance
    return labels, softmax(distance * seen + np.log(shares)), rng.integers(5, size=n_images)


def gains(name, draw, n_images, **world):
    """What the rule brings over the most probable class in each of N_TRIALS drawn worlds, nested."""
    metric, found = METRICS[name], []
    for seed in range(N_TRIALS):
        labels, proba, fold = draw(seed, n_images, **world)
        decided, _ = nested_decision(metric, labels, proba, fold)
        found.append(metric.function(labels, decided) - metric.function(labels, proba.argmax(axis=1)))
    return np.array(found)


@pytest.mark.parametrize(
    ("name", "draw", "world", "least"),
    [
        ("qwk", grades, {}, 0.02),
        ("qwk", grades, {"sharpness": 2.0}, 0.02),  # too sure
        ("qwk", grades, {"sharpness": 0.5}, 0.02),  # not sure enough
        ("qwk", grades, {"shift": 0.5}, 0.02),  # too high
        ("balanced-accuracy", long_tail, {}, 0.05),
        ("macro-f1", long_tail, {}, 0.01),
    ],
)
def test_a_rule_gains_more_than_noise_on_images_that_it_was_not_found_on(name, draw, world, least):
    found = gains(name, draw, 1000, **world)
    error = found.std(ddof=1) / np.sqrt(N_TRIALS)
    assert found.mean() > least
    assert found.mean() > 3 * error


def gains_on_new_images(name, draw, n_images, **world):
    """What the rule found on drawn images brings on other ones of the same world."""
    metric, found = METRICS[name], []
    for seed in range(N_TRIALS):
        rule = nested_decision(metric, *draw(seed, n_images, **world))[1]
        labels, proba, _ = draw(seed + 1000, 3000, **world)
        plain = metric.function(labels, proba.argmax(axis=1))
        found.append(metric.function(labels, rule.decide(proba)) - plain)
    return np.array(found)


@pytest.mark.parametrize(
    ("name", "draw"), [("qwk", grades), ("balanced-accuracy", long_tail), ("macro-f1", long_tail)]
)
def test_what_the_rule_gains_out_of_fold_it_gains_on_new_images(name, draw):
    found = gains_on_new_images(name, draw, 600)
    assert found.mean() > 3 * found.std(ddof=1) / np.sqrt(N_TRIALS)


@pytest.mark.parametrize("n_images", [60, 300])
@pytest.mark.parametrize("name", ["balanced-accuracy", "macro-f1"])
def test_where_there_is_nothing_to_win_little_is_lost(name, n_images):
    found = gains_on_new_images(name, long_tail, n_images, tail=0.0)
    assert found.mean() > -0.01
    assert found.min() > -0.05


def test_on_few_rows_cuts_cost_nothing():
    assert gains_on_new_images("qwk", grades, 60).min() > -0.03


def test_a_rule_that_does_not_gain_out_of_fold_is_not_taken():
    taken = {}
    for seed in range(N_TRIALS):
        labels, proba, fold = long_tail(seed, 100, tail=0.0)
        decided, rule = nested_decision(METRICS["macro-f1"], labels, proba, fold)
        value, plain = (
            METRICS["macro-f1"].function(labels, each) for each in (decided, proba.argmax(axis=1))
        )
        taken[rule.rule] = True
        assert (value > plain) == (rule != Decision())
    assert set(taken) == {"argmax", "weighed"}


def test_each_fold_is_decided_by_what_the_others_know():
    labels, proba, fold = grades(0, 400)
    decided, rule = nested_decision(METRICS["qwk"], labels, proba, fold)
    here = fold == 2
    alone = FINDERS["qwk"](labels[~here], proba[~here])
    np.testing.assert_array_equal(decided[here], alone.decide(proba[here]))
    scrambled = np.where(here, 4 - labels, labels)
    again, _ = nested_decision(METRICS["qwk"], scrambled, proba, fold)
    np.testing.assert_array_equal(again[here], decided[here])
    assert rule == FINDERS["qwk"](labels, proba)


@pytest.mark.parametrize("name", ["accuracy", "log-loss", "auc", "map@5", "micro-ap"])
def test_other_metrics_have_the_most_probable_class(name):
    labels, proba, fold = long_tail(0, 100)
    decided, rule = nested_decision(METRICS[name], labels, proba, fold)
    np.testing.assert_array_equal(decided, proba.argmax(axis=1))
    assert rule == Decision()


@st.composite
def answers(draw):
    """Labels, probabilities and folds of any quality, sharp or flat, classes lacking here and there."""
    rng = np.random.default_rng(draw(st.integers(0, 100_000)))
    n_images, n_classes = draw(st.integers(4, 40)), draw(st.integers(2, 6))
    proba = rng.dirichlet(np.full(n_classes, 10.0 ** draw(st.floats(-2, 1))), n_images).clip(1e-15, 1)
    labels = rng.integers(draw(st.integers(1, n_classes)), size=n_images)
    return labels, proba / proba.sum(axis=1, keepdims=True), np.arange(n_images) % 2


@given(answers(), st.sampled_from(sorted(FINDERS)))
def test_any_answers_give_labels_and_a_rule_that_a_file_holds(drawn, name):
    labels, proba, fold = drawn
    decided, rule = nested_decision(METRICS[name], labels, proba, fold)
    for found in (decided, rule.decide(proba), FINDERS[name](labels, proba).decide(proba)):
        assert found.shape == labels.shape
        assert np.issubdtype(found.dtype, np.integer)
        assert 0 <= found.min() <= found.max() < proba.shape[1]
    for each in (rule, FINDERS[name](labels, proba)):
        kept = json.loads(json.dumps(each.to_dict(), allow_nan=False))
        assert Decision.from_dict(kept) == each


def test_cuts_rise_and_lie_around_the_mean_grade():
    labels, proba, _ = grades(0, 1000)
    cuts = np.array(FINDERS["qwk"](labels, proba).cuts)
    assert len(cuts) == 4
    assert (np.diff(cuts) > 0).all()
    assert np.diff(cuts).max() < 1  # grades are spread as a surer model would


def test_answers_that_know_nothing_have_no_cuts():
    labels, proba, _ = grades(0, 50)
    assert FINDERS["qwk"](labels, np.tile(proba[:1], (50, 1))) == Decision()
    assert FINDERS["qwk"](labels, proba[:, ::-1]) == Decision()  # the wrong way round


@pytest.mark.parametrize(
    "value", [{}, {"rule": "guess"}, {"rule": "cuts", "cuts": ["a"]}, {"rule": "cuts", "cuts": 3}]
)
def test_what_is_no_rule_is_refused(value):
    with pytest.raises((KeyError, TypeError, ValueError)):
        Decision.from_dict(value)
