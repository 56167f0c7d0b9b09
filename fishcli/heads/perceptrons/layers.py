"""Layers of perceptrons: what each computes, and the gradients of what it learns, as float32 arrays."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]

EPSILON = np.float32(1e-3)
"""What is added to variances."""
MOMENTUM = np.float32(0.9)
"""Of batch norm's running statistics: a training has a few hundred steps."""


@dataclass(frozen=True)
class Shown:
    """What a layer may see of a batch besides its input.

    Attributes:
        metadata: (batch, m) float32, or None.
        rng: of the draws of training; None where it is none.
    """

    metadata: np.ndarray | None = None
    rng: np.random.Generator | None = None


class Layer(ABC):
    """A function of a batch; it remembers the last one, so threads share none that is trained.

    Attributes:
        learned: what gradients are asked for, by name.
        slopes: the gradients of `learned`, of the last `backward`.
        kept: what else belongs to the layer, by name: means, variances.
    """

    def __init__(self, learned: Arrays | None = None, kept: Arrays | None = None) -> None:
        """Start from these."""
        self.learned = {name: np.asarray(each, np.float32) for name, each in (learned or {}).items()}
        self.kept = {name: np.asarray(each, np.float32) for name, each in (kept or {}).items()}
        self.slopes = {name: np.zeros(each.shape, np.float32) for name, each in self.learned.items()}

    @abstractmethod
    def forward(self, inputs: np.ndarray, shown: Shown) -> np.ndarray:
        """The output of inputs (batch, ...)."""

    @abstractmethod
    def backward(self, slope: np.ndarray, wants_input: bool) -> Any:
        """From the gradient of the output, fill `slopes`; returns that of the input where it is wanted."""

    def constrain(self) -> None:  # noqa: B027  most have nothing to do
        """Bring what a step of the optimiser led out of its range back into it."""


class Affine(Layer):
    """Weighted sums of (batch, n), with a ReLU or without: (batch, units)."""

    def __init__(self, kernel: np.ndarray, bias: np.ndarray, rectified: bool = False) -> None:
        """Start from a kernel (n, units) and a bias (units,)."""
        super().__init__({"kernel": kernel, "bias": bias})
        self.rectified = rectified

    def forward(self, inputs: np.ndarray, shown: Shown) -> np.ndarray:
        """See the class."""
        output = inputs @ self.learned["kernel"]
        output += self.learned["bias"]
        if self.rectified:
            np.maximum(output, 0, out=output)
        self._last = inputs, output
        return output

    def backward(self, slope: np.ndarray, wants_input: bool) -> Any:
        """See `Layer`."""
        inputs, output = self._last
        if self.rectified:
            slope = slope * (output > 0)
        np.matmul(inputs.T, slope, out=self.slopes["kernel"])
        slope.sum(axis=0, out=self.slopes["bias"])
        return slope @ self.learned["kernel"].T if wants_input else None


class BatchNorm(Layer):
    """Batch norm of the last axis (Ioffe & Szegedy 2015)."""

    def __init__(self, n: int, learns: tuple[str, ...] = ("shift", "scale")) -> None:
        """Start as an identity of standardised inputs (..., n)."""
        starts = {"shift": np.zeros(n), "scale": np.ones(n)}
        kept = {"mean": np.zeros(n), "variance": np.ones(n)}
        super().__init__({name: starts[name] for name in learns}, kept)

    def forward(self, inputs: np.ndarray, shown: Shown) -> np.ndarray:
        """By the batch's mean and variance in training, else by the running ones."""
        rows = inputs.reshape(-1, inputs.shape[-1])
        mean, variance = self.kept["mean"], self.kept["variance"]
        if shown.rng is not None:
            mean, variance = rows.mean(axis=0), rows.var(axis=0)
            _follow(self.kept, mean, variance)
        inverse = 1 / np.sqrt(variance + EPSILON)
        normal = (rows - mean) * inverse
        self._last = normal, inverse, shown.rng is not None
        output = normal * self.learned["scale"] if "scale" in self.learned else normal.copy()
        if "shift" in self.learned:
            output += self.learned["shift"]
        return output.reshape(inputs.shape)

    def backward(self, slope: np.ndarray, wants_input: bool) -> Any:
        """See `Layer`."""
        normal, inverse, in_training = self._last
        rows = slope.reshape(normal.shape)
        if "shift" in self.learned:
            rows.sum(axis=0, out=self.slopes["shift"])
        if "scale" in self.learned:
            np.einsum("ij,ij->j", rows, normal, out=self.slopes["scale"])
            rows = rows * self.learned["scale"] if wants_input else rows
        if not wants_input:
            return None
        if in_training:  # the batch's own mean and variance move as well
            rows = rows - rows.mean(axis=0) - normal * (np.einsum("ij,ij->j", rows, normal) / len(rows))
        return (rows * inverse).reshape(slope.shape)


def _follow(kept: Arrays, mean: np.ndarray, variance: np.ndarray) -> None:
    """Move running statistics towards a batch's."""
    for name, now in (("mean", mean), ("variance", variance)):
        kept[name] += (now - kept[name]) * (1 - MOMENTUM)


