"""What to expect of groups to come: what is counted, what is said, and where it is found again."""

import json

import numpy as np
import pandas as pd
import pytest

from fishcli.basics.intervals import prediction_interval
from fishcli.dataset.groups import count_new_groups, load_groups
from fishcli.dataset.layout.images import load_train
from fishcli.dataset.sizes import tell_classes
from fishcli.options.layout import LayoutOptions
from fishcli.runs.expecting import expect, expected_said


def drawn(n_groups=12, seed=0):
    """Losses (n,) of images of so many groups, and the groups (n,)."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(n_groups), rng.integers(3, 12, n_groups))
    return rng.gamma(2, 0.6, n_groups)[group] * rng.exponential(size=len(group)), group.astype(str)


def test_the_test_sets_groups_are_said_and_ten_where_nobody_knows():
    losses, groups = drawn()
    known, usual = expect(losses, groups, 4), expect(losses, groups, None)
    assert (known["new_groups"], known["of_test"]) == (4, True)
    assert (usual["new_groups"], usual["of_test"]) == (10, False)
    interval = prediction_interval(losses, groups, 4)
    assert (known["low"], known["high"]) == (interval.low, interval.high)
    assert expected_said(known) == (
        f"on unseen groups expect {losses.mean():.2f} (95%: {interval.low:.2f} to {interval.high:.2f}, "
        "for the test set's 4 groups)"
    )
    assert "for 10 groups)" in expected_said(usual)
    assert "too few" not in expected_said(usual)


def test_few_groups_are_said_to_be_too_few_and_one_tells_nothing():
    assert "7 groups are too few" in expected_said(expect(*drawn(7), None))
    assert "too few" not in expected_said(expect(*drawn(8), None))
    alone = expect(np.array([0.2, 0.4]), np.array(["a", "a"]), None)
    assert (alone["low"], alone["high"]) == (None, None)
    assert expected_said(alone) == "one group only: nobody knows what to expect of others"
    json.dumps(alone, allow_nan=False)


def test_groups_of_test_photos_are_counted_where_training_has_none_of_them(tiny_competition, capsys):
    data_dir = tiny_competition()
    train, layout = load_train(data_dir), LayoutOptions()
    assert count_new_groups("auto", data_dir, train, layout) is None
    known = pd.read_csv(data_dir / "groups.csv")
    tests = [f"test_{i:03d}.jpg" for i in range(6)]
    asked = pd.DataFrame({"image": tests, "group": ["boat_0", "new_1", "new_2", "new_1", "boat_3", "new_3"]})
    strange = pd.DataFrame({"image": ["elsewhere.jpg"], "group": ["new_9"]})
    both = pd.concat([known, asked, strange])
    both.to_csv(data_dir / "groups.csv", index=False)
    both.to_csv(data_dir / "mine.csv", index=False)
    assert count_new_groups("auto", data_dir, train, layout) == 3
    load_groups("auto", data_dir, train, layout)
    assert "names 1 images that are not in train/: left out (elsewhere.jpg)" in capsys.readouterr().err
    assert count_new_groups(str(data_dir / "mine.csv"), data_dir, train, layout) == 3
    assert count_new_groups("size", data_dir, train, layout) is None
    asked.assign(group="boat_0").pipe(lambda table: pd.concat([known, table])).to_csv(data_dir / "groups.csv")
    assert count_new_groups("auto", data_dir, train, layout) is None


def test_random_folds_are_warned_of_where_groups_are_known(tiny_competition, capsys):
    data_dir = tiny_competition()
    load_groups("none", data_dir, load_train(data_dir))
    assert f"folds are RANDOM, though {data_dir / 'groups.csv'} tells groups" in capsys.readouterr().err


def sized(n_sizes, by_class):
    """60 images of two classes whose sizes go with the class, or not."""
    label = np.arange(60) % 2
    size = label if by_class else np.random.default_rng(0).integers(0, n_sizes, 60)
    names = np.where(label, "ALB", "BET")
    return pd.DataFrame(
        {"image": map(str, range(60)), "class_name": names, "height": 480 + size, "width": 640}
    )


@pytest.mark.parametrize(
    ("images", "tells"), [(sized(2, True), True), (sized(3, False), False), (sized(60, False), False)]
)
def test_random_folds_are_warned_of_where_sizes_go_with_classes(tmp_path, capsys, images, tells):
    assert tell_classes(images) == tells
    load_groups("none", tmp_path, images)
    assert ("fishcli audit-leakage" in capsys.readouterr().err) == tells
