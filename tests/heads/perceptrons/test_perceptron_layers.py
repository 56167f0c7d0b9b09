"""Layers of perceptrons: what they compute, and gradients as finite differences have them."""

import numpy as np
import pytest

from fishcli.heads.perceptrons.chain import Chain
from fishcli.heads.perceptrons.layers import (
    Affine,
    BatchNorm,
    Cells,
    Corners,
    Dropout,
    Flatten,
    Join,
    Shown,
)
from fishcli.heads.perceptrons.pooling import GeneralisedMean, Stochastic, box_cells, pooled

RNG = np.random.default_rng(3)


def drawn(*shape):
    return RNG.normal(size=shape).astype(np.float32)


MAPS = np.abs(drawn(4, 5, 4, 3)) + 0.1
LAYERS = {
    "affine": (Affine(drawn(3, 5), drawn(5)), drawn(6, 3)),
    "rectified": (Affine(drawn(3, 5), drawn(5), rectified=True), drawn(6, 3)),
    "cells": (Cells(drawn(3, 4)), drawn(6, 5, 3)),
    "batch norm": (BatchNorm(3), drawn(6, 3)),
    "batch norm of maps": (BatchNorm(3), drawn(4, 2, 2, 3)),
    "batch norm without a scale": (BatchNorm(3, learns=("shift",)), drawn(6, 3)),
    "batch norm that learns nothing": (BatchNorm(3, learns=()), drawn(6, 3)),
    "dropout": (Dropout(0.4), drawn(6, 3)),
    "dropout of channels": (Dropout(0.4, of_channels=True), drawn(4, 2, 2, 3)),
    "flatten": (Flatten(), drawn(4, 2, 2, 3)),
    "join": (Join(), drawn(6, 3)),
    "join with an embedding": (Join(drawn(2, 4)), drawn(6, 3)),
    "corners": (Corners(), drawn(6, 4)),
    "generalised mean": (GeneralisedMean(None), MAPS),
    "generalised mean of regions": (GeneralisedMean(2), MAPS),
}


def is_without(name, in_training):
    """Whether a layer has no gradient of each input: it comes first, and has regions' sums, or none."""
    return name.startswith("generalised mean") or (name == "cells" and in_training)


def loss_of(layer, inputs, weights, in_training):
    """A number that depends on all outputs; draws are the same each time, running statistics don't move."""
    kept = {name: array.copy() for name, array in layer.kept.items()}
    rng = np.random.default_rng(5) if in_training else None
    metadata = np.arange(3 * len(inputs), dtype=np.float32).reshape(len(inputs), 3) / 10
    output = layer.forward(inputs, Shown(metadata, rng))
    layer.kept.update(kept)
    return float((output.astype(np.float64) * weights[: output.size].reshape(output.shape)).sum()), output


