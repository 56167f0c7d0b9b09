"""How sure predictions are against how right they are."""

from dataclasses import dataclass

import numpy as np

N_BINS = 10
N_DRAWS = 500


@dataclass(frozen=True)
class Reliability:
    """A reliability diagram, its bins of equal width between 0 and 1; those without an answer are left out.

    Attributes:
        counts: (b,) answers a bin.
        confidence: (b,) how sure they are, on average.
        accuracy: (b,) the share of them that are right.
        low, high: (b,) what that share is in 95% of cases where confidence is exactly right.
        error: the expected calibration error, 0 to 1.
        error_by_chance: the error that 5% of predictions exceed whose confidence is exactly right.
    """

    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    low: np.ndarray
    high: np.ndarray
    error: float
    error_by_chance: float


def reliability(labels: np.ndarray, proba: np.ndarray, seed: int = 0) -> Reliability:
    """How sure the most probable class is against how often it is right.

    Args:
        labels: (n,) int, one at least.
        proba: (n, C), rows sum to 1.
        seed: of the draws.
    """
    return reliability_of(proba.max(axis=1), proba.argmax(axis=1) == labels, seed)


def reliability_of(sure: np.ndarray, is_right: np.ndarray, seed: int = 0) -> Reliability:
    """How sure answers are against how often they are right.

    The expected calibration error is the mean distance between the two over the bins, weighed by answers
    (Naeini, Cooper & Hauskrecht 2015). It is above 0 by chance alone, the more so the fewer answers there
    are; how far is found by drawing answers that are right as often as they are sure (Bröcker & Smith 2007).

    Args:
        sure: (n,) 0 to 1, one at least.
        is_right: (n,) bool.
        seed: of the draws.
    """
    number = np.minimum((sure * N_BINS).astype(int), N_BINS - 1)
    _, place = np.unique(number, return_inverse=True)
    counts = np.bincount(place)
    confidence = np.bincount(place, sure) / counts
    accuracy = np.bincount(place, is_right) / counts
    rng = np.random.default_rng(seed)
    drawn = np.stack([np.bincount(place, rng.random(len(sure)) < sure) / counts for _ in range(N_DRAWS)])
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    shares = counts / counts.sum()
    return Reliability(
        counts=counts,
        confidence=confidence,
        accuracy=accuracy,
        low=low,
        high=high,
        error=float(shares @ np.abs(accuracy - confidence)),
        error_by_chance=float(np.quantile(np.abs(drawn - confidence) @ shares, 0.95)),
    )
