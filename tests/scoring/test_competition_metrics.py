import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from fishcli.basics.errors import FishError
from fishcli.scoring.metrics import METRICS, log_loss, metric_named, usual_metric

OF_ONE_LABEL = [metric for metric in METRICS.values() if metric.function is not None]


@st.composite
def answers(draw, n_classes=None, has_ties=False):
    """Labels (n,) in which every class occurs, and probabilities (n, C), coarse where ties are asked for."""
    rng = np.random.default_rng(draw(st.integers(0, 100_000)))
    n_classes = n_classes or draw(st.integers(2, 6))
    n_images = draw(st.integers(n_classes + 1, 60))
    labels = rng.permutation(np.r_[np.arange(n_classes), rng.integers(n_classes, size=n_images - n_classes)])
    proba = rng.dirichlet(np.ones(n_classes), n_images)
    proba[np.arange(n_images), labels] += draw(st.sampled_from([0.0, 0.5, 5.0]))
    proba /= proba.sum(axis=1, keepdims=True)
    return labels, proba.round(1) if has_ties else proba


def score(name, labels, proba, decided=None):
    return metric_named(name).score(labels, proba, decided)


@given(answers())
def test_metrics_of_labels_are_scikit_learns(drawn):
    labels, proba = drawn
    decided = proba.argmax(axis=1)
    expected = {
        "accuracy": sklearn_metrics.accuracy_score(labels, decided),
        "balanced-accuracy": sklearn_metrics.balanced_accuracy_score(labels, decided),
        "macro-f1": sklearn_metrics.f1_score(labels, decided, average="macro"),
        "qwk": sklearn_metrics.cohen_kappa_score(labels, decided, weights="quadratic"),
    }
    for name, value in expected.items():
        assert score(name, labels, proba) == pytest.approx(value), name
        assert score(name, labels, proba[:, ::-1], decided) == pytest.approx(value), name


@given(answers(has_ties=True))
def test_the_area_under_the_curve_is_scikit_learns(drawn):
    labels, proba = drawn
    each = [sklearn_metrics.roc_auc_score(labels == k, proba[:, k]) for k in range(proba.shape[1])]
    expected = each[1] if proba.shape[1] == 2 else np.mean(each)
    assert score("auc", labels, proba) == pytest.approx(expected)


@given(answers(), st.integers(1, 6))
def test_mean_precision_at_k_is_that_of_the_ranked_names(drawn, k):
    labels, proba = drawn
    ranked = np.argsort(-proba, axis=1, kind="stable")[:, :k].tolist()
    expected = [
        1 / (names.index(label) + 1) if label in names else 0
        for names, label in zip(ranked, labels, strict=True)
    ]
    assert score(f"map@{k}", labels, proba) == pytest.approx(np.mean(expected))


def test_the_first_of_equally_sure_classes_is_named_first():
    flat = np.full((3, 3), 1 / 3)
    assert score("map@3", np.array([0, 1, 2]), flat) == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert score("map@2", np.array([0, 1, 2]), flat) == pytest.approx((1 + 1 / 2) / 3)


@given(answers())
def test_micro_average_precision_adds_up_the_precision_at_each_right_label(drawn):
    labels, proba = drawn
    order = np.argsort(-proba.max(axis=1))
    is_right = (proba.argmax(axis=1) == labels)[order]
    precision = np.cumsum(is_right) / np.arange(1, len(labels) + 1)
    assert score("micro-ap", labels, proba) == pytest.approx((precision * is_right).sum() / len(labels))


def test_labels_that_are_all_wrong_have_no_precision():
    assert score("micro-ap", np.array([0, 0]), np.array([[0.1, 0.9], [0.3, 0.7]])) == 0.0


@given(answers())
def test_a_perfect_answer_has_the_best_value_there_is(drawn):
    labels, proba = drawn
    perfect = np.eye(proba.shape[1])[labels]
    for metric in OF_ONE_LABEL:
        assert metric.score(labels, perfect) == pytest.approx(1.0 if metric.higher_is_better else 0.0)


@pytest.mark.parametrize("name", [each.name for each in OF_ONE_LABEL if each.name not in ("log-loss", "auc")])
def test_an_answer_that_knows_nothing_is_worse_than_one_that_does(name):
    labels = np.arange(60) % 3
    knows = np.full((60, 3), 0.2)
    knows[np.arange(60), labels] = 0.6
    flat = np.full((60, 3), [0.4, 0.35, 0.25])
    assert metric_named(name).is_better(score(name, labels, knows), score(name, labels, flat))


def test_the_same_answer_for_all_has_half_the_area_and_no_kappa():
    labels, flat = np.arange(30) % 3, np.full((30, 3), [0.5, 0.3, 0.2])
    assert score("auc", labels, flat) == 0.5
    assert score("qwk", labels, flat) == pytest.approx(0.0)


def test_what_a_class_lacks_is_undefined_and_no_better_than_anything():
    proba = np.full((4, 3), 1 / 3)
    assert np.isnan(score("auc", np.array([0, 1, 0, 1]), proba))  # no image of the third
    assert np.isnan(score("auc", np.zeros(4, int), proba[:, :2]))
    assert np.isnan(score("qwk", np.zeros(4, int), proba))
    assert not metric_named("auc").is_better(float("nan"), 0.0)


def test_log_loss_is_one_of_them_and_better_where_it_is_low():
    labels, proba = np.array([0, 1]), np.array([[0.9, 0.1], [0.4, 0.6]])
    assert score("log-loss", labels, proba) == log_loss(labels, proba)
    assert metric_named("log-loss").is_better(0.5, 0.6)


@pytest.mark.parametrize("name", ["map@0", "map", "kappa", "MAP@5", "auto", ""])
def test_an_unknown_metric_is_named_with_those_there_are(name):
    with pytest.raises(FishError, match=r"unknown metric .* Known: log-loss, accuracy, .*micro-ap"):
        metric_named(name)


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        ("probabilities", "log-loss"),
        ("probability", "auc"),
        ("label", "accuracy"),
        ("top-k", "map@5"),
        ("label+confidence", "micro-ap"),
    ],
)
def test_the_form_of_an_answer_has_a_usual_metric(answer, name):
    assert usual_metric(answer) == name
    assert metric_named(name).name == name
