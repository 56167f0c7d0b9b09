"""What a tensor of an ONNX network is, and what becomes of it."""

import numpy as np
import pytest

from fishcli.basics.errors import FishError
from fishcli.features.backbones.onnx.forms import (
    Form,
    Wish,
    check_wish,
    feature_shape,
    features_from,
    form_of,
)
from fishcli.features.backbones.onnx.preprocessing import (
    WORDS,
    Preprocessing,
    parse_preprocessing,
    preprocessing_beside,
    shortest,
)

SQUARE, WIDE = (224, 224), (360, 640)


@pytest.mark.parametrize(
    ("shape", "size", "form"),
    [
        ((1, 1280, 7, 7), SQUARE, Form("chw", (7, 7), 1280)),
        ((1, 7, 7, 768), SQUARE, Form("hwc", (7, 7), 768)),
        ((1, 7, 7, 7), SQUARE, Form("chw", (7, 7), 7)),
        ((1, 256, 12, 20), WIDE, Form("chw", (12, 20), 256)),
        ((1, 256, 11, 20), WIDE, Form("chw", (11, 20), 256)),
        ((1, 96, 1, 1), WIDE, Form("chw", (1, 1), 96)),
        ((1, 197, 768), SQUARE, Form("tokens", (14, 14), 768, 1)),
        ((1, 196, 768), SQUARE, Form("tokens", (14, 14), 768, 0)),
        ((1, 261, 384), SQUARE, Form("tokens", (16, 16), 384, 5)),
        ((1, 50, 512), SQUARE, Form("tokens", (7, 7), 512, 1)),
        ((1, 785, 192), (448, 448), Form("tokens", (28, 28), 192, 1)),
        ((1, 1 + 45 * 80, 192), WIDE, Form("tokens", (45, 80), 192, 1)),
        ((1, 1000), SQUARE, Form("vector", (1, 1), 1000)),
        ((1, 100, 768), SQUARE, None),
        ((1, 8, 20, 12), WIDE, None),
        ((2, 8, 7, 7), SQUARE, None),
        ((1, 0, 7, 7), SQUARE, None),
        ((1, 3, 2**13, 2**13), (2**13, 2**13), None),
        ((1,), SQUARE, None),
    ],
)
def test_maps_tokens_and_vectors_are_told_by_their_shape(shape, size, form):
    assert form_of(shape, size, is_channels_first=True) == form


def test_maps_that_could_lie_either_way_lie_as_the_input_does():
    assert form_of((1, 7, 7, 7), SQUARE, is_channels_first=False).kind == "hwc"


def values(form, n=2):
    """Numbers that say where they are from."""
    if form.kind == "tokens":
        h, w = form.map_size
        return np.arange(n * (form.n_extra + h * w) * form.n_channels).reshape(n, -1, form.n_channels)
    h, w = form.map_size
    shape = (form.n_channels, h, w) if form.kind == "chw" else (h, w, form.n_channels)
    return np.arange(n * h * w * form.n_channels).reshape(n, *shape)


TOKENS = Form("tokens", (2, 3), 4, 2)


@pytest.mark.parametrize("form", [Form("chw", (2, 3), 4), Form("hwc", (2, 3), 4), TOKENS])
def test_a_cell_of_a_map_is_its_place_in_the_photo(form):
    given = values(form)
    found = features_from(given, form, Wish("maps", "none"))
    assert found.shape == (2, *feature_shape(form, Wish("maps", "none")))
    last = {"chw": np.s_[1, :, -1, -1], "hwc": np.s_[1, -1, -1], "tokens": np.s_[1, -1]}
    np.testing.assert_array_equal(found[1, 1, 2], given[last[form.kind]])
    for pool, reduce in (("avg", np.mean), ("max", np.max)):
        np.testing.assert_allclose(features_from(given, form, Wish("maps", pool)), reduce(found, axis=(1, 2)))


def test_the_class_token_comes_alone_or_behind_each_place():
    given = values(TOKENS).astype(np.float32)
    np.testing.assert_array_equal(features_from(given, TOKENS, Wish("class", "none")), given[:, 0])
    both = features_from(given, TOKENS, Wish("both", "none"))
    assert both.shape == (2, *feature_shape(TOKENS, Wish("both", "none"))) == (2, 2, 3, 8)
    np.testing.assert_array_equal(both[1, 0, 1], np.concatenate([given[1, 3], given[1, 0]]))
    pooled = features_from(given, TOKENS, Wish("both", "avg"))
    np.testing.assert_array_equal(pooled, np.concatenate([given[:, 2:].mean(axis=1), given[:, 0]], axis=1))


