"""Which pair of points is whose head and tail."""

import numpy as np
import pandas as pd

from fishcli.dataset.ends import ends_by_image, ends_of_boxes

BOXES = np.array([[0.0, 0.0, 0.4, 0.2], [0.5, 0.5, 0.9, 0.9], [0.0, 0.8, 0.1, 1.0]])
PAIRS = np.array([[0.9, 0.9, 0.5, 0.5], [0.0, 0.1, 0.4, 0.1]])


def test_a_pair_belongs_to_the_box_around_it_whatever_the_order():
    np.testing.assert_array_equal(ends_of_boxes(BOXES, PAIRS), [PAIRS[1], PAIRS[0], [np.nan] * 4])


def test_each_pair_and_each_box_counts_once_the_nearest_first():
    boxes = np.array([[0.0, 0.0, 1.0, 1.0], [0.1, 0.1, 1.0, 1.0]])
    near, far = [0.0, 0.0, 1.0, 1.0], [0.2, 0.2, 0.8, 0.6]
    np.testing.assert_array_equal(ends_of_boxes(boxes, np.array([far, near])), [near, far])


def test_a_pair_outside_of_all_boxes_belongs_to_none():
    assert np.isnan(ends_of_boxes(BOXES[:1], np.array([[0.5, 0.0, 0.9, 0.2]]))).all()
    assert ends_of_boxes(np.zeros((0, 4)), PAIRS).shape == (0, 4)


def test_where_no_pair_is_known_of_any_photo_there_is_nothing_to_learn():
    points = pd.DataFrame([("a", *PAIRS[1])], columns=["image", "head_x", "head_y", "tail_x", "tail_y"])
    images = pd.DataFrame({"image": ["b", "a"]})
    found = ends_by_image(points, images, [BOXES, BOXES[:1]])
    assert np.isnan(found[0]).all() and found[0].shape == (3, 4)
    np.testing.assert_array_equal(found[1], PAIRS[1:])
    assert ends_by_image(points.iloc[:0], images, [BOXES, BOXES]) is None
