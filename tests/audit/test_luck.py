"""Whether gains vary over data sets as they are said to, by a learner quick enough to try it often."""

import numpy as np
import pytest
from tables import leaky, noise, table

from fishcli.audit.gains import row_losses
from fishcli.audit.luck import widening as module
from fishcli.audit.luck.widening import widening
from fishcli.dataset.classes import fold_priors

STRENGTH = 60.0
FOLD = np.arange(160) % 8


def shares(name, data, coded, known, asked, weights=None):
    """A shrunken learner: the class shares of each category, drawn towards those of all."""
    counts = np.zeros((coded.codes.max() + 1, data.n_classes))
    np.add.at(counts, (coded.codes[known, 0], data.labels[known]), 1 if weights is None else weights)
    prior = (counts.sum(axis=0) + 0.5) / (counts.sum() + 0.5 * data.n_classes)
    proba = (counts + STRENGTH * prior) / (counts.sum(axis=1, keepdims=True) + STRENGTH)
    return proba[coded.codes[asked, 0]]


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(module, "learned", shares)


def drawn(seed, share):
    """Ten categories, of which `share` of the images follow."""
    rng = np.random.default_rng(seed)
    camera = rng.choice(10, 160, p=np.geomspace(1, 0.05, 10) / np.geomspace(1, 0.05, 10).sum())
    labels = np.where(rng.random(160) < share, camera % 3, rng.integers(3, size=160))
    return table(np.r_[labels[:-3], 0, 1, 2], {"camera": np.array(list("abcdefghij"))[camera]})


def bits_of(data):
    coded = module.Coded.of(data.columns, data.fields)
    losses = np.zeros(160)
    for k in np.unique(FOLD):
        is_asked = np.equal(FOLD, k)
        known, asked = np.flatnonzero(~is_asked), np.flatnonzero(is_asked)
        losses[asked] = row_losses(data.labels[asked], shares("", data, coded, known, asked))
    return (row_losses(data.labels, fold_priors(data.labels, FOLD, 3)) - losses) / np.log(2)


@pytest.mark.parametrize(("share", "too_narrow"), [(0.5, 0.75), (0.8, 0.75)])
def test_widened_errors_are_what_gains_vary_by_where_those_of_the_losses_are_too_small(
    quick, share, too_narrow
):
    found = []
    for seed in range(100):
        data = drawn(seed, share)
        bits = bits_of(data)
        found.append((bits.mean(), bits.std() / np.sqrt(160), widening(data, FOLD, bits)))
    means, errors, factors = np.array(found).T
    of_losses, widened = (np.sqrt((each**2).mean()) / means.std() for each in (errors, errors * factors))
    assert of_losses < too_narrow
    assert 0.83 < widened < 1.2


def test_noise_is_not_taken_for_luck_that_pays(quick):
    found = []
    for seed in range(100):
        data = drawn(seed, 0.0)
        bits = bits_of(data)
        found.append((bits.mean(), bits.std() / np.sqrt(160) * widening(data, FOLD, bits)))
    means, errors = np.array(found).T
    assert 0.85 < np.sqrt((errors**2).mean()) / means.std() < 1.45


def test_the_audits_own_learners_are_tilted_too():
    data = leaky(240)
    bits = 1.5 * (np.arange(240) % 3 == 0)
    fold = np.arange(240) % 4
    factor = widening(data, fold, bits)
    assert np.sqrt(0.5) <= factor < 2
    assert widening(data, fold, bits) == factor


def test_bits_that_do_not_vary_have_no_luck():
    assert widening(noise(60), np.arange(60) % 3, np.full(60, 0.2)) == 1.0
