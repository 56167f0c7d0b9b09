"""A small fine-tuning that comes out alike under every Keras backend: nothing is drawn but by NumPy."""

import dataclasses
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from head_inputs import some_inputs

from fishcli.basics.quiet import load_keras
from fishcli.features.photos.recipes import magnitudes_of
from fishcli.options.finetune import FinetuneConfig
from fishcli.tuning.fit import TuningPlan, make_ready, tune
from fishcli.tuning.network import BODY, build_network
from fishcli.tuning.rows import TuningRows
from fishcli.tuning.start import HeadWeights

ROWS = np.arange(36)


def tail(n_channels):
    """Layers above a cut at maps (3, 4, 8), or all of a network's from pixels of any size."""
    keras = load_keras()
    shape = (3, 4, n_channels)
    if n_channels == 3:
        from fishcli.features.backbones.pixels import PixelInput

        maps = keras.Input((None, None, 3))
        hidden = PixelInput((10, 14), "fishnet")(maps)
    else:
        maps = hidden = keras.Input(shape)
    hidden = keras.layers.Conv2D(6, 3, use_bias=False)(hidden)
    hidden = keras.layers.ReLU()(keras.layers.BatchNormalization()(hidden))
    model = keras.Model(maps, hidden, name=BODY)
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.1, 1, each.shape).astype(np.float32) for each in model.get_weights()])
    return model


def trained(folder, from_pixels, n_epochs=2, on_step=lambda loss: None):
    """Train for two epochs, or go on; returns the losses and the network, which is small."""
    inputs = some_inputs(n_views=2, with_boxes=False)
    drawn = None
    if from_pixels:
        pixels = np.random.default_rng(0).integers(0, 256, (2, 48, 12, 16, 3), np.uint8)
        pixels[..., 0] //= 2 + (np.arange(48) % 3)[None, :, None, None].astype(np.uint8)
        inputs, drawn = dataclasses.replace(inputs, features=pixels), magnitudes_of("strong")
    rows = TuningRows(inputs, ROWS, np.arange(2), np.zeros((48, 0), np.float32), 3, False, drawn)
    config = FinetuneConfig(epochs=n_epochs, batch_size=8, metadata="none", dropout=0.0, lr=1e-3)
    plan = TuningPlan(config, rows, 5, Path(folder) / "epochs.npz")
    layers = tail(inputs.features.shape[-1])
    start = HeadWeights(np.zeros((6, 3), np.float32), np.zeros(3, np.float32))
    model = build_network(layers, start, 0, None, (config.dropout, plan.seed))
    losses = tune(make_ready(model, plan), plan, on_step)
    return losses, model


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        found = trained(temporary, sys.argv[1] == "pixels")[0]
    print(json.dumps([load_keras().backend.backend(), found]))
