"""The light and camera of the fishnet's drawings, and the views that contrastive training compares."""

from functools import lru_cache

import cv2
import numpy as np
from numpy.random import Generator, default_rng

LUMA = np.array([0.299, 0.587, 0.114])
RAMP = np.linspace(0, 1, 256, dtype=np.float32)[:, None]
_GRAIN = default_rng(1).standard_normal(1 << 20, np.float32)


def lit(image: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """An (h, w, 3) uint8 image times an (h, w) float32 gain: uint8, saturated."""
    return cv2.multiply(image, cv2.merge([gain, gain, gain]), dtype=cv2.CV_8U)


@lru_cache(maxsize=8)
def _grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """The x and y of each pixel from -1 to 1: two (size, size) float32."""
    steps = np.linspace(-1, 1, size, dtype=np.float32)
    x, y = np.meshgrid(steps, steps)
    return x, y


def slope(rng: Generator, size: int, most: float) -> np.ndarray:
    """A gain that rises from one side to the other by up to `most` either way: (size, size) float32."""
    x, y = _grid(size)
    dx, dy = rng.uniform(-most, most, 2).astype(np.float32)
    return 1 + dx * x + dy * y


def photographed(rng: Generator, image: np.ndarray) -> np.ndarray:
    """The scene lit and through a poor camera: gradients, cast, haze, blur, noise, JPEG's blocks."""
    size = len(image)
    chance = rng.random(7).tolist()
    if chance[0] < 0.6:
        gain = slope(rng, size, 0.35)
        if chance[0] < 0.25:
            x, y = _grid(size)
            cx, cy = rng.uniform(-0.7, 0.7, 2).astype(np.float32)
            gain = gain * (1.2 - np.float32(rng.uniform(0.1, 0.5)) * ((x - cx) ** 2 + (y - cy) ** 2))
        image = lit(image, gain)
    tinted = rng.normal(0, 0.18, 3)
    if chance[1] < 0.25:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        tinted = tinted * (2.0 if chance[1] < 0.13 else 0.0)
    tone = RAMP ** np.exp(tinted + rng.normal(0, 0.25))
    if chance[2] < 0.25:
        share = rng.uniform(0.4, 0.85)
        tone = share * tone + (1 - share) * (rng.random(3) if chance[1] >= 0.25 else rng.random())
    image = cv2.LUT(image, (255 * tone[None]).astype(np.uint8))
    if chance[3] < 0.3:
        image = cv2.GaussianBlur(image, (0, 0), size / 96 * rng.uniform(0.4, 1.3))
    if chance[4] < 0.4:
        image = cv2.add(image, _grain(rng, image.shape, 12 * chance[4] / 0.4), dtype=cv2.CV_8U)
    if chance[5] < 0.15:
        _, packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 92))])
        image = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    return image


def _grain(rng: Generator, shape: tuple[int, ...], deviation: float) -> np.ndarray:
    """Gaussian noise cut from a store of it: float32 of the given shape, at most 2^20 values."""
    n = int(np.prod(shape))
    start = int(rng.integers(len(_GRAIN) - n))
    return _GRAIN[start : start + n].reshape(shape) * np.float32(deviation)


def view(rng: Generator, image: np.ndarray, size: int) -> np.ndarray:
    """One augmented view for contrastive training (SimCLR, Chen et al., 2020).

    A resized crop (0.35 to 1 of the area), mirrored, its colours jittered, grey, blurred or noisy by chance:
    an (h, w, 3) uint8 image to (size, size, 3) uint8.
    """
    a = rng.random(16).tolist()
    height, width = image.shape[:2]
    side, aspect = np.sqrt(0.35 + 0.65 * a[0]), (4 / 3) ** (a[1] - 0.5)
    rows = max(1, min(height, round(height * side / aspect)))
    columns = max(1, min(width, round(width * side * aspect)))
    top, left = int(a[2] * (height - rows + 1)), int(a[3] * (width - columns + 1))
    cropped = image[top : top + rows, left : left + columns]
    shrunk = rows > size and columns > size
    out = cv2.resize(cropped, (size, size), interpolation=cv2.INTER_AREA if shrunk else cv2.INTER_LINEAR)
    if a[4] < 0.5:
        out = cv2.flip(out, 1)
    out = cv2.transform(out, _jitter(rng, a[5] < 0.2))
    if a[6] < 0.3:
        out = cv2.GaussianBlur(out, (0, 0), size / 96 * (0.3 + 1.2 * a[7]))
    if a[8] < 0.3:
        out = cv2.add(out, _grain(rng, out.shape, 12 * a[9]), dtype=cv2.CV_8U)
    return out


def _jitter(rng: Generator, grey: bool) -> np.ndarray:
    """Brightness, contrast, saturation, hue and gains as one colour matrix: (3, 4) float64."""
    a = rng.uniform(-1, 1, 8)
    saturation, angle = (0.0 if grey else 1 + 0.5 * a[0]), 0.35 * a[1]
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    turned = np.cos(angle) * np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) / 3
    mix = saturation * turned + (1 - saturation) * LUMA
    contrast = np.exp(0.4 * a[2])
    gains = contrast * np.exp(0.3 * a[3]) * np.exp((0.0 if grey else 0.15) * a[4:7])
    offset = 128 * (1 - contrast)
    return np.concatenate([gains[:, None] * mix, np.full((3, 1), offset + 15 * a[7])], axis=1)
