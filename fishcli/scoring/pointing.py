"""What found heads and tails are worth: how far off they are, and whether they point the right way."""

from collections.abc import Sequence

import numpy as np

ALIGNED = 30.0
"""Degrees: a fish that is pointed out within them looks level once it is turned."""


def score_ends(
    found: Sequence[np.ndarray], true_ends: Sequence[np.ndarray], sizes: np.ndarray
) -> dict[str, float]:
    """What the heads and tails found in photos are worth.

    Args:
        found: (4,) of each photo's surest thing: head and tail (x, y, x, y), fractions of the photo; NaN
            where nothing was found.
        true_ends: (k, 4) of each photo, NaN where unknown.
        sizes: (n, 2) of the photos: height and width, pixels.

    Returns:
        `end_error`: the mean distance of a photo's head and tail to the true ones nearest to them, as a share
        of that thing's length, the median over photos; one without a detection counts as infinitely far.
        `direction_right`: the share of photos where tail and head lie within ALIGNED degrees of the true
        direction. Over photos with known ends; NaN where there are none.
    """
    errors, turns = [], []
    for here, true, (height, width) in zip(found, true_ends, sizes, strict=True):
        known = true[~np.isnan(true).any(axis=1)] * np.array([width, height] * 2)
        if not len(known):
            continue
        if np.isnan(here).any():
            errors.append(np.inf)
            turns.append(np.inf)
            continue
        pixels = here * np.array([width, height] * 2)
        away = np.linalg.norm((known - pixels).reshape(-1, 2, 2), axis=2).mean(axis=1)
        nearest = int(away.argmin())
        along, wanted = pixels[2:] - pixels[:2], known[nearest, 2:] - known[nearest, :2]
        errors.append(away[nearest] / max(float(np.linalg.norm(wanted)), 1e-9))
        turn = np.degrees(np.arctan2(along[1], along[0]) - np.arctan2(wanted[1], wanted[0]))
        turns.append(abs((turn + 180) % 360 - 180))
    if not errors:
        return {"end_error": float("nan"), "direction_right": float("nan")}
    return {
        "end_error": float(np.median(errors)),
        "direction_right": float(np.mean(np.array(turns) < ALIGNED)),
    }
