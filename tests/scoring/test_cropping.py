"""What crops show of the things in photos, and the word on whether they pay."""

import numpy as np
import pytest

from fishcli.scoring.cropping import CropGain, crop_gain

NOTHING = np.zeros((0, 4))


def box_around(x, y, side=0.1):
    return np.array([[x - side / 2, y - side / 2, x + side / 2, y + side / 2]])


def test_a_crop_holds_a_thing_whose_middle_lies_in_it():
    regions = np.array([[0.0, 0.0, 0.5, 0.5], [0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0]])
    gain = crop_gain(regions, [box_around(0.49, 0.49), box_around(0.51, 0.4), box_around(0.6, 0.6)])
    assert gain.held == pytest.approx(2 / 3)
    assert gain.held_by_middle == 1.0  # 0.25 to 0.75


def test_any_of_several_things_will_do_and_photos_without_any_do_not_count():
    regions = np.array([[0.0, 0.0, 0.2, 0.2], [0.0, 0.0, 0.2, 0.2]])
    gain = crop_gain(regions, [np.vstack([box_around(0.9, 0.9), box_around(0.1, 0.1)]), NOTHING])
    assert (gain.n_photos, gain.held, gain.held_by_middle) == (1, 1.0, 0.0)
    assert crop_gain(regions, [NOTHING, NOTHING]) is None


def test_zoom_is_the_median_side_by_side_where_the_thing_is_held():
    # Areas 1/4, 1/8 (0.25 x 0.5) and 1/16 hold it: 2, 8 ** 0.5 and 4 times as large; the last one misses.
    regions = np.array(
        [[0.0, 0.0, 0.5, 0.5], [0.0, 0.0, 0.25, 0.5], [0.0, 0.0, 0.25, 0.25], [0.99, 0.99, 1.0, 1.0]]
    )
    gain = crop_gain(regions, [box_around(0.1, 0.1)] * 4)
    assert gain.held == 0.75
    assert gain.zoom == pytest.approx(8**0.5)


def test_whole_photos_hold_all_and_zoom_nothing():
    gain = crop_gain(np.array([[0.0, 0.0, 1.0, 1.0]]), [box_around(0.1, 0.9)])
    assert (gain.held, gain.zoom) == (1.0, 1.0)
    assert gain.verdict.startswith("things fill the photos already")


def test_crops_that_hold_nothing_have_no_zoom_and_are_no_help():
    gain = crop_gain(np.array([[0.0, 0.0, 0.2, 0.2]]), [box_around(0.9, 0.9)])
    assert gain.held == 0 and np.isnan(gain.zoom)
    assert gain.verdict.startswith("it misses too many")
    assert gain.figures.endswith("(the photo's middle square of that size: 0%)")


@pytest.mark.parametrize(
    ("held", "zoom", "word"),
    [
        (1.0, 1.24, "things fill"),
        (0.2, 1.24, "things fill"),
        (1.0, 1.25, "crops are likely to pay"),
        (0.34, 3.0, "crops are likely to pay"),
        (0.33, 3.0, "it misses too many"),
    ],
)
def test_the_word_follows_zoom_first_then_what_is_held(held, zoom, word):
    assert CropGain(100, held, 0.5, zoom).verdict.startswith(word)


def test_the_figures_are_said_in_a_sentence():
    assert CropGain(100, 0.95, 0.741, 3.14).figures == (
        "crops hold the middle of a true box in 95% of photos with one (the photo's middle square of that "
        "size: 74%), and show it 3.1 times as large"
    )
