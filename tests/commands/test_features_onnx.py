"""ONNX files through the commands: computed, known again without any engine, packed, and never trained."""

import dataclasses
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import PurePosixPath

import numpy as np
import pandas as pd
import pytest
import typer
from conftest import write_competition
from onnx_graphs import write_convolutions, write_tokens
from pipeline import fit, submit

from fishcli.basics.errors import FishError
from fishcli.basics.quiet import load_onnxruntime, load_openvino
from fishcli.cli import app
from fishcli.commands import features, pack
from fishcli.dataset.annotations import read_boxes
from fishcli.dataset.layout.images import load_train
from fishcli.features.backbones.stored import pack_backbone, reload_backbone, unpack_backbone
from fishcli.features.store.again import features_line
from fishcli.features.store.store import FeatureStore
from fishcli.options.features import FeaturesConfig
from fishcli.options.finetune import FinetuneConfig
from fishcli.options.locate import LocateConfig
from fishcli.options.predict import PackConfig
from fishcli.runs.locating.maps import store_of_maps
from fishcli.runs.training.tuning_inputs import stores_above

pytestmark = pytest.mark.skipif(
    load_openvino() is None and load_onnxruntime() is None,
    reason="nothing is installed that computes ONNX files",
)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A competition, and a store of an ONNX file's maps of it."""
    root = tmp_path_factory.mktemp("onnx")
    write_competition(root / "data", n_per_class=3, n_test=2)
    write_convolutions(root / "nets" / "Small Net.onnx")
    features.run(config_of(root))
    return root


def config_of(root, **changes):
    known = {
        "data_dir": root / "data",
        "backbone": str(root / "nets" / "Small Net.onnx"),
        "image_size": "32x48",
        "layer": "stage2",
        "preprocess": "imagenet",
    }
    return FeaturesConfig(**{**known, **changes})


def store_of(root, **changes):
    return FeatureStore(root / features.run(config_of(root, **changes)))


def test_the_store_says_what_made_it(root):
    store = store_of(root)
    assert store.store_dir.name.startswith("small_net.onnx-32x48-")
    recipe = store.recipe
    assert (recipe.layer, recipe.pool, recipe.tokens) == ("sum", "none", "maps")
    assert recipe.preprocessing.startswith("onnx nchw scale=0.0039")
    found = store.read("train", "identity")
    assert found.shape == (9, 8, 12, 8)
    assert np.isfinite(found).all()
    assert found.std(axis=0).min() > 0


def test_with_nothing_to_do_neither_tensorflow_nor_an_engine_is_imported(root):
    heavy = ("tensorflow", "keras", "openvino", "onnxruntime", "onnx")
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from fishcli.commands import features\n"
        "from fishcli.options.features import FeaturesConfig\n"
        f"print(features.run(FeaturesConfig(data_dir=Path({str(root / 'data')!r}), image_size='32x48',\n"
        f"    backbone={str(root / 'nets' / 'Small Net.onnx')!r}, layer='stage2', preprocess='imagenet')))\n"
        f"print([name for name in {heavy} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines() == [str(store_of(root).store_dir), "[]"], done.stderr


def test_the_advised_line_makes_the_same_store(root):
    store = store_of(root)
    words = shlex.split(features_line(store.store_dir))
    command = typer.main.get_command(app).commands["features"]
    given = command.make_context("features", words[2:]).params
    assert (given["backbone"], given["preprocess"]) == (store.weights, "imagenet")
    given = {name: value for name, value in given.items() if value is not None}
    assert given["image_size"] == "32x48"
    same = store_of(root, backbone=given["backbone"], layer="sum", preprocess=given["preprocess"])
    assert same.store_dir == store.store_dir


def test_a_store_of_tokens_advises_them(tmp_path, root):
    path = write_tokens(tmp_path / "vit.onnx")
    own = {"backbone": str(path), "layer": None, "preprocess": "mean=0.5,std=0.2", "tokens": "both"}
    store = store_of(root, **own, image_size=None)
    assert (store.recipe.image_size, store.read("train", "identity").shape) == ((32, 48), (9, 4, 6, 12))
    words = shlex.split(features_line(store.store_dir))
    assert words[words.index("--tokens") + 1] == "both"
    assert words[words.index("--preprocess") + 1].startswith("scale=0.0039")
    assert "--layer" not in words
    assert reload_backbone(store).recipe == store.recipe


def test_a_file_that_is_gone_or_another_is_named_with_the_line_that_mends_it(tmp_path, root):
    path = write_convolutions(tmp_path / "net.onnx")
    store = store_of(root, backbone=str(path))
    path.write_bytes(path.read_bytes() + b"\x12\x05other")  # the producer's name
    with pytest.raises(FishError, match="is not what made the store"):
        reload_backbone(store)
    path.unlink()
    with pytest.raises(FishError, match="its weights .*net.onnx are gone. .* --backbone PATH "):
        reload_backbone(store)


