"""Made rows: what the adversaries learn from, what comes out, and what inner folds may know of it."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from fishcli.heads.classical.filling import fill_small_classes
from fishcli.heads.classical.rows import OF_ALL, made_without
from fishcli.heads.generating import adversarial
from fishcli.heads.generating.adversarial import (
    CLASS_SHARE,
    PENALTY,
    critic_slopes,
    fit_generator,
    made_slopes,
    told,
)
from fishcli.heads.generating.drawn import draw_features
from fishcli.heads.generating.leaky import SLOPE, Layers
from fishcli.heads.generating.rows import make_rows
from fishcli.heads.inputs import HeadInputs
from fishcli.options.train import TrainConfig

SIZES = (3, 2, 5)
"""Columns, classes and hidden units of small networks."""
STEP = 1e-6


@pytest.fixture
def few_steps(monkeypatch):
    monkeypatch.setattr(adversarial, "N_STEPS", 5)


def small_critic(rng):
    n_columns, n_classes, n_hidden = SIZES
    shapes = ((n_columns + n_classes, n_hidden), (n_hidden,), (n_hidden, 1), (1,))
    return Layers(*(rng.normal(size=shape) for shape in shapes))


def scores_of(critic, rows, known):
    sums = np.hstack([rows, known]) @ critic.inner + critic.bias
    return (np.where(sums > 0, sums, SLOPE * sums) @ critic.outer + critic.offset)[:, 0]


def numeric_slope(function, at):
    """The slope of a number in an array that the function reads, by differences."""
    found = np.zeros(at.shape)
    for place in np.ndindex(at.shape):
        kept = at[place]
        at[place] = kept + STEP
        above = function()
        at[place] = kept - STEP
        found[place] = (above - function()) / (2 * STEP)
        at[place] = kept
    return found


def test_the_critic_learns_by_the_slopes_of_its_loss():
    rng = np.random.default_rng(0)
    critic, known = small_critic(rng), np.eye(2)[[0, 1, 1, 0]]
    true, made, share = rng.normal(size=(4, 3)), rng.normal(size=(4, 3)), rng.random((4, 1))

    def loss():
        between = share * true + (1 - share) * made
        slope = numeric_slope(lambda: scores_of(critic, between, known).sum(), between)
        penalty = PENALTY * ((np.linalg.norm(slope, axis=1) - 1) ** 2).mean()
        return (scores_of(critic, made, known) - scores_of(critic, true, known)).mean() + penalty

    found = critic_slopes(critic, (true, made), known, share)
    for array, slope in zip(critic.arrays, found, strict=True):
        np.testing.assert_allclose(slope, numeric_slope(loss, array), atol=2e-3)


def test_the_generator_learns_by_the_slopes_of_its_loss():
    rng = np.random.default_rng(1)
    critic, labels, made = small_critic(rng), np.array([0, 1, 1, 0]), rng.normal(size=(4, 3))
    known, classifier = told(labels, 2), (rng.normal(size=(3, 2)), rng.normal(size=2))

    def loss():
        powers = np.exp(made @ classifier[0] + classifier[1])
        proba = powers[np.arange(4), labels] / powers.sum(axis=1)
        return (-CLASS_SHARE * np.log(proba) - scores_of(critic, made, known)).mean()

    found = made_slopes(critic, made, labels, classifier)
    np.testing.assert_allclose(found, numeric_slope(loss, made), atol=1e-5)


def clouds(sizes, n_views=1, seed=0):
    """Features (v, n, 8) at 0 or above, of classes that have a channel each, and labels."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    features = np.maximum(rng.normal(size=(n_views, len(labels), 8)) + 1, 0)
    features[..., : len(sizes)] += 6 * np.eye(len(sizes))[labels]
    return features.astype(np.float16), labels


def test_drawn_rows_look_as_their_class_does():
    features, labels = clouds([60, 20, 12], n_views=2)
    wanted = np.repeat([1, 2], 40)
    drawn, like = draw_features(features, labels, wanted, seed=0)
    assert drawn.shape == (2, 80, 8) and drawn.dtype == np.float16
    assert (drawn[..., :3].argmax(axis=2) == wanted).mean() > 0.9
    assert (drawn >= 0).all() and (drawn <= features.max(axis=(0, 1))).all()
    assert (labels[like] == wanted).all()
    for label in (1, 2):  # neither one row nor copies of the photos
        spread = drawn[0, wanted == label].astype(float).std(axis=0).mean()
        assert spread > 0.3 * features[0, labels == label].astype(float).std(axis=0).mean()
    assert (drawn[0] != drawn[1]).any(axis=1).all()


