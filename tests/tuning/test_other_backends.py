"""The loop of fine-tuning under Keras' other backends, where they are installed."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import tuned

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]


@pytest.mark.parametrize("what", ["maps", "pixels"])
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_another_backend_trains_to_the_same_losses(backend, what, tmp_path):
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, Path(tuned.__file__), what]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    used, losses = json.loads(done.stdout)
    here, _ = tuned.trained(tmp_path, what == "pixels")
    assert used == backend and set(losses) == set(here)
    np.testing.assert_allclose(losses["loss"], here["loss"], rtol=1e-3)
    assert abs(here["loss"][1] - here["loss"][0]) > 1e-2


def test_killed_while_it_learns_from_pixels_it_goes_on_and_ends_with_the_same_weights(tmp_path):
    (tmp_path / "whole").mkdir()
    losses, whole = tuned.trained(tmp_path / "whole", from_pixels=True)
    steps = []

    def on_step(loss):
        steps.append(loss)
        if len(steps) == 7:  # the second one of the second epoch
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tuned.trained(tmp_path, from_pixels=True, on_step=on_step)
    again, model = tuned.trained(tmp_path, from_pixels=True)
    assert again == losses
    for one, other in zip(model.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
