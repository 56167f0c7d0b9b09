import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedKFold

from fishcli.basics.errors import FishError
from fishcli.dataset.folds import make_folds, warn_of_missing_classes


@given(st.lists(st.sampled_from("abc"), min_size=2, max_size=40), st.integers(2, 6), st.integers(0, 99))
def test_random_folds_hold_every_image_once_and_are_evenly_filled(class_names, n_folds, seed):
    assume(n_folds <= len(class_names))
    series = pd.Series(class_names)
    fold = make_folds(series, None, n_folds, seed)
    assert fold.shape == (len(class_names),)
    assert set(fold) == set(range(n_folds))
    np.testing.assert_array_equal(fold, make_folds(series, None, n_folds, seed))
    if series.value_counts().max() >= n_folds:
        counts = pd.crosstab(fold, series)
        assert (counts.max() - counts.min()).max() <= 1


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 7)), min_size=2, max_size=60),
    st.integers(2, 8),
    st.integers(0, 99),
)
def test_grouped_folds_hold_every_image_once_and_no_group_straddles(rows, n_folds, seed):
    class_names, groups = (pd.Series(list(column)) for column in zip(*rows, strict=True))
    assume(groups.nunique() >= n_folds)
    fold = make_folds(class_names, groups, n_folds, seed)
    assert set(fold) == set(range(n_folds))
    assert set(pd.Series(fold).groupby(groups).nunique()) == {1}
    np.testing.assert_array_equal(fold, make_folds(class_names, groups, n_folds, seed))


@pytest.mark.parametrize("pattern", ["ABABC", "AAAAA", "ABCDE", "AABCC"])
def test_as_many_folds_as_groups(pattern):
    groups = pd.Series(np.repeat(range(5), 4))
    fold = make_folds(pd.Series(np.repeat(list(pattern), 4)), groups, 5, 0)
    assert np.bincount(fold).tolist() == [4] * 5


UNEQUAL = np.repeat(np.arange(8), [40, 3, 17, 60, 5, 28, 9, 51])


def test_each_seed_has_folds_of_its_own_where_groups_are_few_and_unequal():
    class_names = pd.Series(np.array(list("abc"))[UNEQUAL % 3])
    folds = [make_folds(class_names, UNEQUAL, 4, seed) for seed in range(8)]
    assert len({(fold[:, None] == fold).tobytes() for fold in folds}) == 8  # whatever folds are called


def test_seed_0_has_the_best_folds():
    class_names = pd.Series(["a"] * len(UNEQUAL))
    spread = [np.bincount(make_folds(class_names, UNEQUAL, 4, seed)).std() for seed in range(8)]
    assert spread == sorted(spread)
    assert sorted(np.bincount(make_folds(class_names, UNEQUAL, 4, 0))) == [50, 51, 52, 60]  # none is evener


@pytest.mark.parametrize("seed", [0, 1])
def test_a_training_part_keeps_the_classes_that_it_can(seed):
    """Any deal that puts groups 0 and 1 together leaves a training part without "rare"."""
    class_names = pd.Series(["a"] * 30 + ["rare"] + ["a"] * 3 + ["rare"] + ["a"] * 34)
    fold = make_folds(class_names, np.repeat(range(4), [31, 4, 4, 30]), 2, seed)
    assert set(fold[class_names == "rare"]) == {0, 1}


def test_folds_do_not_depend_on_the_order_of_the_rows():
    class_names = pd.Series(np.array(list("abcb"))[UNEQUAL % 4])
    turned = make_folds(class_names[::-1], UNEQUAL[::-1], 4, 3)
    np.testing.assert_array_equal(turned[::-1], make_folds(class_names, UNEQUAL, 4, 3))


CLASSES = pd.Series(list("aaabbc") * 10)


def test_the_seed_and_the_index_of_the_table():
    fold = make_folds(CLASSES, None, 5, 0)
    assert (fold != make_folds(CLASSES, None, 5, 1)).any()
    np.testing.assert_array_equal(fold, make_folds(CLASSES.set_axis(range(100, 160)), None, 5, 0))


def test_the_seed_of_grouped_folds():
    groups = pd.Series(range(60))
    assert (make_folds(CLASSES, groups, 5, 0) != make_folds(CLASSES, groups, 5, 1)).any()


