"""Options of `train` from end to end: what they change in a run, and what they leave alone."""

import dataclasses
import functools
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import make_image, write_competition
from head_inputs import some_inputs
from pipeline import CLASSES, compute, fit, submit, train_config, tree_hash

from fishcli.basics.errors import FishError
from fishcli.basics.files import read_json, write_json
from fishcli.dataset.layout.images import load_tests, load_train
from fishcli.features.store.recipe import Recipe
from fishcli.features.store.store import FeatureStore
from fishcli.heads.examples import PseudoRows
from fishcli.heads.fit import fit_fold
from fishcli.options.train import TrainConfig
from fishcli.runs.folders.opening import open_run
from fishcli.runs.run import Run
from fishcli.runs.training import fold_fits
from fishcli.runs.training.inputs import load_train_data
from fishcli.runs.training.pseudo import load_pseudo

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]

UNSEEN = "test_000.jpg"
"""A test image whose size no training image has."""
POOLED = Recipe("mobilenet_v2_035", "out_relu", "0" * 64, (64, 64), "squash", "avg", "keras", "pillow")
QUICK = {"folds": 2, "epochs": 3, "lr": 1e-2, "boxes": "none", "calibrate": "none"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Stores of maps and of an inner layer; the runs `run`, and `two` of 2 seeds.

    A third store says that it is pooled, and is empty.
    """
    root = tmp_path_factory.mktemp("trained")
    write_competition(root / "data")
    make_image(root / "data" / "test" / UNSEEN, size=(50, 90))
    names = {
        "pooled": FeatureStore.create(root / "data" / "features", POOLED, "random").store_dir,
        "cut": compute(root, layer="conv4_block3_out"),
        "maps": compute(root),
    }
    (root / "stores.json").write_text(json.dumps({kind: path.name for kind, path in names.items()}))
    fit_on(root, "maps")
    fit_on(root, "maps", name="two", seeds=2)
    return root


@pytest.fixture
def root(trained, tmp_path):
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return tmp_path


def store_of(root, kind):
    name = json.loads((root / "stores.json").read_text())[kind]
    return FeatureStore(root / "data" / "features" / name)


def options_on(root, kind, **changes):
    return {**QUICK, "features": store_of(root, kind).recipe.name, **changes}


def fit_on(root, kind, **changes):
    return fit(root, **options_on(root, kind, **changes))


def weights_of(model):
    return list(model.arrays().values())


def same_weights(one, other):
    return all((a == b).all() for a, b in zip(weights_of(one), weights_of(other), strict=True))


def read_oof(run_dir):
    oof = pd.read_csv(run_dir / "oof.csv", keep_default_na=False)
    return oof.rename(columns=lambda column: column.removeprefix("proba_"))


def assert_valid(root, **changes):
    """Predict: every test image has probabilities, which sum to 1. Returns them by image."""
    submission = submit(root, **changes).set_index("image")
    assert len(submission) == 6
    np.testing.assert_allclose(submission[CLASSES].sum(axis=1), 1, atol=1e-9)
    assert (submission[CLASSES] > 0).all(axis=None)
    return submission


def test_each_fold_keeps_a_head_a_seed(trained):
    names = {path.name.split(".")[0] for path in (trained / "models" / "two").glob("*.perceptron.npz")}
    assert names == {"fold_0", "fold_0_1", "fold_1", "fold_1_1"}
    run, two = (Run.open(trained / "models" / name) for name in ("run", "two"))
    first, second = two.load_fold(0)
    assert not same_weights(first.model, second.model)
    assert same_weights(run.load_fold(0)[0].model, first.model)
    assert len(json.loads((two.run_dir / "fold_0.json").read_text())["losses"]) == 2


def test_out_of_fold_predictions_are_the_mean_of_the_seeds(trained):
    two, store = Run.open(trained / "models" / "two"), store_of(trained, "maps")
    oof = read_oof(two.run_dir)
    sizes = load_train(trained / "data").set_index("image").loc[oof["image"]]
    features = store.read("train", "identity")
    for k in range(2):
        here = (oof["fold"] == k).to_numpy()
        each = [head.predict(features[here], sizes[here])[0] for head in two.load_fold(k)]
        np.testing.assert_allclose(oof.loc[here, CLASSES], np.mean(each, axis=0), atol=1e-6)
        assert np.abs(each[0] - each[1]).max() > 1e-3


def test_predictions_are_the_mean_of_all_folds_and_seeds(root):
    found = assert_valid(root, run="two")
    tests = load_tests(root / "data")["test"]
    folds = Run.open(root / "models" / "two").load_folds()
    assert [len(members) for members in folds] == [2, 2]
    heads = [head for members in folds for head in members]
    features = store_of(root, "maps").read("test", "identity")
    expected = np.mean([head.predict(features, tests)[0] for head in heads], axis=0)
    np.testing.assert_allclose(found.loc[tests["image"], CLASSES], expected, atol=1e-6)


def test_a_lost_seed_is_named(root):
    (root / "models" / "two" / "fold_1_1.perceptron.npz").unlink()
    with pytest.raises(FishError, match=r"fold 1 of the run two is missing or damaged: .*fold_1_1\.p"):
        submit(root, run="two")


@pytest.mark.parametrize(("head", "suffix"), [("fcn", ".weights.npz"), ("linear", ".head.npz")])
def test_a_head_goes_through_train_and_predict(root, head, suffix):
    plain = {"lr": TrainConfig.lr, "epochs": TrainConfig.epochs}
    options = {"epochs": 1} if head == "fcn" else plain
    run_dir = fit_on(root, "maps", head=head, name=head, boxes="largest", **options)
    assert {path.name for path in run_dir.glob(f"*{suffix}")} == {f"fold_0{suffix}", f"fold_1{suffix}"}
    assert_valid(root, run=head)
    metrics = json.loads((run_dir / "metrics.json").read_text())
    assert 0 < metrics["log_loss"] < 20
    assert metrics["box_iou"] >= 0
    table = pd.read_csv(run_dir / "test_tta1.csv")
    assert table[["x_min", "y_min", "x_max", "y_max"]].notna().all(axis=None)


def test_sizes_that_training_lacks_are_predicted(root):
    heads = [head for members in Run.open(root / "models" / "run").load_folds() for head in members]
    assert all(head.encoder.vocabulary and "90x50" not in head.encoder.vocabulary for head in heads)
    found = assert_valid(root, run="run")
    assert found.loc[UNSEEN, CLASSES].astype(float).max() < 1


def test_kinds_of_metadata_join(root):
    run_dir = fit_on(root, "maps", metadata="size-numeric+size-embedding", name="joined")
    encoder = json.loads((run_dir / "fold_0.json").read_text())["encoder"]
    assert encoder["vocabulary"] and len(encoder["mean"]) == 3
    head = Run.open(run_dir).load_fold(0)[0]
    assert head.encoder.n_embedded == len(encoder["vocabulary"])
    assert head.model.architecture.n_columns == len(encoder["vocabulary"]) + 3
    assert_valid(root, run="joined")


def test_a_memory_budget_of_0_reads_a_file_and_changes_no_number(root, capsys):
    default, before = root / "models" / "run", tree_hash(root / "data")
    from_file = fit_on(root, "maps", name="file", memory_budget=0)
    assert "read from a file" in capsys.readouterr().err
    for name in ("metrics.json", "oof.csv"):
        assert (from_file / name).read_bytes() == (default / name).read_bytes(), name
    assert tree_hash(root / "data") == before
    fit_on(root, "maps", name="file")
    assert "the run file exists with these settings" in capsys.readouterr().err


@pytest.mark.parametrize("options", [{"head": "fcn"}, {"pooling": "max"}], ids=str)
def test_what_needs_maps_is_refused_on_pooled_features(root, options):
    name = store_of(root, "pooled").recipe.name
    with pytest.raises(FishError, match=f"needs maps, but the store {name} holds pooled features"):
        fit_on(root, "pooled", name="none", **options)
    assert not (root / "models" / "none").exists()


@pytest.mark.parametrize("options", [{"mixup": 0.2}, {"focal": 1.0}, {"pseudo": "run"}], ids=str)
def test_hinge_with_soft_labels_is_refused_before_anything_is_read(tmp_path, options):
    with pytest.raises(FishError, match="needs probabilities, but --loss hinge has hard labels and scores"):
        fit(tmp_path, loss="hinge", **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("options", [{"pseudo": "rum"}, {"pseudo": "run", "folds": 3}], ids=str)
def test_a_refused_run_does_not_block_its_name(root, options):
    with pytest.raises(FishError):
        fit_on(root, "maps", name="again", **options)
    assert not (root / "models" / "again").exists()


def load_pseudo_for(root, **changes):
    """What the run `student`, which takes pooled features, would learn from."""
    config = train_config(root, **options_on(root, "maps", name="student", **changes))
    data = load_train_data(config)
    student, folds = open_run(config, data)
    return load_pseudo(config, student, folds, pooled=True)


def test_a_fold_learns_from_the_same_fold_of_the_other_run(root, monkeypatch):
    """Fold k gets the mean of the teacher's heads of fold k, and its confident rows alone."""
    teacher, store = Run.open(root / "models" / "two"), store_of(root, "maps")
    tests = load_tests(root / "data")["test"]
    features = store.read("test", "identity")
    by_fold = [
        np.mean([head.predict(features, tests)[0] for head in teacher.load_fold(k)], axis=0) for k in range(2)
    ]
    assert np.abs(by_fold[0] - by_fold[1]).max() > 1e-3
    confidence = float(np.median(np.concatenate(by_fold).max(axis=1)))
    calls = []

    def spy(config, inputs, rows, seed, given=None):
        calls.append((rows, given))
        return fit_fold(config, inputs, rows, seed, given)

    monkeypatch.setattr(fold_fits, "fit_fold", spy)
    run_dir = fit_on(root, "maps", name="student", pseudo="two", pseudo_confidence=confidence, epochs=1)
    fold = read_oof(run_dir)["fold"].to_numpy()
    pooled = features.astype(np.float32).mean(axis=(1, 2)).astype(np.float16)
    assert len(calls) == 2
    for k, (rows, given) in enumerate(calls):
        np.testing.assert_array_equal(rows, np.flatnonzero(fold != k))
        np.testing.assert_allclose(given.proba, by_fold[k], atol=1e-6)
        np.testing.assert_array_equal(given.rows, np.flatnonzero(given.proba.max(axis=1) >= confidence))
        assert list(given.images["image"]) == list(tests["image"])
        np.testing.assert_array_equal(given.features[0, np.arange(6)], pooled)
    assert 0 < sum(len(given.rows) for _, given in calls) < 12
    assert_valid(root, run="student")


def test_teacher_and_student_may_take_other_features(root):
    options = {"pseudo": "run", "pseudo_confidence": 0.0, "epochs": 1}
    student = Run.open(fit_on(root, "cut", name="student", **options))
    plain = Run.open(fit_on(root, "cut", name="plain", epochs=1))
    one, other = (run.load_fold(0)[0].model for run in (student, plain))
    assert one.architecture.feature_shape == (256,)
    assert not same_weights(one, other)


@pytest.mark.parametrize(
    "changes", [{"seed": 5, "groups": "none"}, {"folds": 3}, {"groups": "none"}], ids=str
)
def test_other_folds_of_the_teacher_are_refused(root, changes):
    with pytest.raises(FishError) as raised:
        fit_on(root, "maps", name="student", pseudo="run", **changes)
    assert str(raised.value) == (
        "--pseudo run: it was trained on other folds, so it has learned from images that this run is "
        "validated on. Train both with the same --folds, --groups and --seed, and the same version of "
        "fishcli."
    )


def test_an_incomplete_teacher_is_refused(root):
    (root / "models" / "run" / "metrics.json").unlink()
    with pytest.raises(FishError, match="the run run is not complete"):
        fit_on(root, "maps", name="student", pseudo="run")


def test_a_teacher_of_other_images_is_refused(root):
    config = root / "models" / "run" / "config.json"
    write_json(config, {**read_json(config), "dataset": "0" * 64}, sealed=True)
    with pytest.raises(FishError, match="--pseudo run: it was trained on other images or classes"):
        fit_on(root, "maps", name="student", pseudo="run")


def test_readable_images_of_all_test_folders_teach(root):
    shutil.copytree(root / "data" / "test", root / "data" / "test_b")
    make_image(root / "data" / "test_b" / "extra.jpg")
    (root / "data" / "test_b" / "test_002.jpg").write_bytes(b"no image")
    compute(root, skip_unreadable=True)
    store = store_of(root, "maps")
    maps = {split: store.read(split, "identity").astype(np.float32) for split in ("test", "test_b")}
    assert np.isnan(maps["test_b"]).any()
    source = load_pseudo_for(root, pseudo="run", pseudo_confidence=0.0, memory_budget=0)
    ids = list(store.images("test")["image"])
    others = store.images("test_b")["image"]
    others = others[others != "test_002.jpg"]
    assert list(source.images["split"]) == ["test"] * 6 + ["test_b"] * 6
    assert list(source.images["image"]) == [*ids, *others]
    means = np.concatenate([maps["test"], maps["test_b"][others.index]]).mean(axis=(1, 2)).astype(np.float16)
    for features in (source.theirs, source.ours):
        np.testing.assert_array_equal(features[0, np.arange(12)], means)
    rows = source.rows(0)
    np.testing.assert_array_equal(rows.rows, np.arange(12))
    assert np.isfinite(rows.proba).all()


def test_a_teacher_without_confidence_teaches_nothing(root, capsys):
    run_dir = fit_on(root, "maps", name="student", pseudo="run", pseudo_confidence=1.0)
    said = capsys.readouterr().err
    for k in range(2):
        assert f"Warning: fold {k}: run is confident of no test image; trained without any" in said
    assert (run_dir / "oof.csv").read_bytes() == (root / "models" / "run" / "oof.csv").read_bytes()


OPTIONS = {
    "mixup": {"mixup": 0.4},
    "sample pairing": {"sample_pairing": True},
    "smote": {"smote": True},
    "balance": {"balance": "group"},
    "focal": {"focal": 2.0},
    "class weight": {"class_weight": "balanced"},
    "smoothing": {"label_smoothing": 0.2},
    "metadata dropout": {"metadata_dropout": 0.5},
    "pseudo": {"pseudo_share": 0.25},
}


def lopsided(altered=False):
    """Pooled features of unequal classes, which groups give away; `altered` where training may not look."""
    inputs = some_inputs(shape=(8,), with_boxes=False)
    labels = np.where(np.arange(48) % 4 == 3, 0, inputs.labels)
    groups = np.where((labels == 0) == (np.arange(48) % 5 > 0), "a", "b").astype(object)
    images, features = inputs.images.copy(), inputs.features.copy()
    if altered:
        features[:, :18] = 50
        labels[:18] = labels[:18][::-1]
        groups[:18] = "c"
        images.loc[:17, ["height", "width"]] = 999
    return dataclasses.replace(inputs, images=images, labels=labels, groups=groups, features=features)


def fit_lopsided(name, altered=False):
    """The weights of a head of one epoch, trained on the last 30 rows."""
    config = TrainConfig(head="gap", epochs=1, lr=1e-2, batch_size=8, **OPTIONS.get(name, {}))
    rng = np.random.default_rng(9)
    given = PseudoRows(
        images=lopsided().images.iloc[:6],
        features=rng.normal(size=(1, 6, 8)).astype(np.float16),
        rows=np.array([0, 2, 5]),
        proba=rng.dirichlet(np.ones(3), 6),
    )
    pseudo = given if name == "pseudo" else None
    return weights_of(fit_fold(config, lopsided(altered), np.arange(18, 48), 3, pseudo)[0].model)


plain_weights = functools.cache(lambda: fit_lopsided("plain"))


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_matters_is_reproducible_and_sees_training_rows_only(name):
    weights = fit_lopsided(name)
    assert all(np.isfinite(each).all() for each in weights)
    for one, other in zip(weights, fit_lopsided(name, altered=True), strict=True):
        np.testing.assert_array_equal(one, other)
    assert any((one != other).any() for one, other in zip(weights, plain_weights(), strict=True))


def test_hinge_predicts_probabilities():
    inputs = some_inputs(n=90, shape=(8,), with_boxes=False)
    config = TrainConfig(head="gap", epochs=6, lr=5e-2, batch_size=16, loss="hinge")
    head, _ = fit_fold(config, inputs, np.arange(60), seed=0)
    proba, _ = head.predict(inputs.features[0, 60:], inputs.images.iloc[60:])
    assert ((proba >= 0) & (proba <= 1)).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-6)
    assert (proba.argmax(axis=1) == inputs.labels[60:]).mean() > 0.8
    assert -np.log(proba[np.arange(30), inputs.labels[60:]]).mean() < np.log(3)