@pytest.mark.parametrize("in_training", [True, False])
@pytest.mark.parametrize("name", LAYERS)
def test_gradients_are_those_of_finite_differences(name, in_training):
    layer, inputs = LAYERS[name]
    weights = np.random.default_rng(1).normal(size=1000)
    _, output = loss_of(layer, inputs, weights, in_training)
    slope = weights[: output.size].reshape(output.shape).astype(np.float32)
    of_input = layer.backward(slope, wants_input=True)
    arrays = {
        **{part: (array, layer.slopes[part]) for part, array in layer.learned.items()},
        **({} if is_without(name, in_training) else {"input": (inputs, of_input)}),
    }
    for part, (array, found) in arrays.items():
        found = found.copy()
        for place in list(np.ndindex(array.shape))[:: max(1, array.size // 12)]:
            around, start, step = [], array[place], np.float32(1e-2)
            for side in (1, -1):
                array[place] = start + side * step
                around.append(loss_of(layer, inputs, weights, in_training)[0])
            array[place] = start
            wanted = (around[0] - around[1]) / (2 * step)
            assert found[place] == pytest.approx(wanted, rel=0.05, abs=0.05), (part, place)


@pytest.mark.parametrize(
    "layer", [GeneralisedMean(2), Stochastic(2), GeneralisedMean(None), Stochastic(None)]
)
def test_pooling_passes_on_how_much_a_region_rises_with_all_its_places(layer):
    output = layer.forward(MAPS, Shown())
    rises = layer.backward(np.ones_like(output), wants_input=True)
    step = 1e-2
    risen = [layer.forward(MAPS + np.float32(side * step), Shown()) for side in (1, -1)]
    np.testing.assert_allclose(rises, (risen[0] - risen[1]) / (2 * step), rtol=0.02, atol=0.02)


def test_stochastic_pooling_draws_each_place_as_often_as_its_activation_says():
    layer, rng = Stochastic(None), np.random.default_rng(0)
    maps = np.array([1.0, 2.0, 0.0, -5.0], np.float32).reshape(1, 2, 2, 1)
    many = np.repeat(maps, 3000, axis=0)
    drawn_places = layer.forward(many, Shown(None, rng))
    assert set(drawn_places.ravel()) == {1.0, 2.0}
    assert np.mean(drawn_places == 2.0) == pytest.approx(2 / 3, abs=0.03)
    assert layer.forward(maps, Shown()) == pytest.approx(5 / 3)
    assert layer.forward(np.zeros_like(maps), Shown(None, rng)) == 0 == layer.forward(0 * maps, Shown())


def test_the_generalised_mean_is_the_average_at_1_and_goes_to_the_maximum():
    layer = GeneralisedMean(None)
    for exponent, wanted in ((1.0, MAPS.mean(axis=(1, 2))), (300.0, MAPS.max(axis=(1, 2)))):
        layer.learned["exponent"][0] = exponent
        np.testing.assert_allclose(layer.forward(MAPS, Shown()), wanted, rtol=0.02)
    layer.learned["exponent"][0] = 0.2
    layer.constrain()
    assert layer.learned["exponent"][0] == 1


def test_local_pooling_drops_what_is_left_over_and_keeps_maps_smaller_than_a_window():
    maps = np.arange(5 * 4, dtype=np.float16).reshape(1, 5, 4, 1)
    np.testing.assert_array_equal(pooled(maps, "max", True)[0, ..., 0], [[5, 7], [13, 15]])
    np.testing.assert_array_equal(pooled(maps, "avg", True)[0, ..., 0], [[2.5, 4.5], [10.5, 12.5]])
    np.testing.assert_array_equal(pooled(maps, "overlap", True)[0, ..., 0], [[10], [18]])
    np.testing.assert_array_equal(pooled(maps, "overlap", False), [[14]])
    np.testing.assert_array_equal(pooled(maps, "max", False), [[19]])
    small = maps[:, :1]
    for pooling in ("avg", "max", "overlap"):
        np.testing.assert_array_equal(pooled(small, pooling, True), small)


def test_box_cells_are_means_of_equal_cells_but_for_the_last():
    maps = np.arange(21 * 5, dtype=np.float32).reshape(1, 21, 5, 1)
    cells = box_cells(maps).reshape(7, 5)
    np.testing.assert_array_equal(cells[0], maps[0, :3, :, 0].mean(axis=0))
    np.testing.assert_array_equal(cells[6], maps[0, 18:, :, 0].mean(axis=0))
    np.testing.assert_array_equal(box_cells(maps[:, :7])[0, :, 0], maps[0, :7].ravel())


def test_batch_norm_predicts_by_running_statistics_of_the_batches():
    norm = BatchNorm(2)
    rows = drawn(8, 2) * 3 + 1
    for _ in range(200):
        norm.forward(rows, Shown(None, np.random.default_rng(0)))
    predicted = norm.forward(rows, Shown())
    np.testing.assert_allclose(predicted.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(predicted.std(axis=0), 1, atol=1e-3)


def test_dropout_keeps_the_mean_and_drops_whole_channels_where_asked():
    rows = np.ones((4, 3, 3, 200), np.float32)
    found = Dropout(0.25, of_channels=True).forward(rows, Shown(None, np.random.default_rng(0)))
    assert found.mean() == pytest.approx(1, abs=0.06)
    assert (found == found[:, :1, :1]).all()
    assert Dropout(0.25).forward(rows, Shown()) is rows


def test_a_chain_lays_what_its_layers_learn_side_by_side():
    chain = Chain(
        {"one": Affine(drawn(3, 4), drawn(4)), "two": BatchNorm(4), "three": Affine(drawn(4, 2), drawn(2))}
    )
    chain.learned[:] = 0
    assert not chain.forward(drawn(5, 3), Shown(None, np.random.default_rng(0))).any()
    assert chain.n_decaying == 12 + 8 and len(chain.learned) == 12 + 4 + 8 + 8 + 2
