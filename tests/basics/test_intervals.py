"""The interval of paired differences: coverage, groups, and what it may not depend on."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fishcli.basics.intervals import (
    MANY_IMAGES,
    MOST_PARTS,
    Interval,
    paired_interval,
    prediction_interval,
    score_interval,
)


def grouped(seed, n_groups=30, spread=0.2, mean=0.05):
    """Differences (n,) whose groups, of 2 to 40 images, differ by `spread`; and the groups (n,)."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(n_groups), rng.integers(2, 41, n_groups))
    return mean + rng.normal(0, spread, n_groups)[group] + rng.normal(0, 0.3, len(group)), group


def width(interval):
    return interval.high - interval.low


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    intervals = [paired_interval(*grouped(seed), seed=seed) for seed in range(150)]
    assert 0.86 <= np.mean([each.low <= 0.05 <= each.high for each in intervals]) <= 0.99


def test_an_interval_of_single_images_holds_the_truth_less_often_than_it_says():
    intervals = [paired_interval(grouped(seed)[0], None, seed=seed) for seed in range(60)]
    assert np.mean([each.low <= 0.05 <= each.high for each in intervals]) < 0.75


def test_groups_that_matter_widen_the_interval():
    difference, group = grouped(1)
    assert width(paired_interval(difference, group)) > 2 * width(paired_interval(difference, None))


def test_groups_of_one_image_are_no_groups():
    difference, _ = grouped(2)
    assert paired_interval(difference, np.arange(len(difference))) == paired_interval(difference, None)


def test_higher_confidence_is_a_wider_interval():
    difference, group = grouped(3)
    assert width(paired_interval(difference, group, 0.99)) > width(paired_interval(difference, group, 0.8))


@pytest.mark.parametrize("by_group", [True, False])
def test_shifted_differences_shift_the_interval(by_group):
    difference, group = grouped(4)
    low, high = (paired_interval(difference + shift, group if by_group else None) for shift in (0, 1.5))
    assert (high.low, high.high) == pytest.approx((low.low + 1.5, low.high + 1.5), abs=1e-9)


def test_swapped_models_mirror_the_interval():
    difference, group = grouped(5)
    there, back = paired_interval(difference, group), paired_interval(-difference, group)
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low), abs=0.02)


@pytest.mark.parametrize("groups", [None, np.array(["a", "a", "b"]), np.array(["a"] * 3)])
def test_models_that_agree_on_all_images_differ_by_nothing(groups):
    assert paired_interval(np.zeros(3), groups) == Interval(0.0, 0.0)


def test_one_group_says_nothing():
    interval = paired_interval(np.array([0.3, 0.5]), np.array(["a", "a"]))
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)
    assert interval.is_noise


def test_one_image_says_nothing():
    assert math.isnan(paired_interval(np.array([0.3]), None).low)


@pytest.mark.parametrize("groups", [None, np.repeat(["a", "b", "c"], [1, 2, 7])])
def test_equal_differences_leave_no_doubt(groups):
    interval = paired_interval(np.full(10, 0.1), groups)
    assert (interval.low, interval.high) == pytest.approx((0.1, 0.1))


@pytest.mark.parametrize("seed", range(10))
def test_two_groups_give_the_interval_between_their_means(seed):
    means = np.random.default_rng(seed).normal(size=2)
    interval = paired_interval(np.repeat(means, [3, 40]), np.repeat([0, 1], [3, 40]))
    assert (interval.low, interval.high) == pytest.approx((means.min(), means.max()))


def test_many_single_images():
    difference = np.random.default_rng(6).normal(0.1, 1, 1001)
    interval = paired_interval(difference, None)
    margin = 1.96 / math.sqrt(len(difference))
    expected = (difference.mean() - margin, difference.mean() + margin)
    assert (interval.low, interval.high) == pytest.approx(expected, abs=0.01)


def test_large_groups_weigh_more():
    """One group of 900 images near 1 and 30 groups of one image near 0: most draws are near 1 or at 0."""
    difference = np.concatenate([np.full(900, 1.0), np.linspace(-0.01, 0.01, 30)])
    group = np.concatenate([np.zeros(900, int), np.arange(1, 31)])
    interval = paired_interval(difference, group)
    assert interval.low < 0.05  # draws without the large group
    assert interval.high > 0.95  # draws with it; the mean of the groups' means would never exceed 0.3


