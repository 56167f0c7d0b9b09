"""What a localiser learns of heads and tails, and what becomes of what its cells say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishcli.locating.decode import CellBoxes, merge
from fishcli.locating.targets import cell_middles, cell_targets

FRACTION = st.floats(0.0, 1.0)
BOX = np.array([[0.2, 0.2, 0.8, 0.6]])


@given(st.tuples(*[FRACTION] * 4))
def test_each_cell_of_a_thing_points_at_its_ends(ends):
    targets = cell_targets(BOX, (10, 8), np.array([ends]))
    rows, columns = cell_middles((10, 8))
    chosen = targets["score"][..., 0] == 1
    np.testing.assert_allclose(targets["ends"][..., 4], chosen / 0.6, rtol=1e-6)
    for row, column in np.argwhere(chosen):
        middle = np.array([columns[column], rows[row]] * 2)
        np.testing.assert_allclose(targets["ends"][row, column, :4] + middle, ends, atol=1e-6)


def test_where_ends_are_unknown_nothing_of_them_is_learned():
    boxes = np.vstack([[[np.nan] * 4], BOX])
    ends = np.array([[0.1, 0.2, 0.3, 0.4], [np.nan] * 4])
    targets = cell_targets(boxes, (10, 8), ends)
    assert targets["score"].sum() > 0 and not targets["ends"].any()


def test_without_ends_the_targets_are_what_they_were():
    assert set(cell_targets(BOX, (10, 8))) == {"score", "distances"}


def test_ends_are_averaged_as_their_boxes_are():
    boxes = np.array([[0.1, 0.1, 0.5, 0.5], [0.1, 0.1, 0.5, 0.5], [0.7, 0.7, 0.9, 0.9]])
    ends = np.array([[0.1, 0.1, 0.5, 0.5], [0.5, 0.5, 0.1, 0.1], [0.7, 0.7, 0.9, 0.9]])
    found = merge([CellBoxes(boxes, np.array([0.8, 0.4, 0.3]), ends)])
    np.testing.assert_allclose(found.ends, [[0.18, 0.18, 0.42, 0.42], ends[2]])
    assert merge([CellBoxes(boxes, np.array([0.8, 0.4, 0.3]))]).ends is None


@pytest.mark.tensorflow
@pytest.mark.usefixtures("untraced")
def test_a_network_without_ends_is_the_one_it_was_and_one_with_them_learns_them():
    from fishcli.locating.decode import cell_boxes
    from fishcli.locating.fit import LocaliserInputs, fit_localiser
    from fishcli.locating.network import build_localiser

    maps = np.zeros((1, 4, 6, 6, 2), np.float16)
    maps[0, :, 2:4, 2:4, 0] = 4
    maps[0, 1::2, 2:4, 2:4, 1] = 4  # every other thing points the other way
    box, ends = np.array([[1 / 6, 1 / 6, 5 / 6, 5 / 6]]), np.array([[1 / 6, 0.5, 5 / 6, 0.5]])
    pointing = [ends, ends[:, [2, 3, 0, 1]]] * 2
    inputs = LocaliserInputs(maps, [[box] * 4], [pointing])
    model, _ = fit_localiser(inputs, np.arange(4), 30, 0, lambda: None)
    moments, start = (np.zeros(2), np.ones(2)), (0.1, np.full(4, 0.2))
    plain = build_localiser(2, moments, start, looks_far=True)
    names = [weight.path for weight in plain.trainable_weights]
    assert names == [weight.path for weight in model.trainable_weights if not weight.path.startswith("ends")]
    assert [output.name for output in plain.outputs] != [output.name for output in model.outputs]
    assert "ends" not in plain(maps[0].astype(np.float32))
    found = [merge([cells]).ends[0] for cells in cell_boxes(model, maps[0])]
    assert found[0][0] < found[0][2] and found[1][0] > found[1][2]
