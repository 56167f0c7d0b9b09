"""The optimiser of heads: who moves how fast, what decays, and the schedule."""

import numpy as np
import pytest

from fishcli.basics.quiet import load_keras
from fishcli.heads.optimiser import TAIL_RATE, WARM_UP, WEIGHT_DECAY, HeadAdamW

pytestmark = pytest.mark.tensorflow

keras = load_keras()

LR, N_STEPS = 0.01, 40


def two_layers(kernels=1.0):
    """A model of two dense layers of one unit; its variables: kernel and bias, kernel and bias."""
    start = keras.initializers.Constant(kernels)
    layers = [
        keras.layers.Dense(1, kernel_initializer=start, bias_initializer=start, name=name)
        for name in ("fast", "slow")
    ]
    model = keras.Sequential([keras.Input((1,)), *layers])
    return model, model.get_layer("slow").trainable_variables


def steps_of(gradient, n_steps=N_STEPS, kernels=1.0, has_slow=True):
    """How far each variable moves in each step (steps, 4) under a constant gradient."""
    model, slow = two_layers(kernels)
    optimizer = HeadAdamW(model, slow if has_slow else [], LR, N_STEPS)
    variables = model.trainable_variables
    values = [np.concatenate([np.ravel(each) for each in variables])]
    for _ in range(n_steps):
        optimizer.apply([keras.ops.full(each.shape, gradient) for each in variables], variables)
        values.append(np.concatenate([np.ravel(each) for each in variables]))
    return np.diff(values, axis=0)


FAST_KERNEL, FAST_BIAS, SLOW_KERNEL, SLOW_BIAS = range(4)


def test_pre_trained_variables_move_a_tenth():
    steps = steps_of(gradient=0.5, kernels=0.0)
    moved = steps.sum(axis=0)
    assert (moved < -0.1 * LR).all()
    np.testing.assert_allclose(steps[:, SLOW_BIAS], TAIL_RATE * steps[:, FAST_BIAS], rtol=1e-3, atol=1e-8)
    np.testing.assert_allclose(moved[SLOW_KERNEL], moved[SLOW_BIAS], rtol=1e-5)
    assert TAIL_RATE == 0.1


def test_kernels_decay_but_neither_biases_nor_what_is_pre_trained():
    moved = steps_of(gradient=0.0).sum(axis=0)
    assert moved[FAST_KERNEL] < 0
    np.testing.assert_array_equal(moved[[FAST_BIAS, SLOW_KERNEL, SLOW_BIAS]], 0)
    without_slow = steps_of(gradient=0.0, has_slow=False).sum(axis=0)
    assert without_slow[SLOW_KERNEL] == pytest.approx(moved[FAST_KERNEL])
    assert without_slow[SLOW_BIAS] == 0


def test_a_kernel_decays_by_the_learning_rate_times_the_decay():
    steps = steps_of(gradient=0.0)[:, FAST_KERNEL]
    assert steps.min() == pytest.approx(-LR * WEIGHT_DECAY, rel=0.01)


def test_the_rate_warms_up_then_falls_as_a_cosine():
    """Under a constant gradient each step of Adam is as long as the rate."""
    rates = -steps_of(gradient=1.0, n_steps=N_STEPS + 5, kernels=0.0)[:, FAST_BIAS]
    warm_up = round(WARM_UP * N_STEPS)
    at = np.arange(N_STEPS - warm_up)
    cosine = LR / 2 * (1 + np.cos(np.pi * at / len(at)))
    np.testing.assert_allclose(rates[:warm_up], LR * np.arange(warm_up) / warm_up, rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(rates[warm_up:N_STEPS], cosine, rtol=1e-3, atol=1e-7)
    np.testing.assert_allclose(rates[N_STEPS:], 0, atol=1e-7)


def test_the_schedule_is_asked_once_a_step(monkeypatch):
    model, _ = two_layers()
    optimizer = HeadAdamW(model, [], LR, N_STEPS)
    asked, rate = [], type(optimizer._learning_rate).__call__
    monkeypatch.setattr(
        type(optimizer._learning_rate), "__call__", lambda *how: asked.append(1) or rate(*how)
    )
    variables = model.trainable_variables
    optimizer.apply([keras.ops.ones_like(each) for each in variables], variables)
    assert len(asked) == 1
    assert float(optimizer.learning_rate) > 0
