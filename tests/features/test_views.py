import numpy as np
import pytest
from conftest import noise
from hypothesis import given
from hypothesis import strategies as st

from fishcli.basics.errors import FishError
from fishcli.dataset.boxes import box_area
from fishcli.features.photos.resizing import (
    LETTERBOX_COLOUR,
    RESIZE_POLICIES,
    boxes_from_input,
    boxes_to_input,
    boxes_to_photo,
    inputs_of_views,
    resize,
)
from fishcli.features.photos.views import view_of
from fishcli.options.views import KNOWN, SETS, SYMMETRIES, first_views, named_views, view_prefixes

VIEWS = {name: view_of(name) for name in (*KNOWN, "random1", "random2", "random9999")}
SIZES = [(60, 100), (100, 60), (97, 41), (64, 64)]
INPUTS = [(48, 64), (64, 40), (50, 50)]


@st.composite
def boxes(draw, low=0.0, high=1.0):
    """One box (1, 4) of fractions between `low` and `high`, of positive area."""
    sides = st.lists(st.integers(0, 1000), min_size=2, max_size=2, unique=True).map(sorted)
    (x_min, x_max), (y_min, y_max) = draw(sides), draw(sides)
    return low + (high - low) * np.array([[x_min, y_min, x_max, y_max]]) / 1000


def test_the_order_of_views():
    assert [names[:2] for names in SETS.values()] == [("identity", "hflip")] * 2
    assert [len(names) for names in SETS.values()] == [8, 8]
    assert [view_of(name).transpose for name in SYMMETRIES] == [False] * 4 + [True] * 4
    assert not any(view_of(name).transpose or view_of(name).flip_y for name in SETS["upright"])
    assert [view.name for view in VIEWS.values()] == list(VIEWS)


@pytest.mark.parametrize(
    ("name", "transform"),
    [
        ("identity", lambda image: image),
        ("hflip", np.fliplr),
        ("vflip", np.flipud),
        ("rot180", lambda image: np.rot90(image, 2)),
        ("rot90", lambda image: np.rot90(image, 1)),
        ("rot270", lambda image: np.rot90(image, 3)),
        ("transpose", lambda image: image.transpose(1, 0, 2)),
        ("transverse", lambda image: np.rot90(image, 2).transpose(1, 0, 2)),
    ],
)
def test_views_are_what_they_are_called(name, transform):
    image = noise((3, 5))
    np.testing.assert_array_equal(VIEWS[name].apply(image), transform(image))


@pytest.mark.parametrize("name", VIEWS)
def test_sizes_in_a_view_are_those_of_its_image(name):
    for size in [(3, 5), (1, 1), (97, 41), (720, 1280)]:
        height, width = VIEWS[name].apply(np.zeros((*size, 3), np.uint8)).shape[:2]
        assert VIEWS[name].sizes(np.array([size])).tolist() == [[height, width]]


@given(st.sampled_from(list(VIEWS)), boxes())
def test_inverting_a_view_gives_the_boxes_back(name, box):
    moved = VIEWS[name].apply_boxes(box)
    assert (moved[:, :2] < moved[:, 2:]).all()
    np.testing.assert_allclose(VIEWS[name].invert_boxes(moved), box, atol=1e-12)
    np.testing.assert_allclose(VIEWS[name].apply_boxes(VIEWS[name].invert_boxes(box)), box, atol=1e-12)