def test_the_same_seed_gives_the_same_interval():
    difference, group = grouped(7)
    assert paired_interval(difference, group, seed=1) == paired_interval(difference, group, seed=1)
    assert paired_interval(difference, group, seed=1) != paired_interval(difference, group, seed=2)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 12), st.booleans())
def test_neither_the_order_of_images_nor_the_names_of_groups_matter(seed, n_groups, by_group):
    difference, group = grouped(seed, n_groups)
    rng = np.random.default_rng(seed)
    order, names = rng.permutation(len(difference)), rng.permutation([f"boat {k}" for k in range(n_groups)])
    here = paired_interval(difference, group if by_group else None)
    there = paired_interval(difference[order], names[group][order] if by_group else None)
    assert (there.low, there.high) == pytest.approx((here.low, here.high), abs=1e-9)


@pytest.mark.parametrize(
    ("low", "high", "noise"), [(-1, 1, True), (0, 1, True), (-1, 0, True), (0.1, 1, False), (-1, -0.1, False)]
)
def test_an_interval_around_0_is_noise(low, high, noise):
    assert Interval(low, high).is_noise is noise


def test_many_images_get_the_interval_that_drawing_them_would_give():
    few, many = (
        paired_interval(np.random.default_rng(1).exponential(size=MANY_IMAGES + more) - 0.9, None)
        for more in (0, 1)
    )
    assert width(many) == pytest.approx(width(few), rel=0.05)
    assert many.low == pytest.approx(few.low, abs=0.003)


def mean_interval(values, groups, **options):
    return score_interval(lambda rows: values[rows].mean(), groups, **options)


def test_the_interval_of_a_score_holds_the_truth_about_as_often_as_it_says():
    intervals = [mean_interval(*grouped(seed)) for seed in range(150)]
    assert 0.86 <= np.mean([each.low <= 0.05 <= each.high for each in intervals]) <= 0.99


def test_the_interval_of_a_mean_is_about_that_of_paired_differences():
    values, groups = grouped(0)
    one, other = mean_interval(values, groups), paired_interval(values, groups)
    assert width(one) == pytest.approx(width(other), rel=0.25)
    assert one.low < values.mean() < one.high
    assert width(mean_interval(values, groups, confidence=0.99)) > width(one)


def test_groups_of_one_image_each_have_the_interval_of_students_t():
    values = np.random.default_rng(0).normal(size=MOST_PARTS)
    found = mean_interval(values, np.arange(len(values)))
    ends = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
    assert [found.low, found.high] == pytest.approx(list(ends))


def test_many_groups_are_left_out_in_parts():
    values, asked = np.random.default_rng(0).normal(size=20 * MOST_PARTS), []

    def score(rows):
        asked.append(rows.sum())
        return values[rows].mean()

    found = score_interval(score, np.arange(len(values)))
    assert len(asked) == MOST_PARTS + 1
    assert width(found) == pytest.approx(2 * 1.97 * stats.sem(values), rel=0.2)


def test_an_interval_of_one_group_or_of_an_undefined_score_is_unknown():
    values = np.arange(6.0)
    for found in (
        mean_interval(values, np.zeros(6)),
        score_interval(lambda rows: float("nan") if rows.sum() < 6 else 1.0, np.arange(6) % 2),
    ):
        assert np.isnan([found.low, found.high]).all()
        assert found.is_noise


