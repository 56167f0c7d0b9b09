"""From probabilities to the labels that a metric of labels rewards, by a rule found out of fold."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fishcli.scoring.metrics import Metric, macro_f1, qwk
from fishcli.scoring.tag_rules import HALF, cuts_for_macro_f1, cuts_for_mean_f, said_tags

N_ROUNDS = 30
"""Of the searches below, each of which starts with what the last one found."""
LEAST_KAPPA = 0.05
"""Cuts are not pulled together further: what a few rows say of answers that know nothing is chance."""


@dataclass(frozen=True)
class Decision:
    """A rule that makes labels of probabilities.

    Attributes:
        rule: "argmax"; "weighed", the class with the largest `gains` x probability - `costs`; "cuts", where
            the expected grade lies between them, the classes being grades in their order. Of tags: "half",
            those more probable than not, or "thresholds", those over their own of `cuts`.
        gains, costs: of each class.
        cuts: rising, one fewer than classes; of tags one each.
        may_be_none: whether an image may have no tag; else it has its most probable one.
    """

    rule: str = "argmax"
    gains: tuple[float, ...] = ()
    costs: tuple[float, ...] = ()
    cuts: tuple[float, ...] = ()
    may_be_none: bool = False

    def decide(self, proba: np.ndarray) -> np.ndarray:
        """The labels (n,) int for probabilities (n, C); of tags, which of them (n, C) bool."""
        if self.rule in OF_TAGS:
            return said_tags(proba, np.array(self.cuts) if self.cuts else HALF, self.may_be_none)
        if self.rule == "cuts":
            return np.searchsorted(self.cuts, expected_grade(proba), side="right")
        if self.rule == "weighed":
            return np.asarray((proba * self.gains - np.array(self.costs)).argmax(axis=1))
        return np.asarray(proba.argmax(axis=1))

    def to_dict(self) -> dict[str, Any]:
        """As a JSON file holds it: the rule's name and its numbers."""
        numbers = {name: list(getattr(self, name)) for name in ("gains", "costs", "cuts")}
        none = {"may_be_none": True} if self.may_be_none else {}
        return {"rule": self.rule, **{name: values for name, values in numbers.items() if values}, **none}

    @staticmethod
    def from_dict(value: dict[str, Any]) -> "Decision":
        """The reverse of `to_dict`; KeyError, TypeError or ValueError where that is no decision's."""
        if value["rule"] not in SAID:
            raise ValueError(f"rule {value['rule']!r}")
        numbers = {
            name: tuple(map(float, values))
            for name in ("gains", "costs", "cuts")
            if (values := value.get(name))
        }
        return Decision(value["rule"], **numbers, may_be_none=bool(value.get("may_be_none", False)))


SAID = {
    "argmax": "the most probable class",
    "weighed": "the class with the largest gain x probability - cost",
    "cuts": "cuts on the expected grade",
    "half": "tags more probable than not",
    "thresholds": "a threshold a tag",
}
"""Rules in words."""
PLAIN = ("argmax", "half")
"""Rules that nothing is found for."""
OF_TAGS = ("half", "thresholds")


def expected_grade(proba: np.ndarray) -> np.ndarray:
    """The mean grade (n,) of probabilities (n, C), classes being grades from 0."""
    return proba @ np.arange(proba.shape[1], dtype=np.float64)


def nested_decision(
    metric: Metric, labels: np.ndarray, proba: np.ndarray, fold: np.ndarray
) -> tuple[np.ndarray, Decision]:
    """Decide for out-of-fold predictions (n, C), each fold by the rule that is found on the other folds.

    Where that is no better than taking the most probable class, that is the rule.

    Args:
        metric: what is to be good.
        labels: (n,) int, or tags (n, C).
        proba: (n, C), rows sum to 1, but for tags; as sure as they are right.
        fold: (n,) int.

    Returns:
        The labels (n,) decided for, and the rule for other images, found on all folds. Of tags (n, C) bool.
    """
    usual = plain_decision(labels)
    plain = usual.decide(proba)
    find = (FINDERS if labels.ndim == 1 else TAG_FINDERS).get(metric.name)
    if find is None:
        return plain, usual
    decided = np.empty_like(plain)
    for k in np.unique(fold):
        decided[fold == k] = find(labels[fold != k], proba[fold != k]).decide(proba[fold == k])
    if metric.is_better(metric.value(labels, decided), metric.value(labels, plain)):
        return decided, find(labels, proba)
    return plain, usual


def plain_decision(labels: np.ndarray) -> Decision:
    """The rule that nothing is found for: an image of tags (n, C) may have none where some has none."""
    return Decision() if labels.ndim == 1 else Decision("half", may_be_none=_may_be_none(labels))


def _may_be_none(labels: np.ndarray) -> bool:
    return bool((labels.sum(axis=1) == 0).any())


