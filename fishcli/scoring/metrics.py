"""Log loss, by which all is chosen, the metrics that competitions ask for, and what boxes are worth."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fishcli.basics.errors import FishError, choose
from fishcli.dataset.boxes import box_iou
from fishcli.scoring.tag_rules import auc_of_tags, macro_f1_of_tags, mean_f, said_tags

KAGGLE_EPS = 1e-15
AUTO, LOG_LOSS = "auto", "log-loss"
MAP_AT = re.compile(r"map@([1-9]\d*)")
USUAL = {
    "probabilities": LOG_LOSS,
    "probability": "auc",
    "label": "accuracy",
    "top-k": "map@5",
    "label+confidence": "micro-ap",
    "tags": "mean-f1",
}
"""The metric that goes with a form of answer where nobody says which."""


def log_losses(labels: np.ndarray, proba: np.ndarray) -> np.ndarray:
    """Each image's multiclass log loss in nats, as Kaggle computes it: (n,) float64.

    Args:
        labels: (n,) int; or tags (n, C), whose loss is the mean of each one's binary log loss.
        proba: (n, C); rows are divided by their sums, but for tags, then clipped to [1e-15, 1 - 1e-15].
    """
    proba = np.asarray(proba, np.float64)
    if labels.ndim == 2:
        right = np.where(labels > 0, proba, 1.0 - proba)
        return np.asarray(-np.log(np.clip(right, KAGGLE_EPS, 1 - KAGGLE_EPS)).mean(axis=1))
    chosen = proba[np.arange(len(labels)), labels] / proba.sum(axis=1)
    return -np.log(np.clip(chosen, KAGGLE_EPS, 1 - KAGGLE_EPS))


def log_loss(labels: np.ndarray, proba: np.ndarray) -> float:
    """The mean of `log_losses`."""
    return float(log_losses(labels, proba).mean())


def accuracy(labels: np.ndarray, proba: np.ndarray) -> float:
    """The share of images whose most probable class is right; of tags, of those with no tag wrong."""
    if labels.ndim == 2:
        return float((said_tags(proba, may_be_none=True) == (labels > 0)).all(axis=1).mean())
    return float((np.argmax(proba, axis=1) == labels).mean())


@dataclass(frozen=True)
class Metric:
    """A competition's metric.

    Attributes:
        name: as `--metric` takes it.
        function: of the true labels (n,) int and the answers: labels (n,) int, or probabilities (n, C). NaN
            where it is undefined. None where it is one of tags only.
        of_labels: whether the answers are labels, so that there is something to decide.
        higher_is_better: its direction.
        least: the lowest value there is; of those of which more is better, 1 is the highest.
        of_tags: `function` where an image has several: of the true tags (n, C) and those that are said, or
            their probabilities. None where it is of single labels only.
    """

    name: str
    function: Callable[[np.ndarray, np.ndarray], float] | None
    of_labels: bool = False
    higher_is_better: bool = True
    least: float = 0.0
    of_tags: Callable[[np.ndarray, np.ndarray], float] | None = None

    def check(self, is_tagged: bool) -> None:
        """Raise FishError where it says nothing of images with several labels, or with one."""
        if self._function(is_tagged) is None:
            known = [each.name for each in METRICS.values() if each._function(is_tagged) is not None]
            have = "have several labels" if is_tagged else "have one label"
            raise FishError(f"--metric {self.name}: images {have} here. Pass one of {', '.join(known)}.")

    def value(self, labels: np.ndarray, answers: np.ndarray) -> float:
        """What answers are worth: labels where it is one of those, else probabilities.

        Raises:
            FishError: it says nothing of such labels.
        """
        function = self._function(labels.ndim == 2)
        if function is None:
            self.check(labels.ndim == 2)
            raise ValueError(self.name)
        return function(labels, answers)

    def _function(self, is_tagged: bool) -> Callable[[np.ndarray, np.ndarray], float] | None:
        return self.of_tags if is_tagged else self.function

    def score(self, labels: np.ndarray, proba: np.ndarray, decided: np.ndarray | None = None) -> float:
        """What probabilities (n, C) are worth, or the labels (n,) decided for: the most probable ones.

        Of tags (n, C) that is `said_tags`.
        """
        if not self.of_labels:
            return self.value(labels, proba)
        if decided is None:
            decided = said_tags(proba) if labels.ndim == 2 else proba.argmax(axis=1)
        return self.value(labels, decided)

    def is_better(self, one: float, other: float) -> bool:
        """Whether a value is better than another; a value that is undefined is not."""
        return one > other if self.higher_is_better else one < other


def right_share(labels: np.ndarray, decided: np.ndarray) -> float:
    """The share of labels (n,) that are right."""
    return float((decided == labels).mean())


def balanced_accuracy(labels: np.ndarray, decided: np.ndarray) -> float:
    """The mean recall of the classes that occur in `labels` (n,): each weighs the same."""
    n_true, n_right = np.bincount(labels), np.bincount(labels[labels == decided], minlength=labels.max() + 1)
    return float((n_right[n_true > 0] / n_true[n_true > 0]).mean())


def macro_f1(labels: np.ndarray, decided: np.ndarray) -> float:
    """The mean F1 of the classes that occur in `labels` (n,) or in `decided` (n,)."""
    n_classes = int(max(labels.max(), decided.max())) + 1
    n_named = np.bincount(labels, minlength=n_classes) + np.bincount(decided, minlength=n_classes)
    n_right = np.bincount(labels[labels == decided], minlength=n_classes)
    return float((2 * n_right[n_named > 0] / n_named[n_named > 0]).mean())


def qwk(labels: np.ndarray, decided: np.ndarray) -> float:
    """Cohen's kappa of grades (n,), disagreements weighed by their square (Cohen 1968).

    1 less the mean squared difference by what it would be were the two independent, which is twice their
    covariance by that; NaN where all are one.
    """
    by_chance = labels.var() + decided.var() + (labels.mean() - decided.mean()) ** 2
    together = ((labels - labels.mean()) * (decided - decided.mean())).mean()
    return float(2 * together / by_chance) if by_chance > 0 else float("nan")


def auc(labels: np.ndarray, proba: np.ndarray) -> float:
    """The area under the ROC curve: of the second of two classes, else the mean of each against the rest.

    NaN where a class of the C columns has no image, or all.
    """
    from scipy.stats import rankdata

    n_images, n_classes = proba.shape
    counts = np.bincount(labels, minlength=n_classes)
    if (counts == 0).any() or n_classes == 1:
        return float("nan")
    areas = []
    for k in [1] if n_classes == 2 else range(n_classes):
        ranks = rankdata(proba[:, k])[labels == k].sum() - counts[k] * (counts[k] + 1) / 2
        areas.append(ranks / (counts[k] * (n_images - counts[k])))
    return float(np.mean(areas))


def mean_precision_at(n_best: int) -> Callable[[np.ndarray, np.ndarray], float]:
    """MAP@k for one true label an image: the mean of 1 / its rank among the `n_best` surest, else 0."""

    def score(labels: np.ndarray, proba: np.ndarray) -> float:
        true = proba[np.arange(len(labels)), labels][:, None]
        is_before = np.arange(proba.shape[1]) < labels[:, None]
        rank = 1 + (proba > true).sum(axis=1) + ((proba == true) & is_before).sum(axis=1)
        return float(np.where(rank <= n_best, 1 / rank, 0.0).mean())

    return score


def micro_ap(labels: np.ndarray, proba: np.ndarray) -> float:
    """Average precision of all images' most probable labels, ranked together by confidence.

    Also called global average precision, GAP; by all images, so that a wrong label costs what none would.
    """
    from sklearn.metrics import average_precision_score

    is_right = proba.argmax(axis=1) == labels
    if not is_right.any():
        return 0.0
    return float(average_precision_score(is_right, proba.max(axis=1)) * is_right.mean())


METRICS = {
    each.name: each
    for each in (
        Metric(LOG_LOSS, log_loss, higher_is_better=False, of_tags=log_loss),
        Metric("accuracy", right_share, of_labels=True),
        Metric("balanced-accuracy", balanced_accuracy, of_labels=True),
        Metric("macro-f1", macro_f1, of_labels=True, of_tags=macro_f1_of_tags),
        Metric("mean-f1", None, of_labels=True, of_tags=mean_f(1)),
        Metric("mean-f2", None, of_labels=True, of_tags=mean_f(2)),
        Metric("auc", auc, of_tags=auc_of_tags),
        Metric("qwk", qwk, of_labels=True, least=-1.0),
        Metric("map@3", mean_precision_at(3)),
        Metric("map@5", mean_precision_at(5)),
        Metric("micro-ap", micro_ap),
    )
}
"""By name; map@k for any k goes by `metric_named`."""


def metric_named(name: str) -> Metric:
    """The metric of that name; FishError where there is none."""
    found = MAP_AT.fullmatch(name)
    if found:
        return Metric(name, mean_precision_at(int(found[1])))
    return METRICS[choose(name, METRICS, "metric")]


def usual_metric(answer: str, is_tagged: bool = False) -> str:
    """The name of the metric that goes with a form of answer, a key of USUAL, where nobody says which.

    With probabilities of tags it is their mean AUC.
    """
    return "auc" if is_tagged and answer == "probabilities" else USUAL[answer]


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
