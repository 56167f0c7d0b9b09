"""Presets of KerasHub through the commands: computed, made again, packed and trained on."""

import dataclasses
import shlex
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import typer
from conftest import write_competition
from pipeline import CLASSES, submit
from presets import write_dinov2

from fishcli.basics.errors import FishError
from fishcli.cli import app
from fishcli.commands import features, finetune
from fishcli.features.backbones.stored import pack_backbone, reload_backbone, reload_tail, unpack_backbone
from fishcli.features.store.again import features_line
from fishcli.features.store.picking import pick_store
from fishcli.features.store.store import FeatureStore
from fishcli.options.features import FeaturesConfig
from fishcli.options.finetune import FinetuneConfig
from fishcli.runs.run import Run

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.usefixtures("untraced"),
    pytest.mark.skipif(find_spec("keras_hub") is None, reason="KerasHub is not installed"),
]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A competition, and a store of a preset's maps of it."""
    root = tmp_path_factory.mktemp("hub")
    write_competition(root / "data", n_per_class=4, n_test=2)
    write_dinov2(root / "small")
    compute(root)
    return root


def compute(root, **changes):
    known = {"data_dir": root / "data", "backbone": f"hub:{root / 'small'}", "engine": "keras", **changes}
    return FeatureStore(root / features.run(FeaturesConfig(**known)))


def test_the_store_says_what_made_it_and_the_advised_line_makes_the_same(root):
    store = compute(root)
    assert store.store_dir.name.startswith("small.hub-28x28-")
    assert store.recipe.preprocessing.startswith("keras_hub scale=0.0171,0.0175,")
    found = store.read("train", "identity")
    assert found.shape == (12, 2, 2, 8) and np.isfinite(found).all()
    words = shlex.split(features_line(store.store_dir))
    command = typer.main.get_command(app).commands["features"]
    given = command.make_context("features", words[2:]).params
    assert given["backbone"] == f"hub:{root / 'small'}" and given["weights"] is given["layer"] is None
    assert compute(root, backbone=given["backbone"]).store_dir == store.store_dir
    with pytest.raises(FishError, match="--preprocess is for ONNX files"):
        compute(root, preprocess="imagenet")


def test_a_pack_holds_the_network_too(root, tmp_path, monkeypatch):
    store = compute(root)
    pack_backbone(store, tmp_path / "weights.npz")
    expected = reload_backbone(store)
    monkeypatch.chdir(tmp_path)
    shutil.move(root / "small", root / "elsewhere")
    try:
        found = unpack_backbone(store.recipe, tmp_path / "weights.npz", is_random=False)
        with pytest.raises(FishError, match="small are gone. Pass them where they are now: .* hub:PATH"):
            reload_backbone(store)
    finally:
        shutil.move(root / "elsewhere", root / "small")
    images = np.random.default_rng(0).uniform(0, 255, (2, 28, 28, 3)).astype(np.float32)
    mine, theirs = (np.asarray(each.model(each.preprocess(images))) for each in (found, expected))
    np.testing.assert_allclose(mine, theirs, atol=1e-6)


def test_the_whole_network_is_trained_on_pixels_scaled_as_the_preset_says(root):
    config = FinetuneConfig(
        data_dir=root / "data",
        models_dir=root / "models",
        cut="input",
        folds=2,
        epochs=1,
        batch_size=8,
        name="tuned",
    )
    run = Run.open(Path(finetune.run(config).splitlines()[-1]))
    kept = pick_store(root / "data" / "features", run.store)
    assert kept.recipe.layer == "input" and kept.recipe.image_size == (32, 32)  # 1.15 times 28
    pixels = np.random.default_rng(0).integers(0, 256, (2, 28, 28, 3)).astype(np.float32)
    frozen = reload_backbone(compute(root))
    expected = np.asarray(frozen.model(frozen.preprocess(pixels)))
    np.testing.assert_allclose(np.asarray(reload_tail(kept)(pixels)), expected, atol=1e-5)
    assert np.isfinite(run.read_metrics()["log_loss"])
    assert submit(root, run="tuned")[CLASSES].to_numpy().shape == (2, 3)
    with pytest.raises(FishError, match="--cut small_embeddings: .* --cut input"):
        finetune.run(dataclasses.replace(config, cut="small_embeddings"))
