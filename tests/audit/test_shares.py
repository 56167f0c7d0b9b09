"""What one field tells, by counting."""

import math

import numpy as np
import pytest
from tables import boats, leaky

from fishcli.audit.gains import row_losses
from fishcli.audit.per_field import measure_alone
from fishcli.audit.shares import STRENGTHS, _Bins, shares_by_fold
from fishcli.dataset.classes import fold_priors

FOLD = np.arange(600) % 5


def gain(values, labels, fold, n_classes=3):
    said = row_losses(labels, shares_by_fold(values, labels, n_classes, fold))
    return (row_losses(labels, fold_priors(labels, fold, n_classes)) - said).mean() / math.log(2)


def noise(seed, n=600):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(n), rng.integers(3, size=n)


def test_shares_of_a_category_are_drawn_towards_the_prior():
    values, labels = np.array([0] * 6 + [1] * 6), np.array([0, 0, 0, 0, 1, 1] + [1] * 6)
    counts = np.array([[4.0, 2], [0, 6], [0, 0]])
    bins = _Bins.of(values, np.arange(12))
    prior, found = bins.shares(counts, 4.0)
    np.testing.assert_allclose(prior, [[4.5 / 13, 8.5 / 13]] * 3)
    np.testing.assert_allclose(found[0], (counts[0] + 4 * prior[0]) / 10)
    np.testing.assert_allclose(found[2], prior[2])  # nothing is known of other categories
    assert labels.sum() == counts[:, 1].sum()


def test_narrow_bins_lie_in_wide_ones_and_hold_as_many_rows():
    values = np.r_[np.random.default_rng(0).standard_normal(640), np.nan]
    bins = _Bins.of(values, np.arange(641))
    assert np.bincount(bins.of_rows).tolist() == [10] * 64 + [1]
    assert [len(np.unique(wider)) for wider in bins.wider] == [3, 5, 9, 17, 33, 65]
    for wide, narrow in zip(bins.wider, bins.wider[1:], strict=False):
        assert all(len(set(wide[narrow == each])) == 1 for each in np.unique(narrow))
    np.testing.assert_allclose(bins.shares(np.ones((65, 3)), STRENGTHS[0]).sum(axis=2), 1)


def test_noise_costs_next_to_nothing():
    found = [gain(*noise(seed), FOLD) for seed in range(10)]
    assert -0.01 < np.mean(found) <= 0


def test_a_leak_is_told_nearly_whole_whatever_its_shape():
    rng = np.random.default_rng(1)
    values = rng.random(600)
    labels = np.where(rng.random(600) < 0.8, (values * 12).astype(int) % 3, rng.integers(3, size=600))
    best = math.log2(3) + 0.8667 * math.log2(0.8667) + 0.1333 * math.log2(0.0667)
    assert 0.6 * best < gain(values, labels, FOLD) < best + 0.1  # no line tells it, and 12 bins have edges
    size = leaky(600).columns["size"].factorize()[0]
    assert 0.85 * best < gain(size, leaky(600).labels, FOLD) < best + 0.1


def test_what_is_said_of_a_fold_does_not_depend_on_its_labels():
    values, labels = noise(3)
    values = values + labels
    changed = np.where(FOLD == 0, 0, labels)
    before, after = (shares_by_fold(values, each, 3, FOLD) for each in (labels, changed))
    np.testing.assert_array_equal(before[FOLD == 0], after[FOLD == 0])
    assert not np.allclose(before[FOLD != 0], after[FOLD != 0])


def test_what_serves_on_known_boats_only_is_not_used_on_others():
    data = boats()
    random, *_ = measure_alone(data.only(["number"]), np.arange(288) % 4, None)
    boat_fold = data.groups % 4
    grouped, low, high = measure_alone(data.only(["number"]), boat_fold, data.groups)
    assert random > 0.2
    assert -0.2 < grouped < 0.1
    assert low <= grouped <= high


@pytest.mark.parametrize("n_folds", [2, 3])
def test_unknown_numbers_and_few_folds_are_nothing_special(n_folds):
    values, labels = noise(4, 90)
    values[labels == 2] = np.nan
    fold = np.arange(90) % n_folds
    said = shares_by_fold(values, labels, 3, fold)
    np.testing.assert_allclose(said.sum(axis=1), 1)
    assert said[labels == 2, 2].min() > 0.5
    assert shares_by_fold(np.full(90, np.nan), labels, 3, fold).shape == (90, 3)
