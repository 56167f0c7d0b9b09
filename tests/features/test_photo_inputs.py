from types import SimpleNamespace

import numpy as np
import pytest
from conftest import make_image

from fishcli.features import photo_inputs
from fishcli.features.photo_inputs import SplitPlan, read_inputs
from fishcli.features.photos.resizing import resize
from fishcli.features.photos.views import view_of
from fishcli.options.views import SETS

SIDE = 64
BACKBONE = SimpleNamespace(recipe=SimpleNamespace(image_size=(SIDE, SIDE), resize="squash"))


def waves(height, width):
    """A smooth photo, so that what a JPEG's scaled decoding leaves is much like the whole."""
    y, x = np.mgrid[:height, :width]
    shades = [np.sin(x / 9), np.sin(y / 7), np.cos((x + y) / 11)]
    return (127 + 100 * np.stack(shades, axis=2)).astype(np.uint8)


@pytest.fixture
def decoded(monkeypatch):
    """The sizes that photos were decoded at."""
    sizes = []
    read = photo_inputs.read_photo

    def noted(*arguments):
        found = read(*arguments)
        sizes.append(found[0].size)
        return found

    monkeypatch.setattr(photo_inputs, "read_photo", noted)
    return sizes


def inputs(path, views):
    return read_inputs(SplitPlan("test", views, ["a"], [path]), 0, views, BACKBONE)


def test_a_crop_has_its_pixels_where_the_plain_photo_is_decoded_small(tmp_path, decoded):
    path = make_image(tmp_path / "a.jpg", pixels=waves(132, 200), quality=95)
    found = inputs(path, ["identity", "centre90"])
    assert decoded == [(100, 66), (200, 132)]  # 0.9 of 66 would be less than 64
    crop = view_of("centre90").apply(waves(132, 200))
    assert min(crop.shape[:2]) >= SIDE
    assert np.abs(found.pixels["centre90"].astype(int) - resize(crop, (SIDE, SIDE), "squash")).mean() < 4


@pytest.mark.parametrize("size", [(132, 200), (150, 200), (300, 200), (50, 66), (64, 64), (70, 68)])
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_no_view_depends_on_those_beside_it(size, suffix, tmp_path):
    path = make_image(tmp_path / f"a.{suffix}", pixels=waves(*size))
    views = [*SETS["upright"], "random1", "random2", "rot90"]
    together = inputs(path, views)
    for view in views:
        np.testing.assert_array_equal(inputs(path, [view]).pixels[view], together.pixels[view])


def test_one_decode_serves_all_views_where_it_has_the_pixels(tmp_path, decoded):
    inputs(make_image(tmp_path / "a.jpg", pixels=waves(150, 200)), list(SETS["upright"]))
    assert decoded == [(100, 75)]
