"""The head blend: its members, what they are weighed by, and that the blend is what it says."""

import dataclasses

import numpy as np
import pytest
from head_inputs import some_inputs
from threadpoolctl import threadpool_limits

from fishcli.heads.classical import blend
from fishcli.heads.classical.blend import CS, EXPECTED, LEAST, SHRINKAGES, blended, fit_blend
from fishcli.heads.classical.columns import fit_scaler, join_columns, roots
from fishcli.heads.classical.discriminant import discriminants
from fishcli.heads.classical.fits import fit_classical
from fishcli.heads.classical.rows import Rows, inner_folds
from fishcli.heads.classical.softmax_regression import principal_axes, regression_path
from fishcli.options.train import TrainConfig


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(1):
        yield


def some_rows(n=120, n_columns=12, n_groups=None, signal=1.5, seed=0):
    """Rows of three classes that differ in three columns, and of groups that differ in all."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    groups = np.arange(n) if n_groups is None else rng.permutation(np.arange(n) % n_groups)
    columns = rng.normal(size=(n, n_columns))
    columns[:, :3] += signal * np.eye(3)[labels]
    if n_groups is not None:
        columns += rng.normal(size=(n_groups, n_columns))[groups]
    each = np.ones(n)
    fold = inner_folds(labels, None if n_groups is None else groups, seed)
    return Rows(columns, labels, np.full((n, 4), np.nan), each, each, groups, fold)


def proba_of(linear, columns):
    coefficients, intercepts = linear
    powers = np.exp((columns @ coefficients + intercepts).astype(np.float64))
    return powers / powers.sum(axis=1, keepdims=True)


def loss_of(proba, labels):
    return -np.log(proba[np.arange(len(labels)), labels]).mean()


@pytest.mark.parametrize(("n", "n_columns"), [(60, 90), (60, 8)])
def test_the_path_is_scikit_learns_regression_at_each_c(n, n_columns):
    from sklearn.linear_model import LogisticRegression

    rows = some_rows(n, n_columns)
    weights = np.random.default_rng(1).uniform(0.5, 2.0, n)
    columns = rows.columns.astype(np.float32)
    axes = principal_axes(columns)
    path = regression_path(columns @ axes, rows.labels, weights, (1e-3, 0.1, 10.0))
    for c, found in zip((1e-3, 0.1, 10.0), path, strict=True):
        model = LogisticRegression(C=c, tol=1e-8, max_iter=5000).fit(columns, rows.labels, weights)
        assert proba_of(found, columns @ axes) == pytest.approx(model.predict_proba(columns), abs=0.01)


@pytest.mark.parametrize("shape", [(20, 50), (50, 20), (30, 30)])
def test_principal_axes_hold_all_that_rows_span(shape):
    rows = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    rows[:, -1] = rows[:, 0]  # one direction less than there are columns
    axes = principal_axes(rows)
    assert axes.T @ axes == pytest.approx(np.eye(axes.shape[1]), abs=1e-4)
    assert rows @ axes @ axes.T == pytest.approx(rows, abs=1e-4)
    assert axes.shape[1] <= min(shape[0], shape[1] - 1)


def test_without_groups_a_discriminant_is_the_usual_one():
    rows = some_rows(n_columns=4)
    found = discriminants(rows.columns, rows.labels, rows.weights, rows.groups, (0.3,))[0]
    means = np.stack([rows.columns[rows.labels == k].mean(axis=0) for k in range(3)])
    centred = rows.columns - means[rows.labels]
    scatter = centred.T @ centred / len(centred)
    shrunk = 0.7 * scatter + 0.3 * np.trace(scatter) / 4 * np.eye(4)
    away = rows.columns[:, None] - means
    distances = np.einsum("nki,ij,nkj->nk", away, np.linalg.inv(shrunk), away)
    powers = np.exp(-distances / 2)
    assert proba_of(found, rows.columns) == pytest.approx(
        powers / powers.sum(axis=1, keepdims=True), abs=1e-4
    )


def test_what_differs_between_groups_tells_a_class_less_than_what_does_not():
    rng = np.random.default_rng(0)
    groups = np.concatenate([np.zeros(300, int), np.repeat(np.arange(1, 7), 3)])
    labels = np.arange(318) % 2
    columns = 0.3 * rng.normal(size=(318, 2)) + labels[:, None]
    columns[:, 0] += np.where(groups > 0, 1.5 * (-1.0) ** groups, 0.0)
    (known, _), (unknown, _) = (
        discriminants(columns, labels, np.ones(318), units, (0.2,))[0] for units in (groups, np.arange(318))
    )
    ratios = [abs(np.diff(each[0])[0] / np.diff(each[1])[0]) for each in (known, unknown)]
    assert ratios[0] < 0.5 * ratios[1]


def test_one_large_group_does_not_pass_for_the_class():
    groups = np.repeat([0, 1, 2, 3], [900, 30, 900, 30])
    labels = np.repeat([0, 0, 1, 1], [900, 30, 900, 30])
    columns = np.random.default_rng(0).normal(size=(1860, 2))
    columns[:, 0] += np.repeat([0.0, 6.0, -2.0, 8.0], [900, 30, 900, 30])
    columns[:, 1] += labels
    found = discriminants(columns, labels, np.ones(1860), groups, (0.2,))[0]
    middle = proba_of(found, np.array([[3.0, 0.5]]))[0]  # as far from both, by groups; by images nearer to 0
    assert middle[0] == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("n_groups", [None, 10])
def test_the_blend_is_the_product_of_its_members_powers(n_groups):
    rows = some_rows(n_groups=n_groups)
    classes, found = fit_blend(rows)
    exponents = found["exponents"]
    columns = rows.columns.astype(np.float32)
    axes = principal_axes(columns)
    _, members = blend._fit_members(rows, columns @ axes, np.ones(120, bool))
    assert len(members) == len(CS) + len(SHRINKAGES) == len(exponents)
    product = np.prod(
        [proba_of(each, columns @ axes) ** e for each, e in zip(members, exponents, strict=True)], axis=0
    )
    expected = product / product.sum(axis=1, keepdims=True)
    assert blended(found, rows.columns) == pytest.approx(expected, abs=1e-4)
    assert classes.tolist() == [0, 1, 2] and (exponents >= 0).all()


def test_no_member_alone_decides_far_from_all_that_was_seen():
    rows = some_rows()
    found = fit_blend(rows)[1]
    far = blended(found, 1e3 * rows.columns)
    assert far.min() >= LEAST ** found["exponents"].sum() / 3


def test_held_out_rows_decide_unless_there_are_few_groups():
    rows = some_rows(240, signal=3.0)
    by_images = fit_blend(rows)[1]["exponents"]
    by_groups = fit_blend(dataclasses.replace(rows, groups=rows.groups % 3))[1]["exponents"]
    nothing_held_out = fit_blend(dataclasses.replace(rows, fold=np.zeros(240, int)))[1]["exponents"]
    assert nothing_held_out.tolist() == EXPECTED.tolist()
    assert 0 < np.abs(by_groups - EXPECTED).max() < 0.5 * np.abs(by_images - EXPECTED).max()


@pytest.mark.parametrize("seed", range(3))
def test_where_nothing_can_be_learned_the_blend_is_hardly_worse_than_the_prior(seed):
    rows = some_rows(150, 60, n_groups=15, signal=0.0, seed=seed)
    new = some_rows(300, 60, n_groups=30, signal=0.0, seed=seed + 100)
    assert loss_of(blended(fit_blend(rows)[1], new.columns), new.labels) < np.log(3) + 0.15
    path = regression_path(rows.columns.astype(np.float32), rows.labels, rows.weights, (10.0,))
    assert loss_of(proba_of(path[0], new.columns), new.labels) > np.log(3) + 0.5


def test_roots_are_signed_and_blind_to_brightness():
    features = np.array([[1.0, -4.0, 0.0], [3.0, -12.0, 0.0], [0.0, 0.0, 0.0]], np.float16)
    found = roots(features)
    assert found[0] == pytest.approx([5**-0.5, -2 * 5**-0.5, 0], abs=1e-6)
    assert found[1] == pytest.approx(found[0], abs=1e-6)
    assert (found[2] == 0).all()


def test_columns_of_roots_vary_as_much_as_standardised_ones_the_weakest_less():
    rng = np.random.default_rng(0)
    features = rng.exponential(size=(200, 6)) * [0, 0.001, 1, 1, 1, 1]
    columns = join_columns(fit_scaler(features, True), True, features, np.ones((200, 1)))
    spread = columns[:, :6].std(axis=0)
    assert (columns[:, 6] == 1).all() and (spread**2).mean() == pytest.approx(1, abs=0.01)
    assert spread[0] == 0 and spread[1] < 0.5 * spread[2:].min()
    nothing = np.zeros((5, 6))
    assert (join_columns(fit_scaler(nothing, True), True, nothing, np.ones((5, 0))) == 0).all()


@pytest.mark.parametrize("smote", [False, True])
def test_a_head_that_is_not_to_choose_has_the_usual_exponents(smote):
    inputs, config = some_inputs(shape=(8,), with_boxes=False), TrainConfig(metadata="none", smote=smote)
    rows = np.arange(48)[np.arange(48) % 6 != 1]  # classes of different sizes, which SMOTE fills up
    assert len(set(np.bincount(inputs.labels[rows]))) > 1
    chosen, usual = (
        fit_classical(config, inputs, rows, 0, chooses=chooses).model["classifier"]
        for chooses in (True, False)
    )
    assert usual["exponents"].tolist() == EXPECTED.tolist() != chosen["exponents"].tolist()
    np.testing.assert_array_equal(usual["coefficients"], chosen["coefficients"])
