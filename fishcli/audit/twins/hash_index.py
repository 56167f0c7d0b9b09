"""Hashes that differ in a few bits, found without comparing all with all."""

import math
from collections.abc import Iterator
from itertools import combinations

import numpy as np

from fishcli.audit.twins.gathering import gathered

BITS = 64
SORTING = 16
"""To put a hash into one sorted list costs as much as so many comparisons of two (measured, one core)."""


def hamming(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """How many bits of the hashes (...) uint64 differ: uint8, broadcast."""
    return np.bitwise_count(first ^ second)


def close_hashes(hashes: np.ndarray, n_bits: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """All pairs of two hashes that differ in at most so many bits, about a million at a time.

    Exact, by the pigeonhole principle (G. S. Manku, A. Jain, A. Das Sarma, "Detecting near-duplicates for web
    crawling", 2007): of r + k blocks of bits k at least are equal in hashes that differ in r. For each choice
    of k blocks the hashes are sorted by them, and only those with equal blocks are compared. Hashes that are
    all alike are still compared each with each: hand in distinct ones where many may be equal.

    Args:
        hashes: (n,) uint64.
        n_bits: that may differ; none are close where it is negative.

    Yields:
        The rows (k,) and (k,) of the two, each pair once and in one order only; never a row with itself.
    """
    yield from gathered(_found(hashes, n_bits))


def _found(hashes: np.ndarray, n_bits: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    masks = _masks(len(hashes), n_bits)
    for place, mask in enumerate(masks):
        order = np.argsort(hashes & mask)
        ordered = hashes[order]
        keys = ordered & mask
        starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
        lengths = np.diff(starts, append=len(hashes))
        left = np.repeat(starts + lengths, lengths) - np.arange(len(hashes))  # rows of the run from each on
        rows, step = np.flatnonzero(left > 1), 1
        while len(rows):
            differ = ordered[rows] ^ ordered[rows + step]
            close = np.flatnonzero(np.bitwise_count(differ) <= n_bits)
            for earlier in masks[:place]:  # that have found the pair already
                close = close[differ[close] & earlier != 0]
            if len(close):
                yield order[rows[close]], order[rows[close] + step]
            step += 1
            rows = rows[left[rows] > step]


def _masks(n: int, n_bits: int) -> list[np.uint64]:
    """The bits by which hashes are sorted, one mask a list: as many as cost least for hashes drawn evenly."""
    if n < 2 or n_bits < 0:
        return []
    if n_bits >= BITS:
        return [np.uint64(0)]

    def cost(n_equal: int) -> float:
        n_blocks = n_bits + n_equal
        return math.comb(n_blocks, n_equal) * (SORTING + n / 2.0 ** (BITS * n_equal / n_blocks + 1))

    n_equal = min(range(1, BITS - n_bits + 1), key=cost)
    n_blocks = n_bits + n_equal
    # Bits are dealt out, as neighbours are of like frequencies, and those say much or little of a photo.
    blocks = [sum(1 << bit for bit in range(first, BITS, n_blocks)) for first in range(n_blocks)]
    return [np.uint64(sum(chosen)) for chosen in combinations(blocks, n_equal)]
