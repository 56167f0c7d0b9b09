"""Layers one behind the other, and the optimiser of all that they learn."""

import numpy as np

from fishcli.heads.perceptrons.layers import Arrays, Layer, Shown

WARM_UP = 0.1
"""Of all steps: in so many the learning rate rises from 0."""
WEIGHT_DECAY = 0.05
BETAS = (0.9, 0.999)
EPSILON = 1e-7
PIECE = 2**17
"""Numbers that a step goes over at a time: several threads share what the processor keeps at hand."""


class Chain:
    """Layers one behind the other, by name.

    Attributes:
        layers: by name, in order.
        learned: all that they learn, in one array; theirs are parts of it.
        slopes: the gradients likewise.
        n_decaying: so many of the first of `learned` weight decay pulls to 0: matrices come first, and then
            shifts, scales and biases.
    """

    def __init__(self, layers: dict[str, Layer]) -> None:
        """Take the layers, and lay what they learn side by side."""
        self.layers = layers
        self._first_learning = next(i for i, each in enumerate(layers.values()) if each.learned)
        owned = [(each, name) for each in layers.values() for name in each.learned]
        owned.sort(key=lambda one: one[0].learned[one[1]].ndim < 2)
        starts = [each.learned[name] for each, name in owned]
        self.learned = np.concatenate([start.ravel() for start in starts])
        self.slopes = np.zeros_like(self.learned)
        self.n_decaying = sum(start.size for start in starts if start.ndim > 1)
        end = 0
        for (each, name), start in zip(owned, starts, strict=True):
            place = slice(end, end := end + start.size)
            each.learned[name] = self.learned[place].reshape(start.shape)
            each.slopes[name] = self.slopes[place].reshape(start.shape)

    def forward(self, inputs: np.ndarray, shown: Shown) -> np.ndarray:
        """The output of the last layer."""
        for each in self.layers.values():
            inputs = each.forward(inputs, shown)
        return inputs

    def backward(self, slope: np.ndarray, to_input: bool = False) -> np.ndarray:
        """From the gradient of the last `forward`'s output, fill `slopes`.

        Returns:
            The gradient of the input, if `to_input`; else nothing of use.
        """
        layers = list(self.layers.values())
        first = 0 if to_input else self._first_learning
        for each in reversed(layers[first:]):
            slope = each.backward(slope, wants_input=each is not layers[first] or to_input)
        return slope

    def arrays(self) -> Arrays:
        """All that the layers are, learned or not, as "layer/name"."""
        return {
            f"{layer}/{name}": array
            for layer, each in self.layers.items()
            for name, array in {**each.learned, **each.kept}.items()
        }


class AdamW:
    """AdamW (Loshchilov & Hutter 2019) with a warm-up and a cosine's decay, as Keras' heads have it."""

    def __init__(self, chain: Chain, lr: float, n_steps: int) -> None:
        """For `n_steps` of a chain, at up to `lr`."""
        self._chain, self._lr, self._n_steps, self._step = chain, lr, n_steps, 0
        # Sums rather than means of slopes and of their squares: a factor, which the rate takes in.
        self._sum, self._squares = np.zeros_like(chain.learned), np.zeros_like(chain.learned)
        self._room = np.empty(PIECE, np.float32)

    def step(self) -> None:
        """Go down the chain's slopes, once."""
        first, second = BETAS
        rate = self._rate()
        self._step += 1
        unbiased = np.sqrt(1 - second**self._step) / (1 - first**self._step)
        scaled = np.float32(rate * unbiased * (1 - first) / np.sqrt(1 - second))
        n_decaying, n = self._chain.n_decaying, len(self._chain.learned)
        for start, end, share in ((0, n_decaying, 1 - WEIGHT_DECAY * rate), (n_decaying, n, 1)):
            for place in range(start, end, PIECE):
                self._go(slice(place, min(place + PIECE, end)), scaled, np.float32(share))
        for each in self._chain.layers.values():
            each.constrain()

    def _go(self, piece: slice, scaled: np.float32, share: np.float32) -> None:
        total, squares, slopes = self._sum[piece], self._squares[piece], self._chain.slopes[piece]
        learned, room = self._chain.learned[piece], self._room[: len(slopes)]
        first, second = BETAS
        total *= np.float32(first)
        total += slopes
        squares *= np.float32(second)
        squares += np.multiply(slopes, slopes, out=room)
        np.sqrt(squares, out=room)
        room += np.float32(EPSILON / np.sqrt(1 - second))
        np.divide(total, room, out=room)
        room *= scaled
        learned *= share
        learned -= room

    def _rate(self) -> float:
        """The learning rate of the step to come."""
        warm_up = max(1, round(WARM_UP * self._n_steps))
        if self._step < warm_up:
            return self._lr * self._step / warm_up
        gone = min((self._step - warm_up) / max(1, self._n_steps - warm_up), 1.0)
        return self._lr * (0.5 + 0.5 * float(np.cos(np.pi * gone)))
