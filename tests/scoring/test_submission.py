import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fishcli.basics.errors import FishError
from fishcli.dataset.layout.answers import Answer
from fishcli.dataset.layout.samples import Sample
from fishcli.scoring.submission import check_submission, clip_proba, make_submission, write_submission

NAMES = ["b.jpg", "test_stg2/a.jpg", "a.jpg"]
SAMPLE = Sample(
    path=Path("sample_submission.csv"),
    suffix="",
    columns=("BET", "image", "ALB"),
    place=1,
    names=tuple(NAMES),
    keys=(("test_stg1", "b.jpg"), ("test_stg2", "a.jpg"), ("test_stg1", "a.jpg")),
    answer=Answer("probabilities", ("BET", "ALB"), ("ALB", "BET")),
)
PREDICTIONS = pd.DataFrame(
    {
        "split": ["test_stg1", "test_stg1", "test_stg2", "test_stg2"],
        "image": ["a.jpg", "b.jpg", "a.jpg", "b.jpg"],
        "proba_ALB": [0.1, 0.2, 0.3, 0.4],
        "proba_BET": [0.9, 0.8, 0.7, 0.6],
    }
)


def made(predictions, sample=SAMPLE, n_train=10):
    """The submission, each image decided to be its likeliest class."""
    columns = [f"proba_{name}" for name in sample.answer.classes]
    return make_submission(sample, predictions, predictions[columns].to_numpy().argmax(axis=1), n_train)


@given(
    hnp.arrays(np.float64, (3, 4), elements=st.floats(0, 1)).filter(lambda rows: rows.sum(axis=1).all()),
    st.floats(0, 0.1),
)
def test_clipped_rows_sum_to_one_and_hold_at_least_eps(shares, eps):
    proba = shares / shares.sum(axis=1, keepdims=True)
    clipped = clip_proba(proba, eps)
    np.testing.assert_allclose(clipped.sum(axis=1), 1)
    assert (clipped >= eps / (1 + 4 * eps) * (1 - 1e-9)).all()
    np.testing.assert_array_equal(clipped.argmax(axis=1), np.maximum(proba, eps).argmax(axis=1))


def test_clipping_lifts_zeros():
    np.testing.assert_allclose(clip_proba(np.array([[0.0, 1.0]]), 0.05), [[0.05 / 1.05, 1 / 1.05]])


@pytest.mark.parametrize("columns", [("image", "BET", "image"), ("BET", "image", "image")])
def test_a_class_may_be_called_image(tmp_path, columns):
    answer = Answer("probabilities", ("BET", "image"), ("BET", "image"))
    sample = dataclasses.replace(SAMPLE, columns=columns, place=columns.index("image"), answer=answer)
    submission = made(PREDICTIONS.rename(columns={"proba_ALB": "proba_image"}), sample)
    write_submission(tmp_path / "a.csv", submission, sample)
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines[0] == ",".join(columns)
    assert lines[1] == ("b.jpg,0.8,0.2" if columns[0] == "image" else "0.8,b.jpg,0.2")
    with pytest.raises(FishError, match="no column 'image'"):
        check_submission(submission.iloc[:, :2], sample)


@pytest.mark.parametrize("seed", range(3))
def test_predictions_are_joined_on_split_and_image(seed):
    shuffled = PREDICTIONS.sample(frac=1.0, random_state=seed)
    submission = made(shuffled)
    assert list(submission.columns) == ["BET", "image", "ALB"]
    assert list(submission["image"]) == NAMES
    assert list(submission["ALB"]) == [0.2, 0.3, 0.1]
    assert list(submission["BET"]) == [0.8, 0.7, 0.9]


def test_images_without_a_prediction_are_named():
    with pytest.raises(
        FishError, match=r"1 images of sample_submission\.csv have no prediction: test_stg2/a\.jpg"
    ):
        made(PREDICTIONS.drop(index=2))


def valid():
    return pd.DataFrame({"image": NAMES, "ALB": [0.2, 0.3, 1.0], "BET": [0.8, 0.7, 0.0]})


def test_a_valid_submission_passes_in_any_order():
    check_submission(valid(), SAMPLE)
    check_submission(valid().iloc[::-1], SAMPLE)
    check_submission(valid().astype({"ALB": str}), SAMPLE)


def changed(row, column, value):
    submission = valid().astype(object)
    submission.loc[row, column] = value
    return submission


@pytest.mark.parametrize(
    ("submission", "message"),
    [
        (valid().drop(columns="BET"), "the submission has no column 'BET'"),
        (valid().drop(columns=["image", "ALB"]), "the submission has no column 'image', 'ALB'"),
        (valid()[1:], r"1 images are missing: b\.jpg"),
        (changed(0, "image", "z.jpg"), r"1 images are missing: b\.jpg; 1 images are not asked for: z\.jpg"),
        (pd.concat([valid(), valid()[:1]]), r"1 images stand there twice: b\.jpg"),
        (changed(1, "ALB", "much"), r"1 rows hold a value that is no number: test_stg2/a\.jpg"),
        (changed(1, "ALB", np.nan), r"1 rows hold a value that is no number: test_stg2/a\.jpg"),
        (
            changed(2, "ALB", 1.5),
            r"1 rows hold a value outside \[0, 1\]: a\.jpg; 1 rows do not sum to 1: a\.jpg",
        ),
        (changed(2, "ALB", np.inf), r"1 rows hold a value outside \[0, 1\]: a\.jpg"),
        (changed(2, "BET", -0.1), r"1 rows hold a value outside \[0, 1\]: a\.jpg"),
        (changed(0, "BET", 0.8001), r"1 rows do not sum to 1: b\.jpg"),
    ],
)
def test_what_is_wrong_with_a_submission(submission, message):
    with pytest.raises(FishError, match=message):
        check_submission(submission, SAMPLE)


def test_rounding_is_no_error():
    check_submission(changed(0, "BET", 0.8 + 5e-7), SAMPLE)


def test_only_valid_submissions_are_written(tmp_path):
    path = tmp_path / "new" / "run.csv"
    with pytest.raises(FishError, match="is not valid"):
        write_submission(path, changed(0, "ALB", 2.0), SAMPLE)
    assert not path.exists()
    submission = made(PREDICTIONS)
    write_submission(path, submission, SAMPLE)
    pd.testing.assert_frame_equal(pd.read_csv(path), submission, check_dtype=False)
    assert [file.name for file in path.parent.iterdir()] == ["run.csv"]
