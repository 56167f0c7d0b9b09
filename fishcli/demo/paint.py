"""Paint: curves, anti-aliased polygons, smooth noise and compositing, for all that the demo draws.

Colours are RGB in 0-255, images uint8 RGB (height, width, 3), points pixels as (x, y).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fishcli.basics.quiet import load_cv2

cv2 = load_cv2()

Colour = tuple[float, float, float]
Floats = NDArray[np.floating]
Image = NDArray[np.uint8]

_SHIFT = 4  # OpenCV takes polygon corners in 1/16 pixel: without it slow movements jump


def smooth_curve(points: ArrayLike, n_steps: int = 10) -> Floats:
    """A Catmull-Rom curve through `points`.

    Args:
        points: (n, d) floats, n at least 2.
        n_steps: points drawn for each stretch between two of them.

    Returns:
        ((n - 1) * n_steps + 1, d) float32, both ends included.
    """
    knots = np.asarray(points, np.float32)
    padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    before, start, end, after = padded[:-3, None], padded[1:-2, None], padded[2:-1, None], padded[3:, None]
    t = np.linspace(0, 1, n_steps, endpoint=False, dtype=np.float32)[None, :, None]
    curve = start + 0.5 * t * (
        end
        - before
        + t * (2 * before - 5 * start + 4 * end - after + t * (3 * (start - end) + after - before))
    )
    return np.concatenate([curve.reshape(-1, knots.shape[1]), knots[-1:]]).astype(np.float32)


def fill_polygon(image: NDArray, points: ArrayLike, colour: Sequence[float] | float) -> None:
    """Fill a polygon, anti-aliased, in place; what passes the edge of the image is cut."""
    corners = np.round(np.clip(np.asarray(points, np.float64), -30_000, 30_000) * 2**_SHIFT)
    cv2.fillPoly(image, [corners.astype(np.int32)], colour, cv2.LINE_AA, _SHIFT)


def draw_line(image: NDArray, points: ArrayLike, colour: Sequence[float] | float, width: float = 1) -> None:
    """Draw an open line through `points`, anti-aliased, in place; `width` in pixels, at least 1."""
    corners = np.round(np.clip(np.asarray(points, np.float64), -30_000, 30_000) * 2**_SHIFT)
    thickness = max(1, round(width))
    cv2.polylines(image, [corners.astype(np.int32)], False, colour, thickness, cv2.LINE_AA, _SHIFT)


def fill_circle(image: NDArray, centre: ArrayLike, radius: float, colour: Sequence[float] | float) -> None:
    """Fill a circle, anti-aliased, in place."""
    angles = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    circle = np.asarray(centre, np.float64) + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    fill_polygon(image, circle, colour)


def noise_texture(rng: np.random.Generator, n_octaves: int = 5, size: int = 256) -> Floats:
    """Smooth noise that tiles: each octave has twice the detail and 0.6 of the height of the one before.

    Returns:
        (size, size) float32, mean 0, standard deviation 1.
    """
    texture = np.zeros((size, size), np.float32)
    for octave in range(n_octaves):
        n_cells = 4 * 2**octave
        step = size // n_cells
        cells = np.pad(rng.standard_normal((n_cells, n_cells), np.float32), 2, mode="wrap")
        smooth = cv2.resize(cells, None, fx=step, fy=step, interpolation=cv2.INTER_CUBIC)
        texture += 0.6**octave * smooth[2 * step : 2 * step + size, 2 * step : 2 * step + size]
    return (texture - texture.mean()) / texture.std()


def sample(texture: Floats, x: Floats, y: Floats) -> Floats:
    """`texture` at (x, y), in units of its own width, repeated without end."""
    size = texture.shape[0]
    columns, rows = (np.asarray(size * (axis - np.floor(axis)), np.float32) for axis in (x, y))
    return cv2.remap(texture, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)


def smoothstep(low: float, high: float, value: Floats) -> Floats:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def mix(image: Floats, colour: ArrayLike, share: Floats) -> Floats:
    """Blend `colour` (an RGB or an image) into `image` (h, w, 3) by `share` (h, w) in 0-1."""
    paint = np.broadcast_to(np.asarray(colour, np.float32), image.shape)
    mixed = np.empty(image.shape, np.result_type(image, np.float32, share))
    # Channel by channel: NumPy broadcasts along a last axis of 3 less than half as fast.
    for channel in range(image.shape[2]):
        below = image[..., channel]
        mixed[..., channel] = below + (paint[..., channel] - below) * share
    return mixed


def lay_over(image: Image, patch: Floats, corner: tuple[int, int]) -> None:
    """Composite a premultiplied RGBA patch over `image`, in place.

    Args:
        image: uint8 RGB.
        patch: (h, w, 4) float32, colours 0-255 times alpha, alpha 0-1.
        corner: the patch's left and top in the image; the patch may pass its edge.
    """
    left, top = corner
    height, width = image.shape[:2]
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(width, left + patch.shape[1]), min(height, top + patch.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    part = patch[y0 - top : y1 - top, x0 - left : x1 - left]
    below = image[y0:y1, x0:x1].astype(np.float32)
    image[y0:y1, x0:x1] = np.clip(below * (1 - part[..., 3:]) + part[..., :3] + 0.5, 0, 255)


def vary(rng: np.random.Generator, colour: Colour, spread: float) -> Colour:
    """`colour` a little brighter or darker and a little off its hue; `spread` is relative (0.1 is 10%)."""
    varied = np.asarray(colour) * (1 + spread * rng.standard_normal()) + 60 * spread * rng.standard_normal(3)
    red, green, blue = np.clip(varied, 0, 255).tolist()
    return red, green, blue


def darker(colour: Colour, factor: float) -> Colour:
    """`colour` times `factor` (above 1: brighter), kept in 0-255."""
    red, green, blue = (min(255.0, channel * factor) for channel in colour)
    return red, green, blue
