"""What is drawn where: which boat catches what, in which sequences, and the names of the image files."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fishcli.demo.boats import Boat, draw_boats, draw_sizes

CLASS_SHARES = {
    "ALB": 0.34,
    "BET": 0.08,
    "DOL": 0.06,
    "LAG": 0.04,
    "NoF": 0.13,
    "OTHER": 0.09,
    "SHARK": 0.08,
    "YFT": 0.18,
}
"""The real competition's order of frequency, the rarest classes raised so that five folds have them all."""

_CONCENTRATION = 2.5  # of a boat's catch: the lower, the more a boat catches one or two species
_MIN_BOATS = 3  # that catch a class, where there are as many
_LENGTHS, _LENGTH_SHARES = (1, 2, 3, 4, 5, 6), (0.2, 0.2, 0.2, 0.15, 0.15, 0.1)


@dataclass(frozen=True)
class Sequence:
    """Consecutive frames of one catch.

    Attributes:
        boat: which of the plan's boats.
        class_name: of all its frames.
        split: train, test_stg1 or test_stg2; a sequence never straddles two.
        names: the frames' file names.
    """

    boat: Boat
    class_name: str
    split: str
    names: tuple[str, ...]

    @property
    def paths(self) -> list[str]:
        """The frames' paths under the data folder, with forward slashes."""
        folder = f"train/{self.class_name}" if self.split == "train" else self.split
        return [f"{folder}/{name}" for name in self.names]


def plan_competition(n_images: int, n_boats: int, seed: int) -> list[Sequence]:
    """Plan the sequences of training, of stage 1 (the same boats) and of stage 2 (unseen boats).

    The boats' catches differ, but each split has the classes in `CLASS_SHARES`: a model that answers with
    the training prior is as good on unseen boats as on known ones, and what is lost beyond it is the boats'.

    Args:
        n_images: of the training set, at least 40; stage 1 has a quarter of them, stage 2 half.
        n_boats: of the training set, at least 3; stage 2 has half of them, at least 3.
        seed: of everything.

    Raises:
        ValueError: too few images or boats.
    """
    if n_images < 40 or n_boats < 3:
        raise ValueError(f"expected at least 40 images and 3 boats, got {n_images} and {n_boats}")
    rng = np.random.default_rng([seed, 2])
    n_unseen = max(3, n_boats // 2)
    sizes, unseen_sizes = draw_sizes(rng, n_boats, n_unseen)
    digits = max(2, len(str(n_boats + n_unseen)))
    names = [f"boat_{number:0{digits}d}" for number in range(1, n_boats + n_unseen + 1)]
    boats = draw_boats(names, sizes + unseen_sizes, seed)
    known, unseen = boats[:n_boats], boats[n_boats:]
    catch = _catch_shares(n_boats, rng)
    n_stage_1, n_stage_2 = n_images // 4, n_images // 2
    parts = [
        (known, "train", _count_frames(catch, n_images)),
        (known, "test_stg1", _count_frames(catch, n_stage_1)),
        (unseen, "test_stg2", _count_frames(_catch_shares(n_unseen, rng), n_stage_2)),
    ]
    # Training and stage 1 share one shuffled numbering, as in the real competition: a number tells nothing.
    numbers = iter(rng.permutation(n_images + n_stage_1) + 1)
    numbers_2 = iter(rng.permutation(n_stage_2) + 1)
    sequences = []
    for fleet, split, counts in parts:
        for (boat, label), count in np.ndenumerate(counts):
            for length in _cut(int(count), rng):
                if split == "test_stg2":
                    files = tuple(f"image_{next(numbers_2):05d}.jpg" for _ in range(length))
                else:
                    files = tuple(f"img_{next(numbers):05d}.jpg" for _ in range(length))
                sequences.append(Sequence(fleet[boat], list(CLASS_SHARES)[label], split, files))
    return sequences


def _catch_shares(n_boats: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Shares (n_boats, n_classes) of all frames: concentrated by boat, by class as in `CLASS_SHARES`.

    Iterative proportional fitting (Deming and Stephan, 1940) turns drawn catches into ones with both margins.
    """
    classes = np.array(list(CLASS_SHARES.values()))
    work = rng.dirichlet(np.full(n_boats, 6.0))
    shares = rng.dirichlet(_CONCENTRATION * classes, n_boats) + 0.004
    for _ in range(100):
        shares *= (work / shares.sum(axis=1))[:, None]
        shares *= classes / shares.sum(axis=0)
    return shares


def _count_frames(shares: NDArray[np.float64], n_images: int) -> NDArray[np.int64]:
    """Whole numbers (n_boats, n_classes) near `shares` times `n_images` that sum to it; no class is empty."""
    counts = np.zeros(shares.shape, np.int64)
    for label, n_frames in enumerate(_apportion(shares.sum(axis=0), n_images)):
        by_share = np.argsort(-shares[:, label], kind="stable")
        first = by_share[: min(_MIN_BOATS, n_frames)]
        counts[first, label] = 1
        wanted = np.maximum(shares[:, label] / shares[:, label].sum() * n_frames - counts[:, label], 0)
        counts[:, label] += _round(wanted, n_frames - len(first))
    return counts


def _apportion(shares: NDArray[np.float64], n_images: int) -> NDArray[np.int64]:
    """Images of each class: one at least, the rest by share."""
    n_classes = len(shares)
    wanted = np.maximum(shares * n_images - 1, 0)
    return 1 + _round(wanted, n_images - n_classes)


def _round(wanted: NDArray[np.float64], total: int) -> NDArray[np.int64]:
    """Whole numbers proportional to `wanted` that sum to `total`, by largest remainders."""
    if total == 0:
        return np.zeros(len(wanted), np.int64)
    exact = wanted * (total / wanted.sum())
    whole = np.floor(exact).astype(np.int64)
    order = np.argsort(whole - exact, kind="stable")
    whole[order[: total - whole.sum()]] += 1
    return whole


def _cut(n_frames: int, rng: np.random.Generator) -> list[int]:
    """Cut `n_frames` into sequences of 2 to 6 near-duplicate frames and some single ones."""
    lengths = []
    while n_frames > 0:
        length = min(n_frames, int(rng.choice(_LENGTHS, p=_LENGTH_SHARES)))
        lengths.append(length)
        n_frames -= length
    return lengths