def test_the_critic_alone_teaches_rows_to_differ_as_true_ones_do(monkeypatch):
    features, labels = clouds([40, 40])
    rows = (features[0] - features[0].mean(axis=0)).astype(np.float32)
    classifier = (np.zeros((8, 2), np.float32), np.zeros(2, np.float32))
    missed = []
    for n_steps in (0, 100):
        monkeypatch.setattr(adversarial, "N_STEPS", n_steps)
        drawn = fit_generator(rows, labels, classifier, seed=0).draw(labels, np.random.default_rng(0))
        spreads = [each[labels == k].std(axis=0) for each in (drawn, rows) for k in (0, 1)]
        missed.append(np.abs(np.array(spreads[:2]) - spreads[2:]).mean())
    assert missed[1] < 0.5 * missed[0]


@pytest.mark.usefixtures("few_steps")
def test_a_seed_says_what_is_drawn():
    features, labels = clouds([20, 6])
    one, same, other = (draw_features(features, labels, np.ones(9, int), seed)[0] for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize(
    ("sizes", "n", "made"),
    [([30, 8, 3], 10, [0, 2, 7]), ([9, 0, 4], 6, [0, 0, 2]), ([5, 5], 5, [0, 0]), ([5], 9, [0])],
)
def test_classes_of_fewer_photos_are_filled_up_to_the_number_asked_for(sizes, n, made):
    features, labels = clouds(sizes)
    rows = make_rows(TrainConfig(generate=n), features, labels, seed=0)
    assert rows.features.shape == (1, sum(made), 8)
    np.testing.assert_array_equal(np.bincount(labels[rows.like], minlength=len(sizes)), made)


def test_smote_lies_between_two_photos_under_every_view():
    features, labels = clouds([30, 8], n_views=2)
    rows = make_rows(TrainConfig(smote=True), features, labels, seed=0)
    assert (labels[rows.like] == 1).all() and len(rows.like) == 22
    photos = features[:, labels == 1].astype(float)
    low, high = photos.min(axis=1, keepdims=True), photos.max(axis=1, keepdims=True)
    assert ((rows.features >= low - 0.01) & (rows.features <= high + 0.01)).all()
    assert (rows.features[0] != rows.features[1]).any(axis=1).all()


def some_inputs(sizes=(24, 8), n_groups=4):
    features, labels = clouds(sizes, n_views=2)
    n = len(labels)
    images = pd.DataFrame({"image": [f"{i}.jpg" for i in range(n)], "class_name": labels.astype(str)})
    images = images.assign(height=np.arange(n), width=np.arange(n))
    groups = np.array([f"boat {i % n_groups}" for i in range(n)], object) if n_groups else None
    return HeadInputs(images, labels, groups, ["a", "b"], features, np.zeros((2, n, 4), np.float32))


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("n_groups", [0, 4])
@pytest.mark.parametrize("options", [{"smote": True}, {"generate": 12}], ids=str)
def test_made_rows_stand_behind_the_photos_with_class_size_and_group_of_one_of_them(options, n_groups):
    inputs = some_inputs(n_groups=n_groups)
    rows = np.arange(2, 32)
    filled, fold = fill_small_classes(TrainConfig(**options), inputs, rows, seed=0)
    photos = fold >= 0
    assert photos[: len(rows)].all() and not photos[len(rows) :].any()
    assert {*fold[len(rows) :]} == {OF_ALL, *map(made_without, range(4))}
    like = filled.images["height"].to_numpy()
    np.testing.assert_array_equal(like[photos], rows)
    assert (filled.labels == inputs.labels[like]).all()
    assert n_groups == 0 or (filled.groups == inputs.groups[like]).all()
    np.testing.assert_array_equal(filled.features[:, photos], inputs.features[:, rows])
    assert np.isnan(filled.boxes[:, ~photos]).all() and (filled.boxes[:, photos] == 0).all()


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("options", [{"smote": True}, {"generate": 12}], ids=str)
def test_rows_that_teach_where_a_photo_is_held_out_know_nothing_of_it(options):
    inputs, config, rows = some_inputs(), TrainConfig(**options), np.arange(32)
    filled, fold = fill_small_classes(config, inputs, rows, seed=0)
    changed = inputs.features.copy()
    changed[:, fold[:32] == 1] *= 3
    other, again = fill_small_classes(config, dataclasses.replace(inputs, features=changed), rows, seed=0)
    np.testing.assert_array_equal(fold, again)
    here = fold == made_without(1)
    assert here.any()
    np.testing.assert_array_equal(filled.features[:, here], other.features[:, here])
    assert (filled.images["height"][here].to_numpy() != np.flatnonzero(fold == 1)[:, None]).all()
    for k in (0, 2, 3):
        there = fold == made_without(k)
        assert (filled.features[:, there] != other.features[:, there]).any()


def test_it_is_said_where_no_class_is_small(capsys):
    filled, fold = fill_small_classes(TrainConfig(generate=6), some_inputs(), np.arange(32), seed=0)
    assert len(fold) == len(filled.labels) == 32
    assert "--generate 6: in some fold every class has as many training photos" in capsys.readouterr().err
