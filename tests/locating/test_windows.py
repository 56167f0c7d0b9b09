"""Which part of a map a training step sees."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fishcli.locating.fit import usual_epochs
from fishcli.locating.targets import window_of

SHARE = st.floats(0.0, 1.0, exclude_max=True)
DRAWN = st.tuples(SHARE, SHARE, SHARE).map(np.array)


@given(st.tuples(SHARE, SHARE), DRAWN, st.integers(1, 40), st.integers(1, 40))
def test_a_window_lies_in_the_map_and_holds_the_things_middle(middle, drawn, height, width):
    x, y = middle
    rows, columns = window_of(np.array([[x, y, x, y]]), (height, width), drawn)
    for part, place, n_cells in ((rows, y, height), (columns, x, width)):
        assert 0 <= part.start < part.stop <= n_cells
        assert part.start <= int(place * n_cells) < part.stop


@given(DRAWN)
def test_windows_are_of_one_size(drawn):
    rows, columns = window_of(np.zeros((0, 4)), (28, 40), drawn)
    assert (rows.stop - rows.start, columns.stop - columns.start) == (20, 28)


def test_every_part_of_a_photo_without_a_thing_is_seen():
    lost = np.full((1, 4), np.nan)
    rng = np.random.default_rng(0)
    starts = {window_of(lost, (20, 40), rng.random(3))[0].start for _ in range(100)}
    assert starts == set(range(7))


@given(DRAWN)
def test_a_small_map_is_seen_whole(drawn):
    assert window_of(np.full((1, 4), np.nan), (14, 9), drawn) == (slice(0, 14), slice(0, 9))


def test_each_of_several_things_has_its_turn():
    boxes = np.array([[0.0, 0.0, 0.1, 0.1], [0.9, 0.9, 1.0, 1.0]])
    assert window_of(boxes, (20, 20), np.array([0.2, 0.99, 0.0]))[0].start == 1
    assert window_of(boxes, (20, 20), np.array([0.7, 0.0, 0.0]))[0].stop == 20


def test_few_photos_are_seen_more_often():
    assert [usual_epochs(n) for n in (1, 200, 240, 480, 4000)] == [60, 60, 48, 12, 12]
