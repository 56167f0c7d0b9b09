"""Regions that are turned until what lies in them is level: the rule, the pixels, and the way back."""

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishcli.features.photos.crops import (
    Crop,
    boxes_into_regions,
    boxes_out_of_regions,
    cut_out,
    parse_regions,
    region_along,
    region_around,
    seen_sizes,
)
from fishcli.features.photos.resizing import ends_to_input, ends_to_photo
from fishcli.features.photos.turned import points_into, points_out_of
from fishcli.features.photos.views import view_of
from fishcli.options.views import KNOWN

CROP = Crop(margin=0.15, least=0.2, boxes_sha256="0" * 12, align=True)
FRACTION = st.floats(0.0, 1.0)
ENDS = st.tuples(*[FRACTION] * 4)
SIZE = st.tuples(st.integers(40, 1000), st.integers(40, 1000))


def box_of(ends):
    """The box around two points, which is never quite flat."""
    x, y = sorted((ends[0], ends[2])), sorted((ends[1], ends[3]))
    return np.array([x[0], y[0], max(x[1], x[0] + 0.02), max(y[1], y[0] + 0.02)])


def turned(ends, size, box=None):
    text = region_along(box_of(ends) if box is None else box, np.array(ends), size, CROP)
    return parse_regions([text])


def pixel(point):
    """As OpenCV takes it."""
    return tuple(np.round(point).astype(int).tolist())


@given(ENDS, ENDS, SIZE, st.floats(-180, 180))
def test_a_point_comes_back_out_of_a_turned_region(ends, corners, size, angle):
    region = np.array([[*np.minimum(box_of(corners)[:2], 0.9) - 0.1, *box_of(corners)[2:], angle]])
    points = np.array(ends).reshape(1, 2, 2)
    there = points_into(points, region, np.array([size]))
    np.testing.assert_allclose(points_out_of(there, region, np.array([size])), points, atol=1e-9)


@given(ENDS, SIZE)
def test_in_its_region_a_fish_is_level_with_its_head_on_the_left_and_all_of_it_inside(ends, size):
    region = turned(ends, size)
    if region[0, 4] == 0:  # head and tail too near to tell
        return
    head, tail = points_into(np.array(ends).reshape(1, 2, 2), region, np.array([size]))[0]
    side = (region[0, 2] - region[0, 0]) * size[1]
    assert side == pytest.approx((region[0, 3] - region[0, 1]) * size[0], abs=0.1)
    assert head[0] < tail[0]
    assert abs(head[1] - tail[1]) < 3e-3  # a tenth of a degree, and rounding
    assert head[0] > 0 and tail[0] < 1


@pytest.mark.parametrize("degrees", [0, 30, 90, 135, 180, -60, -150])
@pytest.mark.parametrize("size", [(300, 300), (240, 400)])
def test_a_drawn_arrow_is_level_with_its_head_on_the_left_once_it_is_cut(degrees, size):
    height, width = size
    along = 50 * np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
    tail, head = np.array([width, height]) / 2 - along, np.array([width, height]) / 2 + along
    photo = np.full((height, width, 3), 90, np.uint8)
    cv2.line(photo, *(pixel(each) for each in (tail, head)), (255, 255, 255), 7)
    cv2.circle(photo, pixel(head), 10, (255, 0, 0), -1)
    ends = np.concatenate([head / (width, height), tail / (width, height)])
    middle = np.array([0.5, 0.5]), 40 / np.array([width, height])
    cut = cut_out(photo, turned(ends, size, np.concatenate([middle[0] - middle[1], sum(middle)]))[0])
    assert cut.shape[0] == cut.shape[1] == pytest.approx(130, abs=2)
    red, white = (cut[..., 0] > 200) & (cut[..., 1] < 60), cut[..., 1] > 200
    assert np.argwhere(red).mean(axis=0) == pytest.approx([65, 15], abs=2)
    assert np.argwhere(white)[:, 0].std() < 4 and np.argwhere(white)[:, 1].max() == pytest.approx(117, abs=4)


def test_a_turned_region_has_the_photos_own_pixels_where_it_is_turned_by_quarters():
    photo = np.arange(60 * 60 * 3, dtype=np.uint32).reshape(60, 60, 3).astype(np.uint8)
    there = np.array([0.25, 0.25, 0.75, 0.75])
    level = cut_out(photo, np.array([*there, 0.0]))
    np.testing.assert_array_equal(cut_out(photo, np.array([*there, 90.0])), np.rot90(level))
    np.testing.assert_array_equal(cut_out(photo, np.array([*there, 180.0])), np.rot90(level, 2))


def test_beyond_the_photos_edge_its_outermost_pixels_go_on():
    photo = np.zeros((40, 40, 3), np.uint8)
    photo[:, 0] = 200
    cut = cut_out(photo, np.array([-0.5, 0.25, 0.5, 0.75, 0.0]))
    assert cut.shape == (20, 40, 3)
    assert (cut[:, :21] == 200).all() and (cut[:, 21:] == 0).all()


def test_where_ends_are_unknown_or_lie_too_near_the_region_is_the_level_one():
    box = np.array([0.4, 0.4, 0.6, 0.5])
    level = region_around(box, (300, 300), CROP)
    assert len(level.split()) == 4
    assert region_along(box, np.full(4, np.nan), (300, 300), CROP) == level
    assert region_along(box, np.array([0.46, 0.45, 0.54, 0.45]), (300, 300), CROP) == level
    assert region_along(np.full(4, np.nan), np.array([0.1, 0.1, 0.9, 0.9]), (300, 300), CROP) == "0 0 1 1"
    assert region_along(box, np.array([0.6, 0.45, 0.4, 0.45]), (300, 300), CROP).endswith(" 180.0")


def test_the_box_of_a_turned_region_is_the_hull_both_ways():
    images = pd.DataFrame({"region": ["0.25 0.25 0.75 0.75 45"], "height": [200], "width": [200]})
    box = np.array([[0.45, 0.45, 0.55, 0.55]])
    there = boxes_into_regions(box, images)
    half = 0.1 * 2**0.5  # a square of a fifth of the region's side, on its corner
    np.testing.assert_allclose(there, [[0.5 - half, 0.5 - half, 0.5 + half, 0.5 + half]])
    np.testing.assert_allclose(boxes_out_of_regions(there, images), [[0.4, 0.4, 0.6, 0.6]])
    np.testing.assert_array_equal(seen_sizes(images), [[100, 100]])


@pytest.mark.parametrize("view", [*KNOWN, "random3"])
@pytest.mark.parametrize("policy", ["squash", "letterbox", "crop"])
def test_head_stays_head_under_every_view_and_comes_back(view, policy):
    sizes, ends = np.array([[60, 100]]), np.array([[0.4, 0.45, 0.6, 0.5]])
    there = ends_to_input(view, ends, sizes, (48, 64), policy)
    np.testing.assert_allclose(ends_to_photo(view, there, sizes, (48, 64), policy), ends)
    if "hflip" in view:
        assert there[0, 0] > there[0, 2]
    np.testing.assert_allclose(
        np.sort(view_of(view).apply_ends(ends).reshape(2, 2), axis=0).ravel(),
        view_of(view).apply_boxes(ends).ravel(),
    )
