import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency
from sklearn.linear_model import Ridge
from tables import boats, leaky, noise, table

from fishcli.audit.learners.bins import field_bins
from fishcli.audit.learners.ridge import RIDGE, Design
from fishcli.audit.luck import nulls
from fishcli.audit.luck.nulls import permute_groups, permute_images
from fishcli.audit.per_field import cramers_v


def test_the_statistic_is_what_ridge_regressions_explain_on_held_out_rows():
    data = leaky(90)
    null, _ = permute_images(data, 3, 1, 0)
    design = Design.of(data.columns, data.fields, nulls.MIN_COUNT).values
    fold = nulls._folds(90, 3, 0)
    onehot = np.eye(3)[data.labels]
    left = base = 0.0
    for k in range(3):
        here, rest = fold == k, fold != k
        said = Ridge(alpha=RIDGE).fit(design[rest], onehot[rest]).predict(design[here])
        left += ((onehot[here] - said) ** 2).sum()
        base += ((onehot[here] - onehot[rest].mean(0)) ** 2).sum()
    assert null.observed == pytest.approx(1 - left / base, rel=1e-5)


def test_batches_change_nothing(monkeypatch):
    for permute, data in ((permute_images, leaky(80)), (permute_groups, boats(12, 5))):
        whole = permute(data, 3, 30, 0)
        monkeypatch.setattr(nulls, "BATCH_VALUES", 1)
        one_by_one = permute(data, 3, 30, 0)
        monkeypatch.undo()
        assert whole[0].drawn == pytest.approx(one_by_one[0].drawn)
        assert whole[1] == pytest.approx(one_by_one[1])


def test_a_leak_is_no_accident_and_noise_is():
    null, by_field = permute_images(leaky(), 4, 99, 0)
    assert null.p_value == pytest.approx(0.01)
    assert null.smallest_p == pytest.approx(0.01)
    assert by_field["size"] == pytest.approx(0.01)
    assert by_field["bytes"] > 0.1
    assert by_field["maker"] > 0.1
    null, by_field = permute_images(noise(seed=1), 4, 99, 0)
    assert null.p_value > 0.1
    assert len(null.drawn) == null.n_permutations == 99


def test_p_values_under_the_nulls_are_as_they_should_be():
    """A tenth of the p-values are at most 0.1: of 40 more than 11 in one of a thousand tries."""
    images = [permute_images(noise(80, seed), 4, 19, seed)[0].p_value for seed in range(40)]
    groups = [permute_groups(boats(20, 6, seed), 4, 19, seed)[0].p_value for seed in range(40)]
    for p_values in (images, groups):
        assert sum(p <= 0.1 for p in p_values) <= 11
        assert min(p_values) >= 1 / 20
        assert max(p_values) > 0.6


def test_a_leak_within_boats_is_an_accident_of_boats_but_not_of_images():
    data = boats(seed=2)
    assert permute_images(data, 4, 99, 0)[0].p_value == pytest.approx(0.01)
    assert permute_groups(data, 4, 99, 0)[0].p_value > 0.05


def test_a_leak_that_holds_across_boats_is_no_accident_of_boats():
    null, by_field = permute_groups(boats(across=True), 4, 99, 0)
    assert null.p_value == pytest.approx(0.01)
    assert by_field["size"] == pytest.approx(0.01)
    assert by_field["number"] > 0.05


@pytest.mark.parametrize("n_boats", [1, 2, 3])
def test_too_few_groups_are_not_tested(n_boats):
    null, by_field = permute_groups(boats(n_boats, 20), 4, 99, 0)
    assert null.p_value is None
    assert null.smallest_p > 0.05
    assert "too few groups" in null.untestable
    assert by_field == {"size": None, "number": None}


def test_groups_with_the_same_metadata_are_not_tested():
    data = table(np.arange(60) % 3, {"size": ["s"] * 60}, groups=np.arange(60) // 5)
    null, _ = permute_groups(data, 4, 99, 0)
    assert null.smallest_p == 1.0
    assert null.p_value is None


def test_a_constant_field_has_no_p_value_and_hides_no_other():
    data = leaky()
    columns = {**data.columns, "same": ["x"] * 300}
    _, by_field = permute_images(table(data.labels, columns), 4, 49, 0)
    assert by_field["same"] is None
    assert by_field["size"] == pytest.approx(0.02)


def test_a_table_without_groups_is_the_callers_bug():
    with pytest.raises(ValueError, match="without groups"):
        permute_groups(noise(), 4, 9, 0)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1, max_size=40))
def test_equal_numbers_share_a_bin_and_larger_ones_never_have_a_lower_one(values):
    column = np.array([np.nan if value is None else value for value in values])
    data = table(np.zeros(len(values), int), {"x": column})
    bins = field_bins(data.columns["x"], "numeric")
    assert set(bins) == set(range(bins.max() + 1))
    known = ~np.isnan(column)
    for value in np.unique(column[known]):
        assert len(set(bins[column == value])) == 1
    assert len(set(bins[known])) <= 8
    assert set(bins[~known]).isdisjoint(bins[known])


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=2, max_size=40))
def test_cramers_v_is_made_of_pearsons_chi_squared(rows):
    labels, bins = np.array(rows).T
    counts = pd.crosstab(labels, bins)
    assume(min(counts.shape) > 1)
    n, (n_rows, n_columns) = len(rows), counts.shape
    excess = chi2_contingency(counts, correction=False).statistic / n - (n_rows - 1) * (n_columns - 1) / (
        n - 1
    )
    left = min(k - (k - 1) ** 2 / (n - 1) for k in counts.shape) - 1
    assume(left > 1e-9)
    assert cramers_v(labels, bins) == pytest.approx(np.sqrt(max(0.0, excess) / left))


def test_cramers_v_is_1_of_the_same_and_0_of_noise():
    labels = np.arange(300) % 3
    assert cramers_v(labels, labels) == pytest.approx(1, abs=0.01)
    assert cramers_v(labels, np.zeros(300, int)) == 0
    assert cramers_v(labels, np.random.default_rng(0).integers(4, size=300)) < 0.12
