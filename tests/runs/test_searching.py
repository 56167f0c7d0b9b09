"""The search for a mix of augmented copies: what it tries, what it finds, and what it may look at."""

import dataclasses
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishcli.basics.errors import FishError
from fishcli.features.photos.recipes import copies_of
from fishcli.heads.inputs import HeadInputs
from fishcli.options.train import TrainConfig
from fishcli.runs.searching.greedy import search
from fishcli.runs.searching.nested import Candidates, search_nested, search_on
from fishcli.runs.searching.trials import PLAIN, Trials, copies_in

GOOD, BAD = "noise:0.1", "solarise:0.5"
N, N_GROUPS = 72, 6


def inputs_of(seed=0):
    """Groups whose look drowns the label; under GOOD photos look as other groups do, under BAD as nothing."""
    rng = np.random.default_rng(seed)
    labels, groups = np.arange(N) % 3, np.arange(N) // (N // N_GROUPS)
    told = 3 + 2 * np.eye(6)[labels]
    looks = 2 * rng.normal(size=(N_GROUPS, 6))
    under = {
        PLAIN: told + looks[groups],
        **{copy: told + looks[rng.permutation(N) % N_GROUPS] for copy in copies_of(GOOD, 3)},
        **{copy: 3 + 9 * rng.normal(size=(N, 6)) for copy in copies_of(BAD, 3)},
    }
    features = np.stack([each + rng.normal(size=each.shape) / 3 for each in under.values()])
    images = pd.DataFrame({"image": [f"{i}.jpg" for i in range(N)], "height": 48, "width": 64})
    images["class_name"] = [f"c{label}" for label in labels]
    boxes = np.full((len(under), N, 4), np.nan, np.float32)
    return HeadInputs(images, labels, groups, list(under), features.astype(np.float16), boxes)


def trials_of(inputs):
    return Trials(TrainConfig(metadata="none", boxes="none"), inputs)


def test_it_finds_the_copies_that_make_groups_alike_and_leaves_out_those_that_drown_the_label():
    n_trials = []
    found = search_on(
        trials_of(inputs_of()), Candidates([BAD, GOOD], 3, 6), np.arange(N), lambda: n_trials.append(1)
    )
    assert set(found.mix) == {GOOD}
    assert len(n_trials) == len(found.losses) <= 6 and found.losses[found.mix] == min(found.losses.values())
    assert found.losses[(GOOD,)] < found.losses[()] - 0.05 < found.losses[(BAD,)]


def test_what_it_brings_is_told_by_photos_that_took_no_part_in_choosing():
    """Other labels in a fold change what is lost there, not what was found for it, nor what was learned."""
    inputs, candidates = inputs_of(), Candidates([BAD, GOOD], 1, 3)
    fold = inputs.groups % 2
    one = search_nested(trials_of(inputs), candidates, fold, lambda: None)
    assert one.searched.mean() < one.plain.mean() and len(one.mixes) == 2
    labels = np.where(fold == 0, (inputs.labels + 1) % 3, inputs.labels)
    features = inputs.features.copy()
    features[1:, fold == 0] = 0  # nor do its copies matter
    changed = dataclasses.replace(inputs, labels=labels, features=features)
    other = search_nested(trials_of(changed), candidates, fold, lambda: None)
    assert other.mixes[0] == one.mixes[0]
    assert (other.searched[fold == 0] != one.searched[fold == 0]).all()
    again = dataclasses.replace(inputs, features=features)
    unmoved = search_nested(trials_of(again), candidates, fold, lambda: None)
    np.testing.assert_allclose(unmoved.searched[fold == 0], one.searched[fold == 0], rtol=1e-6)


def test_a_fold_whose_training_part_has_one_class_says_what_to_do():
    with pytest.raises(FishError, match="one class only.* fewer --folds"):
        trials_of(inputs_of()).loss_within((), np.arange(0, N, 3))


def test_a_mix_names_as_many_copies_as_it_has():
    assert copies_in((GOOD, BAD, GOOD)) == [*copies_of(GOOD, 2), *copies_of(BAD, 1)]


@given(
    worth=st.dictionaries(st.sampled_from("abcdef"), st.floats(-1, 1), min_size=1),
    most=st.integers(1, 3),
    n_trials=st.integers(2, 30),
)
def test_a_search_keeps_its_budget_and_its_best(worth, most, n_trials):
    asked = []

    def loss(mix):
        asked.append(mix)
        return sum(worth[each] for each in mix) + 0.1 * len(mix) ** 2

    found = search(list(worth), most, loss, n_trials)
    assert asked[0] == () and len(asked) == len(set(asked)) <= n_trials
    assert found.losses == {mix: loss(mix) for mix in asked[: len(found.losses)]}
    assert found.losses[found.mix] == min(found.losses.values())
    assert all(n <= most for mix in found.losses for n in Counter(mix).values())


def test_where_no_copy_pays_it_stops_and_finds_none():
    found = search(["a", "b"], 2, lambda mix: float(len(mix)), 20)
    assert found.mix == () and len(found.losses) == 3


def test_no_trial_learns_from_a_deck_that_it_holds_out():
    """Copies on the decks of photos that are held out stay unread, wherever a subset of rows puts them."""
    inputs, held = inputs_of(), np.arange(N) % 4 == 1
    decks = np.full((len(inputs.views), N), "", dtype=object)
    decks[1] = np.roll(inputs.images["image"], 5)
    features = inputs.features.copy()
    features[1, np.isin(decks[1].astype(str), list(inputs.images["image"][held]))] = np.nan
    lending = dataclasses.replace(inputs, features=features, decks=decks)
    losses = trials_of(lending).held_out((GOOD,), np.flatnonzero(~held), np.flatnonzero(held))
    assert np.isfinite(losses).all()
