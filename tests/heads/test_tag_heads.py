"""Heads that learn several labels an image, fitted by scikit-learn's side: blend and linear."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from fishcli.basics.errors import FishError
from fishcli.heads.choices import ENCODE, HEADS, check_takes_tags, takes_tags
from fishcli.heads.classical.rows import inner_folds
from fishcli.heads.classical.softmax_regression import principal_axes, regression_path
from fishcli.heads.classical.tag_discriminant import tag_discriminants
from fishcli.heads.fit import fit_fold, load_fold, suffix_of
from fishcli.heads.inputs import HeadInputs
from fishcli.options.train import TrainConfig
from fishcli.scoring.metrics import log_loss


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(1):
        yield


def some_tags(n=120, n_columns=10, seed=0):
    """Columns (n, columns) and tags (n, 3): the first two are told by a column, the third is by chance."""
    rng = np.random.default_rng(seed)
    targets = (rng.random((n, 3)) < [0.5, 0.2, 0.3]).astype(np.float32)
    columns = rng.normal(size=(n, n_columns))
    columns[:, :2] += 2.0 * targets[:, :2]
    return columns, targets


def test_the_path_is_scikit_learns_regression_of_each_tag():
    from sklearn.linear_model import LogisticRegression

    columns, targets = some_tags()
    columns, weights = columns.astype(np.float32), np.random.default_rng(1).uniform(0.5, 2.0, len(columns))
    axes = principal_axes(columns)
    cs = (1e-3, 0.1, 10.0)
    for c, (coefficients, intercepts) in zip(
        cs, regression_path(columns @ axes, targets, weights, cs), strict=True
    ):
        said = 1 / (1 + np.exp(-(columns @ axes @ coefficients + intercepts)))
        for tag in range(3):
            model = LogisticRegression(C=c, tol=1e-8, max_iter=5000).fit(columns, targets[:, tag], weights)
            assert said[:, tag] == pytest.approx(model.predict_proba(columns)[:, 1], abs=0.01)


def test_discriminants_of_tags_are_those_of_two_classes():
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    columns, targets = some_tags(400)
    each = np.ones(len(columns))
    ((coefficients, intercepts),) = tag_discriminants(columns, targets, each, np.arange(400), (1e-9,))
    for tag in range(3):
        model = LinearDiscriminantAnalysis(solver="lsqr").fit(columns, targets[:, tag])
        scores = columns @ coefficients[:, tag] + intercepts[tag]
        np.testing.assert_allclose(scores, model.decision_function(columns), atol=1e-3)


def test_a_tag_of_one_group_does_not_make_the_groups_look_its_own():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(10), 20)
    targets = (rng.random((200, 1)) < np.where(groups == 0, 0.9, 0.2)[:, None]).astype(np.float32)
    columns = np.c_[3.0 * targets[:, 0], 8.0 * (groups == 0)] + rng.normal(size=(200, 2))
    each = np.ones(200)
    ((knows, _),) = tag_discriminants(columns, targets, each, groups, (0.1,))
    ((blind, _),) = tag_discriminants(columns, targets, each, np.arange(200), (0.1,))
    assert abs(knows[1, 0] / knows[0, 0]) < abs(blind[1, 0] / blind[0, 0])


def test_inner_folds_of_tags_leave_something_to_learn_and_keep_groups_whole():
    _, targets = some_tags(60)
    groups = np.arange(60) // 6
    fold = inner_folds(targets, groups, 0)
    assert len(np.unique(fold)) > 1
    assert (pd.Series(fold).groupby(groups).nunique() == 1).all()
    assert not inner_folds(np.ones((4, 2), np.float32), None, 0).any()  # nothing can be learned


def some_inputs(n=90, seed=0):
    """Pooled features of two views; the fourth tag is none's, the fifth is everyone's."""
    columns, targets = some_tags(n, seed=seed)
    features = np.stack([columns, columns + 0.1]).astype(np.float16)
    images = pd.DataFrame({"image": [f"{k}.jpg" for k in range(n)], "height": 10, "width": 10})
    labels = np.c_[targets, np.zeros(n), np.ones(n)].astype(np.float32)
    return HeadInputs(images, labels, None, ["a", "b"], features, np.full((2, n, 4), np.nan, np.float32))


@pytest.mark.parametrize("head", ["blend", "linear"])
def test_a_head_learns_each_tag_by_itself_and_is_the_same_when_loaded(head, tmp_path):
    inputs = some_inputs()
    config = TrainConfig(head=head, metadata="none", boxes="none", views=2)
    train, held = np.arange(60), np.arange(60, 90)
    fitted, _ = fit_fold(config, inputs, train, 0)
    proba, boxes = fitted.predict(inputs.features[0, held], inputs.images.iloc[held])
    assert proba.shape == (30, 5) and fitted.is_tagged and np.isnan(boxes).all()
    assert (proba > 0).all() and (proba < 1).all()
    np.testing.assert_allclose(proba[:, 3:], np.tile([0.5 / 61, 60.5 / 61], (30, 1)))
    prior = np.tile(inputs.labels[train].mean(axis=0), (30, 1))
    assert log_loss(inputs.labels[held][:, :2], proba[:, :2]) < 0.8 * log_loss(
        inputs.labels[held][:, :2], prior[:, :2]
    )
    path = tmp_path / f"head{suffix_of(head)}"
    fitted.save(path)
    again = load_fold(path, fitted.encoder, np.array(fitted.counts.tolist()))
    np.testing.assert_array_equal(again.predict(inputs.features[0, held], inputs.images.iloc[held])[0], proba)


@pytest.mark.parametrize("head", ["blend", "linear"])
def test_where_no_tag_varies_the_prior_answers(head):
    inputs = dataclasses.replace(some_inputs(12), labels=np.tile(np.float32([0, 1]), (12, 1)))
    config = TrainConfig(head=head, metadata="none", boxes="none", views=2)
    fitted, _ = fit_fold(config, inputs, np.arange(12), 0)
    proba, _ = fitted.predict(inputs.features[0, :2], inputs.images.iloc[:2])
    np.testing.assert_allclose(proba, np.tile([0.5 / 13, 12.5 / 13], (2, 1)))


def test_what_makes_nothing_of_tags_is_refused_by_name():
    assert {head for head in HEADS if takes_tags(head)} == set(HEADS) - {"svm", "forest", *ENCODE}
    check_takes_tags(TrainConfig())
    with pytest.raises(
        FishError, match=r"--head svm: images have several labels here\. Pass one of blend, linear, gap"
    ):
        check_takes_tags(TrainConfig(head="svm"))
    with pytest.raises(FishError, match="--class-weight balanced: images have several labels"):
        check_takes_tags(TrainConfig(class_weight="balanced"))
