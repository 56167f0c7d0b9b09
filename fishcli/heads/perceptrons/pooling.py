"""How maps are pooled for perceptrons: once and for all, or by layers that draw or learn."""

from abc import abstractmethod
from typing import Any

import numpy as np

from fishcli.heads.perceptrons.layers import Layer, Shown

SMALLEST = np.float32(1e-6)
"""Activations are lifted to it before their logarithm is taken."""
WINDOW = 2
"""Side of the regions of local pooling; of overlapping ones, which are 2 apart, it is 3."""
BOX_CELLS = 10
"""Maps are averaged down to at most so many rows and columns for the box, which looks at each."""


def regions_of(maps: np.ndarray, window: int | None) -> np.ndarray:
    """Maps (batch, h, w, channels) as regions (batch, h', w', places, channels).

    Args:
        maps: any.
        window: side of square regions side by side; what is left over at the end is dropped. None: all is
            one region.
    """
    batch, height, width, channels = maps.shape
    if window is None:
        return maps.reshape(batch, 1, 1, height * width, channels)
    rows, columns = height // window, width // window
    kept = maps[:, : rows * window, : columns * window]
    split = kept.reshape(batch, rows, window, columns, window, channels).swapaxes(2, 3)
    return split.reshape(batch, rows, columns, window**2, channels)


