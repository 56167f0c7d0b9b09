"""The input that photos are brought to before things are looked for in them."""

import pandas as pd
import pytest

from fishcli.runs.locating.maps import fitting_size


def boxes_of(*sides):
    """Square boxes of these sides, as fractions."""
    return pd.DataFrame({"x_min": 0.0, "y_min": 0.0, "x_max": sides, "y_max": sides})


@pytest.mark.parametrize(
    ("photo", "sides", "expected"),
    [
        ((720, 1280), [0.1, 0.2], (416, 704)),  # small things: as large as it gets
        ((720, 1280), [0.9], (160, 320)),
        ((300, 300), [0.4], (320, 320)),  # 128 of 320 pixels
        ((300, 300), [0.4, 0.9, 0.9, 0.9, 0.9], (224, 224)),  # one of five is small
        ((0, 0), [0.1], (448, 640)),
        ((100, 1000), [0.1], (384, 736)),  # no wider than two to one
    ],
)
def test_an_input_has_the_photos_shape_and_what_things_need(photo, sides, expected):
    images = pd.DataFrame([photo], columns=["height", "width"])
    assert fitting_size(images, boxes_of(*sides)) == expected
