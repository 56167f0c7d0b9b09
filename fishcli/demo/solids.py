"""Solid things seen through a camera: rods, boxes and crew members, drawn in place into uint8 RGB images."""

import numpy as np
from numpy.typing import ArrayLike

from fishcli.demo.camera import Camera
from fishcli.demo.paint import (
    Colour,
    Floats,
    Image,
    cv2,
    darker,
    draw_line,
    fill_circle,
    fill_polygon,
    lay_over,
)

_BOOT, _GLOVE, _SKIN = (38, 42, 44), (204, 206, 196), (164, 118, 92)


def draw_rod(
    image: Image, camera: Camera, ends: ArrayLike, radius: float, colour: Colour, n_shades: int = 3
) -> None:
    """Draw a rod with round ends, lighter along its middle.

    Args:
        image: drawn into.
        camera: sees it.
        ends: (2, 3) metres.
        radius: metres.
        colour: of its lit side.
        n_shades: bands from its edge to its middle.
    """
    pair = np.asarray(ends, np.float64)
    seen = camera.project(pair)
    radii = [max(0.6, radius * camera.scale_at(point)) for point in pair]
    for shade in range(n_shades):
        grow = 1 - 0.3 * shade
        tone = darker(colour, 0.72 + 0.16 * shade)
        # The light comes from the upper left: the brighter bands lie there.
        centres = seen - 0.12 * shade * np.asarray(radii)[:, None]
        _fill_capsule(image, centres, [grow * r for r in radii], tone)


def _fill_capsule(image: Image, centres: np.ndarray, radii: list[float], colour: Colour) -> None:
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    ring = np.column_stack([np.cos(angles), np.sin(angles)])
    outline = np.concatenate([centres[0] + radii[0] * ring, centres[1] + radii[1] * ring]).astype(np.float32)
    fill_polygon(image, cv2.convexHull(outline)[:, 0], colour)


def draw_crate(image: Image, camera: Camera, corner: ArrayLike, sides: ArrayLike, colour: Colour) -> None:
    """Draw an open crate that stands on the deck.

    Args:
        image: drawn into.
        camera: sees it.
        corner: (x, y, angle): a corner in metres and the direction of its first side in radians.
        sides: (first side, second side, height) in metres.
        colour: of its outside.
    """
    x, y, angle = np.asarray(corner, np.float64)
    long, wide, high = np.asarray(sides, np.float64)
    first = np.array([np.cos(angle), np.sin(angle)])
    second = np.array([-first[1], first[0]])
    base = np.array([x, y]) + np.array([0 * first, long * first, long * first + wide * second, wide * second])
    bottom, top = (camera.project(np.column_stack([base, np.full(4, z)])) for z in (0.0, high))
    for side in sorted(range(4), key=lambda s: base[[s, (s + 1) % 4], 1].sum()):
        pair = [side, (side + 1) % 4]
        wall = np.concatenate([bottom[pair], top[pair[::-1]]])
        fill_polygon(image, wall, darker(colour, 0.58 + 0.1 * side))
    fill_polygon(image, top, darker(colour, 1.08))
    middle = top.mean(axis=0)
    fill_polygon(image, middle + 0.86 * (top - middle), darker(colour, 0.45))
    fill_polygon(image, middle + 0.78 * (top - middle) + (0, 2), darker(colour, 0.6))


def draw_crew(image: Image, camera: Camera, place: ArrayLike, reach: ArrayLike, oilskin: Colour) -> None:
    """Draw a crew member in oilskins.

    Args:
        image: drawn into.
        camera: sees them.
        place: (x, y, angle): where they stand in metres and where they face in radians.
        reach: (left, right): how far each hand is stretched forward, 0-1.
        oilskin: colour of their clothes.
    """
    x, y, angle = np.asarray(place, np.float64)
    forward, left = np.array([np.cos(angle), np.sin(angle)]), np.array([np.sin(angle), -np.cos(angle)])

    def at(ahead: float, aside: float, height: float) -> np.ndarray:
        return np.append(np.array([x, y]) + ahead * forward + aside * left, height)

    _soft_shadow(image, camera, (x, y), 0.42)
    for aside in (-0.16, 0.16):
        draw_rod(image, camera, [at(0.14, aside, 0.05), at(-0.05, aside, 0.08)], 0.065, _BOOT)
        draw_rod(image, camera, [at(-0.05, aside, 0.08), at(-0.04, aside, 0.35)], 0.08, _BOOT)
        draw_rod(
            image, camera, [at(-0.04, aside, 0.35), at(-0.02, 0.7 * aside, 0.8)], 0.1, darker(oilskin, 0.85)
        )
    draw_rod(image, camera, [at(-0.02, 0, 0.85), at(0.14, 0, 1.2)], 0.2, oilskin, 4)
    for aside, stretch in zip((-0.22, 0.22), np.asarray(reach), strict=True):
        shoulder, elbow = at(0.14, aside, 1.2), at(0.26 + 0.12 * stretch, 1.35 * aside, 0.9)
        hand = at(0.34 + 0.32 * stretch, 0.7 * aside, 0.72 - 0.25 * stretch)
        draw_rod(image, camera, [shoulder, elbow], 0.075, oilskin)
        draw_rod(image, camera, [elbow, hand], 0.06, darker(oilskin, 1.06))
        draw_rod(image, camera, [hand, hand + np.array([0.06, 0, -0.04])], 0.055, _GLOVE)
    draw_rod(image, camera, [at(0.17, 0, 1.38), at(0.19, 0, 1.44)], 0.11, _SKIN)
    draw_rod(image, camera, [at(0.15, 0, 1.45), at(0.16, 0, 1.5)], 0.115, darker(oilskin, 1.1))


