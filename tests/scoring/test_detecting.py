"""What detections are worth."""

import numpy as np
import pytest

from fishcli.scoring.detecting import (
    Detected,
    average_precision,
    precision_over_recall,
    score_detections,
    surest_ious,
)

BOX = np.array([0.2, 0.2, 0.6, 0.6])
ELSEWHERE = np.array([0.7, 0.7, 0.9, 0.9])


def detected(*boxes, confidences=None):
    count = np.linspace(0.9, 0.5, len(boxes)) if confidences is None else np.array(confidences)
    return Detected(np.array(boxes).reshape(-1, 4), count)


def test_right_detections_score_one_and_wrong_ones_zero():
    found = score_detections([detected(BOX), detected(ELSEWHERE)], [BOX[None], np.zeros((0, 4))])
    assert found["box_iou"] == pytest.approx(1)
    assert (found["box_iou_over_half"], found["centre_in_box"]) == (1, 1)
    wrong = score_detections([detected(ELSEWHERE)], [BOX[None]])
    assert (wrong["box_iou"], wrong["centre_in_box"], wrong["average_precision"]) == (0, 0, 0)


def test_the_surest_box_alone_counts_for_a_photo_and_none_counts_as_nothing():
    photos = [detected(ELSEWHERE, BOX), detected()]
    found = score_detections(photos, [BOX[None], BOX[None]])
    assert (found["box_iou"], found["centre_in_box"]) == (0, 0)


def test_average_precision_is_the_area_under_precision_over_recall():
    # By falling confidence: right, wrong, right; of 3 true boxes: precision 1, then 2/3 at recall 2/3.
    photos = [detected(BOX, confidences=[0.9]), detected(ELSEWHERE, BOX, confidences=[0.8, 0.7]), detected()]
    assert average_precision(photos, [BOX[None]] * 3) == pytest.approx(1 / 3 + (2 / 3) / 3)


def test_a_true_box_is_found_once():
    photos = [detected(BOX, BOX + 0.01)]
    assert average_precision(photos, [np.stack([BOX, ELSEWHERE])]) == pytest.approx(0.5)


def test_confidence_tells_whether_there_is_anything():
    photos = [detected(BOX, confidences=[confidence]) for confidence in (0.9, 0.4, 0.6, 0.1)]
    true = [BOX[None], BOX[None], np.zeros((0, 4)), np.zeros((0, 4))]
    assert score_detections(photos, true)["auc_any"] == pytest.approx(0.75)
    assert np.isnan(score_detections(photos[:2], true[:2])["auc_any"])


def test_recall_and_precision_are_those_of_the_surest_detections_so_far():
    photos = [detected(BOX, confidences=[0.9]), detected(ELSEWHERE, BOX, confidences=[0.8, 0.7]), detected()]
    recall, precision = precision_over_recall(photos, [BOX[None]] * 3)
    np.testing.assert_allclose(recall, [1 / 3, 1 / 3, 2 / 3])
    np.testing.assert_allclose(precision, [1, 1 / 2, 2 / 3])


def test_the_surest_boxes_overlap_is_0_where_nothing_was_found_and_unknown_where_nothing_is():
    photos = [detected(BOX, ELSEWHERE), detected(), detected(BOX)]
    np.testing.assert_allclose(surest_ious(photos, [BOX[None], BOX[None], np.zeros((0, 4))]), [1, 0, np.nan])
