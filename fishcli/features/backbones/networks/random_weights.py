"""Random weights that keep the signal's scale, for trying things out without any training."""

from collections.abc import Callable
from typing import Any

import numpy as np

SEED = 0


def calibrate(model: Any, preprocess: Callable[[Any], Any], image_size: tuple[int, int]) -> None:
    """Set the batch-norm statistics of random weights from one batch, so that signals keep their scale.

    Freshly initialised MobileNets shrink to 1e-9, zeros in float16. The batch is drawn (smooth coloured
    noise), so that equal recipes have equal weights whatever the data set.

    Args:
        model: a Keras model from preprocessed images; changed in place.
        preprocess: from RGB in 0 to 255, float32, to what the model takes.
        image_size: (height, width), pixels.
    """
    norms = [layer for layer in model.layers if "BatchNormalization" in type(layer).__name__]
    if not norms:
        return
    for layer in norms:
        layer.momentum = 0.0
    model(preprocess(_coloured_noise(16, image_size)), training=True)


def _coloured_noise(n_images: int, image_size: tuple[int, int]) -> np.ndarray:
    """Smooth noise with about as much detail at each scale as photos have: (n, h, w, 3) float32, 0 to 255."""
    rng = np.random.default_rng(SEED)
    height, width = image_size
    images = np.zeros((n_images, height, width, 3))
    for cells in (2, 4, 8, 16, 32, 64):
        grid = rng.normal(size=(n_images, cells, cells, 3)) / cells**0.5
        rows = np.arange(height) * cells // height
        columns = np.arange(width) * cells // width
        images += grid[:, rows][:, :, columns]
    spread = images.std(axis=(1, 2), keepdims=True)
    return np.clip(128.0 + 55.0 * images / spread, 0.0, 255.0).astype(np.float32)
