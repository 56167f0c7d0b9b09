"""Heads and their layers: where they start, what they take, that they learn, and that they survive a file."""

import functools

import numpy as np
import pandas as pd
import pytest

from fishcli.basics.quiet import load_keras
from fishcli.dataset.metadata import MetadataEncoder
from fishcli.heads.networks.architectures import build_head, builders
from fishcli.options.train import TrainConfig

pytestmark = pytest.mark.tensorflow

keras = load_keras()

VARIANTS = {
    **{head: {"head": head} for head in builders()},
    "inception-auxiliary": {"head": "inception", "auxiliary": True},
    "residual-1": {"head": "residual", "residual_version": 1},
}
N_IMAGES, SHAPE = 32, (3, 4, 64)
PRIOR, MEAN_BOX = np.array([0.6, 0.3, 0.1]), np.array([0.2, 0.3, 0.6, 0.9])
ENCODER = MetadataEncoder("size", vocabulary=("64x48", "80x48"))


def build(variant, shape=SHAPE, mean_box=None, **options):
    keras.utils.set_random_seed(0)
    return build_head(TrainConfig(**VARIANTS[variant], **options), shape, ENCODER, PRIOR, mean_box)


def some_inputs(n=N_IMAGES, shape=SHAPE, seed=0):
    """Non-negative features of random images, much alike all over an image, and sizes."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, *[1] * (len(shape) - 1), shape[-1])).clip(0)
    features = features * rng.uniform(0.5, 1.5, size=(n, *shape))
    images = pd.DataFrame({"height": 48, "width": rng.choice([64, 80, 96], n)})
    return {"features": features.astype(np.float32), "metadata": ENCODER.encode(images)}


def some_labels(model, seed=1):
    """Random one-hot labels for each output that has classes."""
    return dict.fromkeys(model.output, np.eye(3)[np.random.default_rng(seed).integers(3, size=N_IMAGES)])


@functools.cache
def trained(variant):
    """A head fitted to some_inputs, its last loss, and the largest gradient that each weight had."""
    import tensorflow as tf

    model = build(variant, dropout=0.0)
    inputs, labels = some_inputs(), some_labels(model)
    weights = model.trainable_weights
    optimizer = keras.optimizers.Adam(2e-2 if variant == "attention" else 3e-3)
    optimizer.build(weights)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            outputs = model(inputs, training=True)
            losses = [keras.losses.categorical_crossentropy(labels[k], outputs[k]) for k in labels]
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, [weight.value for weight in weights], unconnected_gradients="zero")
        optimizer.apply(gradients, weights)
        return loss, tf.stack([tf.reduce_max(tf.abs(gradient)) for gradient in gradients])

    largest, loss = np.zeros(len(weights)), np.inf
    for number in range(80):
        if number >= 20 and loss < 0.02:  # some learn it in 20 steps, and some take all
            break
        loss, gradients = (each.numpy() for each in step())
        largest = np.maximum(largest, gradients)
    return model, float(loss), dict(zip([weight.path for weight in weights], largest, strict=True))


def call(model, inputs, training=False):
    return {name: np.asarray(output) for name, output in model(inputs, training=training).items()}


def at_layer(model, name, inputs):
    return np.asarray(keras.Model(model.input, model.get_layer(name).output)(inputs, training=False))


@pytest.mark.parametrize("shape", [(1, 1, 8), (1, 5, 8), (7, 14, 8)], ids=str)
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_head_of_any_map_size_starts_at_the_prior_and_the_mean_box(variant, shape):
    model = build(variant, shape, MEAN_BOX)
    assert ("auxiliary" in model.output) == (variant == "inception-auxiliary")
    for training in (False, True):
        output = call(model, some_inputs(5, shape), training)
        np.testing.assert_allclose(output.pop("box"), np.tile(MEAN_BOX, (5, 1)), atol=1e-5)
        for proba in output.values():
            np.testing.assert_allclose(proba, np.tile(PRIOR, (5, 1)), atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_head_learns_random_labels_by_heart_with_every_weight(variant):
    _, loss, largest_gradient = trained(variant)
    assert loss < 0.2
    # Rounding alone leaves about 1e-8 in a weight that changes nothing, such as a bias before batch norm.
    assert not [path for path, gradient in largest_gradient.items() if gradient < 1e-5]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_head_survives_its_file(variant, tmp_path):
    model = trained(variant)[0]
    model.save(tmp_path / "head.keras")
    loaded = keras.models.load_model(tmp_path / "head.keras", compile=False, safe_mode=True)
    inputs = some_inputs(seed=2)
    expected, output = call(model, inputs), call(loaded, inputs)
    assert np.abs(expected["class"] - PRIOR).max() > 0.1
    assert list(output) == list(expected)
    for name, proba in output.items():
        np.testing.assert_array_equal(proba, expected[name])


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_image_is_judged_alone_and_its_size_counts(variant):
    model = trained(variant)[0]
    inputs = some_inputs(6, seed=3)
    together = call(model, inputs)["class"]
    for i in range(6):
        alone = call(model, {name: value[i : i + 1] for name, value in inputs.items()})["class"]
        np.testing.assert_allclose(together[i], alone[0], atol=1e-4)
    unknown_size = {**inputs, "metadata": np.zeros_like(inputs["metadata"])}
    assert np.abs(call(model, unknown_size)["class"] - together).max() > 1e-4


@pytest.mark.parametrize("head", ["fcn", "allconv"])
def test_class_scores_are_the_mean_of_class_maps(head):
    model = trained(head)[0]
    inputs = some_inputs(seed=4)
    maps = at_layer(model, "class_maps", inputs)
    scores = maps.mean(axis=(1, 2)) + inputs["metadata"] @ np.asarray(
        model.get_layer("metadata_scores").kernel
    )
    expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(call(model, inputs)["class"], expected, atol=1e-5)


@pytest.mark.parametrize(("head", "places"), [("fcn", (4, 7)), ("allconv", (8, 14))])
def test_class_maps_of_allconv_are_finer(head, places):
    model = build(head, (8, 14, 4))
    assert model.get_layer("class_maps").output.shape == (None, *places, 3)


def test_attention_weights_sum_to_1_and_follow_the_features():
    inputs = some_inputs(seed=5)
    start, end = (at_layer(m, "attention_map", inputs) for m in (build("attention"), trained("attention")[0]))
    np.testing.assert_allclose(start, 1 / 12, atol=1e-6)
    assert end.shape == (N_IMAGES, 3, 4, 1)
    np.testing.assert_allclose(end.sum(axis=(1, 2, 3)), 1, atol=1e-5)
    assert end.std(axis=(1, 2)).max() > 1e-3
