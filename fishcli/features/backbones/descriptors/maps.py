"""Descriptors of patches on a grid: from pixels to a map, of any image the same way, without weights."""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from fishcli.basics.errors import FishError
from fishcli.basics.quiet import load_cv2
from fishcli.features.backbones.descriptors.names import HOG, LBP, SIFT

SIFT_STEP = 8
SIFT_WINDOWS = (16, 24, 32)
"""Pixels from one place to the next, and across each of the squares that are described there."""
HOG_CELL, HOG_BLOCK, HOG_ORIENTATIONS = 8, 2, 9
LBP_CELL, LBP_RADII, LBP_POINTS = 16, (1, 2, 3), 8
LBP_CODES = LBP_POINTS * (LBP_POINTS - 1) + 3
"""Each code with two changes between 0 and 1 around the circle at most, and all others as one."""

Describe = Callable[[np.ndarray], np.ndarray]
"""From an image (h, w, 3) uint8 RGB, of whole cells, to its map (rows, columns, channels) float."""


@dataclass(frozen=True)
class Descriptor:
    """How patches are described.

    Attributes:
        cell: pixels from one place of the map to the next.
        across: cells that a place needs to each side at least: the map has `across` - 1 places fewer than
            the image has cells.
        channels: numbers of each place.
        how: the method with all that its numbers follow from, as recipes have it.
        library: whose it is: a name of `describe`'s module.
        make: the function, of the library's module and the (rows, columns) of cells.
    """

    cell: int
    across: int
    channels: int
    how: str
    library: str
    make: Callable[[ModuleType, tuple[int, int]], Describe]

    def cells(self, image_size: tuple[int, int]) -> tuple[int, int]:
        """(rows, columns) of cells that an image of (height, width) pixels has."""
        return image_size[0] // self.cell, image_size[1] // self.cell

    def map_shape(self, image_size: tuple[int, int]) -> tuple[int, int, int]:
        """(rows, columns, channels) of the map of an image; FishError where it is too small for a place."""
        rows, columns = (n - self.across + 1 for n in self.cells(image_size))
        if min(rows, columns) < 1:
            least = self.cell * self.across
            raise FishError(
                "--image-size {}x{}: ".format(*image_size)
                + f"this descriptor needs {least}x{least} pixels at least."
            )
        return rows, columns, self.channels


def _sift(cv2: ModuleType, cells: tuple[int, int]) -> Describe:
    """SIFT (Lowe 2004) of upright squares on a grid, side by side: dense SIFT (Bosch et al. 2007).

    A square has 4 x 4 parts of 8 directions; each square's numbers have the length 1, or are 0 where nothing
    is to be seen.
    """
    rows, columns = cells
    # A part is three times the scale that OpenCV takes half of a key point's size for.
    points = [
        cv2.KeyPoint(SIFT_STEP * (j + 0.5) - 0.5, SIFT_STEP * (i + 0.5) - 0.5, window / 6, 0)
        for window in SIFT_WINDOWS
        for i in range(rows)
        for j in range(columns)
    ]

    def describe(image: np.ndarray) -> np.ndarray:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        found = cv2.SIFT_create().compute(grey, points)[1].reshape(len(SIFT_WINDOWS), rows, columns, -1)
        return found.transpose(1, 2, 0, 3).reshape(rows, columns, -1) / 512  # it scales bytes so

    return describe


def _hog(feature: ModuleType, cells: tuple[int, int]) -> Describe:
    """Histograms of oriented gradients (Dalal & Triggs 2005) of overlapping blocks of cells."""

    def describe(image: np.ndarray) -> np.ndarray:
        found = feature.hog(
            image,
            orientations=HOG_ORIENTATIONS,
            pixels_per_cell=(HOG_CELL, HOG_CELL),
            cells_per_block=(HOG_BLOCK, HOG_BLOCK),
            block_norm="L2-Hys",
            feature_vector=False,
            channel_axis=-1,
        )
        return found.reshape(*found.shape[:2], -1)

    return describe


def _lbp(feature: ModuleType, cells: tuple[int, int]) -> Describe:
    """Histograms of uniform local binary patterns (Ojala et al. 2002; Ahonen et al. 2006) of cells.

    Each radius' codes of a cell are shares that sum to 1.
    """
    rows, columns = cells
    cv2 = load_cv2()
    cell = np.arange(rows).repeat(LBP_CELL)[:, None] * columns + np.arange(columns).repeat(LBP_CELL)

    def describe(image: np.ndarray) -> np.ndarray:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        found = []
        for radius in LBP_RADII:
            codes = feature.local_binary_pattern(grey, LBP_POINTS, radius, "nri_uniform").astype(np.int64)
            counts = np.bincount((cell * LBP_CODES + codes).ravel(), minlength=rows * columns * LBP_CODES)
            found.append(counts.reshape(rows, columns, LBP_CODES) / LBP_CELL**2)
        return np.concatenate(found, axis=-1)

    return describe


OPENCV, SKIMAGE = "OpenCV", "scikit-image"
KINDS = {
    SIFT: Descriptor(
        cell=SIFT_STEP,
        across=1,
        channels=128 * len(SIFT_WINDOWS),
        how=f"sift every {SIFT_STEP} of {', '.join(map(str, SIFT_WINDOWS))} pixels",
        library=OPENCV,
        make=_sift,
    ),
    HOG: Descriptor(
        cell=HOG_CELL,
        across=HOG_BLOCK,
        channels=HOG_BLOCK**2 * HOG_ORIENTATIONS,
        how=f"hog of {HOG_BLOCK}x{HOG_BLOCK} cells of {HOG_CELL} pixels, {HOG_ORIENTATIONS} orientations",
        library=SKIMAGE,
        make=_hog,
    ),
    LBP: Descriptor(
        cell=LBP_CELL,
        across=1,
        channels=LBP_CODES * len(LBP_RADII),
        how=f"lbp of {LBP_POINTS} points at {', '.join(map(str, LBP_RADII))}, in cells of {LBP_CELL} pixels",
        library=SKIMAGE,
        make=_lbp,
    ),
}
"""The numbers of OpenCV 4.14 and 5.0 are the same, and those of scikit-image 0.24 and 0.26: a library's
version is no part of `how`."""