class Cells(Layer):
    """Each place of (batch, places, n) goes through batch norm, one affine map and a ReLU.

    All but the ReLU is one product, so nothing as large as the maps is made: (batch, places * units). The
    gradient of the input leaves out the batch's mean and variance.
    """

    def __init__(self, kernel: np.ndarray) -> None:
        """Start from a kernel (n, units)."""
        n, units = kernel.shape
        learned = {"kernel": kernel, "bias": np.zeros(units), "scale": np.ones(n), "shift": np.zeros(n)}
        super().__init__(learned, {"mean": np.zeros(n), "variance": np.ones(n)})

    def forward(self, inputs: np.ndarray, shown: Shown) -> np.ndarray:
        """By the batch's mean and variance in training, else by the running ones."""
        places = inputs.reshape(-1, inputs.shape[-1])
        mean, variance = self.kept["mean"], self.kept["variance"]
        if shown.rng is not None:
            mean = places.mean(axis=0)
            variance = np.maximum(np.einsum("ij,ij->j", places, places) / len(places) - mean**2, 0)
            _follow(self.kept, mean, variance)
        inverse = 1 / np.sqrt(variance + EPSILON)
        scales = inverse * self.learned["scale"]
        scaled = scales[:, None] * self.learned["kernel"]
        output = places @ scaled
        output += (self.learned["shift"] - mean * scales) @ self.learned["kernel"] + self.learned["bias"]
        np.maximum(output, 0, out=output)
        self._last = inputs.shape, places, output, scaled, mean, inverse
        return output.reshape(len(inputs), -1)

    def backward(self, slope: np.ndarray, wants_input: bool) -> Any:
        """See `Layer`."""
        shape, places, output, scaled, mean, inverse = self._last
        learned, slopes = self.learned, self.slopes
        slope = slope.reshape(output.shape) * (output > 0)
        slope.sum(axis=0, out=slopes["bias"])
        of_normal = places.T @ slope - np.multiply.outer(mean, slopes["bias"])
        of_normal *= inverse[:, None]
        np.einsum("ij,ij->i", learned["kernel"], of_normal, out=slopes["scale"])
        np.matmul(learned["kernel"], slopes["bias"], out=slopes["shift"])
        np.multiply(learned["scale"][:, None], of_normal, out=slopes["kernel"])
        slopes["kernel"] += np.multiply.outer(learned["shift"], slopes["bias"])
        return (slope @ scaled.T).reshape(shape) if wants_input else None


class Dropout(Layer):
    """Dropout (Srivastava et al. 2014) of numbers; or of whole channels of maps (Tompson et al. 2015)."""

    def __init__(self, rate: float, of_channels: bool = False) -> None:
        """Drop this share in training."""
        super().__init__()
        self.rate, self.of_channels = rate, of_channels

    def forward(self, inputs: np.ndarray, shown: Shown) -> np.ndarray:
        """See the class."""
        self._last: Any = None
        if shown.rng is None or not self.rate:
            return inputs
        shape = (len(inputs), 1, 1, inputs.shape[-1]) if self.of_channels else inputs.shape
        self._last = shares = (shown.rng.random(shape, np.float32) >= self.rate) * np.float32(
            1 / (1 - self.rate)
        )
        return np.asarray(inputs * shares)

    def backward(self, slope: np.ndarray, wants_input: bool) -> Any:
        """See `Layer`."""
        return slope if self._last is None else slope * self._last


class Flatten(Layer):
    """(batch, ...) as (batch, n)."""

    def forward(self, inputs: np.ndarray, shown: Shown) -> np.ndarray:
        """See the class."""
        self._last = inputs.shape
        return inputs.reshape(len(inputs), -1)

    def backward(self, slope: np.ndarray, wants_input: bool) -> Any:
        """See `Layer`."""
        return slope.reshape(self._last)


class Join(Layer):
    """(batch, n) with the metadata beside it, whose first columns, a one-hot of sizes, may be embedded."""

    def __init__(self, embedding: np.ndarray | None = None) -> None:
        """Start from the embedding (sizes, numbers) of the first columns, if they have one."""
        super().__init__({} if embedding is None else {"embedding": embedding})

    def forward(self, inputs: np.ndarray, shown: Shown) -> np.ndarray:
        """See the class."""
        assert shown.metadata is not None
        columns = shown.metadata
        self._last = inputs.shape[1], columns
        if "embedding" in self.learned:
            n = len(self.learned["embedding"])
            columns = np.hstack([columns[:, :n] @ self.learned["embedding"], columns[:, n:]])
        return np.hstack([inputs, columns])

    def backward(self, slope: np.ndarray, wants_input: bool) -> Any:
        """See `Layer`."""
        n, columns = self._last
        if "embedding" in self.learned:
            n_sizes, width = self.learned["embedding"].shape
            np.matmul(columns[:, :n_sizes].T, slope[:, n : n + width], out=self.slopes["embedding"])
        return slope[:, :n]


class Corners(Layer):
    """Corners (batch, 4) of a box, from the logits (batch, 4) of its centre and its size."""

    def forward(self, inputs: np.ndarray, shown: Shown) -> np.ndarray:
        """See the class."""
        shares = self._last = 0.5 + 0.5 * np.tanh(inputs / 2)
        centre, half = shares[:, :2], shares[:, 2:] / 2
        return np.hstack([centre - half, centre + half])

    def backward(self, slope: np.ndarray, wants_input: bool) -> Any:
        """See `Layer`."""
        low, high = slope[:, :2], slope[:, 2:]
        return np.hstack([low + high, (high - low) / 2]) * self._last * (1 - self._last)
