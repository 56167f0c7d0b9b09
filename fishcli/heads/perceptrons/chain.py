"""Layers one behind the other, and the optimiser of all that they learn."""

import numpy as np

from fishcli.heads.perceptrons.layers import Arrays, Layer, Shown

WARM_UP = 0.1
"""Of all steps: in so many the learning rate rises from 0."""
WEIGHT_DECAY = 0.05
BETAS = (0.9, 0.999)
EPSILON = 1e-7


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
        for number, each in reversed(list(enumerate(self.layers.values()))):
            slope = each.backward(slope, wants_input=number > 0 or to_input)
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
        self._sum, self._squares, self._room = (np.zeros_like(chain.learned) for _ in range(3))

    def step(self) -> None:
        """Go down the chain's slopes, once."""
        chain, room, (first, second) = self._chain, self._room, BETAS
        rate = self._rate()
        self._step += 1
        self._sum *= np.float32(first)
        self._sum += chain.slopes
        self._squares *= np.float32(second)
        self._squares += np.multiply(chain.slopes, chain.slopes, out=room)
        np.sqrt(self._squares, out=room)
        room += np.float32(EPSILON / np.sqrt(1 - second))
        np.divide(self._sum, room, out=room)
        unbiased = np.sqrt(1 - second**self._step) / (1 - first**self._step)
        room *= np.float32(rate * unbiased * (1 - first) / np.sqrt(1 - second))
        chain.learned[: chain.n_decaying] *= np.float32(1 - WEIGHT_DECAY * rate)
        chain.learned -= room
        for each in chain.layers.values():
            each.constrain()

    def _rate(self) -> float:
        """The learning rate of the step to come."""
        warm_up = max(1, round(WARM_UP * self._n_steps))
        if self._step < warm_up:
            return self._lr * self._step / warm_up
        gone = min((self._step - warm_up) / max(1, self._n_steps - warm_up), 1.0)
        return self._lr * (0.5 + 0.5 * float(np.cos(np.pi * gone)))