@pytest.mark.parametrize("input_size", INPUTS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("policy", RESIZE_POLICIES)
@pytest.mark.parametrize("name", VIEWS)
def test_boxes_follow_the_pixels(name, policy, size, input_size):
    height, width = size
    top, bottom, left, right = 0.35 * height, 0.62 * height, 0.4 * width, 0.71 * width
    top, bottom, left, right = (round(side) for side in (top, bottom, left, right))
    image = np.zeros((*size, 3), np.uint8)
    image[top:bottom, left:right] = 255
    box = np.array([[left / width, top / height, right / width, bottom / height]])
    view = VIEWS[name]
    seen = resize(view.apply(image), input_size, policy)
    rows, columns = np.nonzero(seen[..., 0] > 150)
    painted = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    found = boxes_to_input(view.apply_boxes(box), view.sizes(np.array([size])), input_size, policy)
    in_pixels = found[0] * [input_size[1], input_size[0], input_size[1], input_size[0]]
    np.testing.assert_allclose(in_pixels, painted, atol=1.5)


@given(
    st.sampled_from(list(VIEWS)),
    st.sampled_from(["squash", "letterbox"]),
    st.tuples(st.integers(20, 2000), st.integers(20, 2000)),
    st.sampled_from(INPUTS),
    boxes(),
)
def test_boxes_to_photo_is_the_exact_inverse_where_nothing_is_cut(name, policy, size, input_size, box):
    sizes = np.array([size])
    view = VIEWS[name]
    low, high = np.array(view.window[:2] * 2), np.array(view.window[2:] * 2)
    box = low + (high - low) * box
    seen = boxes_to_input(view.apply_boxes(box), view.sizes(sizes), input_size, policy)
    assert ((seen >= 0) & (seen <= 1)).all()
    np.testing.assert_allclose(boxes_to_photo(name, seen, sizes, input_size, policy), box, atol=1e-9)


@given(st.sampled_from(SYMMETRIES), st.sampled_from(SIZES), st.sampled_from(INPUTS), boxes(0.42, 0.58))
def test_boxes_to_photo_inverts_a_crop_inside_it(name, size, input_size, box):
    sizes = np.array([size])
    view = VIEWS[name]
    seen = boxes_to_input(view.apply_boxes(box), view.sizes(sizes), input_size, "crop")
    assert ((seen > 0) & (seen < 1)).all()
    np.testing.assert_allclose(boxes_to_photo(name, seen, sizes, input_size, "crop"), box, atol=1e-9)


RANDOM1 = (0.0960878343, 0.1474773630, 0.9443220931, 0.9957116217)
"""Pinned: stores hold features under this name."""
WIDE = np.array([[100, 400]])


def test_what_a_crop_cuts_is_clipped_and_what_it_nearly_loses_is_nan():
    cut = boxes_to_input(np.array([[0.3, 0.2, 0.45, 0.8]]), WIDE, (100, 100), "crop")
    np.testing.assert_allclose(cut, [[0.0, 0.2, 0.3, 0.8]])
    lost = boxes_to_input(
        np.array([[0.0, 0.2, 0.38, 0.8], [0.7, 0.0, 1.0, 1.0]]), WIDE.repeat(2, 0), (99, 99), "crop"
    )
    assert np.isnan(lost).all()


def test_a_clipped_box_comes_back_as_its_seen_part():
    cut = boxes_to_input(np.array([[0.3, 0.2, 0.45, 0.8]]), WIDE, (100, 100), "crop")
    np.testing.assert_allclose(
        boxes_from_input(cut, WIDE, (100, 100), "crop"), [[0.375, 0.2, 0.45, 0.8]], atol=1e-12
    )


def test_a_letterboxed_box_is_squeezed_into_the_middle():
    found = boxes_to_input(np.array([[0.0, 0.0, 1.0, 1.0]]), WIDE, (100, 100), "letterbox")
    np.testing.assert_allclose(found, [[0.0, 0.37, 1.0, 0.62]], atol=0.01)


@pytest.mark.parametrize("policy", RESIZE_POLICIES)
def test_missing_boxes_stay_missing(policy):
    missing = np.full((1, 4), np.nan)
    for view in VIEWS.values():
        assert np.isnan(view.apply_boxes(missing)).all()
        assert np.isnan(boxes_to_input(missing, WIDE, (64, 48), policy)).all()
        assert np.isnan(boxes_to_photo(view.name, missing, WIDE, (64, 48), policy)).all()
    assert boxes_to_input(missing[:0], WIDE[:0], (64, 48), policy).shape == (0, 4)


def test_box_area():
    np.testing.assert_allclose(box_area(np.array([[0.1, 0.2, 0.5, 0.7], [np.nan] * 4])), [0.2, np.nan])


@pytest.mark.parametrize("policy", RESIZE_POLICIES)
@pytest.mark.parametrize("input_size", INPUTS)
@pytest.mark.parametrize("size", [(1, 500), (500, 1), (1, 1), (3, 2000), (720, 1280)])
def test_resize_always_gives_the_inputs_size(size, input_size, policy):
    found = resize(np.full((*size, 3), 77, np.uint8), input_size, policy)
    assert found.shape == (*input_size, 3)
    assert found.dtype == np.uint8
    assert (found == 77).all(axis=2).any()
    if policy != "letterbox":
        assert (found == 77).all()


def test_resize_leaves_an_image_of_the_right_size_alone():
    image = noise((48, 64))
    for policy in RESIZE_POLICIES:
        np.testing.assert_array_equal(resize(image, (48, 64), policy), image)


def test_letterbox_pads_both_sides_alike():
    found = resize(np.full((50, 100, 3), 7, np.uint8), (100, 100), "letterbox")
    is_padding = (found == LETTERBOX_COLOUR).all(axis=(1, 2))
    assert np.flatnonzero(~is_padding).tolist() == list(range(25, 75))


def test_crop_takes_the_middle():
    image = np.zeros((100, 300, 3), np.uint8)
    image[:, 100:200] = 200
    assert (resize(image, (100, 100), "crop") == 200).all()


def test_shrinking_takes_the_mean_of_the_area():
    stripes = np.zeros((128, 128, 3), np.uint8)
    stripes[:, ::2] = 200
    assert (np.abs(resize(stripes, (16, 16), "squash").astype(int) - 100) <= 1).all()


def test_another_policy_is_the_callers_bug():
    with pytest.raises(ValueError, match="unknown resize policy 'stretch', expected one of"):
        resize(noise((4, 4)), (8, 8), "stretch")


def test_first_views():
    assert first_views(1) == ["identity"]
    assert first_views(2) == ["identity", "hflip"]
    assert first_views(8) == list(SETS["upright"])
    assert first_views(8, "square") == list(SYMMETRIES)


@pytest.mark.parametrize("n_views", [0, 9, -1])
def test_too_few_or_too_many_views_name_the_flag(n_views):
    with pytest.raises(FishError, match=f"^--tta {n_views}: expected 1 to 8 \\(identity, hflip, "):
        first_views(n_views, flag="--tta")


def test_named_views_are_in_the_fixed_order_and_each_once():
    assert named_views(["rot90", " hflip", "identity", "hflip "]) == ["identity", "hflip", "rot90"]


def test_an_unknown_view_is_named_with_its_neighbour():
    with pytest.raises(
        FishError, match=r"unknown view 'hfilp'\. Did you mean 'hflip'\? Known: identity, hflip"
    ):
        named_views(["identity", "hfilp"])


@pytest.mark.parametrize(
    ("n_views", "prefixes"),
    [(1, [1]), (2, [1, 2]), (3, [1, 2, 3]), (4, [1, 2, 4]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8])],
)
def test_view_prefixes(n_views, prefixes):
    assert view_prefixes(n_views) == prefixes


