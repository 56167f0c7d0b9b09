"""Heads that NumPy trains: where they start, what they learn, what they look at, and their files."""

import dataclasses
import gc
import json
import subprocess
import sys
import weakref

import numpy as np
import pandas as pd
import pytest
from head_inputs import CONFIG, MEAN_BOX, some_inputs, weights_of

from fishcli.basics.errors import FishError
from fishcli.basics.threads import threads_of
from fishcli.dataset.metadata import MetadataEncoder
from fishcli.heads.choices import pooling_of
from fishcli.heads.fit import PERCEPTRON, fit_fold, load_fold
from fishcli.heads.perceptrons import seen
from fishcli.heads.perceptrons.architecture import Architecture, Start, build, n_numbers
from fishcli.heads.perceptrons.chain import WARM_UP, AdamW, Chain
from fishcli.heads.perceptrons.fitting import EPOCHS
from fishcli.heads.perceptrons.head import Perceptron, PerceptronHead
from fishcli.heads.perceptrons.layers import Affine, Shown
from fishcli.options.train import TrainConfig

POOLINGS = ("avg", "max", "gem", "overlap", "stochastic")
PRIOR = np.array([0.6, 0.3, 0.1])
ROWS = np.arange(36)
QUICK = dataclasses.replace(CONFIG, epochs=3)


def architecture_of(head, pooling="avg", shape=(3, 4, 8), **options):
    usual = {
        "n_classes": 3,
        "n_columns": 2,
        "n_embedded": 0,
        "has_box": True,
        "is_tagged": False,
        "is_calibrated": False,
        "dropout": 0.5,
    }
    return Architecture(head=head, pooling=pooling, feature_shape=shape, **{**usual, **options})


def maps_of(n, shape, seed=0):
    return np.random.default_rng(seed).exponential(size=(n, *shape)).astype(np.float32)


@pytest.mark.parametrize("shape", [(1, 1, 8), (1, 5, 8), (7, 14, 8), (8,)], ids=str)
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("head", ["gap", "dense"])
def test_a_head_of_any_map_size_starts_at_the_prior_and_the_mean_box(head, pooling, shape):
    architecture = architecture_of(head, pooling, shape)
    start = Start(np.random.default_rng(0), PRIOR, MEAN_BOX)
    head = PerceptronHead(
        Perceptron(architecture, build(architecture, start)),
        MetadataEncoder("size", vocabulary=("64x48", "80x48")),
        np.array([6, 3, 1]),
    )
    images = pd.DataFrame({"height": [48] * 5, "width": [64, 80, 96, 64, 80]})
    proba, boxes = head.predict(maps_of(5, shape), images)
    np.testing.assert_allclose(proba, np.tile(PRIOR, (5, 1)), atol=1e-6)
    np.testing.assert_allclose(boxes, np.tile(MEAN_BOX, (5, 1)), atol=1e-6)


def windows(maps, side, stride):
    """The activations (h', w', batch, side x side, channels) of the windows that fit into maps."""
    rows, columns = (range(0, n - side + 1, stride) for n in maps.shape[1:3])
    cut = [
        [maps[:, y : y + side, x : x + side].reshape(len(maps), -1, maps.shape[-1]) for x in columns]
        for y in rows
    ]
    return np.array(cut)


def pooled_by(way, regions):
    """Regions (..., n, channels) as --pooling has it: (..., channels)."""
    return {
        "avg": lambda: regions.mean(axis=-2),
        "max": lambda: regions.max(axis=-2),
        "overlap": lambda: regions.max(axis=-2),
        "gem": lambda: (regions**3).mean(axis=-2) ** (1 / 3),
        "stochastic": lambda: (regions**2).sum(axis=-2) / regions.sum(axis=-2),
    }[way]()


@pytest.mark.parametrize("way", [*POOLINGS, "auto"])
@pytest.mark.parametrize("head", ["gap", "dense"])
def test_pooling_is_what_its_name_says(head, way):
    way = pooling_of(TrainConfig(head=head, pooling=way))
    maps = maps_of(6, (7, 5, 4))
    architecture = architecture_of(head, way, (7, 5, 4))
    found = architecture.class_features(maps)
    layer = architecture.pooling_layer
    assert (layer is None) == (way not in ("gem", "stochastic"))
    found = found if layer is None else layer.forward(found, Shown())
    if head == "dense" or way == "overlap":
        expected = pooled_by(way, windows(maps, *((3, 2) if way == "overlap" else (2, 2))))
        expected = expected.mean(axis=(0, 1)) if head == "gap" else expected.transpose(2, 0, 1, 3)
    else:
        expected = pooled_by(way, maps.reshape(6, -1, 4))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("head", ["gap", "dense"])
