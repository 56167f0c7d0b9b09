"""Where the places of a map lie in the photo, and how much of a map's mass lies in boxes of the photo."""

import math
from dataclasses import dataclass

import numpy as np

from fishcli.features.photos.resizing import edges_to_photo


@dataclass(frozen=True)
class PhotoGrid:
    """The cells of a map as rectangles of the photo.

    Attributes:
        rows: (h + 1,) the horizontal lines between cells, fractions of the photo's height, from top to
            bottom; below 0 and above 1 in a letterbox's padding.
        columns: (w + 1,) the vertical lines likewise.
    """

    rows: np.ndarray
    columns: np.ndarray

    def within(self, region: np.ndarray) -> "PhotoGrid":
        """The grid of a level region (4,) of a photo as one of the photo."""
        x_min, y_min, x_max, y_max = region
        return PhotoGrid(y_min + self.rows * (y_max - y_min), x_min + self.columns * (x_max - x_min))


def photo_grid(
    map_size: tuple[int, int],
    feature_size: tuple[int, int],
    image_size: tuple[int, int],
    input_size: tuple[int, int],
    policy: str,
) -> PhotoGrid:
    """The grid of a map in a photo.

    The backbone's features share its input evenly; a map with fewer cells was pooled from them in windows
    side by side, of which the last may be cut (as `padding="same"` does).

    Args:
        map_size: rows and columns of the map.
        feature_size: of the features that it was made from.
        image_size: height and width of the photo, pixels.
        input_size: of the backbone's input.
        policy: how the photo was brought to it: "squash", "letterbox" or "crop".
    """
    lines = [_lines(*each) for each in zip(map_size, feature_size, strict=True)]
    return PhotoGrid(*edges_to_photo(lines[0], lines[1], image_size, input_size, policy))


def share_in_boxes(values: np.ndarray, grid: PhotoGrid, boxes: np.ndarray) -> tuple[float, float]:
    """The share of a map's mass that lies in boxes, and the boxes' share of the area: exact integrals.

    The mass is the integral of the map's positive part over the part of the photo that the head sees, each
    cell being as high everywhere. So a map that is the same everywhere has just the boxes' share of the area.
    Padding has no mass, and where a crop cut the photo, what lies outside counts neither as mass nor as
    area.

    Args:
        values: (h, w), of which the positive part counts.
        grid: where its cells lie.
        boxes: (k, 4) fractions of the photo, which may overlap; counted once where they do.

    Returns:
        Both in 0 to 1; the share is NaN where the map is nowhere positive.
    """
    rows, columns = (np.clip(lines, 0.0, 1.0) for lines in (grid.rows, grid.columns))
    y, of_row = _cut(rows, boxes[:, [1, 3]])
    x, of_column = _cut(columns, boxes[:, [0, 2]])
    area = np.outer(np.diff(y), np.diff(x))
    middle_y, middle_x = (y[1:] + y[:-1]) / 2, (x[1:] + x[:-1]) / 2
    is_inside = np.zeros(area.shape, bool)
    for x_min, y_min, x_max, y_max in boxes:
        across, down = (middle_x > x_min) & (middle_x < x_max), (middle_y > y_min) & (middle_y < y_max)
        is_inside |= np.outer(down, across)
    mass = np.maximum(values, 0.0)[np.ix_(of_row, of_column)] * area
    whole = mass.sum()
    share = float(mass[is_inside].sum() / whole) if whole > 0 else math.nan
    return share, float(area[is_inside].sum() / area.sum())


def spread(values: np.ndarray, grid: PhotoGrid, image_size: tuple[int, int]) -> np.ndarray:
    """A map over all pixels of a photo of `image_size` (height, width), for looking at: float64.

    Bilinear between the cells' middles, level beyond the outer ones; NaN where the head sees nothing of the
    photo.
    """
    height, width = image_size
    down, across = _weights(grid.rows, height), _weights(grid.columns, width)
    return down @ values @ across.T


def _lines(n_cells: int, n_features: int) -> np.ndarray:
    """The lines (n_cells + 1,) between the cells of a map along one axis, fractions of the input."""
    window = math.ceil(n_features / n_cells)
    return np.minimum(np.arange(n_cells + 1) * window, n_features) / n_features


def _cut(lines: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lines cut further by the `ends` (k, 2) of boxes: all lines (m + 1,), and each stripe's cell (m,)."""
    kept = np.clip(ends.ravel(), lines[0], lines[-1])
    all_lines = np.unique(np.concatenate([lines, kept]))
    middles = (all_lines[1:] + all_lines[:-1]) / 2
    return all_lines, np.searchsorted(lines, middles) - 1


def _weights(lines: np.ndarray, n_pixels: int) -> np.ndarray:
    """What each cell (h,) weighs at each pixel (n_pixels, h) along one axis; NaN outside of the grid."""
    pixels = (np.arange(n_pixels) + 0.5) / n_pixels
    middles = (lines[1:] + lines[:-1]) / 2
    weights = np.stack([np.interp(pixels, middles, row) for row in np.eye(len(middles))], axis=1)
    weights[(pixels < lines[0]) | (pixels > lines[-1])] = np.nan
    return weights
