"""features --crop-align on what a file says of heads and tails, and what can't be done with it."""

import numpy as np
import pandas as pd
import pytest
from conftest import write_competition
from pipeline import compute, features_config, fit, write_found

from fishcli.basics.errors import FishError
from fishcli.commands import features as features_command
from fishcli.dataset.annotations import POINT_COLUMNS
from fishcli.dataset.detections import read_detections, write_detections
from fishcli.dataset.layout.images import load_tests, load_train
from fishcli.features.photos.crops import parse_regions
from fishcli.features.store.again import features_line
from fishcli.features.store.store import FeatureStore
from fishcli.options.seeing import HeatmapConfig
from fishcli.runs.folders.picking import pick_run
from fishcli.runs.locating.crops import read_crops
from fishcli.runs.seeing.map_inputs import load_map_inputs

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A competition, boxes found in it (found.json), and those with ends of every other one (ends.json)."""
    root = tmp_path_factory.mktemp("aligned")
    write_competition(root / "data")
    path = write_found(root)
    tables = {"train": load_train(root / "data"), **load_tests(root / "data")}
    photos = pd.concat([table.assign(split=split) for split, table in tables.items()])
    found = read_detections(path, photos)
    ends = found[["x_max", "y_max", "x_min", "y_min"]].to_numpy(copy=True)
    ends[::2] = np.nan
    write_detections(root / "ends.json", found.assign(**dict(zip(POINT_COLUMNS, ends.T, strict=True))), {})
    return root


def test_fish_whose_ends_are_known_are_turned_and_the_others_are_not(root):
    level = FeatureStore(compute(root, crop=str(root / "found.json")))
    aligned = FeatureStore(compute(root, crop=str(root / "ends.json"), crop_align=True))
    assert aligned.recipe.fingerprint != level.recipe.fingerprint
    listed = aligned.images("train")
    is_turned = parse_regions(list(listed["region"]))[:, 4] != 0
    known = read_crops(aligned).set_index("image")["head_x"].reindex(listed["image"]).notna()
    assert 0 < known.sum() < len(known)
    np.testing.assert_array_equal(is_turned, known)
    differs = aligned.read("train", "identity", np.arange(24)) != level.read(
        "train", "identity", np.arange(24)
    )
    np.testing.assert_array_equal(differs.any(axis=(1, 2, 3)), is_turned)
    assert "--crop-align" in features_line(aligned.store_dir)
    assert "--crop-align" not in features_line(level.store_dir)


def test_without_the_option_heads_and_tails_change_nothing(root):
    level = compute(root, crop=str(root / "found.json"))
    assert compute(root, crop=str(root / "ends.json")) == level


def test_where_no_heads_and_tails_are_known_it_says_to_annotate_them(root):
    with pytest.raises(FishError, match=r"found.json knows no heads and tails. .* locate --ends --name ends"):
        compute(root, crop=str(root / "found.json"), crop_align=True)
    with pytest.raises(FishError, match="--crop-align turns crops: pass --crop RUN"):
        features_command.run(features_config(root, crop_align=True))


def test_boxes_can_be_learned_on_turned_crops_but_no_heatmap_drawn(root):
    compute(root, crop=str(root / "ends.json"), crop_align=True)
    run_dir = fit(root, folds=2, epochs=1, name="aligned")
    assert pd.read_csv(run_dir / "oof_boxes.csv")["x_min"].notna().all()
    config = HeatmapConfig(data_dir=root / "data", models_dir=root / "models", run="aligned")
    with pytest.raises(FishError, match=r"crops that are turned .*fishcli features .*--crop .*ends.json"):
        load_map_inputs(pick_run(root / "models", "aligned"), config)
