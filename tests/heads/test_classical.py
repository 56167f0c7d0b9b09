"""Heads of scikit-learn: what they learn, what they may look at, and what they do with little."""

import dataclasses
import io
import json
import re
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from fishcli.basics.errors import FishError
from fishcli.dataset.classes import smoothed_prior
from fishcli.heads.choices import FILLED
from fishcli.heads.classical import estimators
from fishcli.heads.classical.blend import pooled_scores
from fishcli.heads.classical.estimators import choose_c
from fishcli.heads.classical.fits import fit_classical, load_classical
from fishcli.heads.classical.rows import INNER_FOLDS, Rows, inner_folds, split_lone_groups
from fishcli.heads.fit import found, suffix_of
from fishcli.heads.generating import adversarial
from fishcli.heads.inputs import HeadInputs
from fishcli.options.train import TrainConfig

HEADS = ["blend", "linear", "svm", "forest"]
MEAN_BOX = np.array([0.2, 0.3, 0.6, 0.7])
N_TRAIN = 72


@pytest.fixture(autouse=True)
def small_forests(monkeypatch):
    monkeypatch.setattr(estimators, "TREES", 30)


def some_inputs(n=96, n_views=1, n_groups=0, labels=None, with_boxes=True):
    """Features that give the label away (channels 1 to 3), and boxes that move with channel 0."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 3 if labels is None else np.array(labels)
    features = rng.normal(size=(n_views, n, 8))
    features[..., 1:4] += 3 * np.eye(3)[labels]
    boxes = np.full((n_views, n, 4), np.nan, np.float32)
    if with_boxes:
        boxes[:, ::2] = MEAN_BOX + 0.1 * np.tanh(features[:, ::2, :1])
    images = pd.DataFrame(
        {
            "image": [f"{i}.jpg" for i in range(n)],
            "class_name": [f"c{label}" for label in labels],
            "height": 48,
            "width": np.where(np.arange(n) % 4 == 0, 64, 80),
        }
    )
    groups = np.array([f"boat {i // 3 % n_groups}" for i in range(n)], object) if n_groups else None
    views = [f"view {v}" for v in range(n_views)]
    return HeadInputs(images, labels, groups, views, features.astype(np.float16), boxes)


def fitted(head, inputs, rows=None, seed=0, **options):
    """A head fitted on `rows`, the first N_TRAIN unless said."""
    config = TrainConfig(head=head, **{"metadata": "size", **options})
    return fit_classical(config, inputs, np.arange(N_TRAIN) if rows is None else rows, seed)


def predicted(head, inputs, rows):
    """Probabilities and boxes of `rows` under the first view."""
    return head.predict(inputs.features[0, rows], inputs.images.iloc[rows])


def check_sound(proba, known):
    """Rows sum to 1 and no known class gets 0."""
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-9)
    assert (proba[:, known] > 0).all()


@pytest.mark.parametrize("n_groups", [0, 6])
@pytest.mark.parametrize("head", HEADS)
def test_a_head_learns_classes_and_boxes_and_survives_saving(head, n_groups, tmp_path):
    inputs, rest = some_inputs(n_groups=n_groups), np.arange(N_TRAIN, 96)
    trained = fitted(head, inputs)
    proba, boxes = predicted(trained, inputs, rest)
    assert (proba.argmax(axis=1) == inputs.labels[rest]).mean() > 0.8
    check_sound(proba, [0, 1, 2])
    true = MEAN_BOX + 0.1 * np.tanh(inputs.features[0, rest, :1].astype(float))
    assert ((boxes - true) ** 2).mean() < 0.8 * ((MEAN_BOX - true) ** 2).mean()
    assert trained.takes_pooled
    path = tmp_path / f"fold_0{suffix_of(head)}"
    trained.save(path)
    loaded = load_classical(path, trained.encoder, trained.counts)
    for one, other in zip(predicted(loaded, inputs, rest), (proba, boxes), strict=True):
        np.testing.assert_array_equal(one, other)
    assert loaded.n_parameters == trained.n_parameters > 8


UNEVEN = [0] * 56 + [1] * 24 + [2] * 16
"""Classes of different sizes, which are shuffled."""


@pytest.mark.parametrize("options", [{"smote": True}, {"generate": 40}], ids=str)
@pytest.mark.parametrize("head", FILLED)
def test_made_rows_teach_beside_photos_and_come_from_training_rows_alone(head, options, monkeypatch):
    monkeypatch.setattr(adversarial, "N_STEPS", 5)
    labels = np.random.default_rng(1).permutation(UNEVEN)
    inputs, changed = (some_inputs(n_views=2, n_groups=6, labels=labels) for _ in range(2))
    changed.features[:, N_TRAIN:] = 100
    changed.labels[N_TRAIN:] = 2
    rest = np.arange(N_TRAIN, 96)
    plain, one, other = (
        fitted(head, each, **more) for each, more in ((inputs, {}), (inputs, options), (changed, options))
    )
    np.testing.assert_array_equal(one.counts, plain.counts)
    found = [predicted(each, inputs, rest) for each in (plain, one, other)]
    for first, second in zip(found[1], found[2], strict=True):
        np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(found[0][1], found[1][1])  # made rows have no box
    small = labels[rest] > 0
    assert found[1][0][small, 0].mean() < found[0][0][small, 0].mean()  # large classes are expected less


@pytest.mark.parametrize("head", FILLED)
def test_classes_that_are_filled_up_weigh_the_same_when_they_are_to(head):
    inputs = some_inputs(labels=np.random.default_rng(1).permutation(UNEVEN))
    rest = np.arange(N_TRAIN, 96)
    weighed, filled = (
        predicted(fitted(head, inputs, smote=True, class_weight=weight), inputs, rest)[0]
        for weight in ("balanced", "none")
    )
    np.testing.assert_allclose(weighed, filled, atol=1e-6)


@pytest.mark.parametrize("head", HEADS)
def test_rows_outside_training_do_not_matter(head):
    inputs, changed = some_inputs(n_views=2, n_groups=6), some_inputs(n_views=2, n_groups=6)
    changed.features[:, N_TRAIN:] = 100
    changed.boxes[:, N_TRAIN:] = 0.5
    changed.labels[N_TRAIN:] = 2
    changed.groups[N_TRAIN:] = "boat 0"
    changed.images.loc[N_TRAIN:, ["height", "width"]] = 999
    rest = np.arange(N_TRAIN, 96)
    one, other = (predicted(fitted(head, each), inputs, rest) for each in (inputs, changed))
    for first, second in zip(one, other, strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("head", HEADS)
def test_a_seed_says_it_all(head):
    inputs, rest = some_inputs(n_groups=6), np.arange(N_TRAIN, 96)
    first, again, other = (predicted(fitted(head, inputs, seed=seed), inputs, rest)[0] for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert head != "forest" or (first != other).any()


@pytest.mark.parametrize("n_groups", [0, 1, 2, 6])
@pytest.mark.parametrize("head", HEADS)
def test_a_class_of_one_image_and_few_groups(head, n_groups):
    labels = np.arange(96) % 2
    labels[[5, 90]] = 2  # one of them is a training row
    inputs = some_inputs(labels=labels, n_groups=n_groups)
    trained = fitted(head, inputs)
    proba, _ = predicted(trained, inputs, np.arange(96))
    check_sound(proba, [0, 1, 2])
    right = proba.argmax(axis=1) == labels
    assert right[labels < 2].mean() > 0.9
    if head == "svm":  # one image can't be learned from and held out
        np.testing.assert_allclose(proba[:, 2], smoothed_prior(trained.counts)[2])
    else:
        assert proba[5, 2] > proba[labels < 2, 2].mean()


@pytest.mark.parametrize("head", HEADS)
def test_features_far_from_all_others_get_finite_losses(head):
    trained = fitted(head, some_inputs())
    far = np.array([[6e4, -6e4] * 4, [-6e4, 6e4] * 4], np.float16)
    proba, boxes = trained.predict(far, some_inputs().images.iloc[:2])
    check_sound(proba, [0, 1, 2])
    assert ((boxes >= 0) & (boxes <= 1)).all()


@pytest.mark.parametrize("head", HEADS)
def test_a_class_that_training_lacks_gets_its_smoothed_prior(head):
    inputs = some_inputs(n_groups=6)
    rows = np.flatnonzero(inputs.labels != 1)
    proba, _ = predicted(fitted(head, inputs, rows), inputs, np.arange(6))
    np.testing.assert_allclose(proba[:, 1], 0.5 / (len(rows) + 1.5))
    check_sound(proba, [0, 1, 2])


@pytest.mark.parametrize("labels", [[0, 1], [0, 1, 2], [0, 0, 1], [0, 0, 1, 1]])
@pytest.mark.parametrize("head", HEADS)
def test_a_handful_of_images(head, labels):
    n = len(labels)
    inputs = some_inputs(n, labels=labels, n_groups=2)
    proba, boxes = predicted(fitted(head, inputs, np.arange(n)), inputs, np.arange(n))
    assert proba.shape == (n, max(labels) + 1)
    check_sound(proba, labels)
    assert np.isfinite(boxes).all()


@pytest.mark.parametrize("head", HEADS)
def test_one_class_only_learns_boxes(head):
    inputs = some_inputs(labels=np.zeros(96, int))
    trained = fitted(head, inputs)
    proba, boxes = predicted(trained, inputs, np.arange(4))
    np.testing.assert_array_equal(proba, np.ones((4, 1)))
    assert np.isfinite(boxes).all()
    assert trained.model["classifier"] is None


def test_one_class_of_several_in_training():
    inputs = some_inputs()
    rows = np.flatnonzero(inputs.labels == 2)
    proba, _ = predicted(fitted("linear", inputs, rows), inputs, np.arange(4))
    np.testing.assert_allclose(proba, np.tile(smoothed_prior(np.array([0, 0, len(rows)])), (4, 1)))


@pytest.mark.parametrize("head", HEADS)
def test_without_boxes_there_is_no_box_output(head):
    inputs = some_inputs(with_boxes=False)
    trained = fitted(head, inputs)
    assert trained.model["boxes"] is None
    assert np.isnan(predicted(trained, inputs, np.arange(4))[1]).all()


@pytest.mark.parametrize(("head", "tolerance"), [("linear", 1e-4), ("svm", 2e-2), ("forest", 0.2)])
def test_views_of_an_image_count_once(head, tolerance):
    """The same view four times is as one view, as far as solvers, and the chance of forests, allow."""
    one = some_inputs()
    four = dataclasses.replace(
        one,
        views=list("abcd"),
        features=np.tile(one.features, (4, 1, 1)),
        boxes=np.tile(one.boxes, (4, 1, 1)),
    )
    rest = np.arange(N_TRAIN, 96)
    single, many = (predicted(fitted(head, each), one, rest) for each in (one, four))
    np.testing.assert_allclose(single[0], many[0], atol=tolerance)
    np.testing.assert_allclose(single[1], many[1], atol=0.05)


@pytest.mark.parametrize("head", HEADS)
def test_every_view_is_learned_from(head):
    inputs = some_inputs(n_views=2)
    rest = np.arange(N_TRAIN, 96)
    both = predicted(fitted(head, inputs), inputs, rest)[0]
    inputs.features[1] = -inputs.features[1]
    assert (both != predicted(fitted(head, inputs), inputs, rest)[0]).any()


@pytest.mark.parametrize("head", HEADS)
def test_balanced_classes_raise_the_smaller_one(head):
    rng = np.random.default_rng(0)
    labels = (np.arange(96) % 8 == 0).astype(int)
    inputs = some_inputs(labels=labels, with_boxes=False)
    inputs.features[...] = rng.normal(size=inputs.features.shape) + 0.5 * labels[:, None]
    plain, balanced = (
        predicted(fitted(head, inputs, class_weight=weight), inputs, np.arange(N_TRAIN, 96))[0]
        for weight in ("none", "balanced")
    )
    assert balanced[:, 1].mean() > 1.2 * plain[:, 1].mean()


def test_maps_are_pooled_and_metadata_is_joined_unscaled():
    inputs = some_inputs()
    trained = fitted("linear", inputs)
    assert trained.model["scaler"].n_features_in_ == 8
    assert trained.model["classifier"]["coefficients"].shape == (1, 3, 8 + 2)
    assert trained.n_parameters == 2 * 8 + 3 * (8 + 2 + 1) + 4 * (8 + 2 + 1)
    maps = np.tile(inputs.features[0, :4, None, None], (1, 2, 3, 1))
    expected = predicted(trained, inputs, np.arange(4))[0]
    np.testing.assert_allclose(trained.predict(maps, inputs.images.iloc[:4])[0], expected, atol=1e-12)


def test_fewer_rows_than_columns_have_the_same_optimum():
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    inputs = some_inputs(n=40, with_boxes=False)
    features = np.concatenate([inputs.features, rng.normal(size=(1, 40, 60))], axis=2).astype(np.float16)
    inputs = dataclasses.replace(inputs, features=features)
    trained = fitted("linear", inputs, np.arange(40), metadata="none")
    columns = StandardScaler().fit_transform(features[0].astype(np.float64))
    plain = LogisticRegression(C=trained.model["classifier"]["cs"][0], tol=1e-8, max_iter=10_000)
    expected = plain.fit(columns, inputs.labels).predict_proba(columns)
    np.testing.assert_allclose(predicted(trained, inputs, np.arange(40))[0], expected, atol=1e-3)


@st.composite
def labelled_groups(draw):
    n = draw(st.integers(2, 24))
    labels = draw(st.lists(st.integers(0, 4), min_size=n, max_size=n))
    groups = draw(st.none() | st.lists(st.integers(0, 6), min_size=n, max_size=n))
    return np.array(labels), None if groups is None else np.array(groups)


@given(labelled_groups(), st.integers(0, 3))
def test_inner_folds_keep_groups_apart(drawn, seed):
    labels, groups = drawn
    fold = inner_folds(labels, groups, seed)
    np.testing.assert_array_equal(fold, inner_folds(labels, groups, seed))
    assert fold.shape == labels.shape
    used = np.unique(fold)
    np.testing.assert_array_equal(used, np.arange(len(used)))  # none is empty
    assert len(used) <= INNER_FOLDS
    if len(used) == 1:  # nothing can be held out: whatever it is, one class is left
        assert all(len(np.unique(np.delete(labels, i))) < 2 for i in range(len(labels)))
    if groups is not None and len(used) > 1:
        straddling = (pd.Series(fold).groupby(groups).nunique() > 1).any()
        can_hold_out = any(len(np.unique(labels[groups != group])) > 1 for group in groups)
        assert not (straddling and can_hold_out)


@given(labelled_groups())
def test_only_classes_of_one_group_are_split(drawn):
    labels, groups = drawn
    if groups is None:
        return
    split = split_lone_groups(labels, groups)
    for label in np.unique(labels):
        mine = labels == label
        if len(np.unique(groups[mine])) > 1:
            np.testing.assert_array_equal(split[mine], groups[mine])
        else:
            assert len(np.unique(split[mine])) == mine.sum()


def test_a_class_of_one_group_is_learned_by_svm():
    inputs = some_inputs(n_groups=6)
    inputs.groups[inputs.labels == 1] = "boat 0"
    trained = fitted("svm", inputs)
    np.testing.assert_array_equal(trained.model["classes"], [0, 1, 2])


def noisy_groups(seed):
    """Rows whose groups, each of one class, differ far more than classes do; with their groups."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(16), 10)
    labels = groups % 2
    offsets = 3 * rng.normal(size=(16, 24))
    columns = offsets[groups] + 0.3 * rng.normal(size=(160, 24))
    columns[:, 0] += labels
    each = np.ones(160)
    folds = np.zeros(160, np.int64)
    return Rows(columns, labels, np.full((160, 4), np.nan), each, each, groups, folds), groups


