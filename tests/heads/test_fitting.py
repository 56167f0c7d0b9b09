"""Training through Keras' `fit`, as on JAX and PyTorch: to the same losses as TensorFlow's own loop."""

import dataclasses
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from head_inputs import CONFIG, some_inputs

from fishcli.basics.errors import FishError
from fishcli.heads.fit import fit_fold
from fishcli.heads.networks import training

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]

ROWS = np.arange(36)
N_EPOCHS = 12
ELSEWHERE = """
import dataclasses, json, numpy as np
from head_inputs import CONFIG, some_inputs
from fishcli.basics.backends import backend_name
from fishcli.heads.class_maps import class_maps
from fishcli.heads.fit import fit_fold

inputs, config = some_inputs(), dataclasses.replace(CONFIG, head="attention", epochs=EPOCHS)
head, losses = fit_fold(config, inputs, np.arange(36), seed=1)
fit_fold(config, inputs, np.arange(12, 48), seed=2)
again, _ = fit_fold(config, inputs, np.arange(36), seed=1)
same = [bool((a == b).all()) for a, b in zip(head.model.get_weights(), again.model.get_weights())]
proba, _ = head.predict(inputs.features[0], inputs.images)
maps = class_maps([head], "attention", inputs.features[0], inputs.images, inputs.labels)
print(json.dumps([backend_name(), losses, proba.tolist(), maps.shape, all(same)]))
"""


@pytest.mark.parametrize("with_boxes", [True, False])
def test_fit_trains_to_what_the_loop_trains_to(monkeypatch, with_boxes):
    config = dataclasses.replace(CONFIG, head="attention", epochs=3, box_weight=2.0)
    inputs = some_inputs(with_boxes=with_boxes)
    inputs.boxes[:, 2::4] += 0.1  # so that the boxes' loss is not nothing
    looped, of_loop = fit_fold(config, inputs, ROWS, seed=1)
    monkeypatch.setattr(training, "backend_name", lambda: "jax")
    fitted, of_fit = fit_fold(config, inputs, ROWS, seed=1)
    assert list(of_fit) == list(of_loop)
    for name, values in of_loop.items():
        np.testing.assert_allclose(of_fit[name], values, rtol=1e-3, atol=1e-6)
    for one, other in zip(fitted.model.get_weights(), looped.model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_a_loss_that_is_not_finite_ends_it(monkeypatch):
    monkeypatch.setattr(training, "backend_name", lambda: "jax")
    inputs = some_inputs()
    inputs.features[:] = np.inf
    with pytest.raises(FishError, match="not finite"):
        fit_fold(dataclasses.replace(CONFIG, epochs=2), inputs, ROWS, seed=1)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_another_backend_trains_to_the_same_loss_within_noise(backend):
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
    }
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE.replace("EPOCHS", str(N_EPOCHS))],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    used, losses, proba, shape, is_the_same_after_others = json.loads(done.stdout)
    assert used == backend
    assert is_the_same_after_others
    inputs = some_inputs()
    assert tuple(shape) == inputs.features.shape[1:4]
    here = dataclasses.replace(CONFIG, head="attention", epochs=N_EPOCHS)
    others = [fit_fold(here, inputs, ROWS, seed) for seed in range(3)]
    noise = [loss["loss"][-1] for _, loss in others]
    assert abs(losses["loss"][-1] - np.mean(noise)) < 0.1 + 3 * np.std(noise)
    expected = np.mean([head.predict(inputs.features[0], inputs.images)[0] for head, _ in others], axis=0)
    assert np.abs(np.array(proba) - expected).max() < 0.25
