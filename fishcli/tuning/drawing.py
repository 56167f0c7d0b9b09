"""How each photo of a batch is augmented, drawn as numbers: where its pixels come from, and their colours.

A recipe means what it means to cached copies (`features.photos.recipes`), but for "colour", which is linear
here: the hue turns by up to twice as many degrees, saturation changes by up to as many per cent.
"""

from dataclasses import dataclass

import numpy as np

from fishcli.features.photos.recipes import GREATEST_ZOOM, OF_GEOMETRY, Magnitudes

N_HOLES = 2
LEAST_VISIBLE = 0.1
"""A box of which less is left in the picture is lost."""
TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
"""From RGB to luma and the plane of colour, in which hue is an angle."""


@dataclass(frozen=True)
class Drawn:
    """How the photos of a batch are augmented.

    Attributes:
        size: (height, width) of the photos, pixels.
        places: (n, 3, 3) from photo to a picture of the same size, pixels from the corner, x before y.
        colours: (n, 3, 4) from RGB and 1 to RGB, in 0 to 255.
        holes: (n, N_HOLES, 4) boxes that are black, fractions of the picture; empty ones are all 0.
    """

    size: tuple[int, int]
    places: np.ndarray
    colours: np.ndarray
    holes: np.ndarray

    def named(self, size: tuple[int, int]) -> dict[str, np.ndarray]:
        """What `tuning.augmenting.Augmented` takes: where pixels of a picture of `size` are, and the rest.

        There, pixels are counted from the middle of the first one.
        """
        half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
        larger = np.diag([self.size[1] / size[1], self.size[0] / size[0], 1])
        back = np.linalg.inv(half) @ np.linalg.inv(self.places) @ larger @ half
        return {
            "places": back.reshape(-1, 9)[:, :8].astype(np.float32),
            "colours": self.colours.astype(np.float32),
            "holes": self.holes.astype(np.float32),
        }

    def move_boxes(self, boxes: np.ndarray) -> np.ndarray:
        """Where boxes (n, 4), fractions of the photos, lie in the pictures; NaN where one is lost.

        Turned, a box is the one around the ellipse that it holds.
        """
        sides = np.array(self.size[::-1])
        middle = (boxes[:, :2] + boxes[:, 2:]) / 2 * sides
        reach = (boxes[:, 2:] - boxes[:, :2]) / 2 * sides
        linear = self.places[:, :2, :2]
        middle = np.einsum("nij,nj->ni", linear, middle) + self.places[:, :2, 2]
        reach = np.sqrt(np.einsum("nij,nj->ni", linear**2, reach**2))
        moved = np.concatenate([middle - reach, middle + reach], axis=1) / np.tile(sides, 2)
        clipped = np.clip(moved, 0, 1)
        area, left = (np.prod(each[:, 2:] - each[:, :2], axis=1) for each in (moved, clipped))
        is_lost = ~(left >= LEAST_VISIBLE * area)
        return np.where(is_lost[:, None], np.nan, clipped).astype(np.float32)


def draw(magnitudes: Magnitudes, n: int, size: tuple[int, int], rng: np.random.Generator) -> Drawn:
    """Draw how `n` photos of `size` (height, width) are augmented.

    Args:
        magnitudes: of a recipe; its operations follow each other in their order, geometry first.
        n: how many.
        size: of the photos as they are kept.
        rng: of all that is drawn.
    """
    places = np.tile(np.eye(3), (n, 1, 1))
    colours = np.tile(np.eye(4), (n, 1, 1))
    holes = np.zeros((n, N_HOLES, 4))
    for name, most in magnitudes.items():
        if name in OF_GEOMETRY:
            places = _place(name, most, (n, size), rng) @ places
        elif name == "cutout":
            sides = rng.uniform(most / 4, most, (n, N_HOLES, 2))
            corners = rng.uniform(0, 1, (n, N_HOLES, 2)) * (1 - sides)
            is_cut = (rng.random((n, 1)) < 0.5) & (np.arange(N_HOLES) < rng.integers(1, N_HOLES + 1, (n, 1)))
            holes = np.concatenate([corners, corners + sides], axis=2) * is_cut[..., None]
        else:
            colours = _colour(name, most, n, rng) @ colours
    return Drawn(size, places, colours[:, :3], holes)


def _place(name: str, most: float, of: tuple[int, tuple[int, int]], rng: np.random.Generator) -> np.ndarray:
    """An operation of geometry as matrices (n, 3, 3); `of`: how many, and the size of the photos."""
    n, (height, width) = of
    found = np.tile(np.eye(3), (n, 1, 1))
    if name in ("flip", "vflip"):
        axis, side = (0, width) if name == "flip" else (1, height)
        is_flipped = rng.random(n) < most
        found[is_flipped, axis, axis], found[is_flipped, axis, 2] = -1, side
    elif name == "crop":
        for axis, side in enumerate((width, height)):
            before, after = rng.uniform(0, most / 2, (2, n))
            found[:, axis, axis] = 1 / (1 - before - after)
            found[:, axis, 2] = -before * side / (1 - before - after)
    elif name == "translate":
        found[:, :2, 2] = rng.uniform(-most, most, (n, 2)) * (width, height)
    elif name == "shear":  # about the middle
        across, down = np.tan(np.radians(rng.uniform(-most, most, (2, n))))
        found[:, 0, 1], found[:, 1, 0] = across, down
        found[:, 0, 2], found[:, 1, 2] = -across * height / 2, -down * width / 2
    else:  # about the middle
        turned = np.radians(rng.uniform(-most, most, n)) if name == "rotate" else np.zeros(n)
        scale = rng.uniform(most, GREATEST_ZOOM, n) if name == "zoom" else np.ones(n)
        cos, sin = scale * np.cos(turned), scale * np.sin(turned)
        found[:, 0, 0], found[:, 0, 1], found[:, 1, 0], found[:, 1, 1] = cos, -sin, sin, cos
        middle = np.array([width / 2, height / 2])
        found[:, :2, 2] = middle - found[:, :2, :2] @ middle
    return found


def _colour(name: str, most: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """An operation on colours as matrices (n, 4, 4), from RGB and 1."""
    found = np.tile(np.eye(4), (n, 1, 1))
    if name == "brightness":
        found[:, :3, 3] = 255 * rng.uniform(-most, most, (n, 1))
    elif name == "contrast":
        found[:, :3, :3] *= 1 + rng.uniform(-most, most, (n, 1, 1))
    else:
        turned = np.radians(2 * rng.uniform(-most, most, n))
        saturation = 1 + rng.uniform(-most, most, n) / 100
        cos, sin = saturation * np.cos(turned), saturation * np.sin(turned)
        plane = np.tile(np.eye(3), (n, 1, 1))
        plane[:, 1, 1], plane[:, 1, 2], plane[:, 2, 1], plane[:, 2, 2] = cos, -sin, sin, cos
        found[:, :3, :3] = np.linalg.inv(TO_YIQ) @ plane @ TO_YIQ
    return found
