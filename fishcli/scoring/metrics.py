"""The competition's metric and what stands beside it."""

import numpy as np

from fishcli.dataset.boxes import box_iou

KAGGLE_EPS = 1e-15


def log_losses(labels: np.ndarray, proba: np.ndarray) -> np.ndarray:
    """Each image's multiclass log loss in nats, as Kaggle computes it: (n,) float64.

    Args:
        labels: (n,) int.
        proba: (n, C); rows are divided by their sums, then clipped to [1e-15, 1 - 1e-15].
    """
    proba = np.asarray(proba, np.float64)
    chosen = proba[np.arange(len(labels)), labels] / proba.sum(axis=1)
    return -np.log(np.clip(chosen, KAGGLE_EPS, 1 - KAGGLE_EPS))


def log_loss(labels: np.ndarray, proba: np.ndarray) -> float:
    """The mean of `log_losses`."""
    return float(log_losses(labels, proba).mean())


def accuracy(labels: np.ndarray, proba: np.ndarray) -> float:
    """The share of images whose most probable class is right."""
    return float((np.argmax(proba, axis=1) == labels).mean())


def explained(loss: float, prior_loss: float) -> float:
    """The share of the prior's loss that a model takes away; 0 at the prior, 1 at no loss."""
    return 1.0 - loss / prior_loss if prior_loss > 0 else 0.0


def fold_mean_boxes(boxes: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """The mean box of each image's fold-training part, the answer that a box output has to beat: (n, 4)."""
    means = np.full(boxes.shape, np.nan)
    for k in np.unique(fold):
        known = boxes[(fold != k) & ~np.isnan(boxes).any(axis=1)]
        if len(known):
            means[fold == k] = known.mean(axis=0)
    return means


def box_scores(true: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Mean IoU and the share over 0.5 of boxes (n, 4), over the images with a true and a predicted one.

    Empty where there is none.
    """
    iou = box_iou(true, predicted)
    iou = iou[~np.isnan(iou)]
    if not len(iou):
        return {}
    return {"box_iou": float(iou.mean()), "box_iou_over_half": float((iou > 0.5).mean())}
