"""Metrics of tags, thresholds for them, and what else is told of probabilities that don't sum to 1."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from fishcli.basics.errors import FishError
from fishcli.scoring.calibration import find_temperature, nested_calibration, with_temperature
from fishcli.scoring.decisions import Decision, nested_decision
from fishcli.scoring.ensembling import average, find_blend
from fishcli.scoring.metrics import accuracy, log_loss, log_losses, metric_named, usual_metric
from fishcli.scoring.tag_rules import CUTS, cuts_for_mean_f, mean_f, said_tags


@st.composite
def tagged(draw):
    """Tags (n, C), each of which some images have and some lack, and probabilities that know of them."""
    rng = np.random.default_rng(draw(st.integers(0, 100_000)))
    n, n_tags = draw(st.integers(6, 50)), draw(st.integers(2, 5))
    labels = (rng.random((n, n_tags)) < rng.uniform(0.1, 0.6, n_tags)).astype(np.float32)
    labels[0], labels[1] = 0.0, 1.0
    knows = draw(st.sampled_from([0.0, 1.0, 3.0]))
    proba = 1 / (1 + np.exp(-(knows * (labels - 0.5) + rng.normal(size=labels.shape))))
    return labels, proba.round(2)


@given(tagged())
def test_metrics_of_tags_are_scikit_learns(drawn):
    labels, proba = drawn
    said = said_tags(proba, may_be_none=True)
    options = {"zero_division": 1.0}
    expected = {
        "mean-f1": sklearn_metrics.f1_score(labels, said, average="samples", **options),
        "mean-f2": sklearn_metrics.fbeta_score(labels, said, beta=2, average="samples", **options),
        "macro-f1": sklearn_metrics.f1_score(labels, said, average="macro"),
    }
    for name, value in expected.items():
        assert metric_named(name).score(labels, proba, said) == pytest.approx(value), name
    assert accuracy(labels, proba) == sklearn_metrics.accuracy_score(labels, said)
    area = sklearn_metrics.roc_auc_score(labels, proba, average="macro")
    assert metric_named("auc").score(labels, proba) == pytest.approx(area)
    eps = 1e-15
    losses = [
        sklearn_metrics.log_loss(true, np.clip(each, eps, 1 - eps), labels=[0, 1])
        for true, each in zip(labels.T, proba.T, strict=True)
    ]
    assert log_loss(labels, proba) == pytest.approx(np.mean(losses))
    assert log_losses(labels, proba).shape == (len(labels),)


def test_no_tags_that_are_said_of_none_are_right_and_wrong_of_any():
    none = np.zeros((1, 2))
    assert mean_f(1)(none, none > 0) == 1.0
    assert mean_f(1)(none, np.array([[True, False]])) == 0.0
    assert mean_f(2)(np.array([[1, 1]]), np.array([[True, False]])) == pytest.approx(5 / 9)


def test_an_image_without_a_likely_tag_gets_its_likeliest_unless_it_may_have_none():
    proba = np.array([[0.1, 0.3], [0.9, 0.6]])
    assert said_tags(proba).tolist() == [[False, True], [True, True]]
    assert said_tags(proba, may_be_none=True).tolist() == [[False, False], [True, True]]
    assert Decision("thresholds", cuts=(0.05, 0.5)).decide(proba).tolist() == [[True, False], [True, True]]


@given(tagged(), st.sampled_from([1.0, 2.0]), st.booleans())
def test_thresholds_are_no_worse_than_any_that_all_tags_share(drawn, beta, may_be_none):
    labels, proba = drawn
    cuts = cuts_for_mean_f(labels, proba, beta, may_be_none)
    found = mean_f(beta)(labels, said_tags(proba, cuts, may_be_none))
    shared = [mean_f(beta)(labels, said_tags(proba, cut, may_be_none)) for cut in CUTS]
    assert found >= max(shared) - 1e-9


def rare_tags(n=600, seed=0):
    """Probabilities that are right on average, of tags that are rare: half is too much to ask of them."""
    rng = np.random.default_rng(seed)
    proba = rng.beta(0.4, 1.6, (n, 5))
    proba[:, 0] = rng.beta(2, 1, n)
    labels = (rng.random(proba.shape) < proba).astype(np.float32)
    return labels, proba, np.arange(n) % 5


@pytest.mark.parametrize("name", ["mean-f2", "macro-f1"])
def test_thresholds_found_on_the_other_folds_pay_where_tags_are_rare(name):
    labels, proba, fold = rare_tags()
    metric = metric_named(name)
    decided, decision = nested_decision(metric, labels, proba, fold)
    plain = metric.value(labels, Decision("half", may_be_none=True).decide(proba))
    assert metric.value(labels, decided) > plain + 0.01
    assert decision.rule == "thresholds" and len(decision.cuts) == 5
    assert Decision.from_dict(decision.to_dict()) == decision


def test_no_fold_is_decided_by_what_its_own_rows_say():
    labels, proba, fold = rare_tags(200)
    metric = metric_named("mean-f2")
    decided, _ = nested_decision(metric, labels, proba, fold)
    other = labels.copy()
    other[fold == 0] = 1.0 - other[fold == 0]
    again, _ = nested_decision(metric, other, proba, fold)
    np.testing.assert_array_equal(again[fold == 0], decided[fold == 0])
    assert (again[fold != 0] != decided[fold != 0]).any()


def test_a_metric_says_which_labels_it_is_of():
    labels = np.array([[1.0, 0.0], [0.0, 1.0]])
    with pytest.raises(FishError, match=r"--metric qwk: images have several labels.*mean-f1, mean-f2, auc"):
        metric_named("qwk").score(labels, labels)
    with pytest.raises(FishError, match=r"--metric mean-f1: images have one label.*accuracy"):
        metric_named("mean-f1").check(False)
    assert np.isnan(metric_named("auc").score(np.zeros((3, 2)), np.zeros((3, 2))))
    assert (usual_metric("tags", True), usual_metric("probabilities", True)) == ("mean-f1", "auc")


def test_a_temperature_makes_tags_as_sure_as_they_are_right():
    labels, proba, fold = rare_tags()
    sure = with_temperature(proba, 0.5, is_tagged=True)
    logits = np.log(proba / (1 - proba))
    np.testing.assert_allclose(np.log(sure / (1 - sure)), 2 * logits, rtol=1e-6)
    assert find_temperature(labels, sure) == pytest.approx(2.0, abs=0.25)
    calibrated, temperatures = nested_calibration(labels, sure, fold)
    assert log_loss(labels, calibrated) < log_loss(labels, sure) and len(temperatures) == 5


def test_runs_of_tags_are_averaged_and_blended_tag_by_tag():
    labels, proba, fold = rare_tags()
    noise = np.random.default_rng(1).random(proba.shape)
    both = np.stack([proba, noise])
    np.testing.assert_allclose(average(both, "arithmetic", True), both.mean(axis=0))
    geometric = average(both, "geometric", True)
    roots = np.sqrt(both.prod(axis=0)), np.sqrt((1 - both).prod(axis=0))
    np.testing.assert_allclose(geometric, roots[0] / (roots[0] + roots[1]))
    for mean in ("arithmetic", "geometric"):
        how = find_blend("oof", mean, labels, both, fold)
        assert how.is_tagged and how.weights[0] > 0.9
        assert log_loss(labels, how.of(both)) <= log_loss(labels, proba) + 1e-6
