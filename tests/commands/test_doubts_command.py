"""`doubts`: the page, the CSV, and what a person makes of it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import write_competition
from drawn_stores import draw_store
from pipeline import rewrite_oof

from fishcli.basics.errors import FishError
from fishcli.commands import doubts, train
from fishcli.dataset.layout.images import load_train
from fishcli.features.store.store import FeatureStore
from fishcli.options.seeing import DoubtsConfig
from fishcli.options.train import TrainConfig
from fishcli.runs.run import Run


def config_of(root, **changes):
    places = {"data_dir": root / "data", "models_dir": root / "models", "out": root / "doubts"}
    return DoubtsConfig(**{**places, **changes})


def fit(root, name, groups="none"):
    places = {"data_dir": root / "data", "models_dir": root / "models"}
    options = {"head": "linear", "folds": 3, "metadata": "none", "boxes": "none", "groups": groups}
    return Path(train.run(TrainConfig(**places, **options, name=name)).splitlines()[-1])


@pytest.fixture
def root(tmp_path):
    """A competition with a photo that is there under two labels, features that tell the class, and a run."""
    data_dir = write_competition(tmp_path / "data", n_per_class=8, n_test=2)
    folders = sorted(each for each in (data_dir / "train").iterdir())
    photo = sorted(folders[0].iterdir())[0]
    (folders[1] / f"twin{photo.suffix}").write_bytes(photo.read_bytes())
    draw_store(tmp_path, 0, shape=(8,))
    fit(tmp_path, "run")
    return tmp_path


def test_a_photo_under_two_labels_comes_first_and_a_line_of_the_csv_decides(root, capsys):
    shown = doubts.run(config_of(root))
    found = pd.read_csv(root / "doubts" / "relabel.csv")
    assert list(found.columns) == ["image", "class_name", "was", "sureness", "why"]
    twin = found.iloc[0]
    assert twin["why"] == "a near duplicate has this label"
    assert {twin["class_name"], twin["was"]} == {"ALB", "BET"}
    page = (root / "doubts" / "doubts.html").read_text()
    assert twin["image"] in page
    assert page.count('<img src="data:image/jpeg') == len(found)
    assert shown.splitlines()[0] == f"{len(found)} of 25 labels are in doubt"
    assert "then: mv" in capsys.readouterr().err

    (root / "doubts" / "relabel.csv").write_text(f"image,class_name\n{twin['image']},drop\n")
    (root / "doubts" / "relabel.csv").rename(root / "data" / "relabel.csv")
    assert len(load_train(root / "data")) == 24
    capsys.readouterr()
    again = fit(root, "again")
    assert "not in train/" not in capsys.readouterr().err  # groups.csv may name what was dropped
    run = Run.open(again)
    assert "relabel.csv: 0 labels corrected, 1 photos left out" in run.layout
    assert len(run.read_oof(1)) == 24
    (store,) = (root / "data" / "features").iterdir()
    assert len(FeatureStore(store).images("train")) == 25  # nothing that was computed is lost

    doubts.run(config_of(root, runs=["run"]))
    next_one = pd.read_csv(root / "doubts" / "relabel.csv")
    assert next_one.iloc[0][["image", "class_name"]].tolist() == [twin["image"], "drop"]
    assert twin["image"] not in set(next_one["image"][1:])
    assert "1 photos have another label than when run was trained, or none" in capsys.readouterr().err

    doubts.run(config_of(root, runs=["again"], force=True))  # which never saw what was dropped
    next_one = pd.read_csv(root / "doubts" / "relabel.csv")
    assert next_one.iloc[0][["image", "class_name"]].tolist() == [twin["image"], "drop"]

    with pytest.raises(FishError, match=r"(?s)different images: .*the older one .*: fishcli train .*run-new"):
        doubts.run(config_of(root, runs=["run", "again"], force=True))


def test_of_runs_worse_than_the_prior_it_says_that_proposals_are_guesses(root, capsys):
    doubts.run(config_of(root))
    assert "class prior" not in capsys.readouterr().err
    oof = pd.read_csv(root / "models" / "run" / "oof.csv")
    rewrite_oof(
        root / "models" / "run",
        oof.assign(**{column: np.roll(oof[column], 9) for column in oof if "proba" in column}),
    )
    doubts.run(config_of(root, force=True))
    assert "run: out of fold no better than the class prior" in capsys.readouterr().err


def test_what_a_person_decided_is_not_overwritten(root):
    with pytest.raises(FishError, match="proposals there would be taken for decisions"):
        doubts.run(config_of(root, out=root / "data"))
    doubts.run(config_of(root))
    with pytest.raises(FishError, match="perhaps mended by hand"):
        doubts.run(config_of(root))
    doubts.run(config_of(root, force=True, shown=1))
    assert (root / "doubts" / "doubts.html").read_text().count("<img") == 1


def test_of_grouped_folds_it_says_that_many_doubts_are_wrong(root, capsys):
    doubts.run(config_of(root))
    assert "on grouped folds a model contradicts" not in capsys.readouterr().err
    fit(root, "grouped", "size")
    doubts.run(config_of(root, force=True))
    said = capsys.readouterr().err
    assert "grouped: on grouped folds a model contradicts many labels that are right" in said
    assert "fishcli train --groups none --name for-doubts" in said
