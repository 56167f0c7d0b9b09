"""What out-of-fold predictions are measured against, and the figures they get."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fishcli.dataset.classes import fold_priors, labels_of
from fishcli.runs.training.inputs import TrainData
from fishcli.scoring.metrics import accuracy, box_scores, explained, fold_mean_boxes, log_loss


@dataclass(frozen=True)
class Truth:
    """What predictions are measured against, row by row.

    Labels (n,), fold priors (n, C), boxes (n, 4) and the fold-training mean boxes (n, 4).
    """

    labels: np.ndarray
    prior: np.ndarray
    boxes: np.ndarray
    mean_boxes: np.ndarray

    def part(self, rows: np.ndarray) -> "Truth":
        """The same of some rows, (n,) bool."""
        return Truth(self.labels[rows], self.prior[rows], self.boxes[rows], self.mean_boxes[rows])

    def scores(self, proba: np.ndarray, boxes: np.ndarray) -> dict[str, Any]:
        """The figures of probabilities (n, C) and photo boxes (n, 4), each beside what there is to beat."""
        boxes_found = box_scores(self.boxes, boxes)
        if boxes_found:
            boxes_found["mean_box_iou"] = box_scores(self.boxes, self.mean_boxes)["box_iou"]
        if proba.shape[1] == 1:
            return {"n_images": len(proba), **boxes_found}
        loss, prior_loss = log_loss(self.labels, proba), log_loss(self.labels, self.prior)
        return {
            "n_images": len(proba),
            "log_loss": loss,
            "prior_log_loss": prior_loss,
            "explained": explained(loss, prior_loss),
            "accuracy": accuracy(self.labels, proba),
            **boxes_found,
        }


def truth_of(data: TrainData, fold: np.ndarray) -> Truth:
    """What is true of the training images, and what there is to beat on these folds (n,) int."""
    labels = labels_of(data.images["class_name"], data.class_names)
    prior = fold_priors(labels, fold, len(data.class_names))
    return Truth(labels, prior, data.boxes, fold_mean_boxes(data.boxes, fold))
