import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.stats import entropy
from tables import boats, leaky, noise, table

from fishcli.audit.gains import gain_on, label_entropy, measure_gain
from fishcli.audit.learners.learners import LEARNERS, cross_fit
from fishcli.audit.luck.simulate import SIZE_SHARES, World, _mutual_bits, label_law
from fishcli.dataset.folds import make_folds


def test_the_entropy_of_labels_is_that_of_their_shares():
    assert label_entropy(np.arange(8) % 4) == 2
    assert label_entropy(np.array([2, 0, 2, 2])) == pytest.approx(entropy([0.25, 0.75], base=2))
    assert label_entropy(np.zeros(5, int)) == 0


def test_what_an_audit_does_itself_while_others_fit_needs_no_scikit_learn():
    code = (
        "import sys, numpy as np, pandas as pd\n"
        "from fishcli.audit.gains import label_entropy\n"
        "from fishcli.audit.per_field import associations, gains_by_field\n"
        "from fishcli.audit.table import AuditTable\n"
        "from fishcli.dataset.fields import FIELDS\n"
        "labels, fold = np.arange(40) % 3, np.arange(40) % 4\n"
        "columns = pd.DataFrame({'width': labels + 1.0})\n"
        "table = AuditTable(list('abc'), labels, None, columns, [FIELDS['width']])\n"
        "label_entropy(labels)\n"
        "gains_by_field(table, associations(table), fold, None)\n"
        "print([name for name in ('sklearn', 'scipy.stats') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr


def folds(data, n_folds=4, grouped=False, seed=0):
    groups = pd.Series(data.groups) if grouped else None
    return make_folds(pd.Series(data.labels).astype(str), groups, n_folds, seed)


def test_noise_gains_less_than_nothing():
    gain = measure_gain(noise(), folds(noise()), "table", "random").gain
    assert -0.2 < gain.bits < 0
    assert gain.bits_low < gain.bits < gain.bits_high
    assert abs(gain.macro_auc - 0.5) < 0.1


def test_a_leak_is_told_in_bits_beside_the_prior():
    data = leaky(600)
    found = measure_gain(data, folds(data), "table", "random")
    gain = found.gain
    # 3 equal classes of which 0.8 + 0.2 / 3 are told right: log2(3) less the entropy of what is left.
    best = math.log2(3) + 0.8667 * math.log2(0.8667) + 0.1333 * math.log2(0.0667)
    assert 0.85 * best < gain.bits < 1.1 * best
    assert gain.bits_low < best < gain.bits_high + 0.1
    assert gain.bits == pytest.approx(gain.prior_log_loss - gain.log_loss)
    assert gain.prior_log_loss == pytest.approx(label_entropy(data.labels), abs=0.02)
    assert gain.share_of_prior == pytest.approx(gain.bits / gain.prior_log_loss)
    assert gain.log_loss == pytest.approx(found.losses.mean() / math.log(2))
    assert gain.accuracy > 0.8 > 0.4 > gain.majority
    assert set(gain.learners) == set(LEARNERS)
    assert all(bits > 0.7 * best for bits in gain.learners.values())


def test_a_boat_that_is_known_by_its_size_tells_nothing_of_other_boats():
    data = boats()
    random = measure_gain(data, folds(data), "table", "random").gain
    grouped = measure_gain(data, folds(data, grouped=True), "table", "grouped").gain
    assert random.bits_low > 0.1
    assert grouped.bits < 0.05
    assert "groups" in grouped.interval
    assert "images" in random.interval


def test_under_20_groups_the_interval_says_so():
    data = boats(n_boats=8)
    assert "there are 8" in measure_gain(data, folds(data, grouped=True), "table", "grouped").gain.interval


def test_nothing_is_learned_from_the_held_out_fold():
    data = leaky(120)
    fold = folds(data)
    before = cross_fit(data, fold)
    # Other labels in fold 0 change what is said of the other folds, and nothing that is said of fold 0.
    labels = np.where(fold == 0, 0, data.labels)
    after = cross_fit(table(labels, data.columns), fold)
    for name in LEARNERS:
        np.testing.assert_array_equal(before[name][fold == 0], after[name][fold == 0])
        assert not np.allclose(before[name][fold != 0], after[name][fold != 0])


def test_probabilities_sum_to_1_with_gaps_rare_classes_and_unseen_categories():
    rng = np.random.default_rng(0)
    n = 90
    labels = np.r_[np.full(45, 0), np.full(43, 1), 2, 2]
    fold = np.arange(n) % 3
    fold[-2:] = 0  # fold 0 is held out: its training part lacks class 2
    columns = {
        "bytes": np.where(rng.random(n) < 0.3, np.nan, rng.standard_normal(n)),
        "empty": np.full(n, np.nan),
        "maker": np.where(fold == 1, "only in fold 1", "elsewhere"),
    }
    for proba in cross_fit(table(labels, columns), fold).values():
        np.testing.assert_allclose(proba.sum(axis=1), 1)
        assert (proba[fold == 0, 2] > 0).all()


def test_a_fold_trained_on_one_class_says_so_but_for_the_smoothed_prior():
    labels = np.r_[np.zeros(10, int), np.ones(4, int)]
    fold = np.r_[np.zeros(5, int), np.ones(5, int), np.zeros(4, int)]
    proba = cross_fit(table(labels, {"size": ["s"] * 14}), fold)["logistic regression"]
    # Fold 0 learns from five rows of class 0 only.
    np.testing.assert_allclose(proba[0], [1 - 0.5 / 6, 0.5 / 6])


def test_the_gain_on_fresh_rows_is_that_of_the_leak():
    assert gain_on(leaky(600, seed=1), leaky(600, seed=2)) > 0.6
    assert gain_on(noise(seed=1), noise(seed=2)) < 0


@pytest.mark.parametrize("bits", [0.1, 0.3, 1.0])
def test_a_simulated_leak_has_the_bits_it_is_asked_for(bits):
    law = label_law(bits)
    np.testing.assert_allclose(law.sum(axis=1), 1)
    assert _mutual_bits(law) == pytest.approx(bits)
    drawn = World(bits=bits).draw(20_000, 0)
    joint = pd.crosstab(drawn.columns["size_key"], drawn.labels, normalize=True).to_numpy()
    outer = joint.sum(1, keepdims=True) * joint.sum(0)
    found = (joint * np.log2(np.where(joint > 0, joint / outer, 1))).sum()
    assert found == pytest.approx(bits, abs=0.02)
    assert len(SIZE_SHARES) == drawn.columns["size_key"].nunique()


def test_simulated_boats_have_one_size_each():
    drawn = World(boats=True).draw(500, 1)
    assert drawn.columns.groupby(drawn.groups)["size_key"].nunique().max() == 1
    assert len(np.unique(drawn.groups)) == drawn.groups.max() + 1