def test_preprocessing_is_asked_for_unless_a_file_tells_it(tmp_path, root, capsys):
    path = write_convolutions(tmp_path / "net.onnx")
    with pytest.raises(FishError, match="Pass it, as the network was trained: --preprocess imagenet"):
        features.run(config_of(root, backbone=str(path), preprocess=None))
    (tmp_path / "preprocessor_config.json").write_text('{"image_mean": 0.5, "image_std": 0.5}')
    told = store_of(root, backbone=str(path), preprocess=None)
    assert f"preprocessing of {tmp_path / 'preprocessor_config.json'}: scale=" in capsys.readouterr().err
    assert told.recipe == store_of(root, backbone=str(path), preprocess="inception").recipe


def test_layers_are_listed_with_what_they_hold_and_nothing_is_computed(tmp_path, capsys):
    path = write_convolutions(tmp_path / "net.onnx")
    config = FeaturesConfig(data_dir=tmp_path, backbone=str(path), image_size="32x48", list_layers=True)
    lines = dict(line.split(maxsplit=1) for line in features.run(config).splitlines())
    assert lines["sum"] == "8x12 places x 8"
    assert (next(iter(lines)), lines["vector"]) == ("one", "8")
    path = write_tokens(tmp_path / "vit.onnx")
    listed = features.run(FeaturesConfig(data_dir=tmp_path, backbone=str(path), list_layers=True))
    assert "tokens  4x6 places x 6 and 3 more tokens" in listed.splitlines()


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("preprocess", "raw", "--preprocess is for ONNX files, and fishnet has its own"),
        ("tokens", "class", "--tokens is for ONNX files and presets, and fishnet has none"),
    ],
)
def test_what_is_for_onnx_files_is_refused_of_others(root, option, value, message):
    config = FeaturesConfig(data_dir=root / "data", backbone="fishnet", **{option: value})
    with pytest.raises(FishError, match=message):
        features.run(config)


def test_a_localiser_learns_on_a_files_maps(tmp_path, root):
    train = load_train(root / "data")
    boxes = read_boxes(root / "data" / "boxes", train)
    net = str(write_convolutions(tmp_path / "net.onnx"))
    config = LocateConfig(
        data_dir=root / "data", backbone=net, preprocess="raw", image_size="32x48", layer="stage3"
    )
    store, backbone = store_of_maps(config, train, boxes)
    assert (backbone.feature_shape, store.recipe.layer, store.is_users) == ((4, 6, 8), "deep", False)
    config = dataclasses.replace(config, backbone=None, preprocess=None, layer="stage2")
    last, _ = store_of_maps(config, train, boxes)  # that of the store used last
    assert (last.recipe.weights_sha256, last.recipe.layer) == (store.recipe.weights_sha256, "sum")
    fixed = str(write_tokens(tmp_path / "vit.onnx"))
    config = LocateConfig(data_dir=root / "data", backbone=fixed, preprocess="raw", layer="tokens")
    assert store_of_maps(config, train, boxes)[0].recipe.image_size == (32, 48)


def test_an_onnx_file_is_not_trained(root):
    for options in ({"features": store_of(root).store_dir.name}, {"backbone": "other.onnx"}):
        with pytest.raises(FishError, match="is an ONNX file, which is only ever run forward"):
            stores_above(FinetuneConfig(data_dir=root / "data", **options))


def test_a_file_is_packed_whole_and_unpacked_under_any_name(tmp_path, root):
    store = store_of(root)
    pack_backbone(store, tmp_path / "weights.npz")
    unpacked = unpack_backbone(store.recipe, tmp_path / "weights.npz", is_random=False)
    assert (unpacked.recipe, unpacked.onnx.tensor) == (store.recipe, "sum")
    write_convolutions(tmp_path / "other.onnx", (1, 3, 32, 48))
    with pytest.raises(FishError, match="are not those of"):
        unpack_backbone(store.recipe, tmp_path / "other.onnx", is_random=False)


@pytest.mark.parametrize("beside", [None, "weights/net.bin"])
def test_a_pack_predicts_without_the_file_that_it_was_made_of(tmp_path, root, beside):
    """With all weights in the file, or in another one beside it, which the pack then has, too."""
    nets = tmp_path / "nets"
    (nets / "weights").mkdir(parents=True)
    apart = {"save_as_external_data": True, "location": beside, "size_threshold": 0} if beside else {}
    path = write_convolutions(nets / "net.onnx", **apart)
    for folder in ("data/train", "data/test"):
        shutil.copytree(root / folder, tmp_path / folder)
    store = store_of(tmp_path, data_dir=tmp_path / "data", backbone=str(path))
    head = {"head": "linear", "epochs": 60, "folds": 2, "metadata": "none", "boxes": "none"}
    fit(tmp_path, **head, features=store.recipe.name)
    expected = submit(tmp_path)
    out = tmp_path / "pack.zip"
    pack.run(PackConfig(data_dir=tmp_path / "data", models_dir=tmp_path / "models", runs=["run"], out=out))
    with zipfile.ZipFile(out) as archive:
        names = {PurePosixPath(name).name for name in archive.namelist()}
        requirements = archive.read("requirements.txt").decode()
    assert {"net.onnx", PurePosixPath(beside or "").name} - {""} <= names
    assert "\nonnx==" in requirements
    shutil.rmtree(nets)
    shutil.rmtree(store.store_dir)
    found = submit(tmp_path, run=None, models_dir="nowhere", pack=out, out=tmp_path / "found.csv")
    pd.testing.assert_frame_equal(found, expected, atol=1e-5)