@pytest.mark.parametrize(
    ("form", "wish", "reason"),
    [
        (Form("chw", (7, 7), 8), Wish("class", "none"), "--tokens class: .* has no class token"),
        (Form("tokens", (7, 7), 8), Wish("both", "none"), "--tokens both: .* has no class token"),
        (Form("vector", (1, 1), 8), Wish("maps", "max"), "--pool max: .* has no places to pool over"),
        (TOKENS, Wish("class", "max"), "--pool max: .* has no places to pool over"),
    ],
)
def test_what_a_tensor_does_not_have_is_refused(form, wish, reason):
    with pytest.raises(FishError, match=reason):
        check_wish(wish, form, "output")


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("raw", Preprocessing(1.0, (0.0,) * 3, (1.0,) * 3)),
        ("mean=0.5,std=0.25", Preprocessing(1 / 255, (0.5,) * 3, (0.25,) * 3)),
        ("mean=1,2,3,std=4,5,6,scale=1", Preprocessing(1.0, (1.0, 2.0, 3.0), (4.0, 5.0, 6.0))),
        ("scale=1/127.5, mean=1, std=1, order=bgr", Preprocessing(1 / 127.5, (1.0,) * 3, (1.0,) * 3, "bgr")),
    ],
)
def test_preprocessing_is_a_word_or_numbers(said, found):
    assert parse_preprocessing(said) == found


@pytest.mark.parametrize("word", WORDS)
def test_what_a_recipe_keeps_of_it_is_read_again_and_typed_as_a_word(word):
    assert parse_preprocessing(str(WORDS[word])) == WORDS[word]
    assert shortest(f"onnx nchw {WORDS[word]}") == word


@pytest.mark.parametrize(
    "said",
    [
        *(
            "",
            "imagenett",
            "mean=0.5",
            "mean=0.5,0.5,std=1",
            "mean=a,std=1",
            "mean=nan,std=1",
            "mean=0,std=0",
        ),
        *("mean=0,std=1,scale=1/0", "mean=0,std=1,scale=0", "mean=0,std=1,size=3", "mean=0,std=1,order=rbg"),
    ],
)
def test_what_cannot_be_computed_is_refused_with_what_can(said):
    with pytest.raises(FishError, match=r"--preprocess .* expected imagenet, inception, caffe, clip, raw"):
        parse_preprocessing(said)


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        (
            "preprocessor_config.json",
            '{"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6], "rescale_factor": 0.5}',
            Preprocessing(0.5, (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)),
        ),
        (
            "preprocessor_config.json",
            '{"do_normalize": false, "do_rescale": true}',
            Preprocessing(1 / 255, (0.0,) * 3, (1.0,) * 3),
        ),
        (
            "config.json",
            '{"architecture": "vit", "pretrained_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}}',
            WORDS["inception"],
        ),
        ("config.json", '{"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}', WORDS["imagenet"]),
    ],
)
def test_a_file_beside_the_network_tells_its_preprocessing(tmp_path, name, content, found):
    (tmp_path / name).write_text(content)
    assert preprocessing_beside(tmp_path / "net.onnx") == (found, tmp_path / name)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{}", "nothing beside .*net.onnx tells how its network takes pixels"),
        ("[]", "nothing beside"),
        ("{", "malformed JSON"),
        ('{"mean": [0.5, 0.5], "std": 1}', "its mean and std are no numbers"),
        ('{"mean": "a", "std": 1}', "its mean and std are no numbers"),
        ('{"mean": 0.5}', "its mean and std are no numbers"),
        ('{"mean": 0.5, "std": 0}', "its mean and std are no numbers"),
        ('{"mean": 0.5, "std": NaN}', "its mean and std are no numbers"),
        ('{"do_normalize": true}', "its mean and std are no numbers"),
    ],
)
def test_it_is_never_guessed(tmp_path, content, reason):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(FishError, match=reason):
        preprocessing_beside(tmp_path / "net.onnx")