def new_groups(seed, n_groups, n_new, skewed):
    """Losses (n,) of images of old groups, those groups (n,), and the mean loss of `n_new` others."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 41, n_groups + n_new)
    level = (
        rng.lognormal(-0.2, 0.7, len(sizes)) if skewed else np.maximum(rng.normal(1.3, 0.4, len(sizes)), 0.1)
    )
    group = np.repeat(np.arange(len(sizes)), sizes)
    losses = level[group] * rng.exponential(size=len(group))
    is_old = group < n_groups
    return losses[is_old], group[is_old], losses[~is_old].mean()


@pytest.mark.parametrize("skewed", [False, True])
@pytest.mark.parametrize(("n_groups", "n_new"), [(8, 10), (32, 10), (78, 26)])
def test_what_comes_lies_in_the_prediction_interval_about_as_often_as_it_says(n_groups, n_new, skewed):
    held = []
    for seed in range(120):
        losses, groups, came = new_groups(seed, n_groups, n_new, skewed)
        interval = prediction_interval(losses, groups, n_new)
        held.append(interval.low <= came <= interval.high)
    assert 0.89 <= np.mean(held) <= 0.995


def test_an_interval_of_the_old_groups_mean_holds_what_comes_far_less_often():
    held = []
    for seed in range(60):
        losses, groups, came = new_groups(seed, 78, 10, skewed=True)
        interval = paired_interval(losses, groups)
        held.append(interval.low <= came <= interval.high)
    assert np.mean(held) < 0.75


def test_fewer_groups_to_come_are_less_sure_and_many_are_still_no_certainty():
    losses, groups, _ = new_groups(0, 40, 1, skewed=False)
    widths = [width(prediction_interval(losses, groups, n)) for n in (1, 5, 40, 2000)]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] > 0.8 * width(paired_interval(losses, groups))


def test_the_order_of_images_and_the_names_of_groups_change_no_prediction_interval():
    losses, groups, _ = new_groups(1, 20, 1, skewed=True)
    order = np.random.default_rng(0).permutation(len(losses))
    named = np.array([f"boat {99 - group}" for group in groups])
    again = prediction_interval(losses[order], named[order], 5)
    assert prediction_interval(losses, groups, 5) == again


@pytest.mark.parametrize(
    ("losses", "groups", "expected"),
    [
        ([0.3, 0.5], ["a", "a"], (math.nan, math.nan)),
        ([0.4, 0.4, 0.4], ["a", "b", "b"], (0.4, 0.4)),
        ([0.0, 0.0], ["a", "b"], (0.0, 0.0)),
    ],
)
def test_prediction_intervals_of_one_group_and_of_groups_that_are_all_alike(losses, groups, expected):
    interval = prediction_interval(np.array(losses), np.array(groups), 3)
    assert (interval.low, interval.high) == pytest.approx(expected, nan_ok=True)


@given(seed=st.integers(0, 10_000), n_groups=st.integers(2, 30), n_new=st.integers(1, 40))
@settings(max_examples=25)
def test_a_prediction_interval_holds_the_mean_so_far_and_scales_with_the_losses(seed, n_groups, n_new):
    losses, groups, _ = new_groups(seed, n_groups, 1, skewed=True)
    one, tenfold = (prediction_interval(factor * losses, groups, n_new) for factor in (1, 10))
    assert 0 <= one.low <= losses.mean() <= one.high
    assert (tenfold.low, tenfold.high) == pytest.approx((10 * one.low, 10 * one.high))


def test_thousands_of_groups_are_drawn_as_two_thousand():
    losses = np.random.default_rng(0).exponential(size=6000)
    few, many = (prediction_interval(losses, np.arange(6000), n_new) for n_new in (10, 5000))
    assert width(few) == pytest.approx(2 * 1.96 / math.sqrt(10), rel=0.1)
    assert width(many) == pytest.approx(2 * 1.96 * math.sqrt(2 / 2000), rel=0.1)


@pytest.mark.parametrize("n_groups", [2, 9, 200])
def test_the_draws_are_those_of_scipys_bootstrap(n_groups):
    rng = np.random.default_rng(n_groups)
    sums, counts = rng.normal(size=n_groups), rng.integers(1, 9, n_groups)
    order = np.argsort(sums / counts)
    group = np.repeat(np.arange(n_groups), counts)
    wide = math.sqrt(n_groups / (n_groups - 1)) * stats.t.ppf(0.975, n_groups - 1)
    expected = stats.bootstrap(
        (sums[order], counts[order]),
        lambda sums, counts, axis: sums.sum(axis=axis) / counts.sum(axis=axis),
        n_resamples=4000,
        paired=True,
        confidence_level=1 - 2 * stats.norm.sf(wide),
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    found = paired_interval((sums / counts)[group], group)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-9)
