"""Class maps: what a place adds to a class's score, found again in the score."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from fishcli.basics.errors import FishError
from fishcli.basics.quiet import load_keras
from fishcli.dataset.metadata import MetadataEncoder
from fishcli.heads.choices import ENCODE, HEADS, pooling_of
from fishcli.heads.class_maps import METHODS, class_maps, map_method
from fishcli.heads.classical.fits import fit_classical
from fishcli.heads.inputs import HeadInputs, pool_maps
from fishcli.heads.networks.architectures import build_head
from fishcli.heads.perceptrons.architecture import Architecture, Start, build
from fishcli.heads.perceptrons.head import Perceptron, PerceptronHead
from fishcli.heads.trained import KerasHead
from fishcli.options.train import TrainConfig

pytestmark = pytest.mark.tensorflow

keras = load_keras()

N, SHAPE, COUNTS = 5, (4, 6, 8), np.array([9, 5, 4])
ENCODER = MetadataEncoder("size", vocabulary=("64x48", "80x48"))
IMAGES = pd.DataFrame({"height": 48, "width": [64, 80, 64, 96, 80]})


def features(seed=0, shape=SHAPE):
    return np.random.default_rng(seed).exponential(size=(N, *shape)).astype(np.float16)


def head_of(name, shape=SHAPE, counts=COUNTS, seed=1, box=None, **options):
    """A head whose weights, batch norm's statistics included, are random."""
    if name in ("gap", "dense"):
        return perceptron(name, shape, counts, seed, box is not None, **options)
    config = TrainConfig(head=name, **options)
    model = build_head(config, shape, ENCODER, counts / counts.sum(), box)
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        low = 0.5 if "variance" in weight.path else -0.5
        weight.assign(rng.uniform(low, low + 1.0, weight.shape))
    return KerasHead(model, ENCODER, counts)


def perceptron(name, shape, counts, seed, has_box, pooling="auto"):
    """The same of a head that NumPy computes."""
    architecture = Architecture(
        head=name,
        pooling=pooling_of(TrainConfig(head=name, pooling=pooling)),
        feature_shape=shape,
        n_classes=len(counts) if len(counts) > 1 else 0,
        n_columns=ENCODER.n_columns,
        n_embedded=0,
        has_box=has_box,
        is_tagged=False,
        is_calibrated=False,
        dropout=0.5,
    )
    model = Perceptron(architecture, build(architecture, Start()))
    rng = np.random.default_rng(seed)
    for place, array in model.arrays().items():
        low = 0.5 if place.endswith("variance") else -0.5
        array[...] = 2.5 if place.endswith("exponent") else rng.uniform(low, low + 1.0, array.shape)
    return PerceptronHead(model, ENCODER, counts)


def centred_scores(head, maps, images=IMAGES):
    """Scores before the softmax (n, C), less their mean over classes."""
    if isinstance(head, PerceptronHead):
        seen = pool_maps(maps) if head.takes_pooled else maps
        scores = head.scores(seen.astype(np.float32), head.encoder.encode(images))
        return scores - scores.mean(axis=1, keepdims=True)
    model = keras.Model(head.model.input, head.model.get_layer("class").input)
    seen = pool_maps(maps) if head.takes_pooled else maps
    scores = np.asarray(model({"features": seen.astype(np.float32), "metadata": head.encoder.encode(images)}))
    return scores - scores.mean(axis=1, keepdims=True)


def maps_by_class(head, method, maps):
    """(C, n, h, w)"""
    return np.stack([class_maps([head], method, maps, IMAGES, np.full(N, label)) for label in range(3)])


@pytest.mark.parametrize(
    ("name", "shape"), [("gap", SHAPE), ("gap", SHAPE[-1:]), ("fcn", SHAPE), ("allconv", SHAPE)]
)
def test_the_mean_of_a_map_is_the_score_less_what_belongs_to_no_place(name, shape):
    head, one, other = head_of(name, shape), features(0), features(1)
    method = map_method(name, "auto", 3)
    assert method == ("CAM" if name == "gap" else "class maps")
    # The same sizes in the same order: only places differ.
    found = (maps_by_class(head, method, one) - maps_by_class(head, method, other)).mean(axis=(2, 3))
    wanted = centred_scores(head, one) - centred_scores(head, other)
    assert np.abs(wanted).max() > 0.01
    assert pytest.approx(wanted, abs=2e-3 * float(np.abs(wanted).max())) == found.T


def test_cam_is_the_same_from_pooled_features_and_from_maps():
    pooled, whole = head_of("gap", SHAPE[-1:]), head_of("gap")
    assert pooled.takes_pooled and not whole.takes_pooled
    found = maps_by_class(pooled, "CAM", features())
    assert found == pytest.approx(maps_by_class(whole, "CAM", features()), rel=1e-4, abs=1e-4)


