"""How sure a localiser is, in probabilities: its scores set against what became of them out of fold."""

from dataclasses import dataclass

import numpy as np

LIMIT = 1e-6


@dataclass(frozen=True)
class Sureness:
    """Platt's scaling (1999): the probability that a detection's centre lies in a thing, from its score.

    Attributes:
        slope: of the score's logit.
        offset: likewise.
    """

    slope: float
    offset: float

    @staticmethod
    def fit(scores: np.ndarray, is_right: np.ndarray) -> "Sureness":
        """Fit to detections (m,) that were or were not right.

        Platt's targets, drawn in by a count of one, keep the probabilities off 0 and 1 where few or all are
        right.
        """
        from sklearn.linear_model import LogisticRegression

        n_right = int(is_right.sum())
        n_wrong = len(is_right) - n_right
        if not (n_right and n_wrong):
            share = (n_right + 1) / (len(is_right) + 2)
            return Sureness(0.0, float(np.log(share / (1 - share))))
        target = np.where(is_right, (n_right + 1) / (n_right + 2), 1 / (n_wrong + 2))
        logits = np.tile(_logit(scores)[:, None], (2, 1))
        outcomes = np.repeat([1, 0], len(scores))
        model = LogisticRegression(C=np.inf).fit(
            logits, outcomes, sample_weight=np.concatenate([target, 1 - target])
        )
        return Sureness(max(float(model.coef_[0, 0]), 0.0), float(model.intercept_[0]))

    def of(self, scores: np.ndarray) -> np.ndarray:
        """The probabilities (m,) that detections of these scores are right."""
        return np.asarray(1 / (1 + np.exp(-(self.slope * _logit(scores) + self.offset))))


def _logit(scores: np.ndarray) -> np.ndarray:
    clipped = np.clip(scores, LIMIT, 1 - LIMIT)
    return np.asarray(np.log(clipped / (1 - clipped)))