def test_every_weight_moves_and_the_training_loss_falls(head, pooling):
    config = dataclasses.replace(CONFIG, head=head, pooling=pooling, metadata="size-embedding", epochs=8)
    inputs = some_inputs()
    inputs.boxes[:, ::4] += 0.1
    trained, losses = fit_fold(config, inputs, ROWS, seed=0)
    assert losses["class"][-1] < 0.75 * losses["class"][0]
    assert list(losses) == ["loss", "class", "box"] and {len(each) for each in losses.values()} == {8}
    last = losses["class"][-1] + config.box_weight * losses["box"][-1]
    assert losses["loss"][-1] == pytest.approx(last)
    start = build(trained.model.architecture, Start())
    for part, chain in trained.model.chains.items():
        for name, layer in chain.layers.items():
            for weight, array in layer.learned.items():
                assert (array != start[part].layers[name].learned[weight]).any(), (part, name, weight)


def test_the_box_part_is_trained_for_its_share_of_the_epochs():
    config = dataclasses.replace(CONFIG, epochs=5)
    inputs = some_inputs()
    inputs.boxes[:, ::4] += 0.1
    _, losses = fit_fold(config, inputs, ROWS, seed=0)
    last = int(np.ceil(5 * EPOCHS["box"])) - 1
    assert losses["box"][last - 1] != losses["box"][last] == losses["box"][-1]
    assert losses["class"][-2] != losses["class"][-1]