def test_the_bias_belongs_to_no_place():
    head = head_of("fcn")
    before = maps_by_class(head, "class maps", features())
    head.model.get_layer("class_maps").bias.assign([5.0, -5.0, 0.0])
    assert maps_by_class(head, "class maps", features()) == pytest.approx(before, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "pooling"),
    [
        *((name, "auto") for name in ("dense", "residual", "inception")),
        *((name, way) for name in ("gap", "dense") for way in ("max", "gem", "overlap", "stochastic")),
    ],
)
def test_grad_cam_weighs_channels_by_the_mean_of_the_scores_gradient(name, pooling):
    head, maps, step = head_of(name, pooling=pooling), features(), 2e-3
    assert map_method(name, pooling, 3) == "Grad-CAM"
    wanted = np.zeros((3, N, *SHAPE[:2]))
    moved = maps.astype(np.float32)
    for channel in range(SHAPE[-1]):
        ends = []
        for sign in (1, -1):
            moved[..., channel] = maps[..., channel].astype(np.float32) + sign * step
            ends.append(centred_scores(head, moved))
        moved[..., channel] = maps[..., channel]
        slope = (ends[0] - ends[1]).T / (2 * step)  # all places at once: the sum of their gradients
        wanted += slope[:, :, None, None] * maps[..., channel].astype(np.float64)
    found = maps_by_class(head, "Grad-CAM", maps)
    # A kink of a ReLU within the step spoils single images.
    close = np.isclose(found, wanted, atol=0.03 * np.abs(wanted).max()).all(axis=(2, 3))
    assert close.mean() > 0.7 and np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.98


def test_maps_sum_to_nothing_over_classes():
    for name in ("gap", "fcn", "dense"):
        found = maps_by_class(head_of(name), map_method(name, "auto", 3), features())
        assert found.sum(axis=0) == pytest.approx(0, abs=1e-4 * np.abs(found).max())


def test_attention_is_of_no_class():
    found = maps_by_class(head_of("attention"), map_method("attention", "auto", 3), features())
    assert found.sum(axis=(2, 3)) == pytest.approx(1.0, abs=1e-5) and (found >= 0).all()
    assert (found[0] == found[1]).all()


def test_the_heads_of_a_fold_are_averaged():
    heads = [head_of("gap", seed=seed) for seed in (1, 2)]
    labels = np.arange(N) % 3
    each = [class_maps([head], "CAM", features(), IMAGES, labels) for head in heads]
    assert class_maps(heads, "CAM", features(), IMAGES, labels) == pytest.approx(np.mean(each, axis=0))


def test_a_class_that_training_lacked_has_no_map():
    head = dataclasses.replace(head_of("gap"), counts=np.array([9, 0, 4]))
    found = class_maps([head], "CAM", features(), IMAGES, np.array([0, 1, 2, 1, 0]))
    assert np.isnan(found).all(axis=(1, 2)).tolist() == [False, True, False, True, False]


@pytest.mark.parametrize("name", ["blend", "linear"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_cam_of_coefficients_is_in_the_scores(n_classes, name):
    rng = np.random.default_rng(0)
    labels = np.arange(48) % n_classes
    maps = (
        rng.exponential(size=(48, 3, 3, 6)) + np.eye(6)[labels][:, None, None]
    )  # nowhere sure beyond reason
    images = pd.DataFrame({"height": 48, "width": np.full(48, 64)})
    boxes = np.full((1, 48, 4), np.nan, np.float32)
    pooled = pool_maps(maps.astype(np.float16))
    inputs = HeadInputs(images, labels, None, ["identity"], pooled[None], boxes)
    head = fit_classical(TrainConfig(head=name, metadata="none"), inputs, np.arange(40), 0)
    found = class_maps([head], map_method(name, "auto", n_classes), maps, images, np.ones(48, int))
    logs = np.log(head.predict(pooled, images)[0])
    score = logs[:, 1] - logs.mean(axis=1)
    said = found.mean(axis=(1, 2))
    assert np.ptp(score) > 0.5
    assert said - said[0] == pytest.approx(score - score[0], abs=0.02)


def test_one_class_shows_what_moves_the_box():
    head = head_of("gap", counts=np.array([9]), box=np.array([0.2, 0.3, 0.6, 0.7]))
    method = map_method("gap", "auto", 1)
    maps = features()
    maps[:, :2] = 0
    found = class_maps([head], method, maps, IMAGES, np.zeros(N, int))
    assert (found[:, :2] == 0).all() and (found[:, 2:] > 0).any(axis=(1, 2)).all()


def test_each_head_has_its_method_or_is_refused():
    for name in HEADS:
        if name in ("svm", "forest", *ENCODE):
            with pytest.raises(FishError, match="--head gap"):
                map_method(name, "auto", 3)
        else:
            assert map_method(name, "auto", 3) in METHODS
    assert map_method("gap", "max", 3) == map_method("gap", "gem", 3) == "Grad-CAM"
    for name in ("blend", "linear"):
        with pytest.raises(FishError, match=name):
            map_method(name, "auto", 1)
