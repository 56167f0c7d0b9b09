"""Whether the photo already shows the metadata: planted cases, and what each arm may depend on."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from fishcli.audit.later import begin
from fishcli.audit.luck.repeats import repeated_folds
from fishcli.audit.seen import components
from fishcli.audit.seen.components import principal_scores, scores_by_fold, training_rows
from fishcli.audit.seen.image_learner import held_out_proba
from fishcli.audit.seen.seen import conditional_values, detectabilities, held_out_losses
from fishcli.audit.table import AuditTable
from fishcli.dataset.classes import smoothed_prior
from fishcli.dataset.fields import Field


def numeric(name):
    return Field(name, "numeric", name, "file", "legitimate", "A number.")


def categorical(name):
    return Field(name, "categorical", name, "file", "legitimate", "A word.")


def table_of(labels, groups, **columns):
    """A table whose columns are categorical where they hold texts."""
    frame = pd.DataFrame(columns)
    is_number = {name: pd.api.types.is_numeric_dtype(frame[name]) for name in frame}
    fields = [numeric(name) if is_number[name] else categorical(name) for name in frame]
    names = [f"class {label}" for label in range(int(labels.max()) + 1)]
    return AuditTable(names, labels, groups, frame, fields)


def random_folds(n, k=4, seed=0):
    return np.random.default_rng(seed).permutation(np.arange(n) % k)


@pytest.fixture(scope="module")
def shown():
    """300 images: features, a field they show (its sign decides), one they don't show, and one constant."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(300, 20)).astype(np.float32)
    table = table_of(
        rng.integers(2, size=300),
        None,
        shown=np.where(features[:, 0] > 0, "left", "right"),
        measured=features[:, 1] + 0.05 * rng.normal(size=300),
        noise=rng.normal(size=300),
        constant=np.full(300, 7.0),
    )
    return table, features, random_folds(300)


def test_a_field_that_the_features_show_is_detected_and_noise_is_not(shown):
    found = {each.field: each for each in detectabilities(*shown, {"shown": 0.5, "noise": -0.01})}
    assert list(found) == ["shown", "measured", "noise", "constant"]
    assert found["shown"].share > 0.5
    assert found["shown"].n_bins == 2
    assert found["shown"].bits == pytest.approx(found["shown"].share, rel=0.02)  # two even bins: one bit
    assert found["measured"].share > 0.15
    assert found["measured"].n_bins == 8
    assert found["noise"].share < 0.02


def test_utility_times_share_counts_nothing_below_0(shown):
    found = {each.field: each for each in detectabilities(*shown, {"shown": 0.5, "noise": -0.01})}
    assert found["shown"].product == pytest.approx(0.5 * found["shown"].share)
    assert (found["noise"].share < 0, found["noise"].product) == (True, 0.0)
    assert (found["measured"].utility_bits, found["measured"].product) == (None, None)


def test_a_field_of_one_bin_has_no_share(shown):
    found = detectabilities(*shown, {"constant": 0.0})[-1]
    assert (found.n_bins, found.bits, found.share, found.product) == (1, None, None, None)


def test_results_are_plain_values(shown):
    for each in detectabilities(*shown, {"shown": 0.5}):
        assert all(value is None or type(value) in (str, float, int) for value in dataclasses.astuple(each))


def test_a_group_that_is_recognised_is_seen_on_random_folds_only():
    rng = np.random.default_rng(1)
    group = np.repeat(np.arange(30), 10)
    features = (3 * rng.normal(size=(30, 60))[group] + rng.normal(size=(300, 60))).astype(np.float32)
    size = np.array(["1280x720", "518x974"])[rng.integers(2, size=30)][group]
    table = table_of(rng.integers(2, size=300), group, size=size)
    random, grouped = random_folds(300, 5), group % 5
    assert detectabilities(table, features, random, {})[0].share > 0.6
    assert detectabilities(table, features, grouped, {})[0].share < 0.2


