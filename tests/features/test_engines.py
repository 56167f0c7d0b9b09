"""Engines: they agree, they are chosen and checked, and one that is off does not compute."""

import json
import sys

import numpy as np
import pytest
from conftest import noise, write_competition

from fishcli.basics.backends import Device
from fishcli.basics.errors import FishError
from fishcli.basics.files import cache_dir
from fishcli.commands import features as features_command
from fishcli.features.backbones.backbone import load_backbone
from fishcli.features.backbones.choice import BackboneChoice
from fishcli.features.backbones.engines import loading as engines
from fishcli.features.backbones.engines.loading import (
    COARSE_TOLERANCE,
    TOLERANCE,
    Engine,
    EngineChoice,
    checked,
    choice_of,
    load_engine,
)
from fishcli.features.store.arrays import chunk_path
from fishcli.features.store.store import FeatureStore
from fishcli.options.features import FeaturesConfig

pytestmark = pytest.mark.tensorflow

BATCH = 4
openvino_only = pytest.mark.skipif(engines.load_openvino() is None, reason="OpenVINO is not installed")


@pytest.fixture(scope="module")
def backbone():
    """Fishnet on an input that is no square."""
    return load_backbone(BackboneChoice("fishnet", "formula", (48, 80)))


def pixels(n, backbone):
    return np.stack([noise(backbone.recipe.image_size, seed) for seed in range(n)])


def by_keras(backbone, images):
    return backbone.model(backbone.preprocess(images.astype(np.float32)), training=False).numpy()


def photos(n, size):
    """Smooth pictures: on noise, random weights blow rounding up."""
    y, x = np.mgrid[: size[0], : size[1]] / max(size)
    waves = [np.sin(6 * x + i) + np.cos(5 * y * (i + 1)) for i in range(n)]
    return (np.stack([np.stack([w, -w, w * x], axis=2) for w in waves]) * 60 + 128).astype(np.uint8)


def in_engine(engine, images):
    starts = range(0, len(images), engine.batch_size)
    return np.concatenate([engine.compute(images[i : i + engine.batch_size]) for i in starts])


@pytest.mark.parametrize(
    ("network", "layer", "size", "pool"),
    [
        ("fishnet", None, (48, 80), "none"),
        ("mobilenet_v2_035", "block_6_project_BN", (96, 64), "avg"),
        ("efficientnet_lite0", None, (64, 96), "none"),
        ("resnet50", "conv3_block2_out", (64, 64), "none"),
        ("efficientnet_v2_b0", "block4b_add", (64, 64), "none"),
    ],
)
def test_engines_compute_what_keras_computes(network, layer, size, pool):
    # Cut where every kind of block has been: what comes after is more of the same.
    weights = "formula" if network == "fishnet" else "random"
    backbone = load_backbone(BackboneChoice(network, weights, size, layer=layer, pool=pool))
    images = photos(6, size)
    expected = by_keras(backbone, images)
    for choice in ("keras", "openvino") if engines.load_openvino() else ("keras",):
        engine = load_engine(backbone, EngineChoice(choice), BATCH)
        assert engine.name.startswith({"keras": "TensorFlow", "openvino": "OpenVINO"}[choice])
        found = in_engine(engine, images)
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


@openvino_only
def test_openvino_computes_each_image_by_itself_whichever_thread(backbone):
    from concurrent.futures import ThreadPoolExecutor

    engine = load_engine(backbone, EngineChoice("openvino"), BATCH)
    images = pixels(12, backbone)
    alone = [engine.compute(image[None]) for image in images]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda image: engine.compute(image[None]), images))
    np.testing.assert_array_equal(alone, together)


@openvino_only
def test_auto_is_openvino_without_a_gpu_and_its_telemetry_stays_out(backbone):
    assert load_engine(backbone, EngineChoice(), BATCH).name.startswith("OpenVINO")
    assert sys.modules.get("openvino_telemetry") is None


def test_without_openvino_auto_is_keras_and_asking_for_it_names_the_extra(backbone, monkeypatch):
    monkeypatch.setattr(engines, "load_openvino", lambda: None)
    assert load_engine(backbone, EngineChoice(), BATCH).name.startswith("TensorFlow")
    with pytest.raises(FishError, match=r"pip install 'fishcli\[openvino\]'"):
        load_engine(backbone, EngineChoice("openvino"), BATCH)


def test_keras_computes_in_16_bits_where_asked_and_says_how_far_off_they_are(backbone, capsys):
    images = pixels(3, backbone)
    engine = load_engine(backbone, EngineChoice(precision="bfloat16"), BATCH)
    assert "bfloat16" in engine.name
    assert checked(engine, backbone, images, BATCH) is engine
    assert "it differs from Keras by at most" in capsys.readouterr().err
    exact, coarse = by_keras(backbone, images), in_engine(engine, images)
    assert coarse.dtype == np.float32
    assert 1e-4 < np.abs(coarse - exact).max() / exact.max() < 0.1
    np.testing.assert_array_equal(by_keras(backbone, images), exact)  # the backbone itself stays exact


@pytest.mark.parametrize(("tolerance", "used"), [(0.1, "float16"), (1e-9, "float32")])
def test_auto_is_float16_on_a_fast_gpu_unless_features_differ(backbone, monkeypatch, tolerance, used):
    monkeypatch.setattr(engines, "find_device", lambda: Device("GPU", "some GPU", True))
    monkeypatch.setattr(engines, "COARSE_TOLERANCE", tolerance)
    engine = load_engine(backbone, EngineChoice(), BATCH)
    assert engine.name.endswith("(GPU, float16)")
    assert checked(engine, backbone, pixels(2, backbone), BATCH).name.endswith(f"(GPU, {used})")


