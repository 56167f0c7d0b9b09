"""How photos are augmented as they are shown: what is drawn, and where it takes boxes."""

import numpy as np
import pytest

from fishcli.features.photos.recipes import NAMED, magnitudes_of
from fishcli.tuning.drawing import draw

SIZE = (40, 60)
BOX = np.array([[0.1, 0.2, 0.4, 0.6]])


def moved(recipe, box=BOX, n=400, size=SIZE):
    """Boxes (n, 4) as one is moved when photos are augmented by a recipe."""
    drawn = draw(magnitudes_of(recipe), n, size, np.random.default_rng(0))
    return drawn.move_boxes(np.repeat(box, n, axis=0))


def test_flips_mirror_boxes_as_often_as_they_are_asked_to():
    np.testing.assert_allclose(np.unique(moved("flip:1").round(6), axis=0), [[0.6, 0.2, 0.9, 0.6]])
    np.testing.assert_allclose(np.unique(moved("vflip:1").round(6), axis=0), [[0.1, 0.4, 0.4, 0.8]])
    assert np.mean(moved("flip:0.3")[:, 0] > 0.5) == pytest.approx(0.3, abs=0.08)


def test_crops_leave_the_share_of_the_sides_that_the_recipe_says_each_side_by_itself():
    found = moved("crop:0.4", np.array([[0.3, 0.3, 0.7, 0.7]]))
    growth = (found[:, 2:] - found[:, :2]) / 0.4
    assert growth.min() > 1 and growth.max() < 1 / 0.6 and growth.max() > 1.45
    assert np.abs(growth[:, 0] - growth[:, 1]).max() > 0.3


def test_zoom_is_between_its_least_and_the_greatest_and_keeps_the_middle_and_shapes():
    found = moved("zoom:0.6", np.array([[0.4, 0.4, 0.6, 0.6]]))
    growth = (found[:, 2:] - found[:, :2]) / 0.2
    assert growth.min() == pytest.approx(0.6, abs=0.02) and growth.max() == pytest.approx(1.15, abs=0.02)
    np.testing.assert_allclose(growth[:, 0], growth[:, 1], rtol=1e-4)
    np.testing.assert_allclose(found[:, :2] + found[:, 2:], 1, atol=1e-6)


def test_a_translated_box_keeps_its_sides_and_goes_as_far_as_the_recipe_says():
    found = moved("translate:0.1", np.array([[0.3, 0.3, 0.6, 0.7]])) - [0.3, 0.3, 0.6, 0.7]
    np.testing.assert_allclose(found[:, :2], found[:, 2:], atol=1e-6)
    assert (
        np.abs(found).max() == pytest.approx(0.1, abs=0.005) and np.abs(found[:, 0] - found[:, 1]).max() > 0.1
    )


def test_a_turned_box_is_that_around_the_ellipse_in_pixels():
    """In the middle of a photo that is wider than high, 12 by 20 pixels."""
    found = moved("rotate:180", np.array([[0.4, 0.25, 0.6, 0.75]]))
    sides = (found[:, 2:] - found[:, :2]) * np.array(SIZE)[::-1]
    np.testing.assert_allclose((sides**2).sum(axis=1), 12**2 + 20**2, rtol=1e-4)
    assert sides[:, 0].min() == pytest.approx(12, abs=0.1) and sides[:, 0].max() == pytest.approx(20, abs=0.1)


def test_a_box_that_is_cut_is_clipped_and_one_that_has_left_is_lost():
    found = moved("crop:0.6", np.array([[0.0, 0.0, 0.3, 0.3]]))
    is_lost = np.isnan(found).any(axis=1)
    assert 0 < is_lost.mean() < 1 and (np.isnan(found).all(axis=1) == is_lost).all()
    assert found[~is_lost].min() == 0 and found[~is_lost].max() <= 1
    assert np.isnan(moved("flip:1", np.full((1, 4), np.nan))).all()


def test_colours_keep_grey_grey_and_are_within_what_the_recipe_says():
    drawn = draw(magnitudes_of("colour:20"), 200, SIZE, np.random.default_rng(0))
    grey = np.array([100.0, 100.0, 100.0, 1.0])
    np.testing.assert_allclose(drawn.colours @ grey, 100, atol=0.2)
    assert np.abs(drawn.colours @ [200.0, 50.0, 50.0, 1.0] - [200, 50, 50]).max(axis=1).max() > 20
    lighter = draw(magnitudes_of("brightness:0.2+contrast:0.1"), 500, SIZE, np.random.default_rng(0)).colours
    black, white = lighter @ [0.0, 0.0, 0.0, 1.0], lighter @ [255.0, 255.0, 255.0, 1.0]
    assert 50 < np.abs(black).max() <= 51 * 1.1 and (np.ptp(black, axis=1) < 1e-9).all()
    assert ((white - black) / 255).min() >= 0.9 - 1e-9 and ((white - black) / 255).max() <= 1.1 + 1e-9


def test_half_of_the_photos_have_one_hole_or_two():
    holes = draw(magnitudes_of("cutout:0.25"), 1000, SIZE, np.random.default_rng(0)).holes
    sides = (holes[..., 2:] - holes[..., :2]).reshape(-1, 2)
    n_holes = (holes.any(axis=2)).sum(axis=1)
    assert [np.mean(n_holes == n) for n in range(3)] == pytest.approx([0.5, 0.25, 0.25], abs=0.05)
    assert sides.max() <= 0.25 and sides[sides > 0].min() >= 0.0625 and holes.min() >= 0 and holes.max() <= 1


@pytest.mark.parametrize("recipe", NAMED)
def test_the_same_seed_draws_the_same(recipe):
    one, same, other = (
        draw(magnitudes_of(recipe), 8, SIZE, np.random.default_rng(seed)).named(SIZE) for seed in (1, 1, 2)
    )
    for name in one:
        np.testing.assert_array_equal(one[name], same[name])
    assert (one["places"] != other["places"]).any()
