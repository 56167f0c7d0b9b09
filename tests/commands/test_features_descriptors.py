"""Descriptors and heads that encode through the commands: computed, trained on, predicted, packed."""

import dataclasses
import shlex
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import make_image, write_competition
from onnx_graphs import write_convolutions
from pipeline import CLASSES, parse, predict_config, train_config

from fishcli.basics.errors import FishError
from fishcli.commands import ensemble, features, heatmap, pack, predict, summary, train
from fishcli.dataset.annotations import read_boxes
from fishcli.dataset.layout.images import load_train
from fishcli.features.backbones.stored import unpack_backbone
from fishcli.features.store.again import features_line
from fishcli.features.store.picking import pick_store
from fishcli.features.store.store import FeatureStore
from fishcli.options.features import FeaturesConfig
from fishcli.options.finetune import FinetuneConfig
from fishcli.options.locate import LocateConfig
from fishcli.options.predict import EnsembleConfig, PackConfig
from fishcli.options.seeing import HeatmapConfig, SummaryConfig
from fishcli.runs.locating.maps import store_of_maps
from fishcli.runs.training.tuning_inputs import stores_above

SMALL = {"head": "fisher", "codebook": 2, "folds": 2, "epochs": 60}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A competition, its SIFT maps of 32x48 pixels, and two runs of the head fisher: `run` and `photo`."""
    root = tmp_path_factory.mktemp("descriptors")
    write_competition(root / "data", n_per_class=4, n_test=3)
    features.run(config_of(root))
    train.run(train_config(root, **SMALL))
    train.run(train_config(root, **SMALL, pyramid=1, name="photo"))
    return root


def config_of(root, **changes):
    return FeaturesConfig(
        **{"data_dir": root / "data", "backbone": "sift", "image_size": "32x48", "batch_size": 8, **changes}
    )


def store_of(root, **changes):
    return FeatureStore(root / features.run(config_of(root, **changes)))


def places(root):
    return {"data_dir": root / "data", "models_dir": root / "models"}


def test_the_store_says_what_made_it_and_how_to_make_it_again(root):
    store = store_of(root)
    assert store.store_dir.name.startswith("sift-32x48-")
    assert (store.recipe.layer, store.recipe.pool, store.weights) == ("sift", "none", "none")
    found = store.read("train", "identity")
    assert found.shape == (12, 4, 6, 384)
    assert np.isfinite(found).all()
    line = features_line(store.store_dir)
    words = set(shlex.split(line))
    assert "sift" in words
    assert not {"--weights", "--layer"} & words
    assert store_of(root, backbone=parse(line).backbone).store_dir == store.store_dir
    listed = features.run(config_of(root, list_layers=True))
    assert listed == "sift  4 x 6 x 384"


def test_where_nothing_is_to_be_computed_nothing_that_reads_features_is_imported(root):
    words = ["features", "--data-dir", str(root / "data"), "--backbone", "sift", "--image-size", "32x48"]
    code = (
        "import sys\n"
        "from fishcli.cli import app\n"
        f"try: app({words!r})\n"
        "except SystemExit as ended: assert not ended.code\n"
        "print([name for name in ('zarr', 'cv2', 'scipy', 'sklearn', 'tensorflow') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_from_photos_to_a_submission_without_tensorflow(root):
    code = (
        "import sys\n"
        "from fishcli.cli import app\n"
        "def fishcli(*words):\n"
        "    try: app(words)\n"
        "    except SystemExit as ended: assert not ended.code, words\n"
        f"places = ['--data-dir', {str(root / 'data')!r}]\n"
        "fishcli('features', *places, '--backbone', 'sift', '--image-size', '32x48', '--views', '2')\n"
        f"places += ['--models-dir', {str(root / 'models')!r}]\n"
        "fishcli('train', *places, '--head', 'bow', '--codebook', '4', '--folds', '2', '--name', 'bow')\n"
        f"fishcli('predict', *places, '--run', 'bow', '--out', {str(root / 'bow.csv')!r})\n"
        "print([name for name in ('tensorflow', 'keras') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
    table = pd.read_csv(root / "bow.csv")
    np.testing.assert_allclose(table[CLASSES].sum(axis=1), 1, atol=1e-6)


def test_an_even_photo_alone_in_a_chunk_is_no_error(tmp_path):
    write_competition(tmp_path / "data", n_per_class=1, n_test=1)
    make_image(tmp_path / "data" / "train" / "NoF" / "img_002.jpg", pixels=np.full((48, 64, 3), 99, np.uint8))
    found = store_of(tmp_path, batch_size=1).read("train", "identity")
    assert not found[-1].any()
    assert found[0].any()


def test_runs_of_another_codebook_or_pyramid_are_others(root):
    done = train.run(train_config(root, **SMALL)).splitlines()[-1]
    assert done == str(root / "models" / "run")
    for name, changes in (("run", {"pyramid": 3}), ("run", {"codebook": None}), ("photo", {})):
        with pytest.raises(FishError, match=f"--{next(iter(changes), 'pyramid')}"):
            train.run(train_config(root, **{**SMALL, **changes, "name": name}))


def test_a_summary_tells_the_codebook(root):
    said = summary.run(SummaryConfig(**places(root), run="run"))
    assert "2 Gaussians of 64 principal components" in said
    assert "1,280 columns of 2 levels" in said


def test_runs_are_blended_and_packed_without_weights(root, tmp_path):
    own = {**places(root), "submissions_dir": tmp_path}
    blended = pd.read_csv(ensemble.run(EnsembleConfig(**own, runs=["run", "photo"])).splitlines()[-1])
    assert np.isfinite(blended[CLASSES].to_numpy()).all()
    packed = pack.run(PackConfig(**places(root), runs=["run"], out=tmp_path / "pack")).splitlines()[-1]
    assert not (tmp_path / "pack" / "backbones").exists()
    one = pd.read_csv(predict.run(predict_config(root, out=tmp_path / "own.csv")))
    config = predict_config(root, run=None, models_dir="nowhere", pack=packed, out=tmp_path / "packed.csv")
    other = pd.read_csv(predict.run(config))
    pd.testing.assert_frame_equal(one, other)


def test_a_pack_of_another_versions_descriptors_is_refused(root):
    recipe = dataclasses.replace(store_of(root).recipe, preprocessing="sift of another kind")
    with pytest.raises(FishError, match="was made by sift of another kind, and this version of fishcli"):
        unpack_backbone(recipe, None, is_random=False)


def test_what_needs_a_network_is_refused(root):
    for options in ({"features": store_of(root).store_dir.name}, {"backbone": "hog"}):
        with pytest.raises(FishError, match="is no network: nothing in it can be trained"):
            stores_above(FinetuneConfig(data_dir=root / "data", **options))
    with pytest.raises(FishError, match="the head fisher sees the photo's encoding, of which no map"):
        heatmap.run(HeatmapConfig(**places(root), run="run"))
    with pytest.raises(FishError, match="--tokens is for ONNX files and presets, and sift has none"):
        features.run(config_of(root, tokens="class"))


@pytest.mark.parametrize(
    "asked", [{"precision": "int8"}, {"precision": "bfloat16"}, {"engine": "openvino"}], ids=str
)
def test_a_refused_engine_or_precision_leaves_no_store_that_others_would_take(tmp_path, asked):
    write_competition(tmp_path / "data", n_per_class=1, n_test=1)
    with pytest.raises(FishError, match="sift is computed by OpenCV alone. Leave it out"):
        features.run(config_of(tmp_path, **asked))
    assert not (tmp_path / "data" / "features").exists()


def test_a_localiser_takes_a_network_unless_a_store_is_named(root, tmp_path):
    images = load_train(root / "data")
    boxes = read_boxes(root / "data" / "boxes", images)
    name = store_of(root).store_dir.name
    store, _ = store_of_maps(LocateConfig(data_dir=root / "data", features=name), images, boxes)
    assert store.recipe.backbone == "sift"
    with pytest.raises(FishError, match="--backbone sift: a localiser learns on a layer of a network"):
        store_of_maps(LocateConfig(data_dir=root / "data", backbone="sift"), images, boxes)
    shutil.copytree(root / "data" / "features", tmp_path / "features")
    path = write_convolutions(tmp_path / "net.onnx")
    own = {"features_dir": tmp_path / "features", "image_size": "32x48"}
    features.run(config_of(root, **own, backbone=str(path), preprocess="raw", layer="stage2"))
    last = store_of(root, **own)
    assert pick_store(tmp_path / "features", None).store_dir == last.store_dir
    config = LocateConfig(data_dir=root / "data", **own, layer="stage3")
    assert store_of_maps(config, images, boxes)[0].recipe.backbone == "net.onnx"
