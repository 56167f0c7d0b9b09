"""The optimiser of fine-tuning: two learning rates; Keras is imported with this module."""

import math
from typing import Any

from fishcli.basics.quiet import load_keras

keras: Any = load_keras()
ops = keras.ops

WEIGHT_DECAY = 0.02
WARM_UP = 0.1
HEAD_RATE = 5.0
"""The head's learning rate, as a multiple of the backbone's."""
CLIP = 1.0
"""Gradients longer than this, all together, are shortened to it."""


class WarmCosine(keras.optimizers.schedules.LearningRateSchedule):
    """A rate that rises for the first tenth of the steps, then falls as a cosine to 0; no conditional."""

    def __init__(self, lr: float, n_steps: int) -> None:
        """Rise to `lr`; be 0 after `n_steps`."""
        self.lr, self.n_steps = lr, n_steps

    def __call__(self, step: Any) -> Any:
        """The rate of a step, counted from 0; the first one moves, too."""
        warm_up = max(1, round(WARM_UP * self.n_steps))
        step = ops.cast(step, "float32")
        passed = ops.clip((step - warm_up) / max(1, self.n_steps - warm_up), 0.0, 1.0)
        return self.lr * ops.minimum((step + 1) / warm_up, 0.5 * (1 + ops.cos(math.pi * passed)))

    def get_config(self) -> dict[str, Any]:
        """What `__init__` takes."""
        return {"lr": self.lr, "n_steps": self.n_steps}


class TuningAdamW(keras.optimizers.Adam):
    """AdamW (Loshchilov & Hutter 2019); some variables move faster, and decay in step with their own rate.

    Biases and scales are not decayed.
    """

    def __init__(self, lr: float, n_steps: int, variables: list[Any], fast: list[Any]) -> None:
        """For trainable `variables`, at up to `lr` over `n_steps`; those of `fast` at HEAD_RATE times it."""
        super().__init__(WarmCosine(lr, n_steps), global_clipnorm=CLIP)
        self._fast = {self._var_key(each) for each in fast}
        self.build(variables)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One variable's step; backends give their own variables or Keras', with the same key."""
        rate = learning_rate * HEAD_RATE if self._var_key(variable) in self._fast else learning_rate
        if len(variable.shape) > 1:
            self.assign_sub(variable, ops.multiply(variable, rate * WEIGHT_DECAY))
        super().update_step(gradient, variable, rate)

    def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> Any:
        """TensorFlow's alone: one device has nothing to sum, and Keras' way never lets go of a graph."""
        return [(gradient, variable) for gradient, variable in grads_and_vars if gradient is not None]
