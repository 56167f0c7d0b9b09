"""How sure a localiser is, in probabilities: its scores set against what became of them out of fold."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

LIMIT = 1e-6


@dataclass(frozen=True)
class Scaling:
    """Platt's scaling (1999): the probability that a detection's centre lies in a thing, from its score.

    Attributes:
        slope: of the score's logit.
        offset: likewise.
    """

    slope: float
    offset: float

    @staticmethod
    def fit(scores: np.ndarray, is_right: np.ndarray) -> "Scaling":
        """Fit to detections (m,) that were or were not right.

        Platt's targets, drawn in by a count of one, keep the probabilities off 0 and 1 where few or all are
        right.
        """
        from sklearn.linear_model import LogisticRegression

        n_right = int(is_right.sum())
        n_wrong = len(is_right) - n_right
        if not (n_right and n_wrong):
            share = (n_right + 1) / (len(is_right) + 2)
            return Scaling(0.0, float(np.log(share / (1 - share))))
        target = np.where(is_right, (n_right + 1) / (n_right + 2), 1 / (n_wrong + 2))
        logits = np.tile(_logit(scores)[:, None], (2, 1))
        outcomes = np.repeat([1, 0], len(scores))
        model = LogisticRegression(C=np.inf).fit(
            logits, outcomes, sample_weight=np.concatenate([target, 1 - target])
        )
        return Scaling(max(float(model.coef_[0, 0]), 0.0), float(model.intercept_[0]))

    def of(self, scores: np.ndarray) -> np.ndarray:
        """The probabilities (m,) that detections of these scores are right."""
        return np.asarray(1 / (1 + np.exp(-(self.slope * _logit(scores) + self.offset))))


@dataclass(frozen=True)
class Sureness:
    """The probability that a detection's centre lies in a thing: the surest of its photo has a scaling alone.

    Nine detections of ten are others, and would settle a common one: on two drawn demos it left the surest
    with a calibration error of 0.080 and 0.105, theirs with 0.032 and 0.010 (by chance up to 0.04).

    Attributes:
        surest: of each photo's surest detection.
        others: of all others, where their photo's surest is right. None in runs of before: as the surest.
    """

    surest: Scaling
    others: Scaling | None

    @staticmethod
    def fit(scores: Sequence[np.ndarray], is_right: Sequence[np.ndarray]) -> "Sureness":
        """Fit to the detections of photos, (m,) of each by falling score, that were or were not right."""
        none = np.zeros(0)
        known = [none, *scores], [none > 0, *is_right]
        firsts = [np.concatenate([each[:1] for each in part]) for part in known]
        rows = [row for row, right in enumerate(known[1]) if right[:1].all()]
        others = [np.concatenate([part[row][1:] for row in rows]) for part in known]
        return Sureness(Scaling.fit(*firsts), Scaling.fit(*others))

    def of(self, scores: np.ndarray) -> np.ndarray:
        """The probabilities (m,) that a photo's detections are right, from their scores, which fall.

        Others are taken to be right only where the surest is, so that what is surest stays so.
        """
        if self.others is None:
            return self.surest.of(scores)
        first = self.surest.of(scores[:1])
        return np.concatenate([first, first * self.others.of(scores[1:])])

    def to_json(self) -> dict[str, Any]:
        """As written into metrics.json."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_json(value: dict[str, Any]) -> "Sureness":
        """What `to_json` wrote; runs of before have one scaling for all."""
        if "slope" in value:
            return Sureness(Scaling(**value), None)
        return Sureness(Scaling(**value["surest"]), Scaling(**value["others"]))


def _logit(scores: np.ndarray) -> np.ndarray:
    clipped = np.clip(scores, LIMIT, 1 - LIMIT)
    return np.asarray(np.log(clipped / (1 - clipped)))
