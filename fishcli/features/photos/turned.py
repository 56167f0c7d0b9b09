"""Squares of photos that are turned around their middles, so that what lies in them is level.

A region is `x_min, y_min, x_max, y_max, angle`: a rectangle in fractions of the upright photo, then turned in
pixels around its middle by so many degrees, clockwise as one sees it. What is turned may pass the photo's
edges.
"""

import numpy as np

from fishcli.basics.quiet import load_cv2


def is_turned(region: np.ndarray) -> bool:
    """Whether a region (5,) is turned or passes the photo's edges: then it is no slice of the photo."""
    return bool(region[4] != 0 or (region[:2] < 0).any() or (region[2:4] > 1).any())


def cut_turned(photo: np.ndarray, region: np.ndarray) -> np.ndarray:
    """A turned region (5,) of a photo (h, w, channels) uint8, level, with about as many pixels as it covers.

    Between pixels it is linear. Outside of the photo its outermost pixels go on: a colour of our own would
    draw edges where there are none, and a mirror image a second fish.
    """
    cv2 = load_cv2()
    height, width = photo.shape[:2]
    sides = (region[2:4] - region[:2]) * (width, height)
    n_columns, n_rows = (max(1, round(float(side))) for side in sides)
    scale = sides / (n_columns, n_rows)
    turn = _turns(region[None, 4])[0]
    # From the middles of the cut's pixels, which lie at whole numbers, to those of the photo.
    to_photo = turn * scale
    middle = (region[:2] + region[2:4]) / 2 * (width, height) - 0.5
    offset = middle - to_photo @ np.array([(n_columns - 1) / 2, (n_rows - 1) / 2])
    return np.asarray(
        cv2.warpAffine(
            photo,
            np.hstack([to_photo, offset[:, None]]),
            (n_columns, n_rows),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
    )


def points_into(points: np.ndarray, regions: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Points (n, k, 2) of photos of `sizes` (n, 2: height, width) as fractions of their regions (n, 5)."""
    middles, sides, photo_sides = _frames(regions, sizes)
    from_middle = (points * photo_sides - middles) @ _turns(regions[:, 4])  # the rows' inverse turn
    return np.asarray(from_middle / sides + 0.5)


def points_out_of(points: np.ndarray, regions: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The inverse of `points_into`."""
    middles, sides, photo_sides = _frames(regions, sizes)
    turned = ((points - 0.5) * sides) @ _turns(regions[:, 4]).transpose(0, 2, 1)
    return np.asarray((turned + middles) / photo_sides)


def corners_of(boxes: np.ndarray) -> np.ndarray:
    """The corners (n, 4, 2) of boxes (n, 4)."""
    return boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)


def hulls_of(points: np.ndarray) -> np.ndarray:
    """The least boxes (n, 4) around points (n, k, 2)."""
    return np.hstack([points.min(axis=1), points.max(axis=1)])


def _frames(regions: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Middles and sides of regions in pixels, and the photos' sides: (n, 1, 2) each, x and y."""
    photo_sides = np.asarray(sizes, np.float64)[:, None, ::-1]
    starts, ends = regions[:, None, :2], regions[:, None, 2:4]
    return (starts + ends) / 2 * photo_sides, (ends - starts) * photo_sides, photo_sides


def _turns(angles: np.ndarray) -> np.ndarray:
    """The matrices (n, 2, 2) that turn columns x, y by angles (n,) in degrees, clockwise as y points down."""
    cosines, sines = np.cos(np.radians(angles)), np.sin(np.radians(angles))
    return np.stack([np.stack([cosines, -sines], -1), np.stack([sines, cosines], -1)], axis=-2)
