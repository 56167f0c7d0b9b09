"""Copies that show another photo's deck: a head looks at none whose deck is held out."""

import dataclasses

import numpy as np
import pytest
from head_inputs import some_inputs
from hypothesis import given
from hypothesis import strategies as st

from fishcli.heads.fit import fit_fold
from fishcli.heads.lent import learned_from
from fishcli.options.train import TrainConfig

N = 48
ROWS = np.arange(N)[np.arange(N) % 4 != 0]


def lending(seed=0):
    """The plain photo and two copies, each on the deck of some photo or, a fifth, on its own."""
    rng = np.random.default_rng(seed)
    plain = some_inputs(N, shape=(8,), n_views=1)
    copies = plain.features[[0, 0]] + rng.normal(size=(2, N, 8)).astype(np.float16)
    decks = np.array([f"{k}.jpg" for k in range(N)])[rng.integers(N, size=(3, N))]
    decks = np.where(rng.random((3, N)) < 0.2, "", decks)
    decks[0] = ""
    return dataclasses.replace(
        plain,
        views=["identity", "augment_transplant_1", "augment_transplant_2"],
        features=np.concatenate([plain.features, copies]),
        boxes=np.concatenate([plain.boxes, plain.boxes + 0.01, plain.boxes + 0.02]),
        decks=decks,
    )


@given(st.sets(st.integers(0, N - 1), min_size=1), st.integers(0, 9))
def test_a_copy_on_a_deck_that_is_not_learned_from_is_the_plain_photo(rows, seed):
    inputs, rows = lending(seed), np.array(sorted(rows))
    seen = learned_from(inputs, rows)
    may_see = np.isin(inputs.decks, ["", *inputs.images["image"].iloc[rows]])
    for view in range(3):
        expected = np.where(may_see[view][:, None], inputs.features[view], inputs.features[0])
        np.testing.assert_array_equal(seen.features[view, np.arange(N)], expected)
        boxes = np.where(may_see[view][:, None], inputs.boxes[view], inputs.boxes[0])
        np.testing.assert_array_equal(seen.boxes[view], boxes)
    views = np.arange(N) % 3
    np.testing.assert_array_equal(
        seen.features[views, np.arange(N)][::3], inputs.features[0, np.arange(N)][::3]
    )
    assert seen.features.shape == inputs.features.shape


def test_where_no_copy_shows_another_deck_nothing_changes():
    inputs = some_inputs(N)
    assert learned_from(inputs, ROWS) is inputs


@pytest.mark.parametrize("head", ["blend", "linear"])
def test_no_head_is_fitted_on_a_deck_that_is_held_out(head):
    inputs = lending()
    held_out = ~np.isin(inputs.decks, ["", *inputs.images["image"].iloc[ROWS]])
    features = inputs.features.copy()
    features[held_out] = np.nan
    config = TrainConfig(head=head, metadata="none", boxes="largest")
    poisoned, _ = fit_fold(config, dataclasses.replace(inputs, features=features), ROWS, seed=1)
    said = [
        fit_fold(config, each, ROWS, seed=1)[0].predict(inputs.features[0], inputs.images)[0]
        for each in (inputs, dataclasses.replace(inputs, decks=None))
    ]
    proba, _ = poisoned.predict(inputs.features[0], inputs.images)
    np.testing.assert_array_equal(proba, said[0])
    assert np.abs(proba - said[1]).max() > 1e-6
