"""Many regressions at once against scikit-learn's, one by one."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from fishcli.audit.learners import logistic
from fishcli.audit.learners.logistic import Fits, fit


def fits(n=150, n_classes=4, seed=0):
    """Six regressions on 5 columns, with rows left out, labels and penalties of their own."""
    rng = np.random.default_rng(seed)
    columns = rng.standard_normal((n, 5)).astype(np.float32)
    scores = columns[:, :n_classes] * 2 + rng.gumbel(size=(6, n, n_classes))
    weights = (rng.random((6, n)) < 0.8).astype(np.float32)
    return Fits(columns, scores.argmax(2), weights, np.geomspace(0.3, 30, 6), n_classes)


def theirs(each, b):
    rows = each.weights[b] > 0
    model = LogisticRegression(C=1 / each.penalties[b], tol=1e-8, max_iter=1000)
    return model.fit(each.columns[rows], each.labels[b, rows]).predict_proba(each.columns)


def test_each_of_many_fits_is_scikit_learns():
    each = fits()
    found = fit(each, tolerance=1e-9)
    assert found.n_steps < 60
    said = found.say(each.columns)
    np.testing.assert_allclose(said.sum(axis=2), 1, rtol=1e-5)
    for b in range(6):
        np.testing.assert_allclose(said[b], theirs(each, b), atol=3e-3)


def test_a_fit_does_not_depend_on_its_company_or_its_start():
    each = fits()
    alone = Fits(each.columns, each.labels[2:3], each.weights[2:3], each.penalties[2:3], each.n_classes)
    start = np.random.default_rng(1).standard_normal((1, 6, 4)).astype(np.float32)
    company = fit(each, tolerance=1e-9).say(each.columns)[2]
    np.testing.assert_allclose(fit(alone, tolerance=1e-9).say(each.columns)[0], company, atol=3e-3)
    np.testing.assert_allclose(fit(alone, start, 1e-9).say(each.columns)[0], company, atol=3e-3)


def test_many_columns_are_fitted_from_the_diagonal_of_the_bound(monkeypatch):
    each = fits()
    whole = fit(each, tolerance=1e-9).say(each.columns)
    monkeypatch.setattr(logistic, "MOST_COLUMNS", 3)
    np.testing.assert_allclose(fit(each, tolerance=1e-9).say(each.columns), whole, atol=3e-3)


def test_rows_without_weight_and_their_classes_are_not_learned():
    each = fits()
    weights = np.where(each.labels == 3, 0, each.weights).astype(np.float32)
    known = Fits(each.columns, each.labels, weights, each.penalties, 4)
    said = fit(known).say(each.columns)
    assert (said[..., 3] == 0).all()
    other = np.where(weights > 0, each.labels, 3 - each.labels)
    again = fit(Fits(each.columns, other, weights, each.penalties, 4)).say(each.columns)
    np.testing.assert_array_equal(again, said)


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_classes_that_are_told_for_certain_end(scale):
    columns = np.repeat([[-scale], [scale]], 20, axis=0).astype(np.float32)
    labels = np.repeat([[0, 1]], 20, axis=1)
    found = fit(Fits(columns, labels, np.ones((1, 40), np.float32), np.array([1e-3]), 2))
    assert found.n_steps < logistic.MAX_STEPS
    assert found.say(columns)[0, np.arange(40), labels[0]].min() > 0.98