def overlapping(maps: np.ndarray) -> np.ndarray:
    """The greatest of overlapping regions (Krizhevsky, Sutskever & Hinton 2012), which are 2 apart."""
    height, width = ((side - 3) // 2 + 1 for side in maps.shape[1:3])
    shifted = [
        maps[:, row : row + 2 * height - 1 : 2, column : column + 2 * width - 1 : 2]
        for row in range(3)
        for column in range(3)
    ]
    return np.asarray(np.maximum.reduce(shifted))


def pooled(maps: np.ndarray, pooling: str, is_local: bool) -> np.ndarray:
    """Maps (batch, h, w, channels), pooled by what neither learns nor draws: float32.

    Args:
        maps: float16 or float32.
        pooling: "avg", "max" or "overlap".
        is_local: in small regions, (batch, h', w', channels), where maps are as large as one; else over all
            places, (batch, channels).
    """
    maps = maps.astype(np.float32)
    if pooling == "overlap":
        parts = maps if min(maps.shape[1:3]) < 3 else overlapping(maps)
        return parts if is_local else np.asarray(parts.mean(axis=(1, 2)))
    if is_local and min(maps.shape[1:3]) < WINDOW:
        return maps
    regions = regions_of(maps, WINDOW if is_local else None)
    found = regions.mean(axis=3) if pooling == "avg" else regions.max(axis=3)
    return np.asarray(found if is_local else found[:, 0, 0])


def box_cells(maps: np.ndarray) -> np.ndarray:
    """Means of the cells of maps (batch, h, w, channels): (batch, places, channels) float32.

    There are at most BOX_CELLS rows and columns; the last ones may be of fewer places.
    """
    maps = maps.astype(np.float32)
    for axis in (1, 2):
        side = -(-maps.shape[axis] // BOX_CELLS)
        if side > 1:
            starts = np.arange(0, maps.shape[axis], side)
            sums = np.add.reduceat(maps, starts, axis=axis)
            n_places = np.diff(np.append(starts, maps.shape[axis]))
            maps = sums / np.expand_dims(n_places, [each for each in range(4) if each != axis])
    return maps.reshape(len(maps), -1, maps.shape[-1]).astype(np.float32, copy=False)


class RegionPooling(Layer):
    """Base of poolings that turn each region of a map into one number, and come first in a network.

    (batch, h, w, channels) -> (batch, channels), or (batch, h', w', channels) with a window.
    """

    def __init__(self, window: int | None, learned: dict[str, np.ndarray] | None = None) -> None:
        """Set the side of the regions; None: the whole map is one."""
        super().__init__(learned)
        self.window = window
        self._maps = np.zeros(0)

    def shaped(self, found: np.ndarray) -> np.ndarray:
        """What was found in regions (batch, h', w', channels), as this layer returns it."""
        return found[:, 0, 0] if self.window is None else found

    @abstractmethod
    def rises(self, maps: np.ndarray) -> np.ndarray:
        """How much each pooled number rises where all places of its region rise: in the output's shape."""

    def backward(self, slope: np.ndarray, wants_input: bool) -> Any:
        """See `Layer`; of the gradient of the maps each region's sum, in the output's shape."""
        return slope * self.rises(self._maps) if wants_input else None


class GeneralisedMean(RegionPooling):
    """The generalised mean, GeM, of each region: mean(x^p)^(1/p), whose p of all channels is learned.

    Radenović, Tolias & Chum, "Fine-tuning CNN image retrieval with no human annotation", 2018. p starts at 3
    and stays at 1 or more; negative activations count as 0.
    """

    def __init__(self, window: int | None) -> None:
        """See `RegionPooling`."""
        super().__init__(window, {"exponent": np.full(1, 3.0)})

    def forward(self, inputs: np.ndarray, shown: Shown) -> np.ndarray:
        """In logarithms, since x^p would overflow for large exponents."""
        found, logs, shares, mean = self._found(inputs)
        exponent, self._maps = self.learned["exponent"], inputs
        self._last = found * ((shares * logs).sum(axis=3) - mean / exponent) / exponent
        return self.shaped(found)

    def backward(self, slope: np.ndarray, wants_input: bool) -> Any:
        """See `RegionPooling`."""
        self.slopes["exponent"][0] = np.vdot(slope, self._last)
        return super().backward(slope, wants_input)

    def constrain(self) -> None:
        """An exponent is 1, which is the average, or more."""
        np.maximum(self.learned["exponent"], 1, out=self.learned["exponent"])

    def rises(self, maps: np.ndarray) -> np.ndarray:
        """See `RegionPooling`."""
        found, logs, shares, _ = self._found(maps)
        rises = np.where(logs > np.log(SMALLEST), shares / np.exp(logs), 0)
        return self.shaped(found * rises.sum(axis=3))

    def _found(self, maps: np.ndarray) -> tuple[np.ndarray, ...]:
        """The generalised means; the logarithms of the places and each one's share; the mean's logarithm."""
        logs = np.log(np.maximum(regions_of(maps, self.window), SMALLEST))
        powers = self.learned["exponent"] * logs
        top = powers.max(axis=3, keepdims=True)
        shares = np.exp(powers - top)
        total = shares.sum(axis=3, keepdims=True)
        mean = (top + np.log(total / logs.shape[3]))[..., 0, :]
        return np.exp(mean / self.learned["exponent"]), logs, shares / total, mean


class Stochastic(RegionPooling):
    """Draws one activation of each region and channel, with a probability proportional to the activation.

    Else it is the mean with these probabilities as weights. Zeiler & Fergus, "Stochastic pooling for
    regularization of deep convolutional neural networks", 2013. Negative activations count as 0; a region of
    zeros gives 0.
    """

    def forward(self, inputs: np.ndarray, shown: Shown) -> np.ndarray:
        """See the class."""
        self._maps = inputs
        places = np.maximum(regions_of(inputs, self.window), 0)
        if shown.rng is None:
            return self.shaped(_weighted(places)[0])
        running = np.cumsum(places, axis=3)
        total = running[..., -1:, :]
        drawn = total * shown.rng.random(total.shape, np.float32)
        place = np.argmax(running > drawn, axis=3, keepdims=True)
        return self.shaped(np.take_along_axis(places, place, axis=3)[..., 0, :])

    def rises(self, maps: np.ndarray) -> np.ndarray:
        """See `RegionPooling`."""
        regions = regions_of(maps, self.window)
        places = np.maximum(regions, 0)
        found, total = _weighted(places)
        rises = (2 * places.sum(axis=3) - (regions > 0).sum(axis=3) * found) / np.where(total > 0, total, 1)
        return self.shaped(rises)


def _weighted(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean of regions' places, each weighing what it is, and their sums; of zeros 0."""
    total = places.sum(axis=3)
    return (places**2).sum(axis=3) / np.where(total > 0, total, 1), total
