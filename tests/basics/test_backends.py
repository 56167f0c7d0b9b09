"""Keras' backends: which computes, and what differs between them."""

import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from fishcli.basics.backends import backend_version, compiled, find_device, gradient
from fishcli.basics.errors import FishError
from fishcli.basics.quiet import load_keras

pytestmark = pytest.mark.tensorflow

LACKING = [name for name in ("jax", "torch") if find_spec(name) is None]


@pytest.mark.parametrize("told", [{}, {"KERAS_BACKEND": ""}])
def test_tensorflow_computes_unless_told(monkeypatch, told):
    monkeypatch.setenv("KERAS_BACKEND", "so that it is put back")
    del os.environ["KERAS_BACKEND"]
    os.environ.update(told)
    assert load_keras().backend.backend() == "tensorflow"
    assert os.environ["KERAS_BACKEND"] == "tensorflow"  # for processes that this one starts
    assert backend_version().startswith("TensorFlow 2.")


@pytest.mark.parametrize("name", ["openvino", "theano"])
def test_what_cannot_train_is_refused(monkeypatch, name):
    monkeypatch.setenv("KERAS_BACKEND", name)
    with pytest.raises(FishError, match=f"KERAS_BACKEND={name}: .* tensorflow, jax or torch"):
        load_keras()


@pytest.mark.skipif(not LACKING, reason="all backends are installed")
def test_a_backend_that_is_not_installed_is_named_with_what_installs_it():
    code = "from fishcli.basics.quiet import load_keras; load_keras()"
    environment = {**os.environ, "KERAS_BACKEND": LACKING[0]}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert f"FishError: KERAS_BACKEND={LACKING[0]}: " in done.stderr
    assert f"pip install {LACKING[0]}" in done.stderr


def test_a_compiled_model_computes_what_the_model_does():
    keras = load_keras()
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    images = np.arange(12, dtype=np.uint8).reshape(4, 3)
    found = compiled(model, lambda batch: keras.ops.cast(batch, "float32") / 10)(images)
    expected = keras.ops.convert_to_numpy(model(images.astype(np.float32) / 10))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_gradient_is_taken_at_the_place():
    ops = load_keras().ops
    at = np.array([[1.0, -2.0], [0.5, 3.0]], np.float32)
    np.testing.assert_allclose(gradient(lambda place: ops.sum(place**3), at), 3 * at**2, rtol=1e-6)


def test_without_a_gpu_nothing_is_fast_in_16_bits():
    device = find_device()
    assert device.is_gpu or not device.is_fast_in_16_bits
