"""How a photo of any size becomes the backbone's input under each view, and where boxes lie there.

A view transforms the photo; the result is then resized to the recipe's size. Boxes are fractions
`x_min, y_min, x_max, y_max`, of the photo or of the input.
"""

from collections.abc import Sequence

import numpy as np

from fishcli.basics.quiet import load_cv2
from fishcli.dataset.boxes import box_area
from fishcli.features.photos.views import view_of

RESIZE_POLICIES = ("squash", "letterbox", "crop")
LETTERBOX_COLOUR = (124, 116, 104)
"""The mean colour of ImageNet, RGB."""
MIN_BOX_LEFT = 0.1
"""A box of which less than this share of its area stays in the frame is lost."""


def resize(image: np.ndarray, input_size: tuple[int, int], policy: str) -> np.ndarray:
    """Bring an image (h, w, 3) uint8 to `input_size` (height, width).

    "squash" ignores the aspect, "letterbox" keeps it and pads, "crop" keeps it and cuts the middle out.
    """
    return next(iter(inputs_of_views(image, ["identity"], input_size, policy).values()))


def inputs_of_views(
    photo: np.ndarray, views: Sequence[str], input_size: tuple[int, int], policy: str
) -> dict[str, np.ndarray]:
    """A photo's inputs to the backbone by view, as `resize` makes them of the transformed photo.

    The photo is scaled once for all views of the same window, or twice where the input is no square and
    views lie on their side; what is turned is small.

    Args:
        photo: (h, w, 3) uint8.
        views: their names.
        input_size: (height, width), pixels.
        policy: one of RESIZE_POLICIES.

    Returns:
        (*input_size, 3) uint8 each.
    """
    scaled: dict[tuple[object, ...], np.ndarray] = {}
    inputs = {}
    for name in views:
        view = view_of(name)
        window = view.cut(photo)
        turned = window.shape[1::-1] if view.transpose else window.shape[:2]
        size = _scaled_size(turned[0], turned[1], input_size, policy)
        size = size[::-1] if view.transpose else size
        key = (view.window, size)
        if key not in scaled:
            scaled[key] = _scale(np.ascontiguousarray(window), *size)
        inputs[name] = _place(view.turn(scaled[key]), input_size, policy)
    return inputs


def _place(scaled: np.ndarray, input_size: tuple[int, int], policy: str) -> np.ndarray:
    """Pad or cut a scaled image to the input's size."""
    new_height, new_width = scaled.shape[:2]
    top, left = (input_size[0] - new_height) // 2, (input_size[1] - new_width) // 2
    if policy == "letterbox":
        padded = np.empty((*input_size, 3), np.uint8)
        padded[:] = LETTERBOX_COLOUR
        padded[top : top + new_height, left : left + new_width] = scaled
        return padded
    return scaled[-top : -top + input_size[0], -left : -left + input_size[1]]


def _scale(image: np.ndarray, new_height: int, new_width: int) -> np.ndarray:
    """Resample by area where a side shrinks (no aliasing), linearly where it grows."""
    cv2 = load_cv2()
    height, width = image.shape[:2]
    if new_height < height or new_width < width:
        shrunk = min(width, new_width), min(height, new_height)
        image = cv2.resize(image, shrunk, interpolation=cv2.INTER_AREA)
    return cv2.resize(image, (new_width, new_height), interpolation=cv2.INTER_LINEAR)


def _scaled_size(height: int, width: int, input_size: tuple[int, int], policy: str) -> tuple[int, int]:
    if policy == "squash":
        return input_size
    if policy not in RESIZE_POLICIES:
        raise ValueError(f"unknown resize policy {policy!r}, expected one of {RESIZE_POLICIES}")
    ratios = input_size[0] / height, input_size[1] / width
    scale = min(ratios) if policy == "letterbox" else max(ratios)
    return max(1, round(height * scale)), max(1, round(width * scale))


def _scale_and_offset(
    image_sizes: np.ndarray, input_size: tuple[int, int], policy: str
) -> tuple[np.ndarray, np.ndarray]:
    """Scale and offset (n, 4) that turn a box of the photo into one of the input."""
    new_sizes = np.array([_scaled_size(int(h), int(w), input_size, policy) for h, w in image_sizes])
    new_sizes = new_sizes.reshape(-1, 2)
    starts = (np.array(input_size) - new_sizes) // 2
    scale, offset = new_sizes / input_size, starts / input_size
    return scale[:, [1, 0, 1, 0]], offset[:, [1, 0, 1, 0]]


def boxes_to_input(
    boxes: np.ndarray, image_sizes: np.ndarray, input_size: tuple[int, int], policy: str
) -> np.ndarray:
    """Boxes (n, 4) of photos of `image_sizes` (n, 2: height, width) as fractions of the resized input.

    A box that a crop cuts is clipped; one that it nearly loses becomes NaN.
    """
    scale, offset = _scale_and_offset(image_sizes, input_size, policy)
    moved = boxes * scale + offset
    # To the photo or window, too: in a letterbox what was cut off would else lie in the padding.
    clipped = np.clip(moved, np.maximum(offset, 0.0), np.minimum(offset + scale, 1.0))
    lost = box_area(clipped) < MIN_BOX_LEFT * box_area(moved)
    clipped[lost] = np.nan
    return clipped


def boxes_from_input(
    boxes: np.ndarray, image_sizes: np.ndarray, input_size: tuple[int, int], policy: str
) -> np.ndarray:
    """The inverse of `boxes_to_input`: boxes (n, 4) of the input as fractions of the photo, clipped to it."""
    scale, offset = _scale_and_offset(image_sizes, input_size, policy)
    return np.clip((boxes - offset) / scale, 0.0, 1.0)


def boxes_to_photo(
    view: str, boxes: np.ndarray, image_sizes: np.ndarray, input_size: tuple[int, int], policy: str
) -> np.ndarray:
    """Boxes (n, 4) of the resized `view` of photos of `image_sizes` (n, 2) as fractions of the photo."""
    known = view_of(view)
    return known.invert_boxes(boxes_from_input(boxes, known.sizes(image_sizes), input_size, policy))


def ends_to_input(
    view: str, ends: np.ndarray, image_sizes: np.ndarray, input_size: tuple[int, int], policy: str
) -> np.ndarray:
    """Two points (n, 4: x, y, x, y) of photos of `image_sizes` (n, 2) as fractions of the resized `view`.

    They lie beyond 0 and 1 where the view cuts them off.
    """
    known = view_of(view)
    scale, offset = _scale_and_offset(known.sizes(image_sizes), input_size, policy)
    return known.apply_ends(ends) * scale + offset


def ends_to_photo(
    view: str, ends: np.ndarray, image_sizes: np.ndarray, input_size: tuple[int, int], policy: str
) -> np.ndarray:
    """The inverse of `ends_to_input`, clipped to the photo."""
    known = view_of(view)
    scale, offset = _scale_and_offset(known.sizes(image_sizes), input_size, policy)
    return np.clip(known.invert_ends((ends - offset) / scale), 0.0, 1.0)


def edges_to_photo(
    rows: np.ndarray,
    columns: np.ndarray,
    image_size: tuple[int, int],
    input_size: tuple[int, int],
    policy: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Where horizontal lines (h,) and vertical lines (w,) of the input lie in a photo of `image_size`.

    All are fractions. Not clipped: a letterbox's padding lies below 0 and above 1, and under a crop the
    photo's own edges lie outside of the input's.
    """
    scale, offset = _scale_and_offset(np.array([image_size]), input_size, policy)
    return (rows - offset[0, 1]) / scale[0, 1], (columns - offset[0, 0]) / scale[0, 0]
