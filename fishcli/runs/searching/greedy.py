"""Which copies a mix is made of: each alone, then one more at a time while it pays."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Mix = tuple[str, ...]
"""Recipes, one a copy; one that comes twice has two copies."""


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        mix: the best of all mixes that were tried; () where no copy pays.
        losses: of each mix that was tried, in the order of trials; () is no augmentation.
    """

    mix: Mix
    losses: dict[Mix, float]


def search(candidates: Sequence[str], most: int, loss: Callable[[Mix], float], n_trials: int) -> Found:
    """Find the mix of the least loss, as far as so many trials lead.

    After "AutoAugment: learning augmentation policies from data" (Cubuk et al. 2019), whose policy is a mix
    of sub-policies drawn with equal chances, chosen by what a small model that learned from them is worth on
    held out photos. Where features are cached a trial costs seconds, and forward selection with replacement
    (Caruana et al. 2004, "Ensemble selection from libraries of models") takes the place of a controller:
    candidates are ranked by what each brings alone, and added in that order, again and again, where the loss
    falls. As in "RandAugment" (Cubuk et al. 2020) there is no chance to search for: copies are drawn alike.

    Args:
        candidates: recipes; where trials are fewer, the first ones are tried.
        most: copies that there are of a recipe.
        loss: of heads that draw from the plain photo and a mix, lower is better.
        n_trials: mixes whose loss is asked for, 2 or more: the first is no augmentation.
    """
    losses: dict[Mix, float] = {(): loss(())}
    for candidate in candidates[: n_trials - 1]:
        losses[(candidate,)] = loss((candidate,))
    ranked = sorted((mix[0] for mix in losses if mix), key=lambda candidate: losses[(candidate,)])
    best = min(losses, key=lambda mix: losses[mix])
    if not best:
        return Found((), losses)
    has_grown = True
    while has_grown:
        has_grown = False
        for candidate in ranked:
            grown = tuple(sorted((*best, candidate)))
            if grown in losses or grown.count(candidate) > most:
                continue
            if len(losses) >= n_trials:
                return Found(best, losses)
            losses[grown] = loss(grown)
            if losses[grown] < losses[best]:
                best, has_grown = grown, True
    return Found(best, losses)
