"""How a preset's converter scales pixels."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fishcli.basics.errors import FishError
from fishcli.basics.quiet import load_keras

STARTS = "keras_hub "
"""How recipes begin to say it."""
DIGITS = 7
"""Of each number, in which float32 keeps it."""
PROBED = 8
"""The side of the images that a converter is tried on, pixels."""


@dataclass(frozen=True)
class Scaling:
    """Value * scale + offset, of RGB in 0 to 255, each of three channels."""

    scale: tuple[float, ...]
    offset: tuple[float, ...]

    def __str__(self) -> str:
        """As recipes say it."""
        scale, offset = (
            ",".join(f"{each:.{DIGITS}g}" for each in values) for values in (self.scale, self.offset)
        )
        return f"{STARTS}scale={scale} offset={offset}"

    def __call__(self, images: Any) -> Any:
        """Images (batch, h, w, 3), 0 to 255, as the network takes them; of any backend."""
        ops = load_keras().ops
        scale, offset = np.asarray(self.scale, np.float32), np.asarray(self.offset, np.float32)
        return ops.add(ops.multiply(images, scale), offset)


def parse_scaling(said: str) -> Scaling:
    """The scaling that a recipe says."""
    scale, offset = (
        tuple(float(number) for number in part.partition("=")[2].split(","))
        for part in said.removeprefix(STARTS).split()
    )
    return Scaling(scale, offset)


def scaling_of(converter: Any, folder: Path) -> Scaling:
    """What a converter of KerasHub does to pixels besides resizing, which photos have behind them.

    Args:
        converter: an ImageConverter; its size is taken away.
        folder: the preset's, for errors.

    Raises:
        FishError: it does more than scale each channel by itself.
    """
    ops = load_keras().ops

    def converted(images: np.ndarray) -> np.ndarray:
        return np.asarray(ops.convert_to_numpy(converter(images)), np.float64)

    flat = np.ones((1, PROBED, PROBED, 3), np.float32)
    noise = np.random.default_rng(0).integers(0, 256, flat.shape).astype(np.float32)
    try:
        converter.image_size = None
        black, white, mixed = (converted(images) for images in (0 * flat, 255 * flat, noise))
        offset = black[0, 0, 0]
        found = Scaling(tuple((white[0, 0, 0] - offset) / 255), tuple(offset))
        found = parse_scaling(str(found))
        expected = noise * np.array(found.scale) + np.array(found.offset)
        is_alike = mixed.shape == noise.shape and np.allclose(mixed, expected, rtol=1e-5, atol=1e-5)
    except Exception:  # of a converter that makes something else of an image, or does not know its size
        is_alike = False
    if not is_alike:
        raise FishError(
            f"the preset {folder} does more to pixels than to scale each channel "
            f"({type(converter).__name__}), which fishcli can't do."
        )
    return found