def against_prior(labels: np.ndarray, proba: np.ndarray) -> Decision:
    """For balanced accuracy: the class that is most probable in relation to how often it occurs.

    A right answer counts 1 by the number of its class, so its expected gain is p / prior.
    """
    return _weighed(1 / _shares(labels, proba.shape[1]), np.zeros(proba.shape[1]))


def for_macro_f1(labels: np.ndarray, proba: np.ndarray) -> Decision:
    """For macro F1: each answer by what it adds, rare classes weighing more.

    F1 of a class is 2 right / (named + true). One more answer of a class adds (2 p - F1) / (named + true) to
    it, so the best answers have the largest of these. What is named depends on them in turn: the search goes
    from one to the other and keeps the best (after Narasimhan et al. 2015, who so linearise ratios of
    counts). Two numbers a class, all from sums over many rows, are hard to overfit.
    """
    n_classes = proba.shape[1]
    n_true = np.bincount(labels, minlength=n_classes)
    found = Decision()
    decided = found.decide(proba)
    best, numbers = macro_f1(labels, decided), np.zeros((2, n_classes))
    for turn in range(N_ROUNDS):
        n_right = np.bincount(labels[labels == decided], minlength=n_classes)
        counts = n_true + np.bincount(decided, minlength=n_classes) + 1.0
        step = 2 / (turn + 2)  # 1 at first: nothing stays of the zeros
        numbers = (1 - step) * numbers + step * np.stack([2 / counts, 2 * n_right / counts**2])
        rule = _weighed(*numbers)
        decided = rule.decide(proba)
        value = macro_f1(labels, decided)
        if value > best:
            best, found = value, rule
    return found


def for_qwk(labels: np.ndarray, proba: np.ndarray) -> Decision:
    """For quadratic weighted kappa: cuts on the expected grade.

    Kappa is 1 - N / D, the mean squared difference by what it would be by chance. The answer d of one image
    with expected grade m moves it most where (1 - kappa) D' - N' is largest: at the whole number next to
    mean + (m - mean) / kappa, which is to spread grades as a surer model would. So the cuts lie around the
    mean, kappa apart; as kappa depends on them, they are found by turns. What grade is to be expected is a
    straight line through the model's own, found by least squares: it may be too sure, or off. Three numbers
    in all. Moving each cut by itself, as is often done, was no better on simulated grades, and worse where
    the model was off (docs/measured.md).
    """
    grade = expected_grade(proba)
    spread = grade.var()
    slope = float(((grade - grade.mean()) * (labels - labels.mean())).mean() / spread) if spread > 0 else 0.0
    if slope <= 0:
        return Decision()
    mean, halves = labels.mean(), np.arange(proba.shape[1] - 1) + 0.5
    kappa = 0.5
    for _ in range(N_ROUNDS):
        cuts = grade.mean() + kappa * (halves - mean) / slope
        value = qwk(labels, np.searchsorted(cuts, grade, side="right"))
        kappa = float(np.clip(value, LEAST_KAPPA, 1.0)) if np.isfinite(value) else kappa
    return Decision("cuts", cuts=tuple(cuts.tolist()))


FINDERS: dict[str, Callable[[np.ndarray, np.ndarray], Decision]] = {
    "balanced-accuracy": against_prior,
    "macro-f1": for_macro_f1,
    "qwk": for_qwk,
}
"""By metric, from labels (n,) and probabilities (n, C) to the rule; others have the most probable class."""


def _for_mean_f(beta: float) -> Callable[[np.ndarray, np.ndarray], Decision]:
    def find(labels: np.ndarray, proba: np.ndarray) -> Decision:
        may_be_none = _may_be_none(labels)
        cuts = cuts_for_mean_f(labels, proba, beta, may_be_none)
        return Decision("thresholds", cuts=tuple(map(float, cuts)), may_be_none=may_be_none)

    return find


def _for_macro_f1_of_tags(labels: np.ndarray, proba: np.ndarray) -> Decision:
    cuts = tuple(map(float, cuts_for_macro_f1(labels, proba)))
    return Decision("thresholds", cuts=cuts, may_be_none=_may_be_none(labels))


TAG_FINDERS: dict[str, Callable[[np.ndarray, np.ndarray], Decision]] = {
    "mean-f1": _for_mean_f(1),
    "mean-f2": _for_mean_f(2),
    "macro-f1": _for_macro_f1_of_tags,
}
"""The same of tags (n, C); others have those more probable than not."""


def _shares(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """The share (C,) of each class, one image more of each (Laplace): what divides by it must be steady."""
    return (np.bincount(labels, minlength=n_classes) + 1) / (len(labels) + n_classes)


def _weighed(gains: np.ndarray, costs: np.ndarray) -> Decision:
    """The rule of these gains and costs, the largest gain being 1."""
    return Decision("weighed", tuple((gains / gains.max()).tolist()), tuple((costs / gains.max()).tolist()))
