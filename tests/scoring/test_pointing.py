"""What found heads and tails are worth."""

import numpy as np
import pytest

from fishcli.scoring.pointing import score_ends

TRUE = np.array([[0.2, 0.5, 0.6, 0.5]])
SIZES = np.array([[100, 200]])


def test_the_error_is_in_lengths_of_the_fish_in_pixels():
    found = score_ends([np.array([0.2, 0.6, 0.6, 0.4])], [TRUE], SIZES)
    assert found == {"end_error": pytest.approx(10 / 80), "direction_right": 1.0}


def test_head_for_tail_is_the_wrong_direction():
    assert score_ends([TRUE[0, [2, 3, 0, 1]]], [TRUE], SIZES) == {"end_error": 1.0, "direction_right": 0.0}


def test_of_several_fish_the_nearest_is_meant_and_unknown_ones_are_none():
    true = np.vstack([[[0.8, 0.1, 0.9, 0.1]], [[np.nan] * 4], TRUE])
    assert score_ends([TRUE[0]], [true], SIZES)["end_error"] == 0
    assert np.isnan(score_ends([TRUE[0]], [true[1:2]], SIZES)["end_error"])


def test_a_photo_without_a_detection_counts_as_missed():
    found = score_ends([TRUE[0], np.full(4, np.nan)], [TRUE, TRUE], np.repeat(SIZES, 2, axis=0))
    assert found["direction_right"] == 0.5
