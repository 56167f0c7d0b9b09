"""Networks of one hidden layer and their optimiser, in NumPy: what adversaries are made of here.

They are so small that a graph would take longer to make than they take to train, and piecewise linear, so
that even the slope of a slope is a product of matrices.
"""

from dataclasses import dataclass

import numpy as np

SLOPE = np.float32(0.2)
"""Of a leaky ReLU below 0."""
DECAYS = (np.float32(0.5), np.float32(0.9))
"""Of Adam's first and second moments, short as adversaries want them."""


@dataclass(frozen=True)
class Layers:
    """Weights, float32, from inputs over a leaky ReLU to outputs.

    Attributes:
        inner: (inputs, hidden).
        bias: (hidden,).
        outer: (hidden, outputs).
        offset: (outputs,).
    """

    inner: np.ndarray
    bias: np.ndarray
    outer: np.ndarray
    offset: np.ndarray

    @classmethod
    def drawn(cls, rng: np.random.Generator, sizes: tuple[int, int, int], outer_scale: float) -> "Layers":
        """Weights of inputs, hidden units and outputs, as He et al. 2015 draw them; `outer` times a scale."""
        n_inputs, n_hidden, n_outputs = sizes
        inner = rng.standard_normal((n_inputs, n_hidden), np.float32) * np.float32((2 / n_inputs) ** 0.5)
        outer = rng.standard_normal((n_hidden, n_outputs), np.float32)
        outer *= np.float32(outer_scale * (2 / n_hidden) ** 0.5)
        return cls(inner, np.zeros(n_hidden, np.float32), outer, np.zeros(n_outputs, np.float32))

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """All weights, in the order in which slopes are handed over."""
        return self.inner, self.bias, self.outer, self.offset

    def sums(self, inputs: np.ndarray) -> np.ndarray:
        """What the hidden units (n, hidden) see of inputs (n, inputs)."""
        return inputs @ self.inner + self.bias

    def outputs(self, sums: np.ndarray) -> np.ndarray:
        """Outputs (n, outputs) of hidden units' sums."""
        return sums * slopes(sums) @ self.outer + self.offset

    def slopes_of(
        self, inputs: np.ndarray, sums: np.ndarray, by_outputs: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        """How a loss moves with each of `arrays`, from how it moves with the outputs (n, outputs)."""
        steep = slopes(sums)
        by_sums = by_outputs @ self.outer.T * steep
        return inputs.T @ by_sums, by_sums.sum(axis=0), (sums * steep).T @ by_outputs, by_outputs.sum(axis=0)


class Adam:
    """Adam (Kingma & Ba 2015), which moves arrays in place."""

    def __init__(self, arrays: tuple[np.ndarray, ...], rate: float) -> None:
        """For some arrays, float32, at one rate."""
        self._arrays, self._rate, self._n_steps = arrays, rate, 0
        self._moments = [(np.zeros_like(each), np.zeros_like(each)) for each in arrays]

    def step(self, slopes: tuple[np.ndarray, ...]) -> None:
        """Move all arrays down their slopes."""
        self._n_steps += 1
        mean_decay, square_decay = DECAYS
        fair = (1 - float(square_decay) ** self._n_steps) ** 0.5 / (1 - float(mean_decay) ** self._n_steps)
        for array, slope, (mean, square) in zip(self._arrays, slopes, self._moments, strict=True):
            mean += (1 - mean_decay) * (slope - mean)
            square += (1 - square_decay) * (slope * slope - square)
            array -= np.float32(self._rate * fair) * mean / (np.sqrt(square) + np.float32(1e-8))


def slopes(sums: np.ndarray) -> np.ndarray:
    """A leaky ReLU's slopes at some sums: 1 above 0, SLOPE below; in a sixth of the time of `np.where`."""
    return (sums > 0) * (1 - SLOPE) + SLOPE
