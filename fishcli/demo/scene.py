"""One sequence of frames: fish, crew and clutter on a boat's deck, lit and photographed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from fishcli.demo.boats import Boat
from fishcli.demo.deck import Deck
from fishcli.demo.fish import PaintedFish, paint_fish
from fishcli.demo.laying import Point, Pose, lay_fish, painting_length
from fishcli.demo.light import Light, draw_light, take_picture
from fishcli.demo.paint import (
    Colour,
    Floats,
    Image,
    lay_over,
    mix,
    noise_texture,
    sample,
    smooth_curve,
    smoothstep,
)
from fishcli.demo.solids import draw_bucket, draw_crew, draw_glove, draw_rope
from fishcli.demo.species import SPECIES

Box = tuple[float, float, float, float]
_BLOOD, _FOAM = (96, 18, 16), (206, 220, 222)
_ROPES: tuple[Colour, ...] = ((206, 190, 140), (60, 120, 170), (200, 90, 50), (70, 130, 80))


@dataclass(frozen=True)
class Frame:
    """A photo and its fish.

    Attributes:
        image: uint8 RGB in the boat's image size.
        boxes: (x, y, width, height) in pixels, one a fish.
        ends: head and tail, (x, y) in pixels each, of the fish whose middle line is in the picture.
    """

    image: Image
    boxes: list[Box]
    ends: list[tuple[Point, Point]]


@dataclass(frozen=True)
class Shot:
    """What the frames of a sequence share; places are (x, y) or (x, y, angle) in metres and radians."""

    fish: list[tuple[PaintedFish, Pose]]
    crew: list[tuple[float, float, float]]
    gloves: list[tuple[float, float, float]]
    ropes: list[tuple[Floats, Colour]]
    buckets: list[tuple[float, float]]
    stains: list[tuple[float, float]]
    light: Light
    noise: Floats


def draw_sequence(boat: Boat, deck: Deck, class_name: str, seeds: list[list[int]]) -> Iterator[Frame]:
    """Draw consecutive frames of the same catch.

    Args:
        boat: whose camera it is.
        deck: drawn by `draw_deck(boat)`.
        class_name: of the fish; NoF for a deck without.
        seeds: the sequence's seed, then one for each frame.

    Yields:
        A frame for each of the frames' seeds.
    """
    shot = _plan_shot(boat, deck, class_name, np.random.default_rng(seeds[0]))
    for seed in seeds[1:]:
        yield _draw_frame(boat, deck, shot, np.random.default_rng(seed))


def _plan_shot(boat: Boat, deck: Deck, class_name: str, rng: np.random.Generator) -> Shot:
    crew = _place_crew(boat, rng)
    fish: list[tuple[PaintedFish, Pose]] = []
    if class_name in SPECIES:
        kinds = SPECIES[class_name]
        species = kinds[rng.integers(len(kinds))]
        n_fish = 1 + int(rng.choice(4, p=(0.72, 0.18, 0.07, 0.03)))
        for pose in _place_fish(boat, deck, species.length, n_fish, rng):
            size = painting_length(pose.length, pose.x, pose.y, boat.camera)
            fish.append((paint_fish(species, int(rng.integers(2**31)), size), pose))
    # The deck is as cluttered without fish as with it, or clutter would give NoF away.
    around = [pose for _, pose in fish] or _place_fish(boat, deck, (0.8, 1.3), 1, rng)
    gloves, ropes = [], []
    if rng.random() < 0.3:
        # The arm comes from the near side and takes the near end, or it would lie along the whole fish.
        spot, angle = around[0], float(rng.normal(-np.pi / 2, 0.6))
        end = spot.length * rng.uniform(0.3, 0.42) * (1 if np.sin(spot.angle) > 0 else -1)
        gloves.append((spot.x + end * np.cos(spot.angle), spot.y + end * np.sin(spot.angle), angle))
    for _ in range(rng.binomial(2, 0.22)):
        knots = np.cumsum(rng.normal(0, 0.35, (6, 2)), axis=0) + rng.normal(0, 0.7, 2)
        ropes.append((smooth_curve(knots, 12), _ROPES[rng.integers(len(_ROPES))]))
    stains = [(pose.x + rng.normal(0, 0.5), pose.y + rng.normal(0, 0.5)) for pose in around]
    return Shot(
        fish=fish,
        crew=crew,
        gloves=gloves,
        ropes=ropes,
        buckets=[_edge_spot(boat, rng) for _ in range(rng.binomial(1, 0.25))],
        stains=stains if rng.random() < 0.5 else [],
        light=draw_light(boat, rng),
        noise=noise_texture(rng),
    )


def _place_fish(
    boat: Boat, deck: Deck, lengths: tuple[float, float], n_fish: int, rng: np.random.Generator
) -> list[Pose]:
    """Poses on the deck, apart from each other; fewer than `n_fish` where there is no room."""
    height, width = boat.camera.image_size
    out = np.array([np.cos(boat.rail_angle), np.sin(boat.rail_angle)])
    poses: list[Pose] = []
    for attempt in range(60):
        length = float(rng.uniform(*lengths))
        angle = float(rng.uniform(0, 2 * np.pi))
        if attempt == 0 and rng.random() < 0.4:
            x, y = deck.board[0] + rng.normal(0, 0.05), deck.board[1] + rng.normal(0, 0.04)
            angle = deck.board[2] + float(rng.normal(0, 0.06)) + np.pi * int(rng.integers(2))
        else:
            reach = 0.46 if rng.random() < 0.12 else 0.3  # some lie across the edge of the picture
            column, row = rng.uniform(0.5 - reach, 0.5 + reach), rng.uniform(0.52 - reach, 0.52 + reach)
            there = boat.camera.on_deck(column * width, row * height)
            x, y = float(there[0]), float(there[1])
        # A board may lie beyond the rail of a narrow deck: the first fish is then placed like the others.
        if (x, y) @ out > boat.rail_distance - 0.3:
            continue
        if any(np.hypot(x - other.x, y - other.y) < 0.35 * (length + other.length) for other in poses):
            continue
        bend = float(rng.normal(0, 0.035))
        poses.append(Pose(float(x), float(y), float(angle), length, bool(rng.integers(2)), bend))
        if len(poses) == n_fish:
            return poses
    return poses or [Pose(0.0, 0.2, 0.0, lengths[0], False, 0.0)]


def _place_crew(boat: Boat, rng: np.random.Generator) -> list[tuple[float, float, float]]:
    """Crew at the sides of the picture, facing its middle."""
    crew = []
    for side in rng.permutation([-1, 1])[: rng.choice(3, p=(0.35, 0.45, 0.2))]:
        x, y = _edge_spot(boat, rng, int(side))
        crew.append((x, y, float(np.arctan2(0.1 - y, -x) + rng.normal(0, 0.25))))
    return sorted(crew, key=lambda place: place[1])


def _edge_spot(boat: Boat, rng: np.random.Generator, side: int = 0) -> tuple[float, float]:
    height, width = boat.camera.image_size
    side = side or int(rng.choice([-1, 1]))
    column = 0.5 + side * rng.uniform(0.42, 0.5)
    x, y = boat.camera.on_deck(column * width, rng.uniform(0.4, 0.95) * height)
    return float(x), float(y)


def _draw_frame(boat: Boat, deck: Deck, shot: Shot, rng: np.random.Generator) -> Frame:
    camera, light = boat.camera, shot.light
    image = deck.image.copy()
    _draw_water(image, deck, boat.water, shot.noise, rng)
    for stain in shot.stains:
        away = np.hypot(deck.x - stain[0], deck.y - stain[1])
        blot = smoothstep(0.45, 0.1, away + 0.13 * sample(shot.noise, 0.7 * deck.x, 0.7 * deck.y))
        image = mix(image.astype(np.float32), _BLOOD, 0.55 * blot * (1 - deck.sea)).astype(np.uint8)
    for bucket in shot.buckets:
        draw_bucket(image, camera, bucket, 0.16, boat.trim)
    for points, colour in shot.ropes[1:]:
        draw_rope(image, camera, points, 0.014, colour)
    boxes, ends = [], []
    reach = 0.035 * camera.pixels_per_metre
    offset = (round(reach * np.cos(light.shadow_angle)), round(reach * np.sin(light.shadow_angle)))
    crew = [(x, y, angle + rng.normal(0, 0.06)) for x, y, angle in shot.crew]
    hands = rng.uniform(0, 1, (len(crew), 2))
    nearest = max((pose.y for _, pose in shot.fish), default=0.0)
    for place, reaching in zip(crew, hands, strict=True):
        if place[1] <= nearest:
            draw_crew(image, camera, place, reaching, boat.oilskin)
    for painted, pose in shot.fish:
        laid = lay_fish(painted, _stir(pose, rng), camera)
        box = laid.box(camera.image_size)
        if box is not None:
            laid.cast_shadow(image, offset, light.shadow)
            lay_over(image, laid.patch, laid.corner)
            boxes.append(box)
            ends += [pair] if (pair := laid.ends(camera.image_size)) else []
    for points, colour in shot.ropes[:1]:
        draw_rope(image, camera, points, 0.014, colour)
    for x, y, angle in shot.gloves:
        draw_glove(image, camera, (x, y, angle + rng.normal(0, 0.08)), boat.oilskin)
    for place, reaching in zip(crew, hands, strict=True):
        if place[1] > nearest:
            draw_crew(image, camera, place, reaching, boat.oilskin)
    return Frame(take_picture(image, deck, light, boat.lens, rng), boxes, ends)


def _stir(pose: Pose, rng: np.random.Generator) -> Pose:
    """The pose a moment later: the boat rolls, the fish slides and beats."""
    dx, dy, turn, bend = rng.normal(0, (0.02, 0.02, 0.035, 0.012)).tolist()
    return replace(pose, x=pose.x + dx, y=pose.y + dy, angle=pose.angle + turn, bend=pose.bend + bend)


def _draw_water(image: Image, deck: Deck, water: Colour, noise: Floats, rng: np.random.Generator) -> None:
    """Waves and foam where the deck leaves the sea to be seen, in place."""
    if not deck.sea.any():
        return
    rows = np.flatnonzero(deck.sea.any(axis=1))
    part = slice(rows[0], rows[-1] + 1)
    drift = rng.uniform(0, 1, 2).astype(np.float32)
    swell = sample(noise, 0.13 * deck.x[part] + drift[0], 0.3 * deck.y[part] + drift[1])
    ripple = sample(noise, 0.5 * deck.x[part] + drift[1], 0.9 * deck.y[part] + drift[0])
    sea = np.asarray(water, np.float32) * (1 + 0.2 * swell + 0.12 * ripple)[..., None]
    sea = mix(sea, _FOAM, 0.7 * smoothstep(1.3, 2.2, swell + 0.5 * ripple))
    image[part] = np.clip(mix(image[part].astype(np.float32), sea, deck.sea[part]), 0, 255)
