"""The regressions of `blend` and `linear` against scikit-learn's, which take many times as long."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from fishcli.heads.classical import estimators
from fishcli.heads.classical.blend import blended, pooled_scores
from fishcli.heads.classical.estimators import FITTERS, choose_alpha
from fishcli.heads.classical.ridge import ridge_path
from fishcli.heads.classical.rows import Rows

C = 0.1


def drawn_rows(n, n_columns, n_classes, seed=0):
    """Rows of columns that vary unlike each other, with classes and boxes that depend on them."""
    rng = np.random.default_rng(seed)
    columns = rng.normal(size=(n, n_columns)) * np.geomspace(3.0, 0.1, n_columns)
    labels = (columns[:, :n_classes] + rng.normal(size=(n, n_classes))).argmax(axis=1)
    boxes = 0.5 + 0.1 * columns[:, :4] + 0.05 * rng.normal(size=(n, 4))
    weights = np.full(n, 0.5)
    each = rng.uniform(0.2, 2.0, n)
    return Rows(columns, labels, boxes, weights, each, np.arange(n), np.arange(n) % 4)


@pytest.mark.parametrize("n_columns", [8, 90])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_linear_is_the_optimum_of_scikit_learn(monkeypatch, n_columns, n_classes):
    from sklearn.linear_model import LogisticRegression

    rows = drawn_rows(60, n_columns, n_classes)
    monkeypatch.setattr(estimators, "choose_c", lambda rows: C)
    with threadpool_limits(1):
        classes, own = FITTERS["linear"][0](rows, 0)
        plain = LogisticRegression(C=C, tol=1e-10, max_iter=10_000)
        plain.fit(rows.columns, rows.labels, rows.class_weights)
    np.testing.assert_array_equal(classes, np.arange(n_classes))
    assert own["cs"] == [C]
    coefficients, _ = pooled_scores(own)
    if n_classes == 2:
        coefficients = coefficients[1:] - coefficients[:1]
    np.testing.assert_allclose(coefficients, plain.coef_, atol=2e-5)
    np.testing.assert_allclose(blended(own, rows.columns), plain.predict_proba(rows.columns), atol=2e-5)


@pytest.mark.parametrize("n_columns", [8, 90])
def test_a_ridge_is_that_of_scikit_learn_at_every_alpha(n_columns):
    from sklearn.linear_model import Ridge

    rows = drawn_rows(60, n_columns, 3)
    path = ridge_path(rows.columns, rows.boxes, rows.class_weights, (0.1, 10.0))
    for alpha, (coefficients, intercepts) in zip((0.1, 10.0), path, strict=True):
        plain = Ridge(alpha).fit(rows.columns, rows.boxes, rows.class_weights)
        np.testing.assert_allclose(coefficients, plain.coef_, atol=1e-9)
        np.testing.assert_allclose(intercepts, plain.intercept_, atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n", [12, 60])
def test_the_penalty_of_boxes_is_the_one_that_scikit_learn_finds(n, seed):
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import PredefinedSplit

    rows = drawn_rows(n, 40, 3, seed)
    plain = RidgeCV(estimators.ALPHAS, scoring="neg_mean_squared_error", cv=PredefinedSplit(rows.fold)).fit(
        rows.columns, rows.boxes, sample_weight=rows.weights
    )
    assert choose_alpha(rows) == plain.alpha_


def test_columns_that_never_vary_have_no_part_in_a_box():
    rows = drawn_rows(20, 8, 3)
    rows.columns[:, 2] = 7.0
    coefficients, intercepts = ridge_path(rows.columns, rows.boxes, rows.weights, (1.0,))[0]
    np.testing.assert_allclose(coefficients[:, 2], 0, atol=1e-12)
    assert np.isfinite(intercepts).all()
