"""The optimiser of heads; Keras is imported with this module."""

from typing import Any

from fishcli.basics.quiet import load_keras

keras: Any = load_keras()

WEIGHT_DECAY = 0.05
WARM_UP = 0.1


class HeadAdamW(keras.optimizers.AdamW):
    """AdamW (Loshchilov & Hutter 2019), warm-up and cosine decay; biases and scales are not decayed."""

    def __init__(self, model: Any, lr: float, n_steps: int) -> None:
        """For all trainable variables of `model`, at up to `lr`, over `n_steps`."""
        warm_up = max(1, round(WARM_UP * n_steps))
        schedule = keras.optimizers.schedules.CosineDecay(
            0.0, max(1, n_steps - warm_up), warmup_target=lr, warmup_steps=warm_up
        )
        super().__init__(schedule, weight_decay=WEIGHT_DECAY)
        self._rate: Any = None
        variables = model.trainable_variables
        self.exclude_from_weight_decay(var_list=[each for each in variables if len(each.shape) < 2])
        self.build(variables)

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """A step; the schedule is a conditional, and Keras would ask it again for every decayed variable."""
        self._rate = super()._get_current_learning_rate()
        try:
            super().apply(grads, trainable_variables)
        finally:
            self._rate = None  # a tensor of this graph means nothing in another

    def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> Any:
        """Gradients as they are: one device has nothing to sum, and Keras' way never lets go of a graph."""
        return [(gradient, variable) for gradient, variable in grads_and_vars if gradient is not None]

    def _get_current_learning_rate(self) -> Any:
        return super()._get_current_learning_rate() if self._rate is None else self._rate
