"""Promise against outcome on groups held back: what is compared with what, said, drawn and refused."""

import numpy as np
import pandas as pd
import pytest
from conftest import write_competition
from drawn_stores import draw_store
from PIL import Image

from fishcli import Competition
from fishcli.basics.errors import FishError
from fishcli.basics.intervals import prediction_interval
from fishcli.commands import rehearse
from fishcli.options.rehearse import RehearseConfig
from fishcli.report.plots.rehearsal import _figure
from fishcli.runs import rehearsing

pytestmark = pytest.mark.tensorflow


def config(root, **changes):
    places = {"data_dir": root / "data", "models_dir": root / "models"}
    return RehearseConfig(**{**places, "splits": 2, "folds": 2, "metadata": "none", "name": "try", **changes})


def grouped_competition(root, n_groups=9):
    write_competition(root / "data", n_per_class=12)
    groups = pd.read_csv(root / "data" / "groups.csv")
    groups["group"] = [f"boat {row % n_groups}" for row in range(len(groups))]
    groups.to_csv(root / "data" / "groups.csv", index=False)
    draw_store(root, 1)
    return root


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory):
    root = grouped_competition(tmp_path_factory.mktemp("rehearse"))
    said = rehearse.run(config(root))
    return root, said, pd.read_csv(root / "models" / "try" / "rehearsal.csv")


def test_a_third_of_the_groups_is_held_back_and_told_of(rehearsed):
    root, said, table = rehearsed
    assert list(table["split"]) == [0, 1]
    assert set(table["held_groups"]) == {3}
    assert set(table["learned_groups"]) == {6}
    inside = table["inside"].sum()
    assert (table["inside"] == ((table["low"] <= table["came"]) & (table["came"] <= table["high"]))).all()
    assert f"what came lay in {inside} of 2 of their 95% prediction intervals" in said
    gap = (table["came"] - table["grouped"]).mean()
    assert f"grouped folds promised {table['grouped'].mean():.3f} on average" in said
    assert f"({gap:+.3f}, standard deviation" in said
    assert "public stage" in said
    paths = [str(root / "models" / "try" / name) for name in ("rehearsal.csv", "rehearsal.png")]
    assert said.splitlines()[-2:] == paths
    with Image.open(paths[1]) as image:
        assert image.format == "PNG"


def test_the_same_splits_tell_the_same_from_python(rehearsed, tmp_path):
    root, _, table = rehearsed
    competition = Competition(root / "data", models_dir=tmp_path, quiet=True)
    again = competition.rehearse(splits=1, folds=2, metadata="none")
    pd.testing.assert_frame_equal(again, table[:1])
    assert (tmp_path / "rehearse" / "rehearsal.png").exists()


class Seen:
    """A head that notes what it learned from and answers with the shares it saw."""

    def __init__(self, inputs, rows, noted):
        self.rows, self.noted = rows, noted
        self.shares = (np.bincount(inputs.labels[rows], minlength=3) + 1) / (len(rows) + 3)


def test_no_head_learns_from_a_group_that_is_held_back(monkeypatch):
    rng = np.random.default_rng(0)
    groups = np.repeat([f"g{k}" for k in range(9)], 10)
    labels = rng.integers(0, 3, 90)
    images = pd.DataFrame({"image": map(str, range(90)), "class_name": labels.astype(str)})
    inputs = rehearsing.HeadInputs(images, labels, groups, ["identity"], np.zeros((1, 90, 1)), np.zeros(0))
    asked = []

    def fit(config, inputs, rows, seed):
        return Seen(inputs, rows, asked), {}

    def answer(head, inputs, rows, n_views):
        asked.append((inputs.groups is not None, set(groups[head.rows]), set(groups[rows])))
        return np.tile(head.shares, (1, len(rows), 1)), None

    monkeypatch.setattr(rehearsing, "fit_fold", fit)
    monkeypatch.setattr(rehearsing, "predict_views", answer)
    found = rehearsing.rehearse_split(rehearsing.TrainConfig(folds=3), inputs, groups, 7)
    held = set(np.random.default_rng(7).permutation(np.unique(groups))[:3])
    assert len(asked) == 6
    for by_group, learned, answered in asked:
        assert not learned & held
        assert held <= answered
        assert not (by_group and learned & (answered - held))
    assert found["came"] == pytest.approx(found["prior"], abs=0.05)
    sizes = {"public": 10 * (3 // 2), "private": 20}
    whole = sum(found[stage] * n for stage, n in sizes.items()) / 30
    assert whole == pytest.approx(found["came"])


def test_the_interval_is_for_as_many_groups_as_are_held_back(monkeypatch):
    asked = []

    def noted(losses, groups, n_new):
        asked.append((len(losses), len(set(groups)), n_new))
        return prediction_interval(losses, groups, n_new)

    def told(config, inputs, rows, groups):
        losses = 1 + np.arange(90) % 7 / 7
        return rehearsing.Told(losses[rows[0]], losses[rows[1]])

    monkeypatch.setattr(rehearsing, "prediction_interval", noted)
    monkeypatch.setattr(rehearsing, "_told", told)
    groups = np.repeat(np.arange(9), 10)
    labels = np.arange(90) % 3
    images = pd.DataFrame({"class_name": labels.astype(str)})
    inputs = rehearsing.HeadInputs(images, labels, groups, ["identity"], np.zeros((1, 90, 1)), np.zeros(0))
    found = rehearsing.rehearse_split(rehearsing.TrainConfig(), inputs, groups, 0)
    assert asked == [(60, 6, 3)]
    assert found["inside"] == 1


@pytest.mark.parametrize(
    ("n_groups", "changes", "message"),
    [
        (5, {}, r"5 groups are too few .* expected 6 or more"),
        (9, {"groups": "none"}, r"no groups to hold back.*fishcli groups"),
        (9, {"head": "gaap"}, r"gap"),
        (9, {"name": "a/b"}, r"plain name"),
    ],
)
def test_what_can_not_be_rehearsed_is_refused(tmp_path, n_groups, changes, message):
    with pytest.raises(FishError, match=message):
        rehearse.run(config(grouped_competition(tmp_path, n_groups), **changes))


def test_the_plot_marks_what_came_outside(rehearsed):
    table = rehearsed[2].assign(inside=[1, 0])
    labels = [text.get_text() for text in _figure(table).legends[0].get_texts()]
    assert "came, outside the interval" in labels
    inside = [text.get_text() for text in _figure(table.assign(inside=1)).legends[0].get_texts()]
    assert "came, outside the interval" not in inside