@pytest.mark.parametrize("seed", range(3))
def test_groups_held_out_choose_a_smaller_c(seed):
    rows, groups = noisy_groups(seed)
    by_group, at_random = (inner_folds(rows.labels, units, seed) for units in (groups, None))
    with threadpool_limits(1):
        grouped, random = (choose_c(dataclasses.replace(rows, fold=fold)) for fold in (by_group, at_random))
    assert grouped < random


def test_a_fixed_c_where_nothing_can_be_held_out():
    rows, _ = noisy_groups(0)
    assert choose_c(rows) == estimators.FIXED_C


def test_a_file_of_other_types_is_refused(tmp_path):
    import skops.io
    from sklearn.model_selection import PredefinedSplit

    trained = fitted("forest", some_inputs())
    path = tmp_path / "fold_0.skops"
    skops.io.dump({**trained.model, "boxes": PredefinedSplit([0, 1])}, path)
    with pytest.raises(FishError, match=r"fold_0\.skops can't be loaded \(it holds types .*PredefinedSplit"):
        load_classical(path, trained.encoder, trained.counts)
    skops.io.dump({"scaler": None}, path)
    with pytest.raises(FishError, match=r"fold_0\.skops can't be loaded \(it holds no head"):
        load_classical(path, trained.encoder, trained.counts)


