import math

import numpy as np
import pandas as pd
import pytest

from fishcli.audit.leakage import (
    Leakage,
    class_by_size,
    label_entropy,
    measure_leakage,
    permutation_p_value,
)

SIZES = np.array([(720, 1280), (518, 974), (750, 1334), (670, 1192)])


def photos(class_names, sizes):
    return pd.DataFrame({"class_name": class_names, "height": sizes[:, 0], "width": sizes[:, 1]})


def pure_noise(n=160, seed=0):
    rng = np.random.default_rng(seed)
    return photos(rng.choice(["ALB", "BET"], n), SIZES[rng.integers(4, size=n)])


def planted(n=160, seed=0):
    """Size gives the class away in nine of ten images."""
    rng = np.random.default_rng(seed)
    size = rng.integers(4, size=n)
    label = np.where(rng.random(n) < 0.9, size % 2, rng.integers(2, size=n))
    return photos(np.array(["ALB", "BET"])[label], SIZES[size])


def test_bits_are_what_is_gained_on_the_prior():
    assert Leakage("random", log_loss=0.5, prior_log_loss=0.5, accuracy=0).bits == 0
    assert Leakage("random", log_loss=0.0, prior_log_loss=math.log(2), accuracy=1).bits == pytest.approx(1)
    assert Leakage("random", log_loss=1.0, prior_log_loss=0.5, accuracy=0).bits < 0


def test_pure_noise_tells_nothing():
    images = pure_noise(seed=1)
    leakage = measure_leakage(images, None, 4, 0)
    assert leakage.folds == "random"
    assert leakage.bits < 0.02
    assert leakage.prior_log_loss == pytest.approx(math.log(2), abs=0.03)
    assert permutation_p_value(images, leakage.bits, 9, 3, 0) > 0.2


def test_a_planted_leak_is_found():
    images = planted()
    leakage = measure_leakage(images, None, 4, 0)
    assert leakage.bits > 0.5
    assert leakage.accuracy > 0.9
    assert permutation_p_value(images, leakage.bits, 9, 3, 0) == pytest.approx(1 / 10)


def test_the_seed_decides_folds_and_shuffles():
    images = pure_noise(60)
    assert measure_leakage(images, None, 3, 1) == measure_leakage(images, None, 3, 1)
    assert measure_leakage(images, None, 3, 1) != measure_leakage(images, None, 3, 2)
    assert permutation_p_value(images, 0.0, 4, 2, 5) == permutation_p_value(images, 0.0, 4, 2, 5)


def test_the_p_value_is_one_where_every_shuffle_is_as_good():
    assert permutation_p_value(pure_noise(60), -100.0, 3, 2, 0) == 1.0


def test_sizes_unseen_in_training_collapse_under_grouped_folds():
    rng = np.random.default_rng(0)
    boat = np.repeat(np.arange(8), 20)
    sizes = np.stack(
        [rng.permutation(np.arange(500, 900, 50))[boat], rng.permutation(np.arange(900, 1300, 50))[boat]], 1
    )
    images = photos(np.array(["ALB", "BET"])[rng.permutation(np.arange(8) % 2)[boat]], sizes)
    random = measure_leakage(images, None, 4, 0)
    grouped = measure_leakage(images, pd.Series(boat), 4, 0)
    assert grouped.folds == "grouped"
    assert random.bits > 0.8
    assert grouped.bits < 0.3
    assert math.isfinite(grouped.log_loss)


def test_a_fold_whose_training_part_has_one_class():
    images = photos(["ALB"] * 10 + ["BET"] * 10, np.repeat(SIZES[:2], 10, axis=0))
    leakage = measure_leakage(images, pd.Series([0] * 10 + [1] * 10), 2, 0)
    assert leakage.log_loss == pytest.approx(-math.log(0.5 / 11))
    assert leakage.accuracy == 0
    assert leakage.bits == pytest.approx(0)


def test_a_class_that_a_training_part_lacks_gets_its_prior():
    images = photos(["ALB", "BET"] * 10 + ["SHARK"] * 5, np.concatenate([SIZES[[0, 1] * 10], SIZES[[2] * 5]]))
    leakage = measure_leakage(images, pd.Series([0] * 10 + [1] * 10 + [2] * 5), 3, 0)
    assert math.isfinite(leakage.log_loss)
    assert leakage.accuracy == pytest.approx(20 / 25)


def test_the_index_of_the_table_is_of_no_matter():
    images = pure_noise(60)
    assert measure_leakage(images.set_axis(range(500, 560)), None, 3, 0) == measure_leakage(
        images, None, 3, 0
    )


def test_label_entropy():
    assert label_entropy(photos(["a", "b", "c", "d"], SIZES)) == pytest.approx(2)
    assert label_entropy(photos(["a"] * 4, SIZES)) == 0


def test_class_by_size_sums_the_rare_sizes_up():
    images = photos(list("aabbab"), SIZES[[0, 0, 0, 1, 2, 3]])
    table = class_by_size(images, n_sizes=1)
    assert list(table["size"]) == ["1280x720", "3 others"]
    assert list(table["a"]) == [2, 1]
    assert list(table["b"]) == [1, 2]
    whole = class_by_size(images)
    assert whole["size"].iloc[0] == "1280x720"
    assert len(whole) == 4
    assert whole[["a", "b"]].to_numpy().sum() == 6