@pytest.mark.parametrize(
    "options",
    [
        {"head": "gap"},
        {"head": "dense", "metadata": "none"},
        {"head": "gap", "pooling": "gem", "metadata": "size-embedding"},
        {"head": "gap", "loss": "hinge"},
    ],
    ids=str,
)
def test_a_head_says_from_its_file_what_it_said(options, tmp_path):
    inputs, config = some_inputs(), dataclasses.replace(QUICK, **options)
    head, _ = fit_fold(config, inputs, ROWS, seed=1)
    path = tmp_path / f"fold_0{PERCEPTRON}"
    head.save(path)
    loaded = load_fold(path, head.encoder, head.counts)
    assert loaded.n_parameters == head.n_parameters and loaded.model.architecture == head.model.architecture
    for one, other in zip(
        *(each.predict(inputs.features[0], inputs.images) for each in (head, loaded)), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_a_calibrated_head_is_calibrated_by_an_affine_map_of_its_scores():
    inputs = some_inputs()
    config = dataclasses.replace(QUICK, loss="hinge", label_smoothing=CONFIG.label_smoothing)
    head, _ = fit_fold(config, inputs, ROWS, seed=1)
    assert head.model.architecture.is_calibrated
    proba, _ = head.predict(inputs.features[0], inputs.images)
    assert (proba.argmax(axis=1) == inputs.labels).mean() > 0.8


CHANGES = {
    "lost": lambda held: held.pop("class/scores/kernel"),
    "more": lambda held: held.update(more=np.zeros(3)),
    "of another shape": lambda held: held.update({"class/scores/bias": np.zeros(4)}),
    "no architecture": lambda held: held.pop("architecture"),
    "another architecture": lambda held: held.update(architecture=np.array('{"head": "gap"}')),
    "objects": lambda held: held.update(more=np.array([{}], object)),
    "no number": lambda held: held["class/scores/bias"].fill(np.nan),
    "of another type": lambda held: held.update({"class/scores/bias": np.zeros(3)}),
    "of many classes": lambda held: redescribed(held, n_classes=10**9),
    "of many channels": lambda held: redescribed(held, feature_shape=[10**7], head="dense"),
    "of endless maps": lambda held: redescribed(held, feature_shape=[10**9, 10**9, 8]),
    "of an unknown pooling": lambda held: redescribed(held, pooling="median"),
    "of an unknown head": lambda held: redescribed(held, head="linear"),
    "of two classes": lambda held: redescribed(held, n_classes=2),
    "of tags": lambda held: redescribed(held, is_tagged=True),
}


def redescribed(held, **changes):
    """The same arrays, of another architecture."""
    held["architecture"] = np.array(json.dumps({**json.loads(str(held["architecture"])), **changes}))


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_is_no_heads_is_refused(change, tmp_path):
    head, _ = fit_fold(dataclasses.replace(QUICK, epochs=1), some_inputs(), ROWS, seed=1)
    path = tmp_path / f"fold_0{PERCEPTRON}"
    head.save(path)
    with np.load(path, allow_pickle=False) as kept:
        held = dict(kept)
    CHANGES[change](held)
    np.savez(path, allow_pickle=True, **held)
    with pytest.raises(FishError, match=r"fold_0\.perceptron\.npz can't be loaded"):
        load_fold(path, head.encoder, head.counts)


def test_a_head_of_other_metadata_is_refused(tmp_path):
    head, _ = fit_fold(dataclasses.replace(QUICK, epochs=1), some_inputs(), ROWS, seed=1)
    path = tmp_path / f"fold_0{PERCEPTRON}"
    head.save(path)
    with pytest.raises(FishError, match="metadata"):
        load_fold(path, MetadataEncoder("none"), head.counts)


@pytest.mark.parametrize("head", ["gap", "dense"])
def test_what_is_looked_at_is_made_once_or_of_each_batch_to_the_same_head(head):
    inputs = some_inputs(n_views=2)
    config = dataclasses.replace(QUICK, head=head)
    wanted, _ = fit_fold(config, inputs, ROWS, seed=1)
    inputs = dataclasses.replace(inputs, features=inputs.features.copy())
    found, _ = fit_fold(dataclasses.replace(config, memory_budget=0), inputs, ROWS, seed=1)
    for one, other in zip(weights_of(wanted), weights_of(found), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("head", ["gap", "dense"])
def test_a_copy_on_a_deck_that_the_fold_holds_out_is_the_plain_photo(head):
    inputs = some_inputs(n_views=2)
    decks = np.full((2, 48), "", object)
    decks[1] = [f"{i + 1}.jpg" for i in range(48)]  # that of row 35 is held out, with row 36
    features = inputs.features.copy()
    features[1, 35] = features[0, 35]
    config = dataclasses.replace(QUICK, head=head)
    wanted, _ = fit_fold(config, dataclasses.replace(inputs, features=features), ROWS, seed=1)
    found, _ = fit_fold(config, dataclasses.replace(inputs, decks=decks), ROWS, seed=1)
    for one, other in zip(weights_of(wanted), weights_of(found), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("memory_budget", [4.0, 0.0])
def test_what_was_made_goes_with_the_features(memory_budget):
    inputs = some_inputs()
    fit_fold(dataclasses.replace(QUICK, epochs=1, memory_budget=memory_budget), inputs, ROWS, seed=1)
    features = weakref.ref(inputs.features)
    assert sum(map(len, seen._kept.values())) == (2 if memory_budget else 0)
    del inputs
    gc.collect()
    assert features() is None and not seen._kept


def test_predictions_do_not_depend_on_the_number_of_threads():
    rng = np.random.default_rng(0)
    architecture = architecture_of("dense", "max", (6, 6, 640))
    model = Perceptron(architecture, build(architecture, Start(rng, PRIOR, MEAN_BOX)))
    for array in model.arrays().values():
        array += rng.uniform(0, 0.01, array.shape).astype(np.float32)
    head = PerceptronHead(model, MetadataEncoder("size", vocabulary=("64x48", "80x48")), np.array([6, 3, 1]))
    shown = maps_of(40, (6, 6, 640)), pd.DataFrame({"height": [48] * 40, "width": 64})
    said = []
    for n_threads in (1, 2):
        with threads_of("numpy").limit(limits=n_threads):
            said.append(head.predict(*shown))
    for one, other in zip(*said, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("has_box", [True, False])
@pytest.mark.parametrize("shape", [(23, 14, 8), (1, 1, 8), (8,)], ids=str)
@pytest.mark.parametrize("head", ["gap", "dense"])
def test_the_numbers_of_a_head_are_known_before_it_is_made(head, shape, has_box):
    architecture = architecture_of(head, "gem", shape, has_box=has_box, n_columns=5, n_embedded=3)
    made = build(architecture, Start(np.random.default_rng(0))).values()
    assert n_numbers(architecture) == sum(each.size for chain in made for each in chain.arrays().values())


def test_adamw_is_the_papers_with_a_warm_up_and_a_cosine():
    rng = np.random.default_rng(0)
    chain = Chain({"one": Affine(rng.normal(size=(3, 2)), rng.normal(size=2))})
    optimiser, wanted = AdamW(chain, 0.1, 20), chain.learned.astype(np.float64)
    mean, square = np.zeros(8), np.zeros(8)
    for step in range(20):
        chain.slopes[:] = rng.normal(size=8)
        warm_up = WARM_UP * 20
        rate = 0.1 * (step / warm_up if step < warm_up else 0.5 + 0.5 * np.cos(np.pi * (step - warm_up) / 18))
        mean, square = 0.9 * mean + 0.1 * chain.slopes, 0.999 * square + 0.001 * chain.slopes**2
        wanted[:6] *= 1 - 0.05 * rate  # the kernel, not the bias
        unbiased = mean / (1 - 0.9 ** (step + 1)), square / (1 - 0.999 ** (step + 1))
        wanted -= rate * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-7)
        optimiser.step()
        np.testing.assert_allclose(chain.learned, wanted, rtol=1e-4, atol=1e-5)


def test_tensorflow_is_not_imported_for_them(tmp_path):
    code = """
import sys
import dataclasses, numpy as np
from pathlib import Path
from head_inputs import CONFIG, some_inputs
from fishcli.heads.fit import fit_fold, load_fold
inputs = some_inputs()
for options in ({"head": "gap"}, {"head": "dense", "pooling": "stochastic"}):
    config = dataclasses.replace(CONFIG, epochs=1, **options)
    head, _ = fit_fold(config, inputs, np.arange(36), 0)
    head.save(Path("fold_0.perceptron.npz"))
    head = load_fold(Path("fold_0.perceptron.npz"), head.encoder, head.counts)
    head.predict(inputs.features[0], inputs.images)
print(sorted({"keras", "tensorflow", "torch", "jax"} & set(sys.modules)))
"""
    path = ":".join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": path}, capture_output=True, text=True
    )
    assert json.loads(done.stdout.replace("'", '"')) == [], done.stderr
