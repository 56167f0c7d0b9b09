"""What computes ONNX files: each engine the same, at any tensor, from pixels on."""

import numpy as np
import pytest
from conftest import noise
from onnx_graphs import (
    N_EXTRA,
    PATCH,
    TensorProto,
    helper,
    numpy_helper,
    onnx,
    weights,
    write_channels_last,
    write_convolutions,
    write_model,
    write_tokens,
)

from fishcli.basics.errors import FishError
from fishcli.basics.quiet import load_onnxruntime, load_openvino
from fishcli.features.backbones.backbone import load_backbone
from fishcli.features.backbones.choice import BackboneChoice, name_of, named_backbone
from fishcli.features.backbones.engines import loading as engines
from fishcli.features.backbones.engines import onnx_engine
from fishcli.features.backbones.engines.engine import Engine, EngineChoice
from fishcli.features.backbones.engines.loading import checked, choice_of, load_engine
from fishcli.features.backbones.onnx import loading
from fishcli.features.backbones.onnx.preprocessing import WORDS
from fishcli.features.backbones.onnx.running import RefusedError

SIZE = (32, 48)
INSTALLED = [
    name
    for name, load in (("openvino", load_openvino), ("onnxruntime", load_onnxruntime))
    if load() is not None
]
pytestmark = pytest.mark.skipif(not INSTALLED, reason="nothing is installed that computes ONNX files")
both_only = pytest.mark.skipif(len(INSTALLED) < 2, reason="OpenVINO and ONNX Runtime are not both installed")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def backbone_of(path, how="imagenet", size=SIZE, **options):
    choice = BackboneChoice(name_of(path), str(path), size, preprocessing=str(WORDS[how]), **options)
    return load_backbone(choice)


def computed(backbone, images, engine):
    return engines.one_by_one(load_engine(backbone, EngineChoice(engine), 4), images)


def pixels(n=2, size=SIZE):
    return np.stack([noise(size, seed) for seed in range(n)])


def patches_by_hand(path, images, how):
    """The places' tokens of `write_tokens`, in NumPy: each patch by its kernel."""
    kernel = numpy_helper.to_array(onnx.load(path).graph.initializer[0])
    values = images[..., ::-1] if WORDS[how].order == "bgr" else images
    values = (values * WORDS[how].scale - np.array(WORDS[how].mean)) / np.array(WORDS[how].std)
    n, h, w, _ = values.shape
    cut = values.reshape(n, h // PATCH, PATCH, w // PATCH, PATCH, 3)
    return np.einsum("nhiwjc,ocij->nhwo", cut, kernel)


@pytest.mark.parametrize("engine", INSTALLED)
@pytest.mark.parametrize("how", ["imagenet", "caffe", "raw"])
def test_features_are_what_numpy_makes_of_the_pixels(tmp_path, engine, how):
    path = write_tokens(tmp_path / "net.onnx")
    images = pixels()
    backbone = backbone_of(path, how)
    expected = patches_by_hand(path, images, how)
    assert (backbone.feature_shape, backbone.recipe.layer, backbone.is_whole) == ((4, 6, 6), "tokens", True)
    np.testing.assert_allclose(
        computed(backbone, images, engine), expected, atol=1e-5 * np.abs(expected).max()
    )


@pytest.mark.parametrize("engine", INSTALLED)
def test_class_tokens_are_vectors_and_count_in_the_recipe(tmp_path, engine):
    path = write_tokens(tmp_path / "net.onnx")
    of_class = backbone_of(path, tokens="class")
    assert (of_class.feature_shape, of_class.recipe.pool, of_class.recipe.tokens) == ((6,), "avg", "class")
    extra = numpy_helper.to_array(onnx.load(path).graph.initializer[2])
    assert extra.shape[1] == N_EXTRA
    np.testing.assert_allclose(computed(of_class, pixels(1), engine)[0], extra[0, 0], rtol=1e-6)
    assert len({backbone_of(path, tokens=each).recipe.name for each in ("maps", "class", "both")}) == 3


@both_only
@pytest.mark.parametrize(
    ("layer", "shape"),
    [(None, (8,)), ("one", (16, 24, 4)), ("branch", (8, 12, 8)), ("wide", (8, 12, 16)), ("deep", (4, 6, 8))],
)
def test_engines_agree_at_any_tensor(tmp_path, layer, shape):
    backbone = backbone_of(write_convolutions(tmp_path / "net.onnx"), layer=layer)
    one, other = (computed(backbone, pixels(), engine) for engine in INSTALLED)
    assert one.shape == (2, *shape) == (2, *backbone.feature_shape)
    np.testing.assert_allclose(one, other, atol=1e-5 * np.abs(other).max())


@both_only
def test_engines_agree_on_channels_last_and_on_float16_and_on_weights_beside(tmp_path):
    half = [helper.make_node("Relu", ["pixels"], ["maps"])]
    beside = {"save_as_external_data": True, "location": "net.bin", "size_threshold": 0}
    for path, shape in (
        (write_channels_last(tmp_path / "a.onnx"), (16, 24, 4)),
        (
            write_model(tmp_path / "b.onnx", half, [], [1, 3, *SIZE], ["maps"], element=TensorProto.FLOAT16),
            (*SIZE, 3),
        ),
        (write_convolutions(tmp_path / "c.onnx", **beside), (8,)),
    ):
        backbone = backbone_of(path)
        one, other = (computed(backbone, pixels(), engine) for engine in INSTALLED)
        assert one.shape == (2, *shape)
        np.testing.assert_allclose(one, other, atol=2e-3 * np.abs(other).max())


@pytest.mark.parametrize("read_by", INSTALLED)
@pytest.mark.parametrize(
    ("stage", "layer"), [("stage1", "one"), ("stage2", "sum"), ("stage3", "deep"), ("sum", "sum")]
)
def test_a_stage_is_the_last_tensor_of_its_size_before_it_is_widened(
    tmp_path, monkeypatch, read_by, stage, layer
):
    if read_by == "onnxruntime":
        monkeypatch.setattr(loading, "load_openvino", lambda: None)
    assert backbone_of(write_convolutions(tmp_path / "net.onnx"), layer=stage).recipe.layer == layer


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"layer": "summ"}, "unknown tensor of net.onnx 'summ'. Did you mean 'sum'.*--list-layers shows all"),
        ({"layer": "stage5"}, "no tensor of net.onnx, .* has maps of 1x2 for an input of 32x48"),
        ({"layer": "input"}, "--layer input keeps pixels for fishcli finetune"),
        ({"tokens": "class"}, "--tokens class: vector .* has no class token"),
        ({"pool": "max"}, "--pool max: vector .* has no places to pool over"),
    ],
)
def test_what_cannot_be_had_is_refused(tmp_path, options, reason):
    with pytest.raises(FishError, match=reason):
        backbone_of(write_convolutions(tmp_path / "net.onnx"), **options)


