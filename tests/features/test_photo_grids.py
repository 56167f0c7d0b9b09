"""Where a map's cells lie in the photo: held against photos that are really resized."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from test_views import INPUTS, SIZES, boxes

from fishcli.features.photos.grids import PhotoGrid, photo_grid, share_in_boxes, spread
from fishcli.features.photos.resizing import LETTERBOX_COLOUR, RESIZE_POLICIES, resize

MAPS = [(4, 4), (3, 5), (1, 1)]
POLICIES = st.sampled_from(RESIZE_POLICIES)


def painted(size, box):
    """A black photo (height, width, 3) that is white inside the box, and the box (1, 4) of its pixels."""
    height, width = size
    x_min, x_max = (round(side * width) for side in box[[0, 2]])
    y_min, y_max = (round(side * height) for side in box[[1, 3]])
    photo = np.zeros((height, width, 3), np.uint8)
    photo[y_min:y_max, x_min:x_max] = 255
    return photo, np.array([[x_min / width, y_min / height, x_max / width, y_max / height]])


def sums_of_cells(values, map_size):
    """The sum of `values` (h, w) over each of the map's cells, a pixel being cut where a line cuts it."""
    parts = []
    for n_pixels, n_cells in zip(values.shape, map_size, strict=True):
        lines = np.arange(n_cells + 1) * n_pixels / n_cells
        pixels = np.arange(n_pixels)
        parts.append(
            np.clip(np.minimum(lines[1:, None], pixels + 1) - np.maximum(lines[:-1, None], pixels), 0, 1)
        )
    return parts[0] @ values @ parts[1].T


@given(
    st.sampled_from(SIZES), st.sampled_from(INPUTS), POLICIES, st.sampled_from(MAPS), boxes(low=0.0, high=1.0)
)
def test_a_cell_of_the_map_is_that_part_of_the_photo(size, input_size, policy, map_size, box):
    photo, box = painted(size, box[0])
    assume(photo.any())
    seen = resize(photo, input_size, policy)[..., 0] / 255
    if policy == "letterbox":  # where a white photo isn't white, there is padding
        is_photo = resize(np.full_like(photo, 255), input_size, policy)[..., 0] != LETTERBOX_COLOUR[0]
        seen = np.where(is_photo, seen, 0.0)
    else:
        is_photo = np.ones(input_size, bool)
    white, whole = (sums_of_cells(each, map_size) for each in (seen, is_photo.astype(float)))
    grid = photo_grid(map_size, map_size, size, input_size, policy)
    total = 0.0
    for i, j in np.ndindex(map_size):
        only = np.zeros(map_size)
        only[i, j] = 1.0
        share, area = share_in_boxes(only, grid, box)
        if whole[i, j] == 0:
            assert math.isnan(share)
            continue
        # The photo's new size is rounded and its edges are smoothed: a pixel along the box's sides, say.
        sides = [n_pixels / n_cells for n_pixels, n_cells in zip(input_size, map_size, strict=True)]
        assert share * whole[i, j] == pytest.approx(white[i, j], abs=sum(sides))
        total += share * whole[i, j]
    assert total / whole.sum() == pytest.approx(area, abs=1e-9)
    assert area == pytest.approx(white.sum() / whole.sum(), abs=0.06)


@given(st.sampled_from(SIZES), POLICIES, st.lists(boxes(low=-0.1, high=1.1), min_size=1, max_size=4))
def test_a_level_map_has_the_share_of_the_area(size, policy, drawn):
    grid = photo_grid((3, 4), (6, 7), size, (50, 50), policy)
    share, area = share_in_boxes(np.full((3, 4), 0.7), grid, np.concatenate(drawn))
    assert share == pytest.approx(area) and 0 <= area <= 1 + 1e-12


def test_boxes_that_overlap_count_once():
    grid = PhotoGrid(np.linspace(0, 1, 3), np.linspace(0, 1, 3))
    two = np.array([[0.0, 0.0, 0.5, 0.5], [0.25, 0.0, 0.75, 0.5]])
    share, area = share_in_boxes(np.array([[1.0, 0.0], [0.0, 3.0]]), grid, two)
    assert (share, area) == (pytest.approx(0.25), pytest.approx(0.375))


def test_only_the_positive_part_has_mass():
    grid = PhotoGrid(np.linspace(0, 1, 3), np.linspace(0, 1, 3))
    left = np.array([[0.0, 0.0, 0.5, 1.0]])
    assert share_in_boxes(np.array([[-5.0, 1.0], [1.0, 0.0]]), grid, left)[0] == pytest.approx(0.5)
    assert math.isnan(share_in_boxes(np.array([[-5.0, -1.0], [0.0, 0.0]]), grid, left)[0])


def test_a_map_pooled_from_an_odd_number_has_a_narrow_last_cell():
    grid = photo_grid((4, 4), (7, 7), (70, 140), (224, 224), "squash")
    assert grid.rows * 7 == pytest.approx([0, 2, 4, 6, 7])
    assert photo_grid((4, 4), (8, 8), (70, 140), (224, 224), "squash").rows * 4 == pytest.approx(range(5))


def test_a_letterbox_lies_beyond_the_photo_and_a_crop_within_it():
    wide = (50, 100)
    letterbox = photo_grid((4, 4), (4, 4), wide, (64, 64), "letterbox")
    assert letterbox.rows == pytest.approx([-0.5, 0, 0.5, 1, 1.5])
    crop = photo_grid((4, 4), (4, 4), wide, (64, 64), "crop")
    assert crop.columns == pytest.approx([0.25, 0.375, 0.5, 0.625, 0.75])


@pytest.mark.parametrize("policy", RESIZE_POLICIES)
def test_what_is_drawn_lies_where_it_is_measured(policy):
    grid = photo_grid((5, 5), (5, 5), (90, 160), (64, 64), policy)
    values = np.zeros((5, 5))
    values[2, 3] = 1.0
    drawn = spread(values, grid, (90, 160))
    y, x = np.unravel_index(np.nanargmax(drawn), drawn.shape)
    assert (
        grid.rows[2] < (y + 0.5) / 90 < grid.rows[3] and grid.columns[3] < (x + 0.5) / 160 < grid.columns[4]
    )
    assert np.nanmax(drawn) == pytest.approx(1.0, abs=0.1) and np.nanmin(drawn) == 0.0
    assert np.isnan(drawn).any() == (policy == "crop")


def test_what_is_drawn_is_bilinear():
    grid = PhotoGrid(np.array([0.0, 1.0]), np.linspace(0, 1, 3))
    drawn = spread(np.array([[0.0, 1.0]]), grid, (1, 8))
    assert drawn[0] == pytest.approx([0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1])