def in_estimators(trained, inputs):
    """A linear head as it was kept before there were arrays: in scikit-learn's estimators, without roots."""
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.preprocessing import StandardScaler

    classifier, boxes = LogisticRegression(), Ridge()
    classifier.classes_ = trained.model["classes"]
    classifier.coef_, classifier.intercept_ = pooled_scores(trained.model["classifier"])
    if len(classifier.classes_) == 2:
        classifier.coef_ = classifier.coef_[1:] - classifier.coef_[:1]
        classifier.intercept_ = classifier.intercept_[1:] - classifier.intercept_[:1]
    boxes.coef_, boxes.intercept_ = trained.model["boxes"].coef_, trained.model["boxes"].intercept_
    parts = {"scaler": StandardScaler().fit(inputs.features[0, :N_TRAIN].astype(np.float32))}
    parts |= {name: trained.model[name] for name in ("classes", "prior_share")}
    return {**parts, "classifier": classifier, "boxes": boxes}


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_linear_head_of_skops_predicts_as_it_did(n_classes, tmp_path):
    import skops.io

    inputs = some_inputs(labels=np.arange(96) % n_classes)
    trained = fitted("linear", inputs)
    skops.io.dump(in_estimators(trained, inputs), tmp_path / "fold_0.skops")
    path = found(tmp_path / f"fold_0{suffix_of('linear')}")
    loaded = load_classical(path, trained.encoder, trained.counts)
    assert loaded.n_parameters == trained.n_parameters
    both = (predicted(each, inputs, np.arange(9)) for each in (trained, loaded))
    for one, other in zip(*both, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Heads by how their files' names end, and the files' contents."""
    folder, kept = tmp_path_factory.mktemp("saved"), {}
    for head in ("svm", "blend"):
        path, trained = folder / f"fold_0{suffix_of(head)}", fitted(head, some_inputs())
        trained.save(path)
        kept[suffix_of(head)] = trained, path.read_bytes()
    return kept


@pytest.mark.parametrize("suffix", [".skops", ".head.npz"])
@pytest.mark.parametrize("damage", ["missing", "empty", "no zip", "truncated", "flipped", "no schema"])
def test_a_damaged_file_is_named(damage, suffix, saved, tmp_path):
    trained, whole = saved[suffix]
    path = tmp_path / f"fold_0{suffix}"
    middle = len(whole) // 2
    flipped = (
        whole[:middle] + bytes(255 - byte for byte in whole[middle : middle + 64]) + whole[middle + 64 :]
    )
    parts = {"empty": b"", "no zip": b"no model", "truncated": whole[:-100], "flipped": flipped}
    if damage in parts:
        path.write_bytes(parts[damage])
    elif damage == "no schema":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("else.txt", "")
    with pytest.raises(FishError, match=rf"fold_0{re.escape(suffix)} can't be loaded \(.+\)\."):
        load_classical(path, trained.encoder, trained.counts)


@pytest.mark.parametrize(
    "change",
    [
        {"scale": np.ones(3)},
        {"coefficients": np.zeros((6, 3, 2), np.float32)},
        {"exponents": np.ones(2)},
        {"box_intercepts": np.zeros(5)},
        {"another": np.zeros(1)},
        {"mean": np.array([{}], object)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_arrays_that_do_not_go_together_are_refused(change, saved, tmp_path):
    trained, whole = saved[".head.npz"]
    with np.load(io.BytesIO(whole)) as arrays:
        parts = {**arrays, **change}
    np.savez(tmp_path / "fold_0.head.npz", **parts)
    with pytest.raises(FishError, match=r"fold_0\.head\.npz can't be loaded \(.+\)\."):
        load_classical(tmp_path / "fold_0.head.npz", trained.encoder, trained.counts)


def test_a_file_that_unpacks_to_more_than_it_is_is_refused(saved, tmp_path):
    trained, whole = saved[".head.npz"]
    with np.load(io.BytesIO(whole)) as arrays:
        np.savez_compressed(tmp_path / "fold_0.head.npz", **arrays)
    with pytest.raises(FishError, match="it is compressed, as no head is"):
        load_classical(tmp_path / "fold_0.head.npz", trained.encoder, trained.counts)


@pytest.mark.parametrize("head", ["blend", "linear"])
def test_arrays_predict_where_scikit_learn_was_never_imported(head, tmp_path):
    trained = fitted(head, some_inputs(), metadata="none")
    trained.save(tmp_path / "fold_0.head.npz")
    np.save(tmp_path / "features.npy", some_inputs().features[0])
    known = {"encoder": dataclasses.asdict(trained.encoder), "counts": trained.counts.tolist()}
    code = f"""
import json, sys
from pathlib import Path
import numpy as np, pandas as pd
from fishcli.dataset.metadata import encoder_from_json
from fishcli.heads.fit import load_fold
known = json.loads({json.dumps(json.dumps(known))})
head = load_fold(Path("fold_0.head.npz"), encoder_from_json(known["encoder"]), np.array(known["counts"]))
proba, _ = head.predict(np.load("features.npy"), pd.DataFrame({{"height": [48] * 96, "width": [64] * 96}}))
np.save("proba.npy", proba)
print(sorted({{"sklearn", "skops", "tensorflow", "keras"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
    proba, _ = predicted(trained, some_inputs(), np.arange(96))
    np.testing.assert_array_equal(np.load(tmp_path / "proba.npy"), proba)
