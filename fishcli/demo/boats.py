"""The boats: each with a camera, a deck, waters, a crew, its hours of work and its lens."""

from dataclasses import dataclass

import numpy as np

from fishcli.demo.camera import Camera
from fishcli.demo.paint import Colour, vary

COMMON_SIZE = (360, 640)
_OWN_SIZES = (
    (335, 596),
    (487, 640),
    (375, 667),
    (487, 866),
    (427, 759),
    (350, 622),
    (378, 672),
    (375, 640),
    (405, 720),
    (480, 768),
    (432, 704),
    (338, 600),
    (450, 800),
    (396, 660),
)
"""(height, width), about half of the real competition's sizes."""

_DECKS: dict[str, tuple[Colour, ...]] = {
    "planks": ((150, 118, 84), (122, 98, 76), (164, 142, 112), (112, 104, 94)),
    "metal": ((138, 144, 148), (116, 124, 132), (152, 150, 144)),
    "painted": (
        (96, 128, 112),
        (104, 132, 156),
        (150, 84, 66),
        (206, 198, 176),
        (188, 194, 194),
        (84, 92, 98),
    ),
    "mat": ((66, 68, 70), (80, 74, 66), (58, 74, 70)),
}
_OILSKINS: tuple[Colour, ...] = (
    (226, 112, 34),
    (228, 186, 42),
    (52, 92, 66),
    (40, 66, 112),
    (196, 60, 44),
    (220, 220, 210),
)
_FITTINGS: tuple[Colour, ...] = (
    (226, 226, 218),
    (206, 186, 60),
    (52, 96, 138),
    (70, 74, 78),
    (156, 54, 44),
    (62, 116, 90),
)
_WATERS: tuple[Colour, ...] = ((32, 78, 104), (24, 56, 84), (58, 104, 108), (70, 88, 96), (36, 98, 122))


@dataclass(frozen=True)
class Lens:
    """What a camera does to a picture.

    Attributes:
        white_balance: gain of red, green and blue.
        gamma: exponent on intensities in 0-1.
        saturation: 0 grey, 1 as it is.
        blur: standard deviation in pixels.
        noise: standard deviation in grey levels of 255, by day.
        jpeg_quality: 0-100.
    """

    white_balance: Colour
    gamma: float
    saturation: float
    blur: float
    noise: float
    jpeg_quality: int


@dataclass(frozen=True)
class Boat:
    """A boat and its camera.

    Attributes:
        name: the group's name, such as ``boat_01``.
        camera: its view of the deck.
        deck: the kind of deck: planks, metal, painted or mat.
        colour: of the deck.
        trim: of bulwark, crates and fittings.
        oilskin: of the crew's clothes.
        water: of the sea.
        rail_angle: radians; direction in the deck's plane in which the sea lies.
        rail_distance: metres from the middle of the picture to the bulwark.
        light_shares: how often it works by sun, under cloud, at dusk and at night, in `light.LIGHTS`' order.
        night_cast: gain of red, green and blue under its lamps; equal gains mean infrared.
        lens: what its camera does to a picture.
        seed: of the fixed details of its deck.
    """

    name: str
    camera: Camera
    deck: str
    colour: Colour
    trim: Colour
    oilskin: Colour
    water: Colour
    rail_angle: float
    rail_distance: float
    light_shares: tuple[float, ...]
    night_cast: Colour
    lens: Lens
    seed: int


def draw_boats(names: list[str], image_sizes: list[tuple[int, int]], seed: int) -> list[Boat]:
    """One boat for each name and image size; deck kinds take turns so that they differ."""
    rng = np.random.default_rng([seed, 0])
    kinds = list(rng.permutation(list(_DECKS)))
    return [
        _draw_boat(name, size, str(kinds[number % len(kinds)]), np.random.default_rng([seed, 1, number]))
        for number, (name, size) in enumerate(zip(names, image_sizes, strict=True))
    ]


def draw_sizes(
    rng: np.random.Generator, n_boats: int, n_unseen: int
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Image sizes (height, width) of the training boats and of the unseen ones.

    A third of the training boats and a quarter of the unseen ones (at least one) share the most common size;
    one unseen boat in five shares another training boat's; the others have a size of their own.
    """
    own = [_OWN_SIZES[i] for i in rng.permutation(len(_OWN_SIZES))]
    while len(own) < n_boats + n_unseen:
        size = (int(rng.integers(320, 500)), int(rng.integers(570, 880)))
        if size not in own and size != COMMON_SIZE:
            own.append(size)
    n_common, n_unseen_common, n_borrowed = max(1, n_boats // 3), max(1, n_unseen // 4), n_unseen // 5
    known = own[: n_boats - n_common]
    fresh = own[len(known) :]
    train = [COMMON_SIZE] * n_common + known
    unseen = [COMMON_SIZE] * n_unseen_common + known[:n_borrowed]
    unseen += fresh[: n_unseen - len(unseen)]
    return [train[i] for i in rng.permutation(n_boats)], [unseen[i] for i in rng.permutation(n_unseen)]


def _draw_boat(name: str, image_size: tuple[int, int], deck: str, rng: np.random.Generator) -> Boat:
    width = image_size[1]
    camera = Camera(
        image_size=image_size,
        tilt=float(rng.uniform(0.1, 0.95)),
        roll=float(rng.normal(0, 0.09)),
        pixels_per_metre=float(width * rng.uniform(0.23, 0.34)),
    )
    shares = rng.dirichlet((2.5, 2.5, 0.8, 0.9))
    casts: tuple[Colour, ...] = ((1.0, 0.86, 0.6), (0.55, 1.0, 0.6), (0.85, 0.85, 0.85), (0.75, 0.9, 1.0))
    return Boat(
        name=name,
        camera=camera,
        deck=deck,
        colour=_pick(rng, _DECKS[deck], 0.08),
        trim=_pick(rng, _FITTINGS, 0.06),
        oilskin=_pick(rng, _OILSKINS, 0.06),
        water=_pick(rng, _WATERS, 0.1),
        rail_angle=float(-np.pi / 2 + rng.normal(0, 0.6)),
        rail_distance=float(rng.uniform(0.75, 1.6)),
        light_shares=tuple(shares.tolist()),
        night_cast=casts[rng.integers(len(casts))],
        lens=_draw_lens(rng),
        seed=int(rng.integers(2**31)),
    )


def _draw_lens(rng: np.random.Generator) -> Lens:
    red, green, blue = np.clip(rng.normal(1, 0.05, 3), 0.85, 1.15).tolist()
    return Lens(
        white_balance=(red, green, blue),
        gamma=float(rng.uniform(0.85, 1.2)),
        saturation=float(rng.uniform(0.65, 1.1)),
        blur=float(rng.uniform(0.3, 0.9)),
        noise=float(rng.uniform(1.5, 6.0)),
        jpeg_quality=int(rng.integers(62, 93)),
    )


def _pick(rng: np.random.Generator, colours: tuple[Colour, ...], spread: float) -> Colour:
    return vary(rng, colours[rng.integers(len(colours))], spread)
