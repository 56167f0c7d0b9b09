"""Views of a photo with their inverses: windows and symmetries of the square.

Boxes are fractions `x_min, y_min, x_max, y_max`, of the photo or of the view.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from fishcli.basics.files import digest
from fishcli.options.views import CROP_PERCENT, MIRRORED, RANDOM

WHOLE = (0.0, 0.0, 1.0, 1.0)
CORNERS = {
    "centre": (0.5, 0.5),
    "top_left": (0, 0),
    "top_right": (1, 0),
    "bottom_left": (0, 1),
    "bottom_right": (1, 1),
}
"""Where a crop lies: the share of what it leaves out that lies left of it, and above."""
RANDOM_SIDE = (0.7, 1.0)
"""The side of a random view's window, as a share of the photo's: least and most."""


@dataclass(frozen=True)
class View:
    """A window of the photo and a symmetry of the square: an optional transposition, then optional flips.

    Attributes:
        name: in the store, in runs and on the command line.
        transpose: whether rows become columns.
        flip_x: whether left and right change places, after that.
        flip_y: whether top and bottom do.
        window: `x_min, y_min, x_max, y_max`, fractions of the photo's sides.
    """

    name: str
    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False
    window: tuple[float, float, float, float] = WHOLE

    def cut(self, image: np.ndarray) -> np.ndarray:
        """The window of an image (h, w, channels), to whole pixels, one at least: no copy."""
        x_min, y_min, x_max, y_max = self.window
        top, bottom = ends_of(image.shape[0], y_min, y_max)
        left, right = ends_of(image.shape[1], x_min, x_max)
        return image[top:bottom, left:right]

    def turn(self, image: np.ndarray) -> np.ndarray:
        """What is done to the window (h, w, channels): (h, w, c) or, transposed, (w, h, c)."""
        if self.transpose:
            image = image.transpose(1, 0, 2)
        return image[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1]

    def apply(self, image: np.ndarray) -> np.ndarray:
        """Transform an image (h, w, channels); returns one of the size that `sizes` says."""
        return self.turn(self.cut(image))

    def apply_boxes(self, boxes: np.ndarray) -> np.ndarray:
        """Where boxes (n, 4) of the photo lie in the view: beyond 0 and 1 where its window cuts them."""
        start, side = self._place()
        boxes = (boxes - start) / side
        return self._flip(boxes[:, [1, 0, 3, 2]] if self.transpose else boxes)

    def invert_boxes(self, boxes: np.ndarray) -> np.ndarray:
        """Where boxes (n, 4) of the view lie in the photo."""
        flipped = self._flip(boxes)
        start, side = self._place()
        return (flipped[:, [1, 0, 3, 2]] if self.transpose else flipped) * side + start

    def apply_ends(self, ends: np.ndarray) -> np.ndarray:
        """Where two points (n, 4: x, y, x, y) of the photo lie in the view; the first stays the first."""
        start, side = self._place()
        ends = (ends - start) / side
        return self._mirror(ends[:, [1, 0, 3, 2]] if self.transpose else ends)

    def invert_ends(self, ends: np.ndarray) -> np.ndarray:
        """Where two points (n, 4) of the view lie in the photo."""
        mirrored = self._mirror(ends)
        start, side = self._place()
        return (mirrored[:, [1, 0, 3, 2]] if self.transpose else mirrored) * side + start

    def _place(self) -> tuple[np.ndarray, np.ndarray]:
        """The window's corner and sides as boxes (4,) have them."""
        x_min, y_min, x_max, y_max = self.window
        return np.array([x_min, y_min] * 2), np.array([x_max - x_min, y_max - y_min] * 2)

    def _flip(self, boxes: np.ndarray) -> np.ndarray:
        x_min, y_min, x_max, y_max = boxes.T
        if self.flip_x:
            x_min, x_max = 1 - x_max, 1 - x_min
        if self.flip_y:
            y_min, y_max = 1 - y_max, 1 - y_min
        return np.stack([x_min, y_min, x_max, y_max], axis=1)

    def _mirror(self, ends: np.ndarray) -> np.ndarray:
        mirrored = np.array([self.flip_x, self.flip_y] * 2)
        return np.where(mirrored, 1 - ends, ends)

    def sizes(self, image_sizes: np.ndarray) -> np.ndarray:
        """The sizes (n, 2: height, width) that photos of these sizes have in the view."""
        x_min, y_min, x_max, y_max = self.window
        if self.window != WHOLE:
            ends = [[ends_of(int(h), y_min, y_max), ends_of(int(w), x_min, x_max)] for h, w in image_sizes]
            image_sizes = np.array(ends, np.int64).reshape(-1, 2, 2) @ [-1, 1]
        return image_sizes[:, ::-1] if self.transpose else image_sizes

    def needed_side(self, input_side: int) -> int:
        """Pixels that a photo's shorter side needs for the window to have `input_side`, however it is cut."""
        x_min, y_min, x_max, y_max = self.window
        least = min(x_max - x_min, y_max - y_min)
        return input_side if self.window == WHOLE else math.ceil((input_side + 1) / least)


def ends_of(side: int, start: float, end: float) -> tuple[int, int]:
    """The first pixel of a window along one side, and the one behind its last."""
    first = min(round(start * side), side - 1)
    return first, max(round(end * side), first + 1)


_SYMMETRIES = {
    view.name: view
    for view in (
        View("identity"),
        View("hflip", flip_x=True),
        View("vflip", flip_y=True),
        View("rot180", flip_x=True, flip_y=True),
        View("rot90", transpose=True, flip_y=True),
        View("rot270", transpose=True, flip_x=True),
        View("transpose", transpose=True),
        View("transverse", transpose=True, flip_x=True, flip_y=True),
    )
}


@cache
def view_of(name: str) -> View:
    """The view that a name of `options.views` stands for: a symmetry, a crop, or a random one."""
    if name in _SYMMETRIES:
        return _SYMMETRIES[name]
    if number := RANDOM.fullmatch(name):
        return _random_view(name, int(number[1]))
    bare = name.removesuffix(MIRRORED)
    place, side = bare.removesuffix(str(CROP_PERCENT)), CROP_PERCENT / 100
    x, y = CORNERS[place]
    window = x * (1 - side), y * (1 - side), x * (1 - side) + side, y * (1 - side) + side
    return View(name, flip_x=bare != name, window=window)


def _random_view(name: str, number: int) -> View:
    """A window of RANDOM_SIDE anywhere in the photo, mirrored or not, from a digest: alike everywhere."""
    drawn = [int(digest(f"view {number}", what)[:8], 16) / 16**8 for what in ("side", "x", "y", "flip")]
    side = RANDOM_SIDE[0] + (RANDOM_SIDE[1] - RANDOM_SIDE[0]) * drawn[0]
    x, y = drawn[1] * (1 - side), drawn[2] * (1 - side)
    return View(name, flip_x=drawn[3] < 0.5, window=(x, y, x + side, y + side))
