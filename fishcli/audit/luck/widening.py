"""How much more a gain varies from data set to data set than over the images that it is averaged over.

An image counts twice: it is scored, and it teaches the learners that score the others. A bootstrap of held
out losses sees the first only. Where learners are shrunken, a data set with more of what leaks is scored
better and learned better, and the interval of the losses alone is too narrow.
"""

import math

import numpy as np

from fishcli.audit.learners.encoding import Coded
from fishcli.audit.learners.learners import LEARNERS, learned
from fishcli.audit.table import AuditTable
from fishcli.dataset.classes import smoothed_prior

N_FOLDS = 3
"""Folds that are learned again: of all folds the result varies less from seed to seed, and costs more."""
ROUNDING = 1e-12
"""Bits that spread less are all the same."""
TILT, MOST = 0.3, 2.5
"""How far training weights are tilted at one standard deviation, and so many of them count at most."""


def widening(table: AuditTable, fold: np.ndarray, bits: np.ndarray, seed: int = 0) -> float:
    """By how much the standard error of the mean of `bits` is to be multiplied.

    The variance of a statistic is the sum of its squared influences (the infinitesimal jackknife, Jaeckel
    1972). Of image i that is a[i], its bits less their mean, and b[i], what its weight in training does to
    the bits of others. How b follows a is found by tilting: training weights follow a, up and down, and
    held-out bits then differ by the sum of a times b. Squared influences count what comes of pairs of images
    twice (Efron & Stein 1981), so half of that is taken off: it is the variance of bits over training sets,
    which learners of the two halves of each training part tell.

    Args:
        table: n rows, independent of each other.
        fold: (n,) int, the fold in which each row is held out.
        bits: (n,) float64, what each row gained.

    Returns:
        1/sqrt(2) at least; 1 where the bits don't vary or the training parts are too small to be halved.
    """
    spread = float(bits.std())
    if spread < ROUNDING or len(bits) < 4:
        return 1.0
    coded = Coded.of(table.columns, table.fields)
    tilt = np.clip((bits - bits.mean()) / spread, -MOST, MOST)
    rng = np.random.default_rng(seed)
    risen, halved = [], []
    for k in np.unique(fold)[:N_FOLDS]:
        known, asked = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        up, down = (_bits(table, coded, known, asked, 1 + sign * TILT * tilt[known]) for sign in (1, -1))
        risen.append((up - down) / 2)
        halves = np.array_split(rng.permutation(known), 2)
        one, other = (_bits(table, coded, np.sort(half), asked, np.ones(len(half))) for half in halves)
        halved.append((one - other) ** 2 / 4)  # halves vary twice as much as the whole
    response = np.concatenate(risen).mean() / (TILT * (tilt * (bits - bits.mean())).mean())
    of_pairs = min(np.concatenate(halved).mean() / spread**2, 1.0)
    return (1 + max(float(response), 0.0)) * math.sqrt(1 - of_pairs / 2)


def _bits(
    table: AuditTable, coded: Coded, known: np.ndarray, asked: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """What the rows `asked` (m,) gain from learners of the rows `known`, weighted: (m,) bits."""
    labels = table.labels[asked]
    proba = np.mean([learned(name, table, coded, known, asked, weights) for name in LEARNERS], axis=0)
    prior = smoothed_prior(np.bincount(table.labels[known], weights, table.n_classes))
    return np.log2(proba[np.arange(len(asked)), labels] / prior[labels])