def test_another_size_than_the_files_one_is_refused_with_the_one_to_pass(tmp_path):
    with pytest.raises(
        FishError, match="--image-size 32x48: .* takes images of 64x64 alone. Pass --image-size 64x64"
    ):
        backbone_of(write_convolutions(tmp_path / "net.onnx", (1, 3, 64, 64)))


@pytest.mark.parametrize("operator", ["Reshape", "Conv", "NoSuchOperator"])
def test_what_no_engine_can_compute_is_refused(tmp_path, operator):
    held = {
        "Reshape": [numpy_helper.from_array(np.array([1, 7]), "held")],
        "Conv": [weights("held", 4, 5, 3, 3)],  # of five channels, where there are three
    }.get(operator, [])
    node = helper.make_node(operator, ["pixels", *(["held"] if held else [])], ["made"])
    path = write_model(tmp_path / "net.onnx", [node], held, [1, 3, *SIZE], ["made"])
    with pytest.raises(FishError, match=r"net\.onnx"):
        load_engine(backbone_of(path), EngineChoice(), 4)


@both_only
def test_the_other_engine_takes_what_the_first_cannot(tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise RefusedError("no such operation")

    monkeypatch.setattr(onnx_engine, "onnx_by_openvino", refuse)
    backbone = backbone_of(write_convolutions(tmp_path / "net.onnx"))
    assert load_engine(backbone, EngineChoice(), 4).name.startswith("ONNX Runtime")
    assert "OpenVINO can't take net.onnx (no such operation)" in capsys.readouterr().err
    with pytest.raises(FishError, match=r"net\.onnx can't be computed \(OpenVINO: no such operation\)"):
        load_engine(backbone, EngineChoice("openvino"), 4)


def test_the_digest_is_of_the_file_and_of_weights_beside_it(tmp_path):
    import hashlib

    path = write_convolutions(tmp_path / "a" / "net.onnx")
    first = backbone_of(path).recipe
    assert first.weights_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    beside = {"save_as_external_data": True, "location": "net.bin", "size_threshold": 0}
    path = write_convolutions(tmp_path / "b" / "net.onnx", **beside)
    whole = backbone_of(path).recipe
    data = path.with_name("net.bin")
    data.write_bytes(bytes(len(data.read_bytes())))
    assert len({first.fingerprint, whole.fingerprint, backbone_of(path).recipe.fingerprint}) == 3


def test_without_an_engine_the_error_names_what_to_install(tmp_path, monkeypatch):
    path = write_convolutions(tmp_path / "net.onnx")
    with monkeypatch.context() as patch:
        for name in ("load_openvino", "load_onnxruntime"):
            patch.setattr(loading, name, lambda: None)
        with pytest.raises(
            FishError, match=r"Install it: pip install 'fishcli\[openvino\]' or 'fishcli\[onnx\]'"
        ):
            backbone_of(path)
    backbone = backbone_of(path)
    for name in ("load_openvino", "load_onnxruntime"):
        monkeypatch.setattr(onnx_engine, name, lambda: None)
    for asked, said in (("auto", "nothing is"), ("openvino", "--engine openvino: nothing is")):
        with pytest.raises(FishError, match=f"{said} installed that computes ONNX files"):
            load_engine(backbone, EngineChoice(asked), 4)


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        (EngineChoice("keras"), "Keras computes no ONNX files"),
        (EngineChoice("auto", "bfloat16"), "--precision bfloat16: ONNX files are computed in float32"),
    ],
)
def test_engines_that_compute_no_onnx_files_are_refused(tmp_path, choice, reason):
    with pytest.raises(FishError, match=reason):
        load_engine(backbone_of(write_convolutions(tmp_path / "net.onnx")), choice, 4)


