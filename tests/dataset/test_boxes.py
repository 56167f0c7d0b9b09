import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishcli.dataset.boxes import box_iou, target_boxes

COLUMNS = ["image", "x_min", "y_min", "x_max", "y_max"]


def boxes_table(*rows):
    return pd.DataFrame(list(rows), columns=COLUMNS).astype(dict.fromkeys(COLUMNS[1:], "float64"))


@st.composite
def box(draw):
    """A box with corners on a grid of 1/1000, positive area."""
    x = draw(st.lists(st.integers(0, 1000), min_size=2, max_size=2, unique=True).map(sorted))
    y = draw(st.lists(st.integers(0, 1000), min_size=2, max_size=2, unique=True).map(sorted))
    return np.array([x[0], y[0], x[1], y[1]]) / 1000


def area(box):
    return (box[2] - box[0]) * (box[3] - box[1])


TWO = boxes_table(("b", 0.0, 0.0, 0.5, 0.5), ("a", 0.1, 0.1, 0.2, 0.2), ("b", 0.25, 0.5, 1.0, 1.0))


def test_largest_takes_the_box_of_largest_area():
    np.testing.assert_allclose(target_boxes(TWO, ["b"], "largest"), [[0.25, 0.5, 1.0, 1.0]])


def test_largest_takes_the_first_of_equals():
    table = boxes_table(*[("a", x, 0.0, x + 0.25, 0.25) for x in (0.5, 0.0, 0.75)])
    assert target_boxes(table, ["a"], "largest")[0, 0] == 0.5


def test_union_is_the_box_around_all():
    np.testing.assert_allclose(target_boxes(TWO, ["b"], "union"), [[0.0, 0.0, 1.0, 1.0]])


@pytest.mark.parametrize("rule", ["largest", "union"])
def test_rows_follow_the_images_asked_for_and_are_nan_without_a_box(rule):
    targets = target_boxes(TWO, ["none", "a", "b", "a"], rule)
    assert targets.dtype == np.float32
    assert targets.shape == (4, 4)
    assert np.isnan(targets).all(axis=1).tolist() == [True, False, False, False]
    np.testing.assert_allclose(targets[1], [0.1, 0.1, 0.2, 0.2], rtol=1e-6)
    np.testing.assert_array_equal(targets[1], targets[3])


@pytest.mark.parametrize("rule", ["largest", "union"])
def test_no_boxes_or_no_images(rule):
    assert np.isnan(target_boxes(boxes_table(), ["a", "b"], rule)).all()
    assert target_boxes(boxes_table(), ["a", "b"], rule).shape == (2, 4)
    assert target_boxes(TWO, [], rule).shape == (0, 4)


def test_another_rule_is_the_callers_bug():
    with pytest.raises(ValueError, match="largest, union"):
        target_boxes(TWO, ["a"], "smallest")


def test_the_index_of_the_table_is_of_no_matter():
    shuffled = TWO.set_axis([7, 7, 7])
    for rule in ("largest", "union"):
        np.testing.assert_array_equal(
            target_boxes(shuffled, ["a", "b"], rule), target_boxes(TWO, ["a", "b"], rule)
        )


@given(st.lists(box(), min_size=1, max_size=6))
def test_the_union_holds_every_box_and_the_largest_is_one_of_them(boxes):
    table = boxes_table(*[("a", *one) for one in boxes])
    union = target_boxes(table, ["a"], "union")[0]
    largest = target_boxes(table, ["a"], "largest")[0]
    stack = np.array(boxes, np.float32)
    np.testing.assert_array_equal(union, [*stack[:, :2].min(axis=0), *stack[:, 2:].max(axis=0)])
    assert (largest == stack).all(axis=1).any()
    assert area(largest) == pytest.approx(max(area(one) for one in boxes), abs=1e-6)


def test_iou_by_hand():
    a = [[0.0, 0.0, 0.5, 0.5], [0.0, 0.0, 0.5, 1.0], [0.0, 0.0, 0.4, 0.4], [0.0, 0.0, 1.0, 1.0]]
    b = [[0.25, 0.25, 0.75, 0.75], [0.5, 0.0, 1.0, 1.0], [0.6, 0.6, 0.9, 0.9], [0.25, 0.25, 0.75, 0.75]]
    iou = box_iou(np.array(a), np.array(b))
    assert iou.dtype == np.float64
    np.testing.assert_allclose(iou, [1 / 7, 0.0, 0.0, 0.25])


@given(box(), box())
def test_iou_is_symmetric_in_range_and_one_with_itself(a, b):
    forth, back = box_iou(a[None], b[None])[0], box_iou(b[None], a[None])[0]
    assert forth == back
    assert 0 <= forth <= 1
    assert box_iou(a[None], a[None])[0] == 1


CORNER = st.floats(-2, 2, width=32)


@given(st.tuples(CORNER, CORNER, CORNER, CORNER), box())
def test_whatever_a_head_predicts_has_an_iou_in_range(predicted, target):
    iou = box_iou(np.array([predicted], np.float32), target[None].astype(np.float32))[0]
    assert 0 <= iou <= 1
    if predicted[2] <= predicted[0] or predicted[3] <= predicted[1]:
        assert iou == 0


def test_doubly_crossed_corners_are_no_box():
    crossed = np.array([[0.9, 0.9, 0.1, 0.1]])  # the product of two negative sides would be positive
    assert box_iou(crossed, np.array([[0.0, 0.0, 1.0, 1.0]])).tolist() == [0.0]
    assert box_iou(crossed, crossed).tolist() == [0.0]


@pytest.mark.filterwarnings("error")
def test_iou_is_nan_where_either_is_nan():
    whole, nan = [0.0, 0.0, 1.0, 1.0], [np.nan] * 4
    iou = box_iou(np.array([whole, nan, nan, whole]), np.array([nan, whole, nan, whole]))
    np.testing.assert_array_equal(iou, [np.nan, np.nan, np.nan, 1.0])
    for corner in range(4):
        partly = np.array([whole])
        partly[0, corner] = np.nan
        assert np.isnan(box_iou(partly, np.array([whole]))).all()


def test_iou_of_no_boxes_is_empty():
    assert box_iou(np.empty((0, 4)), np.empty((0, 4))).shape == (0,)


@pytest.mark.parametrize("shapes", [((1, 4), (3, 4)), ((4,), (4,)), ((2, 5), (2, 5))])
def test_iou_refuses_other_shapes(shapes):
    with pytest.raises(ValueError, match=r"shape \(n, 4\)"):
        box_iou(*(np.zeros(shape) for shape in shapes))
