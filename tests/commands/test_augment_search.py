"""`fishcli augment-search`, and `--augment` with what it writes."""

import json
from pathlib import Path

import pandas as pd
import pytest
from conftest import make_image, write_competition
from pipeline import complete_arrays, compute, fit, train_config, tree_hash

from fishcli.basics.errors import FishError
from fishcli.commands import augment_search
from fishcli.features.store.again import line_for
from fishcli.features.store.store import FeatureStore
from fishcli.options.augment import AugmentSearchConfig
from fishcli.options.train import TrainConfig
from fishcli.runs.run import Run
from fishcli.runs.training.inputs import with_mix

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A competition, its store with the candidates' copies, the policy that was found, and what was said."""
    root = tmp_path_factory.mktemp("searched")
    write_competition(root / "data", n_test=0)
    compute(root)
    config = AugmentSearchConfig(
        data_dir=root / "data",
        candidates="flip:1,night:0.5",
        copies=1,
        trials=3,
        folds=2,
        metadata="none",
        out=root / "policy.json",
    )
    return root, augment_search.run(config)


def test_it_computes_the_copies_and_writes_a_policy_with_what_it_is_worth(searched):
    root, said = searched
    policy = json.loads((root / "policy.json").read_text())
    store = FeatureStore(next((root / "data" / "features").iterdir()))
    copies = ["augment_flip=1_1", "augment_night=0.5_1"]
    assert [name for name in complete_arrays(store, "train") if name in copies] == copies
    assert policy["folds"] == "grouped" and len(policy["by_fold"]) == 2
    assert set(policy["log_loss"]) == {"prior", "plain", "searched"}
    assert policy["difference"] == pytest.approx(policy["log_loss"]["searched"] - policy["log_loss"]["plain"])
    assert set(policy["inner_log_loss"]) >= {"none", "flip:1", "night:0.5"}
    assert policy["mix"] == min(policy["inner_log_loss"], key=policy["inner_log_loss"].get)
    assert said.endswith(str(root / "policy.json")) and "log loss (grouped folds)" in said


def test_train_learns_from_a_policys_copies_and_its_run_names_them(searched, capsys):
    root, _ = searched
    path = root / "mine.json"
    path.write_text('{"mix": "night:0.5/flip:1"}')
    run = Run.open(fit(root, head="linear", epochs=60, boxes="none", metadata="none", augment=str(path)))
    assert "drawing from 1 views and 2 augmented copies" in capsys.readouterr().err
    assert run.settings["augment"] == "night:0.5/flip:1" and run.settings["copies"] == 2
    assert "--augment night:0.5/flip:1" in run.train_line()
    path.write_text('{"mix": "flip:1"}')
    with pytest.raises(FishError, match="exists with other --augment"):
        fit(root, head="linear", epochs=60, boxes="none", metadata="none", augment=str(path))


def test_features_takes_a_policy_too_and_finds_its_copies_in_the_store(searched):
    root, _ = searched
    (root / "both.json").write_text('{"mix": "flip:1/night:0.5"}')
    before = tree_hash(root / "data" / "features")
    store_dir = compute(root, augment=root / "both.json")
    assert tree_hash(root / "data" / "features") == before
    named = ["augment_night=0.5_1", "augment_flip=1_1_boxes"]
    assert "--augment flip:1/night:0.5" in line_for(store_dir, "train", named)


def test_train_draws_from_one_mix(tmp_path):
    assert with_mix(TrainConfig(augment="light/flip:1")).augment == "light/flip:1"
    with pytest.raises(FishError, match="Join recipes: light/strong"):
        with_mix(train_config(tmp_path, augment="light,strong"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"head": "gap"}, "takes too long .* blend, linear, svm, forest[.]"),
        ({"head": "fisher"}, "takes too long"),
        ({"candidates": "light/strong"}, "expected single recipes"),
        ({"candidates": "none"}, "expected single recipes"),
        ({"candidates": "lihgt"}, "Did you mean 'light'"),
    ],
)
def test_what_can_not_be_searched_is_refused_before_anything_is_read(options, message):
    with pytest.raises(FishError, match=message):
        augment_search.run(AugmentSearchConfig(data_dir=Path("nowhere"), **options))


def test_photos_of_several_labels_are_refused_with_what_takes_mixes_for_them(tmp_path):
    tags = {"a.png": "red", "b.png": "red blue", "c.png": "blue", "d.png": "red blue"}
    for name in tags:
        make_image(tmp_path / "train" / name)
    pd.DataFrame({"image_name": list(tags), "tags": list(tags.values())}).to_csv(
        tmp_path / "train_tags.csv", index=False
    )
    with pytest.raises(FishError, match="augment-search is for one label an image.* train --augment"):
        augment_search.run(AugmentSearchConfig(data_dir=tmp_path))
