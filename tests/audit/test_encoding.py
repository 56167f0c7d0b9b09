"""Metadata as numbers, against scikit-learn's transformers."""

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from tables import field

from fishcli.audit.learners import encoding
from fishcli.audit.learners.encoding import MIN_COUNT, Coded
from fishcli.audit.learners.learners import BOOSTING

RNG = np.random.default_rng(0)
COLUMNS = pd.DataFrame(
    {
        "bytes": np.where(RNG.random(80) < 0.2, np.nan, RNG.normal(5, 3, 80)),
        "maker": RNG.choice(list("abcdefg"), 80, p=[0.4, 0.3, 0.14, 0.04, 0.04, 0.04, 0.04]),
    }
)
FIELDS = [field("bytes", "numeric"), field("maker")]
ROWS = np.arange(50)


def test_linear_columns_are_those_of_scikit_learns_encoders():
    found = Coded.of(COLUMNS, FIELDS).linear(ROWS)
    one_hot = OneHotEncoder(
        min_frequency=MIN_COUNT, handle_unknown="infrequent_if_exist", sparse_output=False
    )
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    theirs = np.hstack(
        [
            each.fit(COLUMNS[[name]].iloc[ROWS]).transform(COLUMNS[[name]])
            for each, name in ((one_hot, "maker"), (numbers, "bytes"))
        ]
    )
    assert found.dtype == np.float32
    order, their_order = (np.lexsort(each.round(4)) for each in (found, theirs))
    np.testing.assert_allclose(found[:, order], theirs[:, their_order], atol=1e-5)


def test_categories_that_training_lacks_are_nowhere_or_among_the_rare():
    columns = pd.DataFrame({"maker": ["a"] * 6 + ["b"] * 6 + ["new"]})
    coded = Coded.of(columns, FIELDS[1:])
    assert coded.linear(np.arange(12))[12].tolist() == [0, 0]
    rare = Coded.of(pd.DataFrame({"maker": ["a"] * 6 + ["b"] * 2 + ["new"]}), FIELDS[1:])
    np.testing.assert_array_equal(rare.linear(np.arange(8))[6:], [[0, 1]] * 3)
    places = rare.ordinal(np.arange(8))[:, 0]
    assert places[:8].tolist() == [0] * 6 + [1] * 2
    assert np.isnan(places[8])


def test_only_the_most_frequent_categories_have_a_column(monkeypatch):
    monkeypatch.setattr(encoding, "MAX_CATEGORIES", 2)
    coded = Coded.of(COLUMNS, FIELDS[1:])
    linear = coded.linear(np.arange(80))
    assert linear.shape == (80, 3)
    assert linear.sum(axis=0)[2] == 80 - COLUMNS["maker"].value_counts()[:2].sum()


def test_other_rows_change_nothing():
    changed = COLUMNS.copy()
    changed.loc[50:, "bytes"] = 1e6
    changed.loc[50:, "maker"] = "z"
    one, two = (Coded.of(each, FIELDS) for each in (COLUMNS, changed))
    np.testing.assert_array_equal(one.linear(ROWS)[ROWS], two.linear(ROWS)[ROWS])
    np.testing.assert_array_equal(one.ordinal(ROWS)[ROWS], two.ordinal(ROWS)[ROWS])


def test_trees_see_the_same_bins_of_many_numbers_as_scikit_learn_makes():
    rng = np.random.default_rng(0)
    numbers = np.where(rng.random((900, 1)) < 0.1, np.nan, rng.normal(size=(900, 1)))
    labels = (np.nan_to_num(numbers[:, 0]) + rng.normal(size=900) > 0.2).astype(int)
    rows = np.arange(800)
    binned = encoding.Coded(numbers, np.zeros((900, 0), np.int64)).ordinal(rows)

    def said(columns):
        return (
            HistGradientBoostingClassifier(**BOOSTING).fit(columns[rows], labels[rows]).predict_proba(columns)
        )

    assert len(np.unique(binned[rows][np.isfinite(binned[rows])])) == encoding.N_BINS
    np.testing.assert_array_equal(said(binned), said(numbers))