def draw_glove(image: Image, camera: Camera, place: ArrayLike, oilskin: Colour) -> None:
    """Draw a gloved hand on the deck and its arm, long enough to reach it from outside the picture.

    Args:
        image: drawn into.
        camera: sees it.
        place: (x, y, angle): the hand in metres, and the direction of the arm towards it in radians.
        oilskin: colour of the sleeve.
    """
    x, y, angle = np.asarray(place, np.float64)
    forward, aside = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])

    def at(ahead: float, sideways: float, height: float) -> np.ndarray:
        return np.append(np.array([x, y]) + ahead * forward + sideways * aside, height)

    # The arm starts 1.9 m below or 2.3 m beside the middle of the deck: outside the picture.
    room = (1.9 - y) / max(0.1, -forward[1]), (2.3 + x * np.sign(forward[0])) / max(0.1, abs(forward[0]))
    _soft_shadow(image, camera, (x, y), 0.14)
    draw_rod(
        image, camera, [at(-max(0.8, min(room)), 0.2, 0.9), at(-0.6, 0.1, 0.55)], 0.1, darker(oilskin, 0.94)
    )
    draw_rod(image, camera, [at(-0.6, 0.1, 0.55), at(-0.12, 0, 0.2)], 0.075, oilskin)
    draw_rod(image, camera, [at(-0.1, 0, 0.19), at(0, 0, 0.17)], 0.06, _GLOVE)
    for finger in (-0.045, -0.015, 0.015, 0.045):
        draw_rod(image, camera, [at(0.02, finger, 0.17), at(0.11, 1.3 * finger, 0.13)], 0.017, _GLOVE)
    draw_rod(image, camera, [at(-0.03, 0.05, 0.17), at(0.05, 0.095, 0.14)], 0.02, _GLOVE)


def draw_rope(image: Image, camera: Camera, points: Floats, radius: float, colour: Colour) -> None:
    """Draw a laid rope along `points`, (n, 2) metres on the deck."""
    seen = camera.project(np.column_stack([points, np.full(len(points), radius)]))
    width = 2 * radius * camera.scale_at((*points.mean(axis=0), 0))
    draw_line(image, seen + np.array([1.5, 2]), darker(colour, 0.3), width + 1)
    draw_line(image, seen, darker(colour, 0.75), width)
    for start in range(0, len(seen) - 1, 2):
        draw_line(image, seen[start : start + 2], colour, 0.7 * width)


def draw_bucket(
    image: Image, camera: Camera, place: tuple[float, float], radius: float, colour: Colour
) -> None:
    """Draw a round bucket that stands at `place` (x, y in metres)."""
    _soft_shadow(image, camera, place, 1.5 * radius)
    draw_rod(image, camera, [(*place, 0.0), (*place, 0.3)], radius, colour)
    seen, scale = camera.project((*place, 0.32))[0], camera.scale_at((*place, 0.32))
    fill_circle(image, seen, radius * scale, darker(colour, 1.12))
    fill_circle(image, seen, 0.86 * radius * scale, darker(colour, 0.5))


def _soft_shadow(image: Image, camera: Camera, place: tuple[float, float], radius: float) -> None:
    """Darken the deck around a foot."""
    middle = camera.project((*place, 0.0))[0]
    size = max(2, round(1.6 * radius * camera.scale_at((*place, 0.0))))
    y, x = np.mgrid[-1 : 1 : (2 * size + 1) * 1j, -1 : 1 : (2 * size + 1) * 1j]
    shadow = np.zeros((2 * size + 1, 2 * size + 1, 4), np.float32)
    shadow[..., 3] = 0.55 * np.clip(1 - np.hypot(x, y), 0, 1)
    lay_over(image, shadow, (int(middle[0]) - size + 2, int(middle[1]) - size + 3))
