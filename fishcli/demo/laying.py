"""A painted fish laid on the deck: bent, turned, seen in perspective, with its shadow and its box."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fishcli.demo.camera import Camera
from fishcli.demo.fish import PaintedFish
from fishcli.demo.paint import Floats, Image, cv2, lay_over

BOX_OVERHANG = 4
"""Pixels that a box may pass the edge of the image, as in the real competition's files."""
N_MIDLINE = 501
"""Places along a fish's middle line: about a pixel apart."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Pose:
    """How a fish lies on the deck.

    Attributes:
        x: of the middle of the fish, metres on the deck.
        y: likewise.
        angle: radians; 0 has the snout to the left of the picture.
        length: metres.
        flipped: whether it shows its other side.
        bend: how far snout and tail curl out of the fish's line, in lengths; either sign.
    """

    x: float
    y: float
    angle: float
    length: float
    flipped: bool
    bend: float


@dataclass(frozen=True)
class LaidFish:
    """A fish as the camera sees it.

    Attributes:
        patch: premultiplied RGBA.
        corner: the pixel of its top left corner.
        midline: (n, 2) pixels of the picture, from the snout to between the tips of the tail.
    """

    patch: Floats
    corner: tuple[int, int]
    midline: NDArray[np.float64]

    def ends(self, image_size: tuple[int, int]) -> tuple[Point, Point] | None:
        """Head and tail, or where the middle line leaves the picture before them.

        Args:
            image_size: (height, width) in pixels.

        Returns:
            Two pixels (x, y) within the picture; None where it shows nothing of the middle line.
        """
        height, width = image_size
        shown = self.midline[((self.midline >= 0) & (self.midline <= (width, height))).all(axis=1)]
        if len(shown) < 2:
            return None
        (x_head, y_head), (x_tail, y_tail) = shown[[0, -1]].tolist()
        return (x_head, y_head), (x_tail, y_tail)

    def box(self, image_size: tuple[int, int]) -> tuple[float, float, float, float] | None:
        """The box of the fish's opaque part, whether or not something lies over it.

        Args:
            image_size: (height, width) in pixels.

        Returns:
            (x, y, width, height) in pixels, cut `BOX_OVERHANG` beyond the image's edge; None where no pixel
            of the fish is in the image.
        """
        opaque = self.patch[..., 3] > 0.5
        left, top = self.corner
        height, width = image_size
        if not opaque[max(0, -top) : height - top, max(0, -left) : width - left].any():
            return None
        columns, rows = np.flatnonzero(opaque.any(axis=0)), np.flatnonzero(opaque.any(axis=1))
        x_min, y_min = (max(-BOX_OVERHANG, float(edge)) for edge in (left + columns[0], top + rows[0]))
        x_max = min(width + BOX_OVERHANG, float(left + columns[-1] + 1))
        y_max = min(height + BOX_OVERHANG, float(top + rows[-1] + 1))
        return float(x_min), float(y_min), float(x_max - x_min), float(y_max - y_min)

    def cast_shadow(self, image: Image, offset: tuple[int, int], strength: float) -> None:
        """Darken `image` beside the fish, in place; `offset` (x, y) in pixels, `strength` in 0-1."""
        sigma = 1.5 + 0.5 * max(abs(offset[0]), abs(offset[1]))
        pad = round(3 * sigma)
        alpha = cv2.GaussianBlur(np.pad(self.patch[..., 3], pad), (0, 0), sigma)
        shadow = np.zeros((*alpha.shape, 4), np.float32)
        shadow[..., 3] = strength * alpha
        lay_over(image, shadow, (self.corner[0] - pad + offset[0], self.corner[1] - pad + offset[1]))


def painting_length(length: float, x: float, y: float, camera: Camera) -> int:
    """Pixels at which to paint a fish of `length` metres at (x, y): twice what the camera resolves there."""
    return round(np.clip(2 * length * camera.scale_at((x, y, 0)), 120, 900))


def lay_fish(painted: PaintedFish, pose: Pose, camera: Camera) -> LaidFish:
    """See a painted fish through `camera`, in the deck's perspective.

    Returns:
        The part of the fish in the image or within a few pixels of it; the patch can be empty of fish.
    """
    height, width = camera.image_size
    room = 2 * BOX_OVERHANG
    across_half = painted.snout[1] / painted.length + abs(pose.bend)
    cos, sin = np.cos(pose.angle), np.sin(pose.angle)
    corners = np.array([[a, b] for a in (-0.6, 0.6) for b in (-across_half, across_half)]) * pose.length
    on_deck = corners @ np.array([[cos, sin], [-sin, cos]]) + (pose.x, pose.y)
    seen = camera.project(np.column_stack([on_deck, np.zeros(4)]))
    left, top = np.clip(np.floor(seen.min(axis=0)), -room, (width, height)).astype(int)
    right, bottom = np.clip(
        np.ceil(seen.max(axis=0)), (left + 1, top + 1), (width + room, height + room)
    ).astype(int)
    columns, rows = np.meshgrid(np.arange(left, right), np.arange(top, bottom))
    x, y = camera.on_deck(columns + 0.5, rows + 0.5)
    x, y = (x - pose.x) / pose.length, (y - pose.y) / pose.length
    along, across = cos * x + sin * y, cos * y - sin * x
    across = (-across if pose.flipped else across) - 4 * pose.bend * along * along
    map_x = (along + 0.5) * painted.length + painted.snout[0]
    map_y = across * painted.length + painted.snout[1]
    patch = cv2.remap(
        painted.patch,
        map_x.astype(np.float32),
        map_y.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
    )
    return LaidFish(patch, (int(left), int(top)), _midline(pose, camera))


def _midline(pose: Pose, camera: Camera) -> NDArray[np.float64]:
    along = np.linspace(-0.5, 0.5, N_MIDLINE)
    across = (-4 if pose.flipped else 4) * pose.bend * along * along
    cos, sin = np.cos(pose.angle), np.sin(pose.angle)
    x = pose.x + pose.length * (cos * along - sin * across)
    y = pose.y + pose.length * (sin * along + cos * across)
    return camera.project(np.column_stack([x, y, np.zeros(N_MIDLINE)]))
