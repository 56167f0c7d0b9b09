"""What training perceptrons makes small, with its gradient: the losses of `heads.networks.losses`."""

from collections.abc import Callable

import numpy as np

from fishcli.heads.networks.losses import HUBER_DELTA
from fishcli.options.train import TrainConfig

Loss = Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]
"""From targets and outputs of a batch to the mean loss, and its gradient by the outputs."""
TINY = np.float32(1e-7)
"""The least that a probability may be in a loss, as Keras has it."""


def softmax(scores: np.ndarray) -> np.ndarray:
    """Scores (n, C) as probabilities whose rows sum to 1."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def sigmoid(scores: np.ndarray) -> np.ndarray:
    """Scores as probabilities, each by itself."""
    return np.asarray(0.5 + 0.5 * np.tanh(scores / 2))


def class_loss(config: TrainConfig, counts: np.ndarray) -> Loss:
    """The mean class loss over a batch, of scores (batch, C); see `heads.networks.losses.class_loss`.

    Args:
        config: which.
        counts: (C,) training images of each class; of tags (2, C).
    """
    if counts.ndim == 2:
        return lambda true, scores: _of_tags(config, true, scores)
    each = _hinge if config.loss == "hinge" else _cross_entropy
    present = counts > 0
    weights = np.where(present, counts.sum() / (present.sum() * np.maximum(counts, 1)), 0.0)

    def loss(true: np.ndarray, scores: np.ndarray) -> tuple[float, np.ndarray]:
        values, slopes = each(config, true, scores)
        share = np.full(len(true), 1 / len(true))
        if config.class_weight == "balanced":
            share *= true @ weights
        return float(values @ share), (slopes * share[:, None]).astype(np.float32)

    return loss


def _cross_entropy(
    config: TrainConfig, true: np.ndarray, scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Each row's, focal or not, with label smoothing, and the gradients."""
    smoothing, gamma = config.label_smoothing, config.focal
    true = true * (1 - smoothing) + smoothing / true.shape[1]
    proba = softmax(scores)
    logs = np.log(np.clip(proba, TINY, 1 - TINY))
    if not gamma:
        return -(true * logs).sum(axis=1), proba * true.sum(axis=1, keepdims=True) - true
    missing = np.maximum(1 - proba, TINY)
    factor = missing**gamma
    # By each probability, times that probability.
    slopes = true * (gamma * missing ** (gamma - 1) * logs * proba - factor)
    return -(true * factor * logs).sum(axis=1), slopes - proba * slopes.sum(axis=1, keepdims=True)


def _hinge(config: TrainConfig, true: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each row's multiclass hinge (Crammer & Singer 2001), and the gradients; targets are one-hot."""
    others = np.where(true > 0, -np.inf, scores)
    rival = others.argmax(axis=1)
    rows = np.arange(len(scores))
    values = np.maximum(1 + others[rows, rival] - (true * scores).sum(axis=1), 0)
    slopes = -true.astype(np.float32)
    slopes[rows, rival] += 1
    return values, slopes * (values > 0)[:, None]


def _of_tags(config: TrainConfig, true: np.ndarray, scores: np.ndarray) -> tuple[float, np.ndarray]:
    """The sum of the tags' binary cross-entropies, focal or not, over the batch."""
    smoothing, gamma = config.label_smoothing, config.focal
    true = true * (1 - smoothing) + smoothing / 2
    proba = np.clip(sigmoid(scores), TINY, 1 - TINY)
    values = -(true * np.log(proba) + (1 - true) * np.log(1 - proba))
    slopes = proba - true
    if gamma:
        missing = 1 - (true * proba + (1 - true) * (1 - proba))
        factor = missing**gamma
        of_factor = -gamma * missing ** (gamma - 1) * (2 * true - 1) * proba * (1 - proba)
        values, slopes = factor * values, factor * slopes + of_factor * values
    return float(values.sum() / len(true)), (slopes / len(true)).astype(np.float32)


def box_loss(kind: str) -> Loss:
    """The mean box loss over the rows of a batch that have a box; see `heads.networks.losses.box_loss`.

    Targets are (batch, 5), corners and 1, or five zeros where there is no box; outputs are corners
    (batch, 4).
    """
    each = {"huber": _huber, "mae": _mae, "mse": _mse, "giou": _giou}[kind]

    def loss(true: np.ndarray, predicted: np.ndarray) -> tuple[float, np.ndarray]:
        share = true[:, 4] / max(true[:, 4].sum(), 1)
        values, slopes = each(true[:, :4], predicted)
        return float(values @ share), (slopes * share[:, None]).astype(np.float32)

    return loss


def _huber(true: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    error = predicted - true
    size = np.abs(error)
    values = np.where(size <= HUBER_DELTA, 0.5 * size**2, HUBER_DELTA * (size - 0.5 * HUBER_DELTA))
    return values.mean(axis=1), np.clip(error, -HUBER_DELTA, HUBER_DELTA) / 4


def _mae(true: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    error = predicted - true
    return np.abs(error).mean(axis=1), np.sign(error) / 4


def _mse(true: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    error = predicted - true
    return (error**2).mean(axis=1), error / 2


def _giou(true: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """1 - GIoU (Rezatofighi et al. 2019); where a corner is both boxes', the gradient is not shared out."""
    (t_low, t_high), (p_low, p_high) = (true[:, :2], true[:, 2:]), (predicted[:, :2], predicted[:, 2:])
    low_in, high_in = p_low > t_low, p_high < t_high
    inner = np.minimum(t_high, p_high) - np.maximum(t_low, p_low)
    own, outer = p_high - p_low, np.maximum(t_high, p_high) - np.minimum(t_low, p_low)
    overlap, of_inner = _area(inner)
    area, of_own = _area(own)
    hull, of_outer = _area(outer)
    union = area + _area(t_high - t_low)[0] - overlap
    tiny = TINY  # a row without a box may have an empty hull: finite, then masked
    values = 1 - overlap / (union + tiny) + (hull - union) / (hull + tiny)
    by_union = overlap / (union + tiny) ** 2 - 1 / (hull + tiny)
    by_hull = (union + tiny) / (hull + tiny) ** 2
    by_overlap = -1 / (union + tiny) - by_union
    inner_slope, own_slope, outer_slope = (
        by[:, None] * of for by, of in ((by_overlap, of_inner), (by_union, of_own), (by_hull, of_outer))
    )
    of_low = -inner_slope * low_in - own_slope - outer_slope * ~low_in
    of_high = inner_slope * high_in + own_slope + outer_slope * ~high_in
    return values, np.hstack([of_low, of_high])


def _area(sides: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The areas (n,) of boxes whose sides are (n, 2), none below 0, and their gradients by the sides."""
    kept = np.maximum(sides, 0)
    return kept[:, 0] * kept[:, 1], kept[:, ::-1] * (sides > 0)
