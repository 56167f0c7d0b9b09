"""`fishcli finetune --cut input`: pixels are kept and augmented as they are shown, all layers are trained."""

from pathlib import Path

import numpy as np
import pytest
from conftest import write_competition
from pipeline import CLASSES, complete_arrays, compute, submit

from fishcli.basics.errors import FishError
from fishcli.commands import finetune, heatmap
from fishcli.features.backbones.stored import reload_backbone, reload_tail
from fishcli.features.store.picking import pick_store
from fishcli.features.store.store import FeatureStore
from fishcli.options.finetune import FinetuneConfig
from fishcli.options.seeing import HeatmapConfig
from fishcli.runs.run import Run

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]


def tune(root: Path, **changes) -> Path:
    """Run `finetune --cut input`; returns the run's folder."""
    places = {"data_dir": root / "data", "models_dir": root / "models"}
    usual = {"cut": "input", "folds": 2, "epochs": 1, "batch_size": 8, "name": "pixels", "augment": "strong"}
    return Path(finetune.run(FinetuneConfig(**{**places, **usual, **changes})).splitlines()[-1])


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A competition with features of the last layer, and a run on pixels."""
    root = tmp_path_factory.mktemp("pixels")
    write_competition(root / "data", n_per_class=4)
    compute(root)
    tune(root)
    return root


def kept(root):
    return pick_store(root / "data" / "features", Run.open(root / "models" / "pixels").store)


def test_pixels_are_kept_a_little_larger_than_the_input_and_no_copies_of_them(root):
    store = kept(root)
    assert store.array("train", "identity").dtype == np.uint8
    assert store.read("train", "identity").shape == (12, 74, 74, 3)  # 1.15 times 64
    assert complete_arrays(store, "train") == ["hflip", "identity"]
    same = reload_backbone(store).recipe
    assert same == store.recipe and same.name.startswith("fishnet-74x74-")


def test_features_keep_pixels_of_just_the_size_that_is_asked_for(root):
    own = root / "data" / "own"
    store = FeatureStore(compute(root, layer="input", image_size="40x60", features_dir=own))
    pixels = store.read("train", "identity")
    assert pixels.shape == (12, 40, 60, 3) and pixels.dtype == np.uint8 and np.ptp(pixels) > 100
    with pytest.raises(FishError, match="pixels are not pooled"):
        compute(root, layer="input", pool="avg", features_dir=own)


def test_the_network_makes_of_pixels_what_the_frozen_one_makes_of_the_photo(root):
    pixels, features = kept(root), pick_store(root / "data" / "features", None)
    found = np.asarray(reload_tail(pixels)(pixels.read("train", "identity").astype(np.float32)))
    expected = features.read("train", "identity").astype(np.float32)
    assert found.shape == expected.shape
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.9  # noise, resized twice


def test_the_run_is_one_like_any_other(root):
    assert submit(root, run="pixels", tta=2)[CLASSES].to_numpy().shape == (6, 3)
    run = Run.open(root / "models" / "pixels")
    assert np.isfinite(run.read_metrics()["log_loss"]) and run.settings["cut"] == "input"
    assert (run.run_dir / "oof_boxes.csv").exists()
    places = {"data_dir": root / "data", "models_dir": root / "models"}
    assert "Grad-CAM" in heatmap.run(HeatmapConfig(**places, run="pixels", worst=1, out=root / "maps"))
    before = run.model_path(0, 0).stat().st_mtime_ns
    tune(root, features=run.store)
    assert run.model_path(0, 0).stat().st_mtime_ns == before


def test_what_means_nothing_to_pixels_is_refused(root):
    with pytest.raises(FishError, match="--copies means nothing with --cut input"):
        tune(root, copies=2, name="none")
    with pytest.raises(FishError, match="blur is for cached copies"):
        tune(root, augment="flip:0.5+blur:3", name="none")
    assert not (root / "models" / "none").exists()
