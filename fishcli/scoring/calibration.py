"""One temperature that makes probabilities as sure as they are right, found on out-of-fold predictions."""

import numpy as np

from fishcli.dataset.tags import in_pairs, out_of_pairs
from fishcli.scoring.metrics import log_loss

COLDEST, HOTTEST = 0.5, 10.0
"""At most twice as sure: what random folds say of it does not hold on groups that training has not seen."""
TINY = 1e-15


def with_temperature(proba: np.ndarray, temperature: float, is_tagged: bool = False) -> np.ndarray:
    """Probabilities (n, C) to the power of 1 / `temperature`, renormalised: over 1 makes them less sure.

    Each of tags is a question of its own, in which the power of what speaks against it counts as well.
    """
    if is_tagged:
        return out_of_pairs(with_temperature(in_pairs(proba), temperature), proba.shape[-1])
    powers = np.log(np.maximum(proba, TINY)) / temperature
    powers = np.exp(powers - powers.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def find_temperature(labels: np.ndarray, proba: np.ndarray) -> float:
    """The temperature, 0.5 to 10, under which predictions (n, C) have the least log loss.

    All tags share one.

    Guo et al., "On calibration of modern neural networks", 2017.
    """
    from scipy.optimize import minimize_scalar

    if labels.ndim == 2:
        return find_temperature(labels.ravel().astype(np.int64), in_pairs(proba))
    found = minimize_scalar(
        lambda power: log_loss(labels, with_temperature(proba, float(np.exp(power)))),
        bounds=(np.log(COLDEST), np.log(HOTTEST)),
        method="bounded",
    )
    return float(np.exp(found.x))


def nested_calibration(
    labels: np.ndarray, proba: np.ndarray, fold: np.ndarray
) -> tuple[np.ndarray, dict[int, float]]:
    """Calibrate out-of-fold predictions (n, C), each fold by the temperature found on the other folds.

    Returns:
        The calibrated predictions (n, C), and each fold's temperature.
    """
    calibrated, temperatures = np.empty(proba.shape), {}
    for k in np.unique(fold):
        temperatures[int(k)] = find_temperature(labels[fold != k], proba[fold != k])
        calibrated[fold == k] = with_temperature(proba[fold == k], temperatures[int(k)], labels.ndim == 2)
    return calibrated, temperatures
