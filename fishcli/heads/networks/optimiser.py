"""The optimiser of heads; Keras is imported with this module."""

import math
from typing import Any

from fishcli.basics.backends import backend_name
from fishcli.basics.quiet import load_keras

keras: Any = load_keras()
ops: Any = keras.ops

WEIGHT_DECAY = 0.05
WARM_UP = 0.1


class HeadAdamW(keras.optimizers.AdamW):
    """AdamW (Loshchilov & Hutter 2019), warm-up and cosine decay; biases and scales are not decayed."""

    def __init__(
        self, model: Any, lr: float, weight_decay: float = WEIGHT_DECAY, clipnorm: float | None = None
    ) -> None:
        """For all trainable variables of `model`, at up to `lr`; `restart` it before it is used.

        `clipnorm` is the most that the norm of all gradients together may be.
        """
        super().__init__(lr, weight_decay=weight_decay, global_clipnorm=clipnorm)
        self._n_steps = self.add_variable((), name="n_steps")
        self._rate: Any = None
        variables = model.trainable_variables
        self.exclude_from_weight_decay(var_list=[each for each in variables if len(each.shape) < 2])
        self.build(variables)

    def restart(self, n_steps: int) -> None:
        """Forget all that was seen; `n_steps` are to come."""
        for each in (*self._momentums, *self._velocities, self.iterations):
            each.assign(ops.zeros(each.shape, each.dtype))
        self._n_steps.assign(n_steps)

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """A step; Keras would ask the schedule again for every decayed variable."""
        self._rate = self._get_current_learning_rate()
        try:
            super().apply(grads, trainable_variables)
        finally:
            self._rate = None  # a tensor of this graph means nothing in another

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Adam's step; TensorFlow's own goes once over each array, Keras' ten times."""
        if backend_name() != "tensorflow":
            super().update_step(gradient, variable, learning_rate)
            return
        import tensorflow as tf

        place = self._get_variable_index(variable)
        arrays = (self._trainable_variables[place], self._momentums[place], self._velocities[place])
        step = ops.cast(self.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            **dict(zip(("var", "m", "v"), (each.value.handle for each in arrays), strict=True)),
            beta1_power=self.beta_1**step,
            beta2_power=self.beta_2**step,
            lr=learning_rate,
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )

    def _apply_weight_decay(self, variables: Any) -> None:
        share = 1.0 - self.weight_decay * self._get_current_learning_rate()
        for each in variables:
            if self._use_weight_decay(each):
                each.assign(each * share)

    def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> Any:
        """Gradients as they are: one device has nothing to sum, and Keras' way never lets go of a graph."""
        return [(gradient, variable) for gradient, variable in grads_and_vars if gradient is not None]

    def _get_current_learning_rate(self) -> Any:
        """The rate of this step: up from 0 in the first of the steps, then down to 0 by a cosine."""
        if self._rate is not None:
            return self._rate
        step, n_steps = (ops.cast(each, "float32") for each in (self.iterations, self._n_steps))
        warm_up = ops.maximum(1.0, ops.round(WARM_UP * n_steps))
        gone = ops.minimum((step - warm_up) / ops.maximum(1.0, n_steps - warm_up), 1.0)
        return self._learning_rate * ops.where(
            step < warm_up, step / warm_up, 0.5 + 0.5 * ops.cos(math.pi * gone)
        )
