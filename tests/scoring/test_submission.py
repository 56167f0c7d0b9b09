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


def answered(answer, rows, n_train=8):
    """What is written for predictions `rows` (n, C) of photos 0.jpg, 1.jpg, ... in a form; validated."""
    names = tuple(f"{row}" for row in range(len(rows)))
    keys = tuple(("test", f"{name}.jpg") for name in names)
    sample = Sample(Path("sample.csv"), "", ("id", *answer.columns), 0, names, keys, answer)
    predictions = pd.DataFrame(rows, columns=[f"proba_{name}" for name in answer.classes])
    predictions = predictions.assign(split="test", image=[key[1] for key in keys])
    submission = made(predictions, sample, n_train)
    check_submission(submission, sample)
    return submission.drop(columns="id")


FISH = ("ALB", "BET", "NoF")
ROWS = np.array([[0.2, 0.5, 0.3], [0.1, 0.3, 0.6]])


def test_a_label_is_the_decided_class_or_its_place():
    assert list(answered(Answer("label", ("species",), FISH), ROWS)["species"]) == ["BET", "NoF"]
    assert list(answered(Answer("label", ("label",), FISH, codes=True), ROWS)["label"]) == [1, 2]


def test_the_probability_is_that_of_the_positive_class():
    answer = Answer("probability", ("target",), ("0", "1"), positive="0")
    assert list(answered(answer, np.array([[0.25, 0.75], [0.9, 0.1]]))["target"]) == [0.25, 0.9]


def test_the_likeliest_come_first_in_one_cell_or_in_columns():
    assert list(answered(Answer("top-k", ("Id",), FISH, k=2), ROWS)["Id"]) == ["BET NoF", "NoF BET"]
    columns = answered(Answer("top-k", ("p1", "p2"), FISH, k=2), ROWS)
    assert columns.to_numpy().tolist() == [["BET", "NoF"], ["NoF", "BET"]]


def test_more_places_than_classes_leave_no_cell_empty():
    columns = answered(Answer("top-k", ("p1", "p2", "p3", "p4"), FISH, k=4), ROWS)
    assert columns.iloc[0].tolist() == ["BET", "NoF", "ALB", "ALB"]
    assert answered(Answer("top-k", ("Id",), FISH, k=5), ROWS)["Id"][0] == "BET NoF ALB"


def test_a_label_and_its_confidence():
    assert list(answered(Answer("label+confidence", ("x",), FISH), ROWS)["x"]) == [
        "BET 0.500000",
        "NoF 0.600000",
    ]
    two = answered(Answer("label+confidence", ("label", "sure"), FISH), ROWS)
    assert two.to_numpy().tolist() == [["BET", 0.5], ["NoF", 0.6]]


def test_a_class_that_no_photo_shows_gets_its_smoothed_prior_and_rows_still_sum_to_1():
    columns = answered(Answer("probabilities", ("UNK", *FISH), FISH), ROWS, n_train=8)
    np.testing.assert_allclose(columns["UNK"], 0.5 / 10)
    np.testing.assert_allclose(columns.sum(axis=1), 1)
    np.testing.assert_allclose(columns["BET"], ROWS[:, 1] * 0.95)


@pytest.mark.parametrize(
    ("answer", "cells"),
    [
        (Answer("label", ("x",), FISH), ["BET", "SHARK"]),
        (Answer("label", ("x",), FISH, codes=True), [0, 3]),
        (Answer("top-k", ("x",), FISH, k=2), ["BET ALB", "BET SHARK"]),
        (Answer("label+confidence", ("x",), FISH), ["BET 0.5", "SHARK 0.5"]),
    ],
)
def test_labels_of_no_class_are_not_written(answer, cells):
    sample = Sample(Path("s.csv"), "", ("id", "x"), 0, ("a", "b"), (("test", "a"), ("test", "b")), answer)
    with pytest.raises(FishError, match="1 rows hold no class: b"):
        check_submission(pd.DataFrame({"id": ["a", "b"], "x": cells}), sample)


def test_cells_are_separated_as_the_samples_are(tmp_path):
    sample = dataclasses.replace(SAMPLE, separator=";")
    write_submission(tmp_path / "a.csv", made(PREDICTIONS, sample), sample)
    assert (tmp_path / "a.csv").read_text().splitlines()[0] == "BET;image;ALB"
