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

POOLINGS = ("avg", "max", "gem", "overlap", "stochastic")
VARIANTS = {
    **{head: {"head": head} for head in builders()},
    **{f"gap-{way}": {"head": "gap", "pooling": way} for way in POOLINGS if way != "avg"},
    **{f"dense-{way}": {"head": "dense", "pooling": way} for way in POOLINGS if way != "max"},
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
    optimizer = keras.optimizers.Adam(2e-2 if variant.startswith(("gap", "attention")) else 3e-3)
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
    check_start(variant, shape)


@pytest.mark.parametrize("variant", ["gap", "dense"])
def test_a_head_of_pooled_features_starts_there_too(variant):
    check_start(variant, (8,))


def check_start(variant, shape):
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


def windows(maps, side, stride):
    """The activations (h', w', batch, side x side, channels) of the windows that fit into maps."""
    rows, columns = (range(0, n - side + 1, stride) for n in maps.shape[1:3])
    cut = [
        [maps[:, y : y + side, x : x + side].reshape(len(maps), -1, maps.shape[-1]) for x in columns]
        for y in rows
    ]
    return np.array(cut)


def pooled_by(way, regions):
    """Regions (..., n, channels) as --pooling has it, in numpy: (..., channels)."""
    activations = regions.clip(0).astype(np.float64)
    return {
        "avg": lambda: regions.mean(axis=-2),
        "max": lambda: regions.max(axis=-2),
        "overlap": lambda: regions.max(axis=-2),
        "gem": lambda: (activations**3).mean(axis=-2) ** (1 / 3),
        "stochastic": lambda: (activations**2).sum(axis=-2) / np.maximum(activations.sum(axis=-2), 1e-12),
    }[way]()


@pytest.mark.parametrize("way", [*POOLINGS, "auto"])
@pytest.mark.parametrize("head", ["gap", "dense"])
def test_pooling_is_what_its_name_says(head, way):
    model = build(head, (7, 5, 4), pooling=way)
    way = {"gap": "avg", "dense": "max"}[head] if way == "auto" else way
    norm = next(layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization))
    inputs = some_inputs(6, (7, 5, 4))
    maps = inputs["features"]
    if head == "dense" or way == "overlap":
        expected = pooled_by(way, windows(maps, *((3, 2) if way == "overlap" else (2, 2))))
        expected = expected.mean(axis=(0, 1)) if head == "gap" else expected.transpose(2, 0, 1, 3)
    else:
        expected = pooled_by(way, maps.reshape(6, -1, 4))
    np.testing.assert_allclose(keras.Model(model.input, norm.input)(inputs), expected, rtol=1e-4, atol=1e-5)


def stochastic_and_gem(window=None):
    from fishcli.heads.networks.layers import GeneralisedMeanPooling2D, StochasticPooling2D

    keras.utils.set_random_seed(0)
    return StochasticPooling2D(window), GeneralisedMeanPooling2D(window)


@pytest.mark.parametrize(("exponent", "way"), [(1, "avg"), (2000, "max")])
@pytest.mark.parametrize("window", [None, 2])
def test_a_generalised_mean_lies_between_mean_and_max(window, exponent, way):
    maps = np.random.default_rng(0).uniform(1, 90, size=(6, 5, 4, 3)).astype(np.float32)
    _, gem = stochastic_and_gem(window)
    gem.build(maps.shape)
    gem.exponent.assign(exponent)
    expected = pooled_by(way, windows(maps, 2, 2) if window else maps.reshape(6, -1, 3))
    expected = expected.transpose(2, 0, 1, 3) if window else expected
    np.testing.assert_allclose(gem(maps), expected, rtol=2e-3)


def test_the_exponent_of_a_generalised_mean_stays_at_least_1():
    _, gem = stochastic_and_gem()
    model = keras.Sequential([keras.Input((2, 2, 1)), gem])
    model.compile(keras.optimizers.SGD(100.0), "mse")
    model.fit(np.arange(4.0).reshape(1, 2, 2, 1), np.zeros((1, 1)), verbose=0)
    assert float(gem.exponent) == 1


def test_stochastic_pooling_draws_activations_by_their_size():
    rng = np.random.default_rng(0)
    maps = rng.permutation(np.linspace(-5, 14, 60)).reshape(1, 5, 4, 3).astype(np.float32)
    stochastic, _ = stochastic_and_gem(window=2)
    draws = np.asarray(stochastic(np.repeat(maps, 4000, axis=0), training=True))
    assert draws.shape == (4000, 2, 2, 3)
    regions = windows(maps, 2, 2)[:, :, 0]
    for row, column, channel in np.ndindex(2, 2, 3):
        drawn = draws[:, row, column, channel]
        positive = regions[row, column, :, channel].clip(0)
        assert set(drawn) == set(positive[positive > 0])
        expected = pooled_by("stochastic", positive[:, None])[0]
        assert abs(drawn.mean() - expected) < 5 * drawn.std() / np.sqrt(4000) + 1e-6
        np.testing.assert_allclose(stochastic(maps)[0, row, column, channel], expected, rtol=1e-5)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("window", [None, 2])
def test_a_region_of_zeros_is_0_with_a_finite_gradient(window, training):
    import tensorflow as tf

    for layer in stochastic_and_gem(window):
        maps = tf.Variable(tf.zeros((2, 4, 4, 3)))
        options = {"training": training} if "Stochastic" in type(layer).__name__ else {}
        with tf.GradientTape() as tape:
            pooled = layer(maps, **options)
        np.testing.assert_allclose(pooled, 0, atol=1e-5)
        assert np.isfinite(tape.gradient(pooled, maps)).all()


def test_stochastic_pooling_is_reproducible_in_a_graph_and_after_a_file(tmp_path):
    import tensorflow as tf

    inputs = some_inputs()

    def draws(model):
        layer = next(layer for layer in model.layers if "stochastic" in layer.name)
        pooled = keras.Model(model.input, layer.output)
        drawn = tf.function(lambda: pooled(inputs, training=True))
        return [drawn().numpy() for _ in range(2)]

    model = build("gap-stochastic")
    model.save(tmp_path / "head.keras")
    first = draws(model)
    assert (first[0] != first[1]).any()
    np.testing.assert_array_equal(draws(build("gap-stochastic")), first)
    keras.utils.set_random_seed(0)
    loaded = keras.models.load_model(tmp_path / "head.keras", compile=False, safe_mode=True)
    np.testing.assert_array_equal(draws(loaded), first)
