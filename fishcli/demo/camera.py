"""The pinhole camera of a boat: from metres on its deck to pixels and back."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

_FOCAL_LENGTH = 1.1  # in image widths: about 49 degrees across, a common surveillance lens


@dataclass(frozen=True)
class Camera:
    """A camera that looks at the origin of the deck from above.

    The deck is the plane z = 0, in metres: x to the right of the picture, y towards its bottom, z up.

    Attributes:
        image_size: (height, width) in pixels.
        tilt: radians from straight down; the top of the picture is farther away.
        roll: radians about the line of sight.
        pixels_per_metre: scale on the deck at the middle of the picture.
    """

    image_size: tuple[int, int]
    tilt: float
    roll: float
    pixels_per_metre: float

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The (3, 4) projection from homogeneous metres to homogeneous pixels."""
        height, width = self.image_size
        focal = _FOCAL_LENGTH * width
        sin_t, cos_t, sin_r, cos_r = (
            np.sin(self.tilt),
            np.cos(self.tilt),
            np.sin(self.roll),
            np.cos(self.roll),
        )
        tilted = np.array([[1, 0, 0], [0, cos_t, -sin_t], [0, -sin_t, -cos_t]])
        rolled = np.array([[cos_r, -sin_r, 0], [sin_r, cos_r, 0], [0, 0, 1]]) @ tilted
        pose = np.column_stack([rolled, [0, 0, focal / self.pixels_per_metre]])
        return np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]]) @ pose

    def project(self, points: ArrayLike) -> NDArray[np.float64]:
        """Pixels (n, 2) of points (n, 3) in metres."""
        points = np.atleast_2d(np.asarray(points, np.float64))
        image = np.column_stack([points, np.ones(len(points))]) @ self.matrix.T
        return image[:, :2] / np.maximum(image[:, 2:], 0.2)

    def scale_at(self, point: ArrayLike) -> float:
        """Pixels a metre at a point (x, y, z) of the scene."""
        depth = self.matrix[2] @ np.append(np.asarray(point, np.float64), 1)
        return _FOCAL_LENGTH * self.image_size[1] / max(0.2, float(depth))

    def on_deck(self, columns: ArrayLike, rows: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Deck coordinates x and y in metres (float32, shaped like the input) seen at pixels."""
        back = np.linalg.inv(self.matrix[:, [0, 1, 3]]).astype(np.float32)
        columns, rows = np.asarray(columns, np.float32), np.asarray(rows, np.float32)
        x, y, w = (a * columns + b * rows + c for a, b, c in back)
        return x / w, y / w

    def deck_grid(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """`on_deck` of every pixel of the picture: x and y, each (height, width)."""
        height, width = self.image_size
        columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        return self.on_deck(columns + 0.5, rows + 0.5)

    def scaled(self, factor: int) -> "Camera":
        """The same view with `factor` times the pixels along each side."""
        height, width = self.image_size
        return replace(
            self,
            image_size=(height * factor, width * factor),
            pixels_per_metre=self.pixels_per_metre * factor,
        )
