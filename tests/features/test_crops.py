"""Regions of photos: around a box, in the photo, and boxes into and out of them."""

import numpy as np
import pandas as pd
import pytest
from conftest import make_image, noise
from hypothesis import given
from hypothesis import strategies as st

from fishcli.features.image_lists import renew_list
from fishcli.features.photo_inputs import Inputs, SplitPlan, read_inputs
from fishcli.features.photos.crops import (
    WHOLE,
    Crop,
    boxes_into_regions,
    boxes_out_of_regions,
    cut_out,
    parse_regions,
    region_around,
    seen_sizes,
)
from fishcli.features.photos.resizing import resize

CROP = Crop(margin=0.25, least=0.2, boxes_sha256="0" * 12)
SIZE = st.tuples(st.integers(20, 2000), st.integers(20, 2000))
ENDS = st.tuples(*[st.floats(0.0, 1.0)] * 4)


def region(box, size, crop=CROP):
    return parse_regions([region_around(np.array(box), size, crop)])[0, :4]


def test_a_region_is_the_box_squared_and_widened():
    np.testing.assert_allclose(region((0.4, 0.5, 0.6, 0.55), (1000, 1000)), [0.35, 0.375, 0.65, 0.675])


@given(ENDS, SIZE)
def test_a_region_is_square_in_pixels_and_in_the_photo_and_holds_the_box(ends, size):
    box = np.array([min(ends[0], ends[1]), min(ends[2:]), max(ends[0], ends[1]), max(ends[2:])])
    x_min, y_min, x_max, y_max = region(box, size)
    assert 0 <= x_min < x_max <= 1 and 0 <= y_min < y_max <= 1
    assert x_min <= box[0] + 1e-4 and x_max >= box[2] - 1e-4
    assert y_min <= box[1] + 1e-4 and y_max >= box[3] - 1e-4
    height, width = (y_max - y_min) * size[0], (x_max - x_min) * size[1]
    is_whole = y_max - y_min > 0.9999 or x_max - x_min > 0.9999
    assert is_whole or height == pytest.approx(width, abs=0.1)
    assert min(height, width) >= CROP.least * min(size) - 0.1


def test_where_nothing_was_found_the_photo_stays_whole():
    assert region_around(np.full(4, np.nan), (100, 200), CROP) == WHOLE


@given(ENDS, ENDS)
def test_boxes_come_back_out_of_a_region(ends, box):
    x_min, x_max = sorted(ends[:2])
    y_min, y_max = sorted(ends[2:])
    text = f"{x_min * 0.5} {y_min * 0.5} {x_max * 0.5 + 0.5} {y_max * 0.5 + 0.5}"
    images = pd.DataFrame({"region": [text], "height": [100], "width": [100]})
    there = boxes_into_regions(np.array([box]), images)
    np.testing.assert_allclose(boxes_out_of_regions(there, images), [box], atol=1e-9)


def test_the_region_of_a_region_is_all_of_it_and_sizes_are_its_own():
    images = pd.DataFrame({"region": ["0.25 0.5 0.75 1"], "height": [100], "width": [200]})
    np.testing.assert_allclose(boxes_into_regions(np.array([[0.25, 0.5, 0.75, 1.0]]), images), [[0, 0, 1, 1]])
    np.testing.assert_array_equal(seen_sizes(images), [[50, 100]])
    np.testing.assert_array_equal(seen_sizes(images.drop(columns="region")), [[100, 200]])


class Backbone:
    """As much of one as inputs need."""

    class recipe:  # noqa: N801
        image_size = (24, 24)
        resize = "squash"


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_crops_input_is_the_cut_photos_at_full_resolution(tmp_path, suffix):
    pixels = np.kron(noise((40, 60)), np.ones((8, 8, 1), np.uint8))
    path = make_image(
        tmp_path / f"photo{suffix}", pixels=pixels, **({"quality": 98} if suffix == ".jpg" else {})
    )
    where = np.array([[0.1, 0.2, 0.2, 0.35, 0.0]])
    plan = SplitPlan("train", ["identity"], ["photo"], [path], regions=where)
    found = read_inputs(plan, 0, ["identity", "hflip"], Backbone)
    assert isinstance(found, Inputs)
    expected = resize(cut_out(pixels, where[0]), (24, 24), "squash")
    difference = np.abs(found.pixels["identity"].astype(int) - expected).mean()
    assert difference < (1e-9 if suffix == ".png" else 12)
    np.testing.assert_array_equal(found.pixels["hflip"], found.pixels["identity"][:, ::-1])


def test_an_image_whose_region_is_another_now_is_stale():
    known = pd.DataFrame({"image": ["a", "b"], "n_bytes": [1, 2], "region": [WHOLE, "0 0 0.5 0.5"]})
    renewed = renew_list(known, known.assign(region=[WHOLE, "0 0 0.6 0.6"]), ())
    assert renewed.stale == {"b"}
    assert list(renewed.table["region"]) == [WHOLE, "0 0 0.6 0.6"]
    assert not renew_list(known, known, ()).stale
