"""Less than float32 where it is asked for: part of the recipe, calibrated once, refused where it can't be."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import write_competition

from fishcli.basics.errors import FishError
from fishcli.basics.quiet import load_nncf, load_openvino
from fishcli.commands import features as features_command
from fishcli.features.backbones.backbone import load_backbone
from fishcli.features.backbones.choice import BackboneChoice
from fishcli.features.backbones.engines import int8, openvino_engine
from fishcli.features.backbones.engines import loading as engines
from fishcli.features.backbones.engines.engine import EngineChoice
from fishcli.features.backbones.stored import pack_backbone, reload_backbone
from fishcli.features.int8_stores import N_CALIBRATING
from fishcli.features.store.again import features_line
from fishcli.features.store.store import FeatureStore
from fishcli.options.features import FeaturesConfig

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.skipif(load_openvino() is None, reason="OpenVINO is not installed"),
]
SIZE = (48, 64)


def compute(data, precision="int8", **options):
    config = FeaturesConfig(
        data_dir=data, backbone="fishnet", image_size="48x64", precision=precision, batch_size=8, **options
    )
    return FeatureStore(data.parent / features_command.run(config))


@pytest.fixture
def calibrated(monkeypatch):
    """The photos that NNCF was given by a stand-in that changes nothing."""
    given = []

    def quantize(model, photos, subset_size, advanced_parameters):
        assert subset_size == len(photos)
        print("a bar")
        given.extend(photos)
        return model

    nncf = SimpleNamespace(
        Dataset=list,
        quantize=quantize,
        AdvancedQuantizationParameters=SimpleNamespace,
        OverflowFix=SimpleNamespace(ENABLE="enable"),
    )
    monkeypatch.setattr(int8, "load_nncf", lambda: nncf)
    return given


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_competition(tmp_path_factory.mktemp("precision") / "data")


def test_a_backbone_in_8_bits_is_near_and_no_longer_the_same(tmp_path):
    if load_nncf() is None:
        pytest.skip("NNCF is not installed")
    backbone = load_backbone(BackboneChoice("fishnet", "formula", SIZE, precision="int8"))
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] / SIZE[1]
    waves = [np.stack([np.sin(6 * x + i), np.cos(5 * y * (i + 1)), x * y], axis=2) for i in range(8)]
    images = (np.stack(waves) * 60 + 128).astype(np.uint8)
    int8.quantise(tmp_path, backbone, images)
    coarse = engines.load_engine(backbone, EngineChoice(), 1, tmp_path)
    exact = openvino_engine.openvino_engine(load_openvino(), backbone, "float32")
    mine, theirs = (
        np.concatenate([engine.compute(each[None]) for each in images]) for engine in (coarse, exact)
    )
    assert 1e-3 < np.linalg.norm(mine - theirs) / np.linalg.norm(theirs) < 0.3


def test_a_store_is_calibrated_once_on_photos_of_all_its_folders_and_goes_on_without_nncf(
    data, calibrated, monkeypatch, capsys
):
    store = compute(data, splits="train")
    n_images = len(store.images("train"))
    assert len(calibrated) == min(n_images, N_CALIBRATING)
    assert "a bar" not in capsys.readouterr().out
    (made_by,) = json.loads((store.store_dir / "train" / "identity" / "engines.json").read_text())
    assert made_by.endswith("(CPU, int8)")
    monkeypatch.setattr(int8, "load_nncf", lambda: None)
    assert compute(data).is_complete("test", "identity")
    assert len(calibrated) == min(n_images, N_CALIBRATING)
    assert "it differed from Keras by at most" in capsys.readouterr().err


def test_whoever_adds_to_a_store_computes_as_it_was_made(data, calibrated):
    store = compute(data)
    engine = engines.load_engine(reload_backbone(store), EngineChoice(), 8, store.store_dir)
    assert engine.name.endswith("(CPU, int8)")
    assert "--precision int8" in features_line(store.store_dir)


def test_a_precision_makes_another_store_and_pixels_have_none(data, calibrated):
    names = {compute(data, precision).recipe.name for precision in ("auto", "float32", "int8", "bfloat16")}
    assert len(names) == 3
    pixels = [compute(data, precision, layer="input").recipe for precision in ("int8", "auto")]
    assert pixels[0] == pixels[1]


def test_a_store_whose_8_bits_are_gone_is_not_calibrated_anew(tmp_path, calibrated):
    store = compute(write_competition(tmp_path / "data"), splits="train")
    (store.store_dir / int8.GRAPH).unlink()
    with pytest.raises(FishError, match=r"int8\.xml, which made the features there, is gone\. Remove "):
        compute(tmp_path / "data")


def test_8_bits_that_are_damaged_are_named(tmp_path, calibrated):
    store = compute(write_competition(tmp_path / "data"), splits="train")
    (store.store_dir / int8.GRAPH).write_text("<net")
    with pytest.raises(FishError, match=r"int8\.xml or int8\.bin beside it is damaged"):
        compute(tmp_path / "data")


def test_a_pack_refuses_8_bits_and_names_the_store_that_it_takes(data, calibrated, tmp_path):
    store = compute(data)
    with pytest.raises(FishError, match="is in 8 bits, which no pack holds") as refusal:
        pack_backbone(store, tmp_path / "backbone.npz")
    assert "--precision" not in str(refusal.value).rsplit(":", 1)[-1]


@pytest.mark.parametrize(
    ("choice", "changes", "message"),
    [
        (EngineChoice("keras"), {}, "--precision int8: OpenVINO computes it. Leave --engine out"),
        (EngineChoice(), {"load_openvino": lambda: None}, r"OpenVINO is not installed.*'fishcli\[int8\]'"),
        (EngineChoice(), {"backend_name": lambda: "jax"}, "--precision int8: .*KERAS_BACKEND is jax"),
    ],
)
def test_8_bits_need_openvino_on_tensorflow(monkeypatch, tmp_path, choice, changes, message):
    backbone = load_backbone(BackboneChoice("fishnet", "formula", SIZE, precision="int8"))
    for name, value in changes.items():
        monkeypatch.setattr(engines, name, value)
    with pytest.raises(FishError, match=message):
        engines.load_engine(backbone, choice, 1, tmp_path)


def test_without_nncf_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(int8, "load_nncf", lambda: None)
    with pytest.raises(
        FishError, match=r"NNCF, .* is not installed\. Install it: pip install 'fishcli\[int8\]'"
    ):
        compute(write_competition(tmp_path / "data"))


@pytest.mark.parametrize(("here", "name"), [(True, "OpenVINO"), (False, "TensorFlow")])
def test_bfloat16_is_openvinos_where_the_processor_has_it(monkeypatch, here, name):
    backbone = load_backbone(BackboneChoice("fishnet", "formula", SIZE, precision="bfloat16"))
    monkeypatch.setattr(engines, "has_bfloat16", lambda openvino: here)
    engine = engines.load_engine(backbone, EngineChoice(), 1)
    assert engine.name.startswith(name)
    assert engine.name.endswith("(CPU, bfloat16)")
    assert engine.tolerance == np.inf
    if not here:
        with pytest.raises(FishError, match="--precision bfloat16: OpenVINO finds none on this processor"):
            engines.load_engine(backbone, EngineChoice("openvino"), 1)