def test_auto_is_float32_on_a_gpu_that_gains_nothing(backbone, monkeypatch):
    monkeypatch.setattr(engines, "find_device", lambda: Device("GPU", "some GPU", False))
    assert load_engine(backbone, EngineChoice(), BATCH).name.endswith("(GPU, float32)")


def test_openvino_is_refused_in_16_bits_and_beside_another_backend(backbone, monkeypatch):
    with pytest.raises(FishError, match="--precision float16: OpenVINO computes in float32"):
        load_engine(backbone, EngineChoice("openvino", "float16"), BATCH)
    monkeypatch.setattr(engines, "backend_name", lambda: "jax")
    with pytest.raises(FishError, match="KERAS_BACKEND is jax"):
        load_engine(backbone, EngineChoice("openvino"), BATCH)


@pytest.mark.parametrize(
    ("name", "choice"),
    [
        ("OpenVINO 2026.4.1 (CPU, float32)", EngineChoice("openvino", "float32")),
        ("PyTorch 2.13.0+cu130 (GPU, float16)", EngineChoice("keras", "float16")),
    ],
)
def test_an_engine_is_chosen_again_by_its_name(name, choice):
    assert choice_of(name) == choice


@pytest.mark.parametrize(
    ("factor", "tolerance", "engine_name"),
    [
        (1 + 1e-2, TOLERANCE, "TensorFlow"),
        (np.nan, TOLERANCE, "TensorFlow"),
        (np.nan, COARSE_TOLERANCE, "TensorFlow"),
        (1 + 1e-5, TOLERANCE, "off"),
        (1 + 1e-2, COARSE_TOLERANCE, "off"),
        (2.0, np.inf, "off"),
    ],
)
def test_an_engine_that_is_off_does_not_compute(backbone, capsys, factor, tolerance, engine_name):
    images = pixels(3, backbone)
    off = Engine("off", lambda batch: by_keras(backbone, batch) * factor, 1, 1, tolerance)
    used = checked(off, backbone, images, BATCH)
    assert used.name.startswith(engine_name)
    said = capsys.readouterr().err
    assert (
        "Warning: off differs from Keras by" in said if used is not off else "engine: off; it differs" in said
    )
    if used is not off:
        np.testing.assert_allclose(in_engine(used, images), by_keras(backbone, images), atol=1e-3)


def test_with_nothing_to_check_the_engine_stays(backbone):
    engine = Engine("any", lambda batch: batch, 1, 1)
    assert checked(engine, backbone, pixels(1, backbone)[:0], BATCH) is engine


@openvino_only
def test_a_backbone_is_converted_once_and_again_where_the_copy_is_damaged(backbone, monkeypatch, capsys):
    load_engine(backbone, EngineChoice("openvino"), BATCH)
    (kept,) = cache_dir().glob(f"{backbone.recipe.name}-openvino-*.xml")
    openvino = engines.load_openvino()
    calls, convert = [], openvino.convert_model
    monkeypatch.setattr(openvino, "convert_model", lambda *args: calls.append(1) or convert(*args))
    again = load_engine(backbone, EngineChoice("openvino"), BATCH)
    assert not calls
    kept.write_bytes(kept.read_bytes()[:1000])
    mended = load_engine(backbone, EngineChoice("openvino"), BATCH)
    assert calls == [1]
    assert f"{kept} is damaged" in capsys.readouterr().err
    images = pixels(2, backbone)
    np.testing.assert_array_equal(in_engine(again, images), in_engine(mended, images))


@openvino_only
def test_a_folder_that_cannot_be_written_costs_only_time(backbone, monkeypatch, tmp_path, capsys):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    engine = load_engine(backbone, EngineChoice("openvino"), BATCH)
    assert engine.name.startswith("OpenVINO")
    assert "can't be kept" in capsys.readouterr().err


@openvino_only
def test_what_openvino_cannot_convert_is_computed_by_keras(backbone, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def refuse(*args):
        raise RuntimeError("no such operation\nand more")

    monkeypatch.setattr(engines.load_openvino(), "convert_model", refuse)
    assert load_engine(backbone, EngineChoice(), BATCH).name.startswith("TensorFlow")
    assert "OpenVINO can't take fishnet (no such operation): Keras computes" in capsys.readouterr().err


@openvino_only
def test_the_store_is_the_same_whichever_engine_and_says_which_made_each_chunk(tmp_path):
    data = write_competition(tmp_path / "data")

    def compute(engine, features_dir, **options):
        config = FeaturesConfig(
            data_dir=data,
            features_dir=tmp_path / features_dir,
            backbone="fishnet",
            image_size="64x64",
            batch_size=8,
            engine=engine,
            **options,
        )
        return FeatureStore(tmp_path / features_command.run(config))

    one, other = compute("openvino", "one"), compute("keras", "other")
    assert one.recipe == other.recipe
    mine, theirs = (each.read("train", "identity").astype(np.float32) for each in (one, other))
    np.testing.assert_allclose(mine, theirs, atol=2e-3 * theirs.max())
    path = one.store_dir / "train" / "identity" / "engines.json"
    (name,) = json.loads(path.read_text())
    assert name.startswith("OpenVINO")
    assert json.loads(path.read_text())[name] == [0, 1, 2]
    chunk_path(one.array("train", "identity"), 1).unlink()
    compute("keras", "one")
    made = {name.split()[0]: chunks for name, chunks in json.loads(path.read_text()).items()}
    assert made == {"OpenVINO": [0, 2], "TensorFlow": [1]}