@both_only
def test_auto_is_openvino_compared_once_with_onnx_runtime(tmp_path, capsys):
    backbone = backbone_of(write_convolutions(tmp_path / "net.onnx"))
    engine = load_engine(backbone, EngineChoice(), 4)
    assert engine.name.startswith("OpenVINO")
    assert checked(engine, backbone, pixels(), 4) is engine
    assert "it differs from ONNX Runtime by at most" in capsys.readouterr().err
    again = load_engine(backbone, EngineChoice(), 4)
    assert checked(again, backbone, pixels(), 4) is again
    assert "it differed from ONNX Runtime by at most" in capsys.readouterr().err
    runtime = load_engine(backbone, EngineChoice("onnxruntime"), 4)
    assert choice_of(runtime.name) == EngineChoice("onnxruntime", "float32")
    assert checked(runtime, backbone, pixels(), 4) is runtime
    assert "it differs from OpenVINO by at most" in capsys.readouterr().err


@both_only
def test_an_engine_that_is_off_gives_way_to_the_other(tmp_path, capsys):
    backbone = backbone_of(write_convolutions(tmp_path / "net.onnx"))
    exact = load_engine(backbone, EngineChoice("openvino"), 4)
    off = Engine(exact.name, lambda images: exact.compute(images) * 1.1, 1, 1)
    used = checked(off, backbone, pixels(), 4)
    assert used.name.startswith("ONNX Runtime")
    assert "ONNX Runtime computes in float32" in capsys.readouterr().err


@pytest.mark.skipif("openvino" not in INSTALLED, reason="OpenVINO is not installed")
def test_with_one_engine_alone_it_is_said_that_nothing_was_compared(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(onnx_engine, "load_onnxruntime", lambda: None)
    backbone = backbone_of(write_convolutions(tmp_path / "net.onnx"))
    engine = load_engine(backbone, EngineChoice(), 4)
    assert checked(engine, backbone, pixels(), 4) is engine
    assert "nothing else is installed to compare it with" in capsys.readouterr().err


@both_only
def test_a_gpu_takes_onnx_runtime_and_several_images_where_the_file_does(tmp_path, monkeypatch):
    runtime = load_onnxruntime()
    monkeypatch.setattr(onnx_engine, "may_have_gpu", lambda: True)
    monkeypatch.setattr(runtime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(onnx_engine, "CUDA", "CUDAExecutionProvider")
    made = onnx_engine.onnx_by_runtime

    def on_cpu(module, network, batch_size, providers):
        used = [onnx_engine.CPU if each == onnx_engine.CUDA else each for each in providers]
        return made(module, network, batch_size, used)

    monkeypatch.setattr(onnx_engine, "onnx_by_runtime", on_cpu)
    images = pixels(3)
    for shape, batch_size in (("n", 4), (1, 1)):
        backbone = backbone_of(write_convolutions(tmp_path / f"{shape}.onnx", (shape, 3, *SIZE)))
        engine = load_engine(backbone, EngineChoice(), 4)
        assert engine.name.endswith("(GPU, float32)")
        assert engine.batch_size == batch_size
        together = np.concatenate(
            [engine.compute(images[i : i + batch_size]) for i in range(0, 3, batch_size)]
        )
        np.testing.assert_allclose(together, computed(backbone, images, "openvino"), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("DINOv2 (small).onnx", "dinov2_small.onnx"),
        ("vit_b-16.v2.ONNX", "vit_b_16_v2.onnx"),
        ("模型.onnx", "network.onnx"),
        ("efficientnet_lite0.onnx", "efficientnet_lite0.onnx"),
    ],
)
def test_a_backbone_is_called_after_its_file(tmp_path, file, name):
    path = tmp_path / file
    path.write_bytes(b"")
    assert named_backbone(str(path), None) == (name, str(path))


def test_weights_beside_a_file_and_a_file_that_is_not_there_are_refused(tmp_path):
    path = write_convolutions(tmp_path / "net.onnx")
    with pytest.raises(FishError, match="--weights random: .* has its own"):
        named_backbone(str(path), "random")
    with pytest.raises(FishError, match=r"--backbone none\.onnx: no such file"):
        named_backbone("none.onnx", None)