def two_views(seed=2, n=400):
    """Labels, features that show them dimly, and a number that shows them dimly by itself; 40 groups."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=n)
    features = rng.normal(size=(n, 10)).astype(np.float32)
    features[:, 0] += 1.5 * labels
    return rng, labels, features, 2.0 * labels + rng.normal(size=n), np.arange(n) % 40


def values_of(*arguments):
    """The conditional values, their calls made by other processes."""
    (values,) = begin([conditional_values(*arguments)])
    return values


@pytest.fixture(scope="module")
def unrelated():
    """What metadata add that have nothing to do with the labels."""
    rng, labels, features, _, groups = two_views()
    table = table_of(labels, groups, noise=rng.normal(size=400), name=rng.choice(list("abc"), 400))
    return values_of(table, features, 3, 0)


@pytest.fixture(scope="module")
def related():
    """What a number that tells the labels adds to the same features, on the same folds."""
    _, labels, features, telling, groups = two_views()
    return values_of(table_of(labels, groups, telling=telling), features, 3, 0)


def test_metadata_that_add_nothing_have_an_interval_around_0(unrelated):
    for value in unrelated:
        assert value.bits_low <= 0.0 <= value.bits_high or -0.03 < value.bits < 0.0
        assert value.bits_high < 0.05
        assert value.prior_log_loss - value.image_log_loss > 0.2


def test_metadata_that_add_something_are_found(related):
    assert [value.folds for value in related] == ["random", "grouped"]
    for value in related:
        assert value.bits == pytest.approx(value.image_log_loss - value.both_log_loss)
        assert 0.15 < value.bits_low < value.bits < value.bits_high
        assert value.n_repeats == 3


def test_metadata_that_the_image_shows_add_nothing_though_they_tell_much():
    _, labels, features, telling, _ = two_views()
    features = np.column_stack([features, telling]).astype(np.float32)
    (value,) = values_of(table_of(labels, None, telling=telling), features, 3, 0)
    assert value.prior_log_loss - value.image_log_loss > 0.5
    assert abs(value.bits) < 0.05


def test_the_image_arm_does_not_depend_on_the_metadata(related, unrelated):
    """The published comparison trained its image-only model on the metadata by mistake."""
    for one, two in zip(related, unrelated, strict=True):
        assert one.image_log_loss == two.image_log_loss
        assert one.both_log_loss != two.both_log_loss
    _, labels, features, telling, groups = two_views()
    nothing, telling = np.zeros_like(features), table_of(labels, groups, telling=telling)
    prior, image, both = held_out_losses(telling, nothing, random_folds(400)).mean(axis=1)
    assert image == pytest.approx(prior, abs=0.01)  # nothing to see, whatever the table says
    assert both < 0.5


def test_one_seed_gives_one_result():
    _, labels, features, telling, groups = two_views(n=200)
    table = table_of(labels, groups, telling=telling)
    first, again, other = (values_of(table, features, 2, seed, 1) for seed in (5, 5, 6))
    assert first == again
    assert first != other


UNEQUAL = np.repeat(np.arange(8), [40, 3, 17, 60, 5, 28, 9, 51])


def test_few_unequal_groups_are_dealt_in_different_ways():
    classes = pd.Series(np.array(list("abc"))[UNEQUAL % 3])
    partitions = repeated_folds(classes, UNEQUAL, 4, 6, 0)
    together = [(fold[:, None] == fold).tobytes() for fold in partitions]
    assert len(set(together)) == len(partitions) == 6


def test_partitions_that_come_again_are_dropped():
    classes = pd.Series(["a"] * 20)
    assert len(repeated_folds(classes, np.repeat([0, 1], 10), 2, 2, 0)) == 1
    assert len(repeated_folds(classes, np.repeat([0, 1, 2, 3], 5), 2, 4, 0)) == 3  # all there are
    assert len(repeated_folds(classes, None, 2, 3, 0)) == 3


@settings(max_examples=6)
@given(st.lists(st.integers(0, 9), min_size=10, max_size=60), st.integers(2, 4), st.integers(0, 99))
def test_no_group_straddles_a_repeated_fold(groups, n_folds, seed):
    groups = np.array([*groups, 0, 1, 2, 3])
    classes = pd.Series(["a", "b"] * len(groups))[: len(groups)]
    for fold in repeated_folds(classes, groups, n_folds, 3, seed):
        assert set(fold) == set(range(n_folds))
        assert pd.Series(fold).groupby(groups).nunique().max() == 1


def test_scores_are_fitted_on_their_rows_only():
    rng = np.random.default_rng(3)
    features = rng.normal(size=(60, 100)).astype(np.float32)
    rows, others = np.arange(40), np.arange(40, 60)
    before = principal_scores(features, rows)
    changed = features.copy()
    changed[others] *= 50
    after = principal_scores(changed, rows)
    np.testing.assert_array_equal(after[rows], before[rows])
    assert before.shape == (60, 39)
    assert before[rows].var(axis=0, ddof=1).mean() == pytest.approx(1, rel=1e-4)
    assert np.abs(before[rows].mean(axis=0)).max() < 1e-4
    assert before[rows].std(axis=0)[0] > 2 * before[rows].std(axis=0)[-1]  # not whitened


def test_features_that_do_not_vary_and_single_rows_give_scores_of_0():
    assert not principal_scores(np.ones((5, 3), np.float32), np.arange(4)).any()
    assert principal_scores(np.ones((5, 3), np.float32), np.array([2])).tolist() == [[0.0]] * 5


def test_what_is_said_of_a_fold_does_not_depend_on_its_labels():
    _, labels, features, _, _ = two_views(n=120)
    fold = random_folds(120, 3)
    columns = principal_scores(features, training_rows(fold, 0))
    said = held_out_proba(columns, labels, fold, 0)
    turned = np.where(fold == 0, 1 - labels, labels)
    np.testing.assert_array_equal(held_out_proba(columns, turned, fold, 0), said)
    np.testing.assert_allclose(said.sum(axis=1), 1)


def test_classes_that_the_training_part_lacks_get_their_smoothed_prior():
    labels = np.array([0] * 10 + [1] * 10 + [2] * 5)
    fold = labels.copy()
    said = held_out_proba(np.random.default_rng(0).normal(size=(25, 2)), labels, fold, 2)
    np.testing.assert_allclose(said[:, 2], smoothed_prior(np.array([10, 10, 0]))[2])
    two = held_out_proba(np.zeros((20, 1)), labels[:20], fold[:20], 0)  # the training part has one class
    np.testing.assert_allclose(two, np.tile(smoothed_prior(np.array([0, 10])), (10, 1)))


def test_a_large_training_part_is_drawn_from(monkeypatch):
    monkeypatch.setattr(components, "MAX_TRAINING_ROWS", 30)
    fold = random_folds(100, 2)
    rows = [training_rows(fold, k) for k in (0, 1)]
    assert len(set(np.concatenate(rows))) == 30
    assert [set(fold[each]) for each in rows] == [{1}, {0}]


def test_the_components_of_a_fold_are_those_of_its_training_rows():
    rng = np.random.default_rng(4)
    features = rng.normal(size=(90, 40)) @ rng.normal(size=(40, 30)) + 100
    features = np.column_stack([features, np.full(90, 7)]).astype(np.float32)
    fold = random_folds(90, 3)
    for k, scores in scores_by_fold(features, fold):
        rows = training_rows(fold, k)
        theirs = PCA(31).fit_transform(StandardScaler().fit_transform(features[rows].astype(float)))
        theirs /= np.sqrt(theirs.var(axis=0, ddof=1).mean())
        np.testing.assert_allclose(np.abs(scores[rows]), np.abs(theirs), atol=0.02)
        np.testing.assert_allclose(np.abs(scores), np.abs(principal_scores(features, rows)), atol=0.02)
