"""Where fine-tuning starts: the frozen backbone's linear head, as the weights of a dense layer."""

from dataclasses import dataclass, replace

import numpy as np

from fishcli.dataset.classes import smoothed_prior
from fishcli.heads.classical.blend import pooled_scores
from fishcli.heads.classical.fits import ClassicalHead, fit_classical
from fishcli.heads.inputs import HeadInputs
from fishcli.options.train import TrainConfig


@dataclass(frozen=True)
class HeadWeights:
    """A dense layer's `kernel` (columns, C) and `bias` (C,), float32; columns: features, then metadata."""

    kernel: np.ndarray
    bias: np.ndarray


def linear_start(
    metadata: str, pooled: HeadInputs, train_rows: np.ndarray, seed: int
) -> tuple[ClassicalHead, HeadWeights]:
    """Fit the head "linear" on a fold's training rows, and turn it into weights for unscaled features.

    Training all layers from a head at random would first of all spoil what the backbone knows (Kumar et al.,
    "Fine-tuning can distort pretrained features and underperform out-of-distribution", 2022).

    Args:
        metadata: as `train` takes it.
        pooled: what the frozen last layer says of each image and view, averaged over places.
        train_rows: (m,) rows of `pooled`.
        seed: of the inner folds that choose C.
    """
    without_boxes = replace(pooled, boxes=np.full_like(pooled.boxes, np.nan))
    head = fit_classical(
        TrainConfig(head="linear", metadata=metadata, boxes="none"), without_boxes, train_rows, seed
    )
    return head, as_weights(head, pooled.features.shape[-1])


def as_weights(head: ClassicalHead, n_channels: int) -> HeadWeights:
    """The weights with which a dense softmax says what a linear head says.

    Classes that the head has not learned keep their smoothed prior's logarithm, on the scale of a row whose
    other scores are 0; what is predicted of them `fill_missing_classes` says.
    """
    scaler, classifier = head.model["scaler"], head.model["classifier"]
    kernel = np.zeros((n_channels + head.encoder.n_columns, len(head.counts)))
    bias = np.log(smoothed_prior(head.counts))
    if classifier is not None:
        coefficients, intercepts = pooled_scores(classifier)
        scaled = coefficients[:, :n_channels] / scaler.scale_
        kernel[:n_channels, head.model["classes"]] = scaled.T
        kernel[n_channels:, head.model["classes"]] = coefficients[:, n_channels:].T
        bias[head.model["classes"]] = intercepts - scaled @ scaler.mean_
    return HeadWeights(kernel.astype(np.float32), bias.astype(np.float32))
