"""Presets of KerasHub: the network and the scaling that they hold, tokens as maps, and what is refused."""

import json
import shutil
from importlib.util import find_spec

import numpy as np
import pytest
from conftest import noise
from presets import SCALE, predicted, write_dinov2, write_siglip

from fishcli.basics.errors import FishError
from fishcli.features.backbones.backbone import load_backbone, load_layers, load_tail
from fishcli.features.backbones.choice import BackboneChoice, named_backbone
from fishcli.features.backbones.engines.engine import EngineChoice
from fishcli.features.backbones.engines.loading import load_engine, load_openvino
from fishcli.features.backbones.hub.presets import name_of_preset, preset_folder, usual_size_of
from fishcli.features.backbones.hub.scaling import scaling_of
from fishcli.features.backbones.joint import join
from fishcli.features.backbones.listing import list_layers

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.usefixtures("untraced"),
    pytest.mark.skipif(find_spec("keras_hub") is None, reason="KerasHub is not installed"),
]

TWO = np.stack([noise((28, 28), seed) for seed in range(2)])
LAYER_NORM, BLOCK = "small_layernorm", "eye_encoder_block_0"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("hub")
    write_dinov2(root / "Dino small")
    write_siglip(root / "siglip")
    return root


def choice(root, name="Dino small", size=(28, 28), **changes):
    backbone, weights = named_backbone(f"hub:{root / name}", None)
    return BackboneChoice(backbone, weights, size, **changes)


def features_of(backbone, images):
    return np.asarray(backbone.model(backbone.preprocess(images.astype(np.float32)), training=False))


@pytest.mark.parametrize("tokens", ["maps", "class", "both"])
def test_features_are_what_the_preset_predicts_with_its_tokens_as_maps(root, tokens):
    from fishcli.basics.quiet import load_keras_hub

    backbone = load_backbone(choice(root, tokens=tokens))
    network = load_keras_hub().models.Backbone.from_preset(str(root / "Dino small"))
    expected = predicted(network, TWO, **SCALE)  # the class token, two registers, four places
    maps, of_class = expected[:, 3:].reshape(2, 2, 2, 8), expected[:, 0]
    both = np.concatenate([maps, np.broadcast_to(of_class[:, None, None], maps.shape)], axis=-1)
    wanted = {"maps": maps, "class": of_class, "both": both}[tokens]
    assert backbone.feature_shape == wanted.shape[1:]
    np.testing.assert_allclose(features_of(backbone, TWO), wanted, atol=1e-5)
    assert (backbone.recipe.backbone, backbone.recipe.layer) == ("dino_small.hub", LAYER_NORM)
    assert backbone.is_whole and backbone.recipe.pool == ("avg" if tokens == "class" else "none")


def test_at_another_size_position_embeddings_are_as_the_library_brings_them_there(root):
    from fishcli.basics.quiet import load_keras_hub

    images = np.stack([noise((42, 42), seed) for seed in range(2)])
    network = load_keras_hub().models.Backbone.from_preset(str(root / "Dino small"), image_shape=(42, 42, 3))
    expected = predicted(network, images, **SCALE)[:, 3:].reshape(2, 3, 3, 8)
    found = features_of(load_backbone(choice(root, size=(42, 42))), images)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    with pytest.raises(FishError, match="Its own size is 28x28: pass --image-size 28x28"):
        load_backbone(choice(root, size=(28, 42)))


def test_of_a_preset_of_images_and_texts_the_images_half_is_taken(root):
    from fishcli.basics.quiet import load_keras_hub

    images = np.stack([noise((32, 32), seed) for seed in range(2)])
    both = load_keras_hub().models.Backbone.from_preset(str(root / "siglip"))
    expected = predicted(both.vision_encoder, images, 1 / 127.5, -1.0)
    backbone = load_backbone(choice(root, "siglip", (32, 32)))
    assert (backbone.feature_shape, backbone.recipe.pool) == ((8,), "avg")
    np.testing.assert_allclose(features_of(backbone, images), expected, atol=1e-5)
    with pytest.raises(FishError, match="takes images of 32x32 alone. Pass --image-size 32x32"):
        load_backbone(choice(root, "siglip", (64, 64)))
    with pytest.raises(FishError, match="--tokens class: eye_encoder_block_0 .* has no class token"):
        load_backbone(choice(root, "siglip", (32, 32), layer=BLOCK, tokens="class"))


def test_layers_and_levels_of_the_pyramid_are_listed_and_computed_in_one_pass(root):
    lines = dict(line.split(maxsplit=1) for line in list_layers(choice(root)).splitlines())
    assert lines["stage1"] == lines[LAYER_NORM] == "2x2 places x 8 and 3 more tokens"
    layers = load_layers(choice(root, layer=f"stage1,{LAYER_NORM}"))
    joint = join(layers)
    found = joint.split(features_of(joint, TWO))
    for layer, values in zip(("stage1", LAYER_NORM), found, strict=True):
        alone = load_backbone(choice(root, layer=layer))
        assert alone.recipe in [each.recipe for each in layers]
        np.testing.assert_allclose(values, features_of(alone, TWO), atol=1e-6)
    with pytest.raises(FishError, match="Did you mean 'stage2'"):
        load_backbone(choice(root, layer="stage22"))


@pytest.mark.skipif(load_openvino() is None, reason="OpenVINO is not installed")
def test_openvino_computes_what_keras_computes(root):
    backbone = load_backbone(choice(root, tokens="both"))
    expected = features_of(backbone, TWO)
    engine = load_engine(backbone, EngineChoice("openvino"), 2)
    assert engine.name.startswith("OpenVINO")
    assert np.abs(engine.compute(TWO) - expected).max() < 1e-4 * np.abs(expected).max()


