"""What a localiser learns of a photo's boxes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fishcli.locating.targets import cell_middles, cell_targets

FRACTION = st.floats(0.0, 1.0)


@given(st.tuples(FRACTION, FRACTION, FRACTION, FRACTION), st.integers(1, 9), st.integers(1, 9))
def test_each_cell_in_a_boxs_middle_spans_the_box(ends, height, width):
    x_min, x_max = sorted(ends[:2])
    y_min, y_max = sorted(ends[2:])
    targets = cell_targets(np.array([[x_min, y_min, x_max, y_max]]), (height, width))
    chosen = targets["score"][..., 0] == 1
    assert chosen.any()
    np.testing.assert_array_equal(targets["distances"][..., 4], chosen)
    rows, columns = cell_middles((height, width))
    for row, column in np.argwhere(chosen):
        left, top, right, bottom = targets["distances"][row, column, :4]
        if x_min + 1e-3 < columns[column] < x_max - 1e-3 and y_min + 1e-3 < rows[row] < y_max - 1e-3:
            found = [columns[column] - left, rows[row] - top, columns[column] + right, rows[row] + bottom]
            np.testing.assert_allclose(found, [x_min, y_min, x_max, y_max], atol=1e-6)


def test_only_the_middle_half_of_a_boxs_sides_counts():
    score = cell_targets(np.array([[0.0, 0.0, 1.0, 1.0]]), (8, 8))["score"][..., 0]
    expected = np.zeros((8, 8))
    expected[2:6, 2:6] = 1
    np.testing.assert_array_equal(score, expected)


def test_of_boxes_one_in_another_the_smaller_keeps_its_cells():
    boxes = np.array([[0.4, 0.4, 0.6, 0.6], [0.0, 0.0, 1.0, 1.0]])
    targets = cell_targets(boxes, (10, 10))
    assert targets["distances"][4, 4, 2] < 0.2
    assert targets["distances"][3, 3, 2] > 0.6


def test_a_box_between_the_cells_gets_the_nearest_and_a_lost_one_none():
    boxes = np.array([[0.30, 0.30, 0.32, 0.32], [np.nan] * 4])
    score = cell_targets(boxes, (4, 4))["score"][..., 0]
    assert np.argwhere(score == 1).tolist() == [[1, 1]]
    assert cell_targets(boxes[1:], (4, 4))["score"].sum() == 0