@given(
    st.tuples(st.integers(8, 70), st.integers(8, 70)),
    st.tuples(st.integers(4, 40), st.integers(4, 40)),
    st.sampled_from(RESIZE_POLICIES),
)
def test_all_views_from_one_scaling_are_the_views_scaled_one_by_one(size, input_size, policy):
    y, x = np.mgrid[: size[0], : size[1]] / np.max(size)
    photo = (np.stack([y, x, 1 - y * x], axis=2) * 255).astype(np.uint8)
    found = inputs_of_views(photo, list(VIEWS), input_size, policy)
    assert list(found) == list(VIEWS)
    for name, view in VIEWS.items():
        alone = resize(view.apply(photo), input_size, policy)
        assert np.abs(found[name].astype(int) - alone).max() <= 2


@pytest.mark.parametrize("policy", RESIZE_POLICIES)
@pytest.mark.parametrize("name", ["centre90", "top_left90_hflip", "bottom_right90", "random1", "random2"])
def test_a_crop_is_the_cut_photo_resized(name, policy):
    photo = noise((90, 160))
    x_min, y_min, x_max, y_max = view_of(name).window
    part = photo[round(y_min * 90) : round(y_max * 90), round(x_min * 160) : round(x_max * 160)]
    part = part[:, ::-1] if view_of(name).flip_x else part
    beside = inputs_of_views(photo, ["identity", name, "hflip"], (48, 64), policy)
    expected = resize(part, (48, 64), policy)
    assert np.abs(beside[name].astype(int) - expected).max() <= 1  # mirrored before or after
    if not view_of(name).flip_x:
        np.testing.assert_array_equal(beside[name], expected)


@pytest.mark.parametrize("policy", RESIZE_POLICIES)
def test_a_box_that_a_window_nearly_loses_is_nan_and_one_that_it_cuts_is_clipped(policy):
    view, size = view_of("top_left90"), np.array([[100, 100]])
    boxes_here = np.array([[0.89, 0.2, 1.0, 0.8], [0.5, 0.2, 0.99, 0.8], [0.92, 0.92, 1.0, 1.0]])
    sizes = size.repeat(3, 0)
    seen = boxes_to_input(view.apply_boxes(boxes_here), view.sizes(sizes), (64, 128), policy)
    assert np.isnan(seen).all(axis=1).tolist() == [True, False, True]
    back = boxes_to_photo("top_left90", seen, sizes, (64, 128), policy)[1]
    kept = {"squash": (0.2, 0.8), "letterbox": (0.2, 0.8), "crop": (0.225, 0.675)}[policy]
    np.testing.assert_allclose(back, [0.5, kept[0], 0.9, kept[1]], atol=0.01)


def test_random_views_are_what_their_number_says():
    drawn = [view_of(f"random{number}") for number in range(1, 200)]
    sides = np.array([view.window[2] - view.window[0] for view in drawn])
    assert ((sides >= 0.7) & (sides <= 1.0)).all() and sides.std() > 0.05
    assert 0.3 < np.mean([view.flip_x for view in drawn]) < 0.7
    assert all(min(view.window) >= 0 and max(view.window) <= 1 + 1e-12 for view in drawn)
    np.testing.assert_allclose(view_of("random1").window, RANDOM1)


@pytest.mark.parametrize("name", ["random0", "random01", "random", "centre", "centre70", "augment_1"])
def test_names_that_are_no_views(name):
    with pytest.raises(FishError, match=f"unknown view '{name}'"):
        named_views([name])


def test_random_views_come_last_by_number():
    names = ["random10", "centre90", "random2", "rot90", "identity"]
    assert named_views(names) == ["identity", "centre90", "rot90", "random2", "random10"]
