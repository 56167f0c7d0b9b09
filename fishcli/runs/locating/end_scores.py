"""How far off the heads and tails are that a localiser found, beside those of the mean fish."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fishcli.scoring.detecting import Detected
from fishcli.scoring.pointing import score_ends


def with_end_scores(
    metrics: dict[str, Any],
    fold: np.ndarray,
    detected: list[Detected],
    ends: list[np.ndarray] | None,
    sizes: np.ndarray,
) -> dict[str, Any]:
    """A localiser's figures with those of heads and tails, whole and by fold; as they were where unknown.

    Args:
        metrics: as `scores.measured` makes them.
        fold, detected, ends, sizes: as `end_scores` takes them; no ends where they were not annotated.
    """
    if ends is None:
        return metrics
    scores = end_scores(fold, detected, ends, sizes)
    by_fold = [{**each, **scores(np.flatnonzero(fold == each["fold"]))} for each in metrics["by_fold"]]
    return {**metrics, **scores(np.arange(len(fold))), "by_fold": by_fold}


def end_scores(
    fold: np.ndarray, detected: list[Detected], ends: list[np.ndarray], sizes: np.ndarray
) -> Callable[[np.ndarray], dict[str, float | None]]:
    """What tells the figures of heads and tails of some photos, by row; None where the photos don't tell.

    Beside them, named `mean_...`, are those of the same guess for all photos of a fold: the mean head and
    tail of the other folds' photos.

    Args:
        fold: (n,) of each photo.
        detected: in each photo, out of fold.
        ends: head and tail of the thing in each true box (k, 4).
        sizes: (n, 2) of the photos: height and width, pixels.
    """
    found = np.stack([_surest(each) for each in detected])
    guess = np.stack([_mean_ends(ends, fold != k) for k in fold])

    def scores(rows: np.ndarray) -> dict[str, float | None]:
        here = [ends[row] for row in rows]
        own, constant = (score_ends(list(each[rows]), here, sizes[rows]) for each in (found, guess))
        named = {**own, **{f"mean_{name}": value for name, value in constant.items()}}
        return {name: value if np.isfinite(value) else None for name, value in named.items()}

    return scores


def _surest(detected: Detected) -> np.ndarray:
    """Head and tail (4,) of the surest thing; NaN where there is none."""
    return np.full(4, np.nan) if detected.ends is None or not len(detected.ends) else detected.ends[0]


def _mean_ends(ends: list[np.ndarray], chosen: np.ndarray) -> np.ndarray:
    """The mean head and tail (4,) in the `chosen` photos; NaN where none is known."""
    known = np.concatenate([ends[row] for row in np.flatnonzero(chosen)])
    known = known[~np.isnan(known).any(axis=1)]
    return known.mean(axis=0) if len(known) else np.full(4, np.nan)