def test_an_empty_fold_is_never_returned():
    """scikit-learn's StratifiedGroupKFold returns one for these (issue 34828)."""
    class_names = pd.Series(list("a" + "c" * 10 + "b" + "a" * 30 + "daaabbb"))
    groups = pd.Series([0] + [1] * 10 + [2] * 31 + [3] * 4 + [4] * 3)
    assert set(make_folds(class_names, groups, 5, 0)) == set(range(5))


def test_classes_are_spread_over_random_folds():
    counts = pd.crosstab(make_folds(CLASSES, None, 5, 0), CLASSES)
    assert counts.to_numpy().tolist() == [[6, 4, 2]] * 5


def test_classes_are_spread_over_grouped_folds():
    groups = pd.Series(np.repeat(np.arange(10), 6))
    counts = pd.crosstab(make_folds(CLASSES, groups, 5, 0), CLASSES)
    assert counts.to_numpy().tolist() == [[6, 4, 2]] * 5


@pytest.mark.parametrize("n_folds", [1, 0, -3])
def test_fewer_than_two_folds(n_folds):
    with pytest.raises(FishError, match=f"--folds {n_folds}: at least 2"):
        make_folds(CLASSES, None, n_folds, 0)


def test_more_folds_than_groups():
    groups = pd.Series(list("xyz") * 20)
    with pytest.raises(FishError, match=r"--folds 5 is more than the 3 groups\. Pass --folds 3 or fewer"):
        make_folds(CLASSES, groups, 5, 0)


def test_more_folds_than_images():
    with pytest.raises(FishError, match=r"--folds 5 is more than the 4 training images\. Pass --folds 4"):
        make_folds(CLASSES[:4], None, 5, 0)


@pytest.mark.parametrize("groups", [None, pd.Series(range(22))])
def test_a_class_rarer_than_the_folds_is_no_error(groups, recwarn):
    fold = make_folds(pd.Series(["a"] * 20 + ["rare"] * 2), groups, 5, 0)
    assert set(fold) == set(range(5))
    assert not recwarn.list


def test_every_class_rarer_than_the_folds():
    fold = make_folds(pd.Series(list("aabbccdd")), None, 4, 0)
    assert np.bincount(fold).tolist() == [2, 2, 2, 2]


def test_every_class_rarer_than_the_folds_with_groups():
    groups = pd.Series([0, 1, 2, 3, 0, 1, 2, 3])
    fold = make_folds(pd.Series(list("aabbccdd")), groups, 4, 0)
    assert set(pd.Series(fold).groupby(groups).nunique()) == {1}


def test_missing_classes_are_named_with_their_fold(capsys):
    class_names = pd.Series(["ALB", "SHARK", "ALB", "LAG", "ALB"])
    warn_of_missing_classes(class_names, np.array([0, 1, 1, 1, 2]))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("Warning: fold 1: its training part has no image of LAG, SHARK;")


def test_no_warning_where_every_class_is_everywhere(capsys):
    warn_of_missing_classes(pd.Series(list("abab")), np.array([0, 0, 1, 1]))
    assert capsys.readouterr().err == ""


def test_many_missing_classes_are_a_short_line(capsys):
    warn_of_missing_classes(pd.Series([f"species_{k:03d}" for k in range(500)]), np.arange(500) % 2)
    first, second = capsys.readouterr().err.splitlines()
    assert "species_000, species_002, species_004, ... (250 in all)" in first
    assert max(len(first), len(second)) < 200


@given(
    st.lists(st.sampled_from("abcd"), min_size=6, max_size=60), st.integers(2, 6), st.integers(0, 2**32 - 1)
)
def test_random_folds_are_those_of_scikit_learn(class_names, n_folds, seed):
    names = np.array(class_names)
    assume(max(class_names.count(name) for name in "abcd") >= n_folds)
    splitter = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of rare classes
        expected = [val.tolist() for _, val in splitter.split(names, names)]
    fold = make_folds(pd.Series(names), None, n_folds, seed)
    assert [np.flatnonzero(fold == k).tolist() for k in range(n_folds)] == expected


@pytest.mark.parametrize("groups", ["None", "pd.Series(list('xxyyzz'))"])
def test_folds_are_dealt_without_scikit_learn(groups):
    code = (
        "import sys, pandas as pd; from fishcli.dataset.folds import make_folds;"
        f"make_folds(pd.Series(list('ababab')), {groups}, 3, 0);"
        "print('sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
