"""The boxes of cells and views merged, and how sure they are."""

import numpy as np
import pytest

from fishcli.locating.decode import N_BOXES, CellBoxes, merge
from fishcli.locating.sureness import Scaling, Sureness


def cells(*rows):
    return CellBoxes(np.array([row[:4] for row in rows]), np.array([row[4] for row in rows]))


def test_boxes_of_one_thing_are_averaged_by_their_scores_squares():
    found = merge([cells((0.1, 0.1, 0.5, 0.5, 0.8), (0.2, 0.1, 0.5, 0.5, 0.4))])
    np.testing.assert_allclose(found.boxes, [[(0.1 * 4 + 0.2) / 5, 0.1, 0.5, 0.5]])
    np.testing.assert_allclose(found.scores, [0.8])


def test_things_apart_stay_apart_the_surest_first():
    found = merge([cells((0.0, 0.0, 0.2, 0.2, 0.3), (0.6, 0.6, 0.9, 0.9, 0.7))])
    np.testing.assert_allclose(found.scores, [0.7, 0.3])
    np.testing.assert_allclose(found.boxes[1], [0.0, 0.0, 0.2, 0.2])


def test_what_one_view_alone_sees_is_half_as_sure_with_two():
    seen, other = (0.0, 0.0, 0.2, 0.2, 0.6), (0.6, 0.6, 0.9, 0.9, 0.5)
    found = merge([cells(seen, other), cells(other)])
    np.testing.assert_allclose(found.scores, [0.5, 0.3])


def test_a_photo_has_one_box_at_least_and_few_at_most():
    unsure = merge([cells((0.0, 0.0, 0.2, 0.2, 1e-4), (0.5, 0.5, 0.9, 0.9, 1e-5))])
    assert len(unsure.scores) == 1
    starts = np.linspace(0, 0.9, 40)
    many = merge([cells(*((start, 0.0, start + 0.02, 0.1, 0.9) for start in starts))])
    assert len(many.scores) == N_BOXES


def test_sureness_is_the_share_that_was_right():
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.05, 0.95, 4000)
    right = rng.random(4000) < scores**2
    sureness = Scaling.fit(scores, right)
    for low in (0.2, 0.4, 0.6, 0.8):
        near = np.abs(scores - low) < 0.08
        assert sureness.of(scores[near]).mean() == pytest.approx(right[near].mean(), abs=0.06)
    assert (np.diff(sureness.of(np.linspace(0.01, 0.99, 50))) > 0).all()


@pytest.mark.parametrize(("right", "expected"), [(True, 11 / 12), (False, 1 / 12)])
def test_where_all_or_none_were_right_sureness_keeps_off_1_and_0(right, expected):
    sureness = Scaling.fit(np.linspace(0.1, 0.9, 10), np.full(10, right))
    np.testing.assert_allclose(sureness.of(np.array([0.2, 0.9])), expected)


def test_the_surest_of_a_photo_is_as_sure_as_it_is_right_and_so_are_others():
    rng = np.random.default_rng(0)
    scores = [np.sort(rng.uniform(0.05, 0.95, 3))[::-1] for _ in range(3000)]
    right = [rng.random(3) < each * (0.9, 0.5, 0.5) for each in scores]
    right = [each & each[0] for each in right]
    sureness = Sureness.fit(scores, right)
    told = np.stack([sureness.of(each) for each in scores])
    assert (np.diff(told, axis=1) < 0).all()
    for rank in range(2):
        assert told[:, rank].mean() == pytest.approx(np.stack(right)[:, rank].mean(), abs=0.03)
    assert Sureness.from_json(sureness.to_json()) == sureness


def test_no_detection_is_surer_than_the_surest():
    sureness = Sureness(Scaling(1.0, 0.0), Scaling(1.0, 9.0))
    first, second = sureness.of(np.array([0.5, 0.4]))
    assert first == pytest.approx(0.5) and 0.49 < second < first
    assert len(sureness.of(np.zeros(0))) == 0


def test_where_no_surest_was_right_or_nothing_found_there_is_a_sureness():
    for scores in ([np.array([0.9, 0.2])], []):
        sureness = Sureness.fit(scores, [np.zeros(2, bool)] * len(scores))
        assert 0 < sureness.of(np.array([0.5, 0.4]))[1] < 1


def test_runs_of_before_have_one_scaling():
    known = Sureness.from_json({"slope": 1.0, "offset": 0.5})
    np.testing.assert_allclose(known.of(np.array([0.9, 0.2])), Scaling(1.0, 0.5).of(np.array([0.9, 0.2])))
