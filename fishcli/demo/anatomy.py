"""The anatomy of a drawn fish: its fields, and builders of fins and bodies, in units of the fish's length.

A fish lies with its snout at x = 0 and the tips of its tail at about x = 1; y is negative towards its back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fishcli.demo.paint import Colour, smooth_curve

Point = tuple[float, float]


@dataclass(frozen=True)
class Fin:
    """A fin: its outline ((x, y) corners), its colour, and whether it lies over the body."""

    outline: tuple[Point, ...]
    colour: Colour
    over: bool = False


@dataclass(frozen=True)
class Species:
    """A kind of fish.

    Attributes:
        length: (shortest, longest) in metres.
        profile: (x, height above, depth below the middle line) from snout to tail.
        ramp: colours from the back to the belly, evenly spaced.
        pattern: a name in `fishcli.demo.patterns.PATTERNS`.
        marks: the pattern's colour.
        fins: in the order they are painted.
        eye: (x, y, radius).
        iris: the colour of the ring around the pupil.
        gills: x of the gill opening, the first if there are several.
        n_gills: 1, or a shark's five.
    """

    length: tuple[float, float]
    profile: tuple[tuple[float, float, float], ...]
    ramp: tuple[Colour, ...]
    pattern: str
    marks: Colour
    fins: tuple[Fin, ...]
    eye: tuple[float, float, float]
    iris: Colour
    gills: float
    n_gills: int = 1


def blade(
    front: Point, tip: Point, back: Point, colour: Colour, sickle: float = 0.25, over: bool = False
) -> Fin:
    """A fin with a bulging leading edge and a trailing edge hollowed by `sickle`, 0 (straight) to 0.6."""
    a, b, c = np.asarray(front), np.asarray(tip), np.asarray(back)
    t = np.linspace(0, 1, 9)[:, None]

    def edge(start: np.ndarray, end: np.ndarray, bend: np.ndarray) -> np.ndarray:
        return (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end

    leading = edge(a, b, (a + b) / 2 + 0.18 * ((a + b) / 2 - c))
    trailing = edge(b, c, (b + c) / 2 + sickle * (a - (b + c) / 2))
    corners = np.concatenate([leading, trailing[1:]])
    return Fin(tuple((float(x), float(y)) for x, y in corners), colour, over)


def tail(span: float, colour: Colour, root: float = 0.865, half: float = 0.014) -> tuple[Fin, Fin]:
    """A forked tail whose tips are `span` above and below the middle line."""
    return (
        blade((root, -half), (1.0, -span), (root + 0.075, 0.012), colour, 0.3),
        blade((root, half), (1.0, span), (root + 0.075, -0.012), colour, 0.3),
    )


def finlets(colour: Colour, height: float, start: float = 0.66) -> tuple[Fin, ...]:
    """The little flags between a tuna's second dorsal fin and its tail, above and below."""
    fins = []
    for x in np.linspace(start, 0.84, 6):
        y = height * (0.87 - x) / (0.87 - start) + 0.016
        for side in (-1, 1):
            fins.append(
                Fin(((x, side * y), (x + 0.022, side * (y + 0.014)), (x + 0.026, side * y * 0.8)), colour)
            )
    return tuple(fins)


def ribbon(points: Sequence[tuple[float, float, float]], colour: Colour) -> Fin:
    """A long low fin along the body: (x, y at its edge, y at its root)."""
    curve = smooth_curve([(points[0][0], points[0][2], points[0][2]), *points], 6)
    edge = [(float(x), float(y)) for x, y, _ in curve]
    root = [(float(x), float(y)) for x, _, y in curve[::-1]]
    return Fin(tuple(edge + root), colour)


def tuna_profile(top: float, bottom: float, deepest: float) -> tuple[tuple[float, float, float], ...]:
    """A spindle: `top` and `bottom` are its greatest height and depth, at x = `deepest`."""
    return (
        (0.0, 0.004, 0.006),
        (0.05, 0.36 * top, 0.34 * bottom),
        (0.16, 0.74 * top, 0.74 * bottom),
        (deepest, top, bottom),
        (0.62, 0.72 * top, 0.72 * bottom),
        (0.78, 0.3 * top, 0.3 * bottom),
        (0.88, 0.012, 0.012),
    )
