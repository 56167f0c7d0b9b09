"""The optimiser of heads: who moves how fast, what decays, and the schedule."""

import numpy as np
import pytest

from fishcli.basics.quiet import load_keras
from fishcli.heads.networks import optimiser
from fishcli.heads.networks.optimiser import WARM_UP, WEIGHT_DECAY, HeadAdamW

pytestmark = pytest.mark.tensorflow

keras = load_keras()

LR, N_STEPS = 0.01, 40


def one_layer(start=1.0):
    """A model of a dense layer of one unit; its variables: kernel and bias."""
    start = keras.initializers.Constant(start)
    layer = keras.layers.Dense(1, kernel_initializer=start, bias_initializer=start)
    return keras.Sequential([keras.Input((1,)), layer])


def restarted(model):
    optimizer = HeadAdamW(model, LR)
    optimizer.restart(N_STEPS)
    return optimizer


def steps_of(gradient, n_steps=N_STEPS, start=1.0):
    """How far each variable moves in each step (steps, 2) under a constant gradient."""
    model = one_layer(start)
    optimizer = restarted(model)
    variables = model.trainable_variables
    values = [np.concatenate([np.ravel(each) for each in variables])]
    for _ in range(n_steps):
        optimizer.apply([keras.ops.full(each.shape, gradient) for each in variables], variables)
        values.append(np.concatenate([np.ravel(each) for each in variables]))
    return np.diff(values, axis=0)


KERNEL, BIAS = range(2)


def test_kernels_decay_and_biases_do_not():
    moved = steps_of(gradient=0.0).sum(axis=0)
    assert moved[KERNEL] < 0
    assert moved[BIAS] == 0


def test_a_kernel_decays_by_the_learning_rate_times_the_decay():
    steps = steps_of(gradient=0.0)[:, KERNEL]
    assert steps.min() == pytest.approx(-LR * WEIGHT_DECAY, rel=0.01)


def test_the_rate_warms_up_then_falls_as_a_cosine():
    """Under a constant gradient each step of Adam is as long as the rate."""
    rates = -steps_of(gradient=1.0, n_steps=N_STEPS + 5, start=0.0)[:, BIAS]
    warm_up = round(WARM_UP * N_STEPS)
    at = np.arange(N_STEPS - warm_up)
    cosine = LR / 2 * (1 + np.cos(np.pi * at / len(at)))
    np.testing.assert_allclose(rates[:warm_up], LR * np.arange(warm_up) / warm_up, rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(rates[warm_up:N_STEPS], cosine, rtol=1e-3, atol=1e-7)
    np.testing.assert_allclose(rates[N_STEPS:], 0, atol=1e-7)


def test_a_step_is_that_of_adam_in_keras(monkeypatch):
    """TensorFlow's own kernel takes it there."""
    rng, found = np.random.default_rng(0), []
    gradients = rng.normal(size=(N_STEPS, 2))
    for backend in ("tensorflow", "keras' own"):
        monkeypatch.setattr(optimiser, "backend_name", lambda backend=backend: backend)
        model = one_layer()
        optimizer, variables = restarted(model), model.trainable_variables
        for step in gradients:
            optimizer.apply(
                [keras.ops.full(each.shape, value) for each, value in zip(variables, step, strict=True)],
                variables,
            )
        found.append([np.ravel(each) for each in optimizer.variables + variables])
    for own, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(own, theirs, rtol=1e-5, atol=1e-6)


def test_a_restarted_optimiser_is_as_a_new_one():
    moved = []
    model = one_layer()
    optimizer, variables = restarted(model), model.trainable_variables
    for _ in range(2):
        before = [np.ravel(each).copy() for each in variables]
        for _ in range(5):
            optimizer.apply([keras.ops.full(each.shape, 0.5) for each in variables], variables)
        moved.append([np.ravel(each) - then for each, then in zip(variables, before, strict=True)][BIAS])
        optimizer.restart(N_STEPS)
    np.testing.assert_allclose(moved[0], moved[1], rtol=1e-4)


def test_the_schedule_is_asked_once_a_step(monkeypatch):
    model = one_layer()
    optimizer = restarted(model)
    asked, cosine = [], optimiser.ops.cos
    monkeypatch.setattr(optimiser.ops, "cos", lambda angle: asked.append(1) or cosine(angle))
    variables = model.trainable_variables
    optimizer.apply([keras.ops.ones_like(each) for each in variables], variables)
    assert len(asked) == 1
    assert float(optimizer.learning_rate) > 0
