"""How long predicting takes, and what is left out so that it ends in time."""

from collections.abc import Callable
from dataclasses import dataclass

from fishcli.basics.progress import duration, say, warn

RESERVE = 0.95
"""The share of the time by which all is predicted; the rest is for writing, and for what goes slower."""


@dataclass(frozen=True)
class Level:
    """So many views of each run, and folds, at most."""

    n_views: int
    n_folds: int


@dataclass
class Spent:
    """Seconds, by what they were spent on: finding crops, features, heads."""

    crops: float = 0.0
    features: float = 0.0
    heads: float = 0.0


@dataclass(frozen=True)
class Work:
    """What there is to do for a photo.

    Attributes:
        of_stores: the views that each store computes.
        of_runs: the views and folds of each run.
    """

    of_stores: list[int]
    of_runs: list[tuple[int, int]]

    def n_features(self, level: Level) -> int:
        """How often features are computed of a photo."""
        return sum(min(n_views, level.n_views) for n_views in self.of_stores)

    def n_heads(self, level: Level) -> int:
        """How often a fold predicts a photo."""
        return sum(min(v, level.n_views) * min(k, level.n_folds) for v, k in self.of_runs)

    def levels(self) -> list[Level]:
        """From all there is to the least: fewer views first, as all folds learned from other photos."""
        n_views, n_folds = (max(each) for each in zip(*self.of_runs, strict=True))
        fewer_views = [Level(n, n_folds) for n in range(n_views, 0, -1)]
        return [*fewer_views, *(Level(1, n) for n in range(n_folds - 1, 0, -1))]


class Pace:
    """Measures blocks of photos, and decides how much is left out of those that follow."""

    def __init__(
        self,
        work: Work,
        n_photos: int,
        limit: tuple[float, float | None],
        clock: Callable[[], float],
    ) -> None:
        """Begin.

        Args:
            work: for each photo.
            n_photos: in all.
            limit: when it began, by the clock, and the seconds from then in which all must be done; None
                where there is no limit.
            clock: tells seconds.
        """
        started, limit_s = limit
        self._work, self._clock = work, clock
        self._levels = work.levels()
        self.level = self._levels[0]
        self._n_left = n_photos
        self._end = None if limit_s is None else started + RESERVE * limit_s
        self._limit_s = limit_s
        self._n_blocks = 0
        self._n_measured, self._measured = 0, Spent()

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return self._end is not None and self._clock() >= self._end

    def note(self, n_photos: int, spent: Spent) -> None:
        """Take in how long a block took, and choose the level of the next.

        The first block makes things ready that others find so: it counts where it is the only one, and for
        nothing that is left out.
        """
        self._n_left -= n_photos
        self._n_blocks += 1
        if self._n_blocks <= 2:
            self._n_measured, self._measured = 0, Spent()
        self._n_measured += n_photos
        self._measured.crops += spent.crops
        self._measured.features += spent.features
        self._measured.heads += spent.heads
        if self._n_left and self._n_blocks == 1:
            left = duration(self._seconds(self.level))
            say(f"about {left} for the {self._n_left:,} photos to go, as long as the first {n_photos:,} took")
        elif self._n_left and self._end is not None:
            self._choose(self._end - self._clock())

    def _choose(self, seconds: float) -> None:
        """Choose the first level, from the present one on, whose photos to go take no more than `seconds`."""
        left = self._levels[self._levels.index(self.level) :]
        fitting = next((each for each in left if self._seconds(each) <= seconds), left[-1])
        if fitting == self.level:
            return
        needed, self.level = self._seconds(self.level), fitting
        warn(
            f"--time-limit: the {self._n_left:,} photos to go would take {duration(needed)}, and "
            f"{duration(max(seconds, 0))} are left: they are predicted with {_said(fitting)}"
        )
        self._n_blocks = 1  # what was measured is of another level

    def _seconds(self, level: Level) -> float:
        """What the photos to go would take on a level, by what was measured on the present one."""
        work, known = self._work, self._measured
        features = known.features * work.n_features(level) / work.n_features(self.level)
        heads = known.heads * work.n_heads(level) / work.n_heads(self.level)
        return (known.crops + features + heads) * self._n_left / self._n_measured

    def say_over(self) -> None:
        """Say that the time is up before all was predicted."""
        warn(
            f"--time-limit: of {duration(self._limit_s or 0)} no more is left than for writing; the class "
            f"prior answers the {self._n_left:,} photos to go"
        )


def _said(level: Level) -> str:
    views, folds = level.n_views, level.n_folds
    return f"{views} view{'s' * (views > 1)} and {folds} fold{'s' * (folds > 1)}"
