"""Log-linear pools of predictions: products of powers."""

import numpy as np

from fishcli.scoring.calibration import COLDEST, HOTTEST

TINY = 1e-15


def log_pool(proba: np.ndarray, exponents: np.ndarray) -> np.ndarray:
    """The renormalised product (n, C) of predictions (m, n, C), each to the power of its exponent (m,)."""
    logs = np.tensordot(exponents, np.log(np.maximum(proba, TINY)), axes=1)
    powers = np.exp(logs - logs.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def find_exponents(labels: np.ndarray, proba: np.ndarray) -> np.ndarray:
    """The exponents (m,) under which the log-linear pool of predictions (m, n, C) has the least log loss.

    They are 0 at least; their sum is what a temperature would be the reciprocal of, and has its limits. The
    loss is convex in them; SciPy's SLSQP finds them (logarithmic opinion pools, Heskes 1998).
    """
    from scipy.optimize import minimize

    logs = np.log(np.maximum(proba, TINY))
    right = logs[:, np.arange(len(labels)), labels]

    def loss(exponents: np.ndarray) -> tuple[float, np.ndarray]:
        scores = np.tensordot(exponents, logs, axes=1)
        most = scores.max(axis=1, keepdims=True)
        powers = np.exp(scores - most)
        sums = powers.sum(axis=1, keepdims=True)
        value = (most[:, 0] + np.log(sums[:, 0]) - exponents @ right).mean()
        return float(value), np.einsum("mnc,nc->m", logs, powers / sums) / len(labels) - right.mean(axis=1)

    found = minimize(
        loss,
        np.full(len(proba), 1 / len(proba)),
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 1 / COLDEST)] * len(proba),
        constraints=[
            {"type": "ineq", "fun": lambda exponents: exponents.sum() - 1 / HOTTEST},
            {"type": "ineq", "fun": lambda exponents: 1 / COLDEST - exponents.sum()},
        ],
    )
    exponents = np.clip(found.x, 0.0, 1 / COLDEST)
    return exponents * np.clip(exponents.sum(), 1 / HOTTEST, 1 / COLDEST) / exponents.sum()
