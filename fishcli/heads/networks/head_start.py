"""What every Keras head is built on, below the heads: inputs, metadata beside them, class scores."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fishcli.basics.quiet import load_keras
from fishcli.options.train import TrainConfig

MOMENTUM = 0.9
"""Of batch norm's running statistics: Keras's 0.99 would lag behind in trainings of a few hundred steps."""


@dataclass(frozen=True)
class HeadStart:
    """What a head is built on.

    Attributes:
        config: the head's options.
        features: the Keras input (batch, h, w, channels), or (batch, channels) of pooled features.
        metadata: (batch, m), size embeddings already applied, or None.
        prior: (C,) the class prior of the training rows.
        is_tagged: whether each class is a question of its own.
    """

    config: TrainConfig
    features: Any
    metadata: Any
    prior: np.ndarray
    is_tagged: bool = False

    @property
    def has_maps(self) -> bool:
        """Whether features are maps rather than pooled."""
        return len(self.features.shape) == 4

    def join(self, hidden: Any) -> Any:
        """`hidden` (batch, k) with the metadata beside it.

        Call it after batch norm: a size's column is rare, and batch norm would blow it up.
        """
        layers = load_keras().layers
        return hidden if self.metadata is None else layers.Concatenate()([hidden, self.metadata])

    def scores(self, hidden: Any, name: str = "scores") -> Any:
        """Linear class scores (batch, C) of `hidden` (batch, k), which start at the prior's logarithm."""
        return self.score_layer("Dense", name)(hidden)

    def score_maps(self, hidden: Any, kernel_size: int) -> Any:
        """Class maps (batch, h, w, C) of `hidden`: the layer is named "class_maps".

        Averaged over their places, plus the metadata's part, they are the class scores: see `scores_of_maps`.
        """
        return self.score_layer("Conv2D", "class_maps", kernel_size, padding="same")(hidden)

    def scores_of_maps(self, class_maps: Any) -> Any:
        """Class scores (batch, C): the mean of class maps, and what the metadata adds."""
        layers = load_keras().layers
        pooled = layers.GlobalAveragePooling2D()(class_maps)
        if self.metadata is None:
            return pooled
        own = layers.Dense(
            len(self.prior), use_bias=False, kernel_initializer="zeros", name="metadata_scores"
        )
        return layers.Add()([pooled, own(self.metadata)])

    def score_layer(self, kind: str, name: str, *shape: int, **options: Any) -> Any:
        """A linear Keras layer with an output a class; zero weights, and the log prior as bias.

        Of tags the bias is the prior's logit.
        """
        keras = load_keras()
        bias = np.log(self.prior) - (np.log1p(-self.prior) if self.is_tagged else 0.0)
        start = keras.initializers.Constant(bias.tolist())
        return getattr(keras.layers, kind)(
            *(len(self.prior), *shape),
            bias_initializer=start,
            kernel_initializer="zeros",
            name=name,
            **options,
        )