def test_the_recipe_changes_with_the_weights_and_with_how_the_network_is_built(root, tmp_path):
    recipe = load_backbone(choice(root)).recipe
    copy = shutil.copytree(root / "Dino small", tmp_path / "Dino small")
    assert load_backbone(choice(tmp_path)).recipe == recipe
    config = copy / "config.json"
    said = '"antialias_in_interpolation": '
    config.write_text(config.read_text().replace(f"{said}false", f"{said}true"))
    other = load_backbone(choice(tmp_path)).recipe
    assert other.weights_sha256 != recipe.weights_sha256
    shutil.copy(root / "Dino small" / "config.json", config)
    converter = copy / "image_converter.json"
    converter.write_text(converter.read_text().replace("0.0171", "0.0181"))
    assert load_backbone(choice(tmp_path)).recipe.preprocessing != recipe.preprocessing


def test_what_follows_a_layer_goes_on_from_its_maps_where_they_hold_all_that_it_needs(root):
    images = np.stack([noise((32, 32), seed) for seed in range(2)])
    maps = features_of(load_backbone(choice(root, "siglip", (32, 32), layer=BLOCK)), images)
    expected = features_of(load_backbone(choice(root, "siglip", (32, 32))), images)
    tail = load_tail(choice(root, "siglip", (32, 32), layer=BLOCK))
    np.testing.assert_allclose(np.asarray(tail(maps))[:, 0, 0], expected, atol=1e-5)
    with pytest.raises(FishError, match="needs its class token, which maps lack. Train .* --cut input"):
        load_tail(choice(root, layer="small_embeddings"))
    with pytest.raises(FishError, match="it is the last layer"):
        load_tail(choice(root, layer=LAYER_NORM))


def test_a_converter_that_does_more_than_scale_is_refused(root):
    class Swapping:
        def __call__(self, images):
            return images[..., ::-1]

    with pytest.raises(FishError, match="does more to pixels than to scale each channel"):
        scaling_of(Swapping(), root)


def broken(root, tmp_path, change):
    folder = shutil.copytree(root / "Dino small", tmp_path / "broken")
    change(folder)
    return choice(tmp_path, "broken")


def renamed_module(folder):
    told = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**told, "module": "subprocess", "class_name": "Popen"}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "config.json").write_text("{"), "config.json"),
        (lambda folder: (folder / "config.json").write_text("{}"), "can't be loaded: Unrecognized format"),
        (lambda folder: (folder / "model.weights.h5").write_bytes(b"no weights"), "can't be loaded"),
        (lambda folder: (folder / "model.weights.h5").unlink(), "can't be loaded"),
        (lambda folder: (folder / "image_converter.json").unlink(), "does not tell how pixels go in"),
        (renamed_module, "names code of subprocess, and a preset is data"),
    ],
)
def test_a_broken_preset_is_named_with_what_is_wrong(root, tmp_path, change, message):
    with pytest.raises(FishError, match=message):
        load_backbone(broken(root, tmp_path, change))


def test_a_network_that_sees_no_image_is_refused(tmp_path):
    from fishcli.basics.quiet import load_keras_hub

    hub = load_keras_hub()
    text = hub.models.SigLIPTextEncoder(16, 8, 8, 1, 2, 16, max_sequence_length=4)
    text.save_to_preset(str(tmp_path / "text"))
    hub.layers.ImageConverter(scale=1.0).save_to_preset(str(tmp_path / "text"))
    with pytest.raises(FishError, match="SigLIPTextEncoder, which is no network of one image"):
        load_backbone(choice(tmp_path, "text"))


def test_presets_are_found_by_folder_or_downloaded_and_what_fails_says_what_to_do(root, monkeypatch):
    import kagglehub

    assert preset_folder(str(root / "siglip")) == (root / "siglip").resolve()
    monkeypatch.setattr(kagglehub, "model_download", lambda handle: str(root / "siglip"))
    assert preset_folder("dinov2_base") == (root / "siglip").resolve()

    def offline(handle):
        raise ConnectionError(f"no route to {handle}")

    monkeypatch.setattr(kagglehub, "model_download", offline)
    with pytest.raises(FishError, match="no route to keras/dinov2/.* pass its folder: --backbone hub:FOLDER"):
        preset_folder("dinov2_base")
    with pytest.raises(FishError, match="Did you mean 'dinov2_base'"):
        preset_folder("dinov2_basee")
    with pytest.raises(FishError, match="unknown folder or preset of images in KerasHub 'qwen3_0.6b_en'"):
        preset_folder("qwen3_0.6b_en")  # it sees no images
    with pytest.raises(FishError, match="no such folder"):
        preset_folder("no/such")
    with pytest.raises(FishError, match="has no config.json, so it is no preset"):
        preset_folder(str(root))
    with pytest.raises(FishError, match="--weights some: .* has its own"):
        named_backbone(f"hub:{root / 'siglip'}", "some")


def test_a_folder_tells_its_size_and_its_name_without_keras(root, tmp_path):
    assert usual_size_of(root / "Dino small") == (28, 28)
    assert usual_size_of(root / "siglip") == (32, 32)
    (tmp_path / "config.json").write_text('{"model_type": "dinov2", "image_size": 518}')
    assert usual_size_of(tmp_path) == (518, 518)
    names = ["keras/ViT-base/2", "hub/models--timm--vit.tiny/snapshots/8f0e", "!"]
    assert [name_of_preset(tmp_path / name) for name in names] == ["vit_base", "vit_tiny", "preset"]
