"""What a search is worth: on the photos of folds that took no part in it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fishcli.runs.searching.greedy import Found, Mix, search
from fishcli.runs.searching.trials import Trials


@dataclass(frozen=True)
class Candidates:
    """What is searched.

    Attributes:
        recipes: to choose from.
        copies: that there are of each.
        n_trials: mixes that a search tries.
    """

    recipes: Sequence[str]
    copies: int
    n_trials: int


@dataclass(frozen=True)
class Nested:
    """What heads lose on photos that took no part in choosing what they drew from.

    Attributes:
        plain: (n,) log losses without augmentation.
        searched: (n,) with the mix that was found on the other folds.
        mixes: of each fold.
    """

    plain: np.ndarray
    searched: np.ndarray
    mixes: list[Mix]


def search_on(
    trials: Trials, candidates: Candidates, rows: np.ndarray, on_trial: Callable[[], None]
) -> Found:
    """Search on some rows (m,) alone; FishError: see `Trials.loss_within`."""

    def loss(mix: Mix) -> float:
        found = trials.loss_within(mix, rows)
        on_trial()
        return found

    return search(candidates.recipes, candidates.copies, loss, candidates.n_trials)


def search_nested(
    trials: Trials, candidates: Candidates, fold: np.ndarray, on_trial: Callable[[], None]
) -> Nested:
    """Search on the other folds' rows for each fold (n,), and measure what was found on its own.

    A search is part of what is fitted, so it sees no row that it is judged by (Cawley & Talbot 2010, "On
    over-fitting in model selection").
    """
    plain, searched, mixes = np.empty(len(fold)), np.empty(len(fold)), []
    for k in range(int(fold.max()) + 1):
        rows, held = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        mix = search_on(trials, candidates, rows, on_trial).mix
        plain[held] = trials.held_out((), rows, held)
        searched[held] = trials.held_out(mix, rows, held) if mix else plain[held]
        mixes.append(mix)
    return Nested(plain, searched, mixes)
