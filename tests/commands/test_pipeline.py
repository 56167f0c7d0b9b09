"""train, predict and ensemble, on one tiny competition."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import write_competition
from pipeline import (
    CLASSES,
    complete_arrays,
    compute,
    fit,
    predict_config,
    rewrite_oof,
    submit,
    train_config,
    tree_hash,
)

from fishcli.basics.errors import FishError
from fishcli.basics.files import digests_of, read_json, write_json
from fishcli.commands import ensemble, predict, score, train
from fishcli.dataset.classes import labels_of, proba_columns
from fishcli.dataset.folds import make_folds
from fishcli.features.store.lists import list_stores
from fishcli.features.store.store import FeatureStore
from fishcli.options.predict import EnsembleConfig, ScoreConfig
from fishcli.runs.folders import opening
from fishcli.runs.predicting import images as predicting
from fishcli.runs.run import Run
from fishcli.scoring.calibration import find_temperature, with_temperature
from fishcli.scoring.metrics import log_loss

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Features of two views and a copy; the runs `run` (gap, 2 views) and `dense` on the same folds."""
    root = tmp_path_factory.mktemp("trained")
    write_competition(root / "data")
    compute(root, views=2, augment=1)
    fit(root, views=2, epochs=12, lr=5e-3, metadata="size-numeric")
    fit(root, views=2, head="dense", name="dense")
    return root


@pytest.fixture
def root(trained, tmp_path):
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return tmp_path


def the_store(root):
    return FeatureStore(list_stores(root / "data" / "features")[0])


def read_oof(root, name="oof.csv", run="run"):
    """Out-of-fold predictions, the classes' columns under the classes' names."""
    oof = pd.read_csv(root / "models" / run / name, keep_default_na=False)
    return oof.rename(columns=lambda column: column.removeprefix("proba_"))


def test_a_run_folder_holds_what_the_design_says(trained):
    names = {path.name for path in (trained / "models" / "run").iterdir()}
    assert names >= {"config.json", "folds.csv", "oof.csv", "oof_tta2.csv", "oof_boxes.csv", "metrics.json"}
    assert names >= {f"fold_{k}.perceptron.npz" for k in range(3)}
    assert not [name for name in names if "partial" in name]
    oof = read_oof(trained)
    header = (trained / "models" / "run" / "oof.csv").read_text().splitlines()[0]
    assert header == "image,class_name,fold,group,proba_ALB,proba_BET,proba_NoF"
    assert len(oof) == 24
    np.testing.assert_allclose(oof[CLASSES].sum(axis=1), 1)


def test_folds_are_grouped_and_metrics_say_so(trained):
    metrics = json.loads((trained / "models" / "run" / "metrics.json").read_text())
    assert metrics["folds"] == "grouped"
    assert metrics["prior_log_loss"] == pytest.approx(np.log(3), abs=0.02)
    assert metrics["explained"] == pytest.approx(1 - metrics["log_loss"] / metrics["prior_log_loss"])
    assert 0 < metrics["box_iou"] <= 1
    assert set(metrics["by_views"]) == {"1", "2"}
    oof = read_oof(trained)
    assert (oof.groupby("group")["fold"].nunique() == 1).all()
    chosen = oof[CLASSES].to_numpy()[np.arange(24), [CLASSES.index(name) for name in oof["class_name"]]]
    assert metrics["log_loss"] == pytest.approx(-np.log(chosen).mean(), rel=1e-6)


def test_the_screen_names_the_folds_and_the_prior(root, capsys):
    shown = train.run(train_config(root, views=2, epochs=12, lr=5e-3, metadata="size-numeric"))
    assert "(grouped folds; class prior " in shown
    assert "IoU>0.5" in shown
    assert shown.splitlines()[-1] == str(root / "models" / "run")
    assert "what it has is kept" in capsys.readouterr().err


def test_the_same_settings_give_the_same_numbers_elsewhere(trained, tmp_path):
    shutil.copytree(trained / "data", tmp_path / "data")
    again = fit(tmp_path, views=2, head="dense", name="other")
    for name in ("oof.csv", "oof_tta2.csv", "oof_boxes.csv", "folds.csv", "metrics.json"):
        assert (again / name).read_bytes() == (trained / "models" / "dense" / name).read_bytes(), name


def test_a_run_with_other_settings_is_not_overwritten(root):
    before = tree_hash(root / "models")
    with pytest.raises(
        FishError, match=r"exists with other --epochs, --lr, --metadata\. Choose another --name"
    ):
        fit(root, views=2)
    assert tree_hash(root / "models") == before


def test_a_run_does_not_go_on_with_other_groups_or_boxes(root):
    groups = pd.read_csv(root / "data" / "groups.csv")
    groups["group"] = [f"g{i % 6}" for i in range(len(groups))]
    groups.to_csv(root / "data" / "groups.csv", index=False)
    with pytest.raises(FishError, match="exists with other groups, folds, boxes or --pseudo run"):
        fit(root, views=2, head="dense", name="dense")


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden"])
def test_a_name_is_no_path(root, name):
    with pytest.raises(FishError, match="expected a plain name"):
        fit(root, name=name)


def test_calibration_is_found_on_the_other_folds_and_told(trained):
    metrics = json.loads((trained / "models" / "run" / "metrics.json").read_text())
    oof = read_oof(trained)
    labels = np.array([CLASSES.index(name) for name in oof["class_name"]])
    raw = np.zeros((len(oof), 3))
    for k in range(3):
        with np.load(trained / "models" / "run" / f"fold_{k}.npz") as kept:
            raw[oof["fold"] == k] = kept["proba"][0]
    assert metrics["raw_log_loss"] == pytest.approx(log_loss(labels, raw))
    assert metrics["temperature"] == pytest.approx(find_temperature(labels, raw))
    others = (oof["fold"] != 0).to_numpy()
    temperature = find_temperature(labels[others], raw[others])
    expected = with_temperature(raw[~others], temperature)
    np.testing.assert_allclose(oof.loc[~others, CLASSES], expected, atol=1e-9)


def test_a_temperature_that_does_not_pay_is_not_used(root, monkeypatch, capsys):
    def worse(labels, proba, fold):
        return np.full(proba.shape, 1e-3) + 0.997 * (np.arange(3) == (labels[:, None] + 1) % 3), {}

    monkeypatch.setattr("fishcli.runs.training.report.nested_calibration", worse)
    text = train.run(train_config(root, name="run", views=2, epochs=12, lr=5e-3, metadata="size-numeric"))
    metrics = json.loads((root / "models" / "run" / "metrics.json").read_text())
    assert metrics["temperature"] == 1
    assert metrics["log_loss"] == metrics["raw_log_loss"]
    assert "does not pay, so none is used" in text


def test_without_calibration_predictions_stay_as_the_heads_made_them(root):
    metrics = json.loads((fit(root, name="plain", calibrate="none", epochs=1) / "metrics.json").read_text())
    assert metrics["temperature"] == 1
    assert metrics["log_loss"] == metrics["raw_log_loss"]


def test_names_count_up_and_an_interrupted_run_goes_on(root, monkeypatch):
    first = fit(root, name=None, epochs=1)
    assert first.name == "fishnet-gap-1"
    second = fit(root, name=None, epochs=1)
    assert second.name == "fishnet-gap-2"
    assert (first / "oof.csv").read_bytes() == (second / "oof.csv").read_bytes()
    (second / "metrics.json").unlink()
    (second / "fold_2.json").unlink()
    kept = (second / "fold_0.perceptron.npz").stat().st_mtime_ns
    assert fit(root, name=None, epochs=1) == second
    assert (second / "fold_0.perceptron.npz").stat().st_mtime_ns == kept
    assert (first / "oof.csv").read_bytes() == (second / "oof.csv").read_bytes()


def test_a_run_of_whole_keras_files_is_read_and_gone_on_with(root):
    """As versions before architectures wrote it."""
    run_dir = fit(root, name="older", head="attention", epochs=1)
    expected, run = submit(root, run="older"), Run.open(run_dir)
    for k in range(3):
        path = run_dir / f"fold_{k}.keras"
        run.load_fold(k)[0].model.save(path)
        run.model_path(k, 0).unlink()
        described = read_json(run_dir / f"fold_{k}.json")
        write_json(run_dir / f"fold_{k}.json", {**described, "files": digests_of([path])}, sealed=True)
    for path in run_dir.glob("architecture_*"):
        path.unlink()
    pd.testing.assert_frame_equal(submit(root, run="older"), expected)
    assert run.model_files() == [run_dir / f"fold_{k}.keras" for k in range(3)]
    for name in ("fold_2.json", "metrics.json"):
        (run_dir / name).unlink()
    fit(root, name="older", head="attention", epochs=1)
    assert [path.name for path in run.model_files()][:3] == [
        "fold_0.keras",
        "fold_1.keras",
        "fold_2.weights.npz",
    ]
    pd.testing.assert_frame_equal(submit(root, run="older"), expected)


def test_a_run_whose_heads_keras_trained_is_read_where_numpy_trains_them_now(root):
    """As versions before kept `gap` and `dense`; any Keras head will do for one."""
    run_dir, others = fit(root, name="older", epochs=1), fit(root, name="keras", head="attention", epochs=1)
    for path in [*others.glob("architecture_*"), *others.glob("fold_*")]:
        shutil.copy(path, run_dir)
    for path in run_dir.glob("*.perceptron.npz"):
        path.unlink()
    assert {path.suffixes[0] for path in Run.open(run_dir).model_files()} == {".weights", ".json"}
    submit(root, run="older")
    shown = np.random.default_rng(0).random((4, *the_store(root).read("train", "identity").shape[1:]))
    images = pd.DataFrame({"height": [48] * 4, "width": 64})
    said, wanted = (Run.open(each).load_fold(0)[0].predict(shown, images) for each in (run_dir, others))
    np.testing.assert_array_equal(said[0], wanted[0])


def dealt_otherwise(class_names, groups, n_folds, seed):
    """Folds as another version of fishcli might deal them."""
    return (make_folds(class_names, groups, n_folds, seed) + 1) % n_folds


@pytest.mark.parametrize("name", [None, "old"])
def test_a_run_that_another_version_began_keeps_its_folds(root, monkeypatch, name):
    with monkeypatch.context() as then:
        then.setattr(opening, "make_folds", dealt_otherwise)
        run_dir = fit(root, name=name, head="linear", epochs=60)
    folds, whole = (run_dir / "folds.csv").read_bytes(), (run_dir / "oof.csv").read_bytes()
    assert fit(root, name=run_dir.name, head="linear", epochs=60) == run_dir  # complete: nothing to do
    for name_of_file in ("metrics.json", "oof.csv", "fold_2.json"):
        (run_dir / name_of_file).unlink()
    assert fit(root, name=name, head="linear", epochs=60) == run_dir
    assert (run_dir / "folds.csv").read_bytes() == folds
    assert (run_dir / "oof.csv").read_bytes() == whole
    assert fit(root, name="new", head="linear", epochs=60) != run_dir
    assert (root / "models" / "new" / "folds.csv").read_bytes() != folds


def test_damaged_folds_are_written_anew(root):
    path = root / "models" / "dense" / "folds.csv"
    whole = path.read_bytes()
    path.write_text(path.read_text().replace(",0,", ",1,", 1))
    (path.parent / "metrics.json").unlink()
    (path.parent / "fold_2.json").unlink()
    fit(root, views=2, head="dense", name="dense")
    assert path.read_bytes() == whole


def test_a_submission_has_the_samples_rows_and_columns(root):
    submission = submit(root)
    sample = pd.read_csv(root / "data" / "sample_submission.csv")
    assert list(submission.columns) == list(sample.columns)
    assert list(submission["image"]) == list(sample["image"])
    np.testing.assert_allclose(submission[CLASSES].sum(axis=1), 1, atol=1e-9)


def test_a_prediction_is_the_mean_of_folds_and_views(root):
    submission = submit(root, tta=2).set_index("image")
    run = Run.open(root / "models" / "run")
    store = the_store(root)
    tests = pd.DataFrame({"image": store.images("test")["image"]})
    from fishcli.dataset.layout.images import load_tests

    sizes = load_tests(root / "data")["test"]
    temperature = run.temperature(2)
    assert abs(np.log(temperature)) > 0.05
    folds = []
    for (head,) in run.load_folds():
        views = [head.predict(store.read("test", view), sizes)[0] for view in ("identity", "hflip")]
        powers = np.mean(views, axis=0) ** (1 / temperature)
        folds.append(powers / powers.sum(axis=1, keepdims=True))
    expected = pd.DataFrame(np.mean(folds, axis=0), tests["image"], CLASSES)
    np.testing.assert_allclose(submission[CLASSES], expected.loc[submission.index], atol=1e-5)


def test_a_head_trained_on_pooled_maps_predicts_from_maps(root):
    fit(root, name="pooled", boxes="none")
    submission = submit(root, run="pooled")
    np.testing.assert_allclose(submission[CLASSES].sum(axis=1), 1, atol=1e-9)
    table = pd.read_csv(root / "models" / "pooled" / "test_tta1.csv")
    assert table["x_min"].isna().all()


@pytest.mark.parametrize("mean", ["geometric", "vote"])
def test_other_means_are_valid(root, mean):
    submission = submit(root, mean=mean)
    np.testing.assert_allclose(submission[CLASSES].sum(axis=1), 1, atol=1e-9)
    assert (submission[CLASSES] > 0).all(axis=None)


def test_clip_lifts_small_probabilities(root):
    submission = submit(root, clip=0.1)
    assert submission[CLASSES].min(axis=None) >= 0.1 / 1.2
    np.testing.assert_allclose(submission[CLASSES].sum(axis=1), 1, atol=1e-9)


def test_missing_views_are_computed_and_an_unknown_gain_is_said(root, capsys):
    assert "centre90" not in complete_arrays(the_store(root), "test")
    submit(root, tta=4)
    assert "centre90" in complete_arrays(the_store(root), "test")
    assert "rot180" not in complete_arrays(the_store(root), "test")
    said = capsys.readouterr().err
    assert "no out-of-fold figure for 4 views" in said
    assert "fishcli train --models-dir" in said and "--views 4 " in said


def test_auto_takes_the_views_that_paid_out_of_fold(root, capsys):
    by_views = json.loads((root / "models" / "run" / "metrics.json").read_text())["by_views"]
    best = min(by_views, key=lambda n: by_views[n]["log_loss"])
    pd.testing.assert_frame_equal(submit(root, tta="auto"), submit(root, tta=best))
    assert f"--tta auto takes {best} view" in capsys.readouterr().err
    with pytest.raises(FishError, match="--tta 9: expected 1 to 8 "):
        submit(root, tta="9")


def test_a_run_of_an_older_version_has_the_symmetries(root, capsys):
    path = root / "models" / "run" / "config.json"
    known = read_json(path)
    assert known["settings"]["view_names"] == "identity,hflip"
    for name in ("view_set", "view_names"):
        del known["settings"][name]
    write_json(path, known, sealed=True)
    assert Run.open(path.parent).views == ["identity", "hflip"]
    assert "--view-set square" in Run.open(path.parent).train_line()
    submit(root, tta=4)
    assert {"vflip", "rot180"} <= set(complete_arrays(the_store(root), "test"))
    fit(root, views=2, epochs=12, lr=5e-3, metadata="size-numeric")
    assert "what it has is kept" in capsys.readouterr().err
    assert read_json(path)["settings"]["view_set"] == "upright"


def test_a_mix_of_views_by_name(root):
    fit(root, head="linear", metadata="none", view_names="random2,identity", epochs=60, name="mix")
    run = Run.open(root / "models" / "mix")
    assert (run.views, run.settings["views"]) == (["identity", "random2"], 2)
    assert "--view-names identity,random2" in run.train_line()
    submit(root, run="mix", tta=3)
    assert {"random2", "hflip"} <= set(complete_arrays(the_store(root), "test"))


def test_predicted_boxes_lie_in_the_photo(root):
    submit(root, tta=2)
    table = pd.read_csv(root / "models" / "run" / "test_tta2.csv")
    corners = table[["x_min", "y_min", "x_max", "y_max"]].to_numpy()
    assert (corners >= 0).all() and (corners <= 1).all()
    assert (corners[:, 2:] >= corners[:, :2]).all()


def test_small_batches_change_nothing_and_read_the_image_list_no_more_often(root, monkeypatch):
    reads, read = [], FeatureStore.images
    monkeypatch.setattr(
        FeatureStore, "images", lambda store, split: reads.append(split) or read(store, split)
    )
    at_once, n_reads = submit(root), len(reads)
    monkeypatch.setattr(predicting, "ROWS_AT_ONCE", 1)
    one_by_one = submit(root)
    assert len(reads) == 2 * n_reads
    pd.testing.assert_frame_equal(one_by_one, at_once, check_exact=False, rtol=1e-5)


def test_an_unreadable_test_image_is_named_and_gets_the_prior_until_it_is_mended(root, capsys):
    before = submit(root).set_index("image")
    path = root / "data" / "test" / "test_002.jpg"
    whole = path.read_bytes()
    path.write_bytes(whole[:300])
    submission = submit(root).set_index("image")
    np.testing.assert_allclose(submission.loc["test_002.jpg", CLASSES].astype(float), 1 / 3)
    others = (submission.drop("test_002.jpg"), before.drop("test_002.jpg"))
    pd.testing.assert_frame_equal(*others, check_exact=False, rtol=1e-5)
    assert "1 images of test can't be read: test_002.jpg (" in capsys.readouterr().err
    assert np.isnan(the_store(root).read("test", "identity")).any(axis=(1, 2, 3)).sum() == 1
    with pytest.raises(FishError, match=r"1 images of test can't be read:\n  test_002\.jpg"):
        compute(root, views=2, augment=1)  # nobody chose to go on without it
    path.write_bytes(whole)
    assert submit(root).set_index("image").equals(before)


def test_the_line_that_hands_it_in_tells_what_was_promised(root, capsys):
    loss = read_json(root / "models" / "run" / "metrics.json")["log_loss"]
    submit(root, slug="fish")
    said = capsys.readouterr().err
    assert f"run.csv -m 'run: out-of-fold {loss:.4f} (grouped)'" in said
    table = ensemble.run(ensemble_config(root, "run", "dense", slug="fish")).splitlines()
    (ensembled,) = [line.split() for line in table if line.startswith("ensemble")]
    assert f"-m 'run+dense: out-of-fold {ensembled[2]} (grouped)'" in capsys.readouterr().err


def test_strict_fails_where_a_test_image_is_unreadable(root):
    path = root / "data" / "test" / "test_002.jpg"
    path.write_bytes(b"no photo")
    with pytest.raises(
        FishError, match=r"1 images of test can't be read: test_002.jpg .* leave --strict out"
    ):
        submit(root, strict=True)
    with pytest.raises(FishError, match="leave --strict out"):
        ensemble.run(ensemble_config(root, "run", "dense", strict=True))
    ensemble.run(ensemble_config(root, "run", "dense"))
    submission = pd.read_csv(root / "submissions" / "run+dense.csv").set_index("image")
    np.testing.assert_allclose(submission.loc["test_002.jpg", CLASSES].astype(float), 1 / 3)


def test_an_unreadable_training_image_is_left_out(root, capsys):
    path = root / "data" / "train" / "ALB" / "img_001.jpg"
    path.write_bytes(b"no image")
    compute(root, views=2, augment=1, skip_unreadable=True)
    fit(root, name="without")
    assert len(read_oof(root, run="without")) == 23
    assert "1 unreadable training images are left out: ALB/img_001.jpg" in capsys.readouterr().err


def test_predict_needs_no_training_photos(root, capsys):
    whole = submit(root)
    (root / "data" / "train" / "ALB" / "img_000.jpg").rename(root / "data" / "train" / "BET" / "moved.jpg")
    capsys.readouterr()
    assert submit(root).equals(whole)
    assert "the run run was trained on other images, or other classes" in capsys.readouterr().err
    shutil.rmtree(root / "data" / "train")
    assert submit(root).equals(whole)
    assert "trained on other images" not in capsys.readouterr().err


def test_several_samples_give_several_submissions(root):
    data = root / "data"
    (data / "test").rename(data / "test_stg1")
    shutil.rmtree(next((data / "features").iterdir()) / "test")
    shutil.copytree(data / "test_stg1", data / "test_stg2")
    sample = pd.read_csv(data / "sample_submission.csv")
    (data / "sample_submission.csv").unlink()
    sample[["NoF", "ALB", "BET", "image"]].to_csv(data / "sample_submission_stg1.csv", index=False)
    sample["image"] = "test_stg2/" + sample["image"]
    sample.to_csv(data / "sample_submission_stg2.csv", index=False)
    paths = predict.run(predict_config(root)).splitlines()
    assert [path.rsplit("/")[-1] for path in paths] == ["run_stg1.csv", "run_stg2.csv"]
    one, two = (pd.read_csv(path) for path in paths)
    assert list(one.columns) == ["NoF", "ALB", "BET", "image"]
    assert list(two["image"]) == list(sample["image"])
    np.testing.assert_allclose(one[CLASSES], two[CLASSES], atol=1e-6)


def ensemble_config(root, *runs, **changes):
    places = {"data_dir": root / "data", "models_dir": root / "models"}
    return EnsembleConfig(
        **{**places, "submissions_dir": root / "submissions", "runs": list(runs), **changes}
    )


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """A competition whose classes are called as our own columns are, and a run on it."""
    root = tmp_path_factory.mktemp("odd")
    data_dir = write_competition(root / "data", classes=ODD, n_per_class=4, n_test=9)
    names = [path.name for path in sorted((data_dir / "test").iterdir())]
    lines = [",".join(["image", *ODD]), *(f"{name},{'1,' * (len(ODD) - 1)}1" for name in names)]
    (data_dir / "sample_submission.csv").write_text("\n".join(lines) + "\n")
    compute(root)
    fit(root, epochs=1, boxes="largest")
    fit(root, epochs=1, boxes="none", head="dense", name="dense")
    return root


ODD = ["image", "class_name", "fold", "group", "split", "stage", "x_min", "proba_fold", "class"]


def test_a_class_may_be_called_as_our_own_columns_are(odd, capsys):
    run = Run.open(odd / "models" / "run")
    metrics, oof = run.read_metrics(), run.read_oof(1)
    labels = labels_of(oof["class_name"], run.class_names)
    assert log_loss(labels, oof[proba_columns(run.class_names)].to_numpy()) == metrics["log_loss"]
    assert set(oof["fold"]) == {0, 1, 2}
    shown = predict.run(predict_config(odd))
    assert f"out-of-fold log loss {metrics['log_loss']:.4f}" in capsys.readouterr().err
    submission = pd.read_csv(shown, header=None, dtype=str)
    assert list(submission.iloc[0]) == ["image", *ODD]
    np.testing.assert_allclose(submission.iloc[1:, 1:].astype(float).sum(axis=1), 1)
    by_key = pd.read_csv(odd / "models" / "run" / "test_tta1.csv").set_index("image")
    for column, name in enumerate(ODD, 1):
        expected = by_key[f"proba_{name}"].loc[submission.iloc[1:, 0]]
        np.testing.assert_allclose(submission.iloc[1:, column].astype(float), expected)
    ensemble.run(ensemble_config(odd, "run", "dense"))
    solution = ScoreConfig(
        submissions=[Path(shown)], solution=odd / "data" / "solution.csv", data_dir=odd / "data"
    )
    assert len(score.run(solution).splitlines()) == 6


def test_predictions_of_before_the_prefix_are_read(odd, root):
    for path, names in ((odd, ODD), (root, CLASSES)):
        run_dir = path / "models" / "run"
        shutil.copytree(run_dir, path / "models" / "old", dirs_exist_ok=True)
        old = Run.open(path / "models" / "old")
        expected = old.read_oof(1)
        header, _, rest = (old.run_dir / "oof.csv").read_text().partition("\n")
        assert header.endswith(",".join(proba_columns(sorted(names))))
        bare = ",".join(["image", "class_name", "fold", "group", *sorted(names)])
        (old.run_dir / "oof.csv").write_text(f"{bare}\n{rest}")
        metrics = old.read_metrics()
        metrics["files"] |= digests_of([old.run_dir / "oof.csv"])
        write_json(old.run_dir / "metrics.json", metrics, sealed=True)
        pd.testing.assert_frame_equal(old.read_oof(1), expected)
        shutil.rmtree(old.run_dir)


@pytest.mark.parametrize("blend", ["oof", "equal"])
def test_an_ensemble_mixes_the_runs(root, blend):
    shown = ensemble.run(ensemble_config(root, "run", "dense", blend=blend, tta=2))
    mixed = pd.read_csv(shown.splitlines()[-1]).set_index("image")[CLASSES]
    one, two = (submit(root, run=run, tta=2).set_index("image")[CLASSES] for run in ("run", "dense"))
    weights = {line.split()[0]: float(line.split()[1]) for line in shown.splitlines()[1:3]}
    np.testing.assert_allclose(mixed, weights["run"] * one + weights["dense"] * two, atol=1e-3)
    if blend == "equal":
        assert weights == {"run": 0.5, "dense": 0.5}


def test_runs_on_other_folds_are_not_blended(root):
    fit(root, name="moved", seed=5, groups="none", views=2, epochs=1)
    with pytest.raises(FishError, match="the runs run and moved have different folds"):
        ensemble.run(ensemble_config(root, "run", "moved"))


@pytest.mark.parametrize("blend", ["greedy", "stack"])
def test_all_runs_of_the_newest_ones_folds_are_blended_and_others_named(root, blend, tmp_path, capsys):
    runs = {name: Run.open(root / "models" / name) for name in ("run", "dense")}
    for name in (*runs, "short", "elsewhere"):
        shutil.copytree(root / "models" / name if name in runs else runs["run"].run_dir, tmp_path / name)
    (tmp_path / "short" / "metrics.json").unlink()
    oof = pd.read_csv(tmp_path / "elsewhere" / "oof.csv")
    oof["fold"] = oof["fold"].max() - oof["fold"]
    rewrite_oof(tmp_path / "elsewhere", oof)
    shutil.copytree(tmp_path / "run", tmp_path / "third")
    for seconds, name in enumerate(["elsewhere", "run", "dense", "third"]):  # the newest comes last
        os.utime(tmp_path / name / "metrics.json", (2e9 + seconds, 2e9 + seconds))
    shown = ensemble.run(ensemble_config(root, models_dir=tmp_path, all=True, blend=blend))
    assert (
        "elsewhere is left out: the runs third and elsewhere have different folds" in capsys.readouterr().err
    )
    table = [line.split() for line in shown.splitlines()[:5]]
    assert [line[0] for line in table] == ["run", "third", "dense", "run", "ensemble"]
    assert "ensemble without it" in shown.splitlines()[0]
    assert Path(shown.splitlines()[-1]).name.startswith("all")
    mixed = pd.read_csv(shown.splitlines()[-1])[CLASSES]
    np.testing.assert_allclose(mixed.sum(axis=1), 1, atol=1e-6)


def test_an_ensemble_needs_out_of_fold_predictions_of_its_views(root):
    with pytest.raises(FishError, match="no out-of-fold predictions for 4 views"):
        ensemble.run(ensemble_config(root, "run", "dense", tta=4))


def test_a_submission_can_be_scored(root):
    submit(root)
    config = ScoreConfig(
        data_dir=root / "data",
        submissions=[root / "submissions" / "run.csv"],
        solution=root / "data" / "solution.csv",
    )
    shown = score.run(config)
    assert "log loss" in shown and "prior" in shown
    assert "group boat_0" in shown


def test_without_groups_folds_are_random_and_that_is_said(root, capsys):
    (root / "data" / "groups.csv").unlink()
    shown = train.run(train_config(root, name="random", epochs=1))
    assert "(random folds; class prior " in shown
    assert "may be far worse" in shown
    assert "folds are RANDOM" in capsys.readouterr().err
    assert json.loads((root / "models" / "random" / "metrics.json").read_text())["folds"] == "random"


def test_more_folds_than_groups(root):
    with pytest.raises(FishError, match="--folds 5 is more than the 4 groups"):
        fit(root, name="many", folds=5)


def test_one_class_learns_boxes_and_without_boxes_is_refused(tmp_path, capsys):
    write_competition(tmp_path / "data", classes=("ALB",), n_per_class=12)
    compute(tmp_path)
    fit(tmp_path)
    assert "the class loss is off" in capsys.readouterr().err
    assert json.loads((tmp_path / "models" / "run" / "metrics.json").read_text())["box_iou"] > 0
    shutil.rmtree(tmp_path / "data" / "boxes")
    with pytest.raises(FishError, match="one class only"):
        fit(tmp_path, name="none")


def test_missing_commands_before_are_named(tmp_path):
    write_competition(tmp_path / "data")
    with pytest.raises(FishError, match="Compute them first: fishcli features"):
        fit(tmp_path)
    with pytest.raises(FishError, match="Train one first: fishcli train"):
        submit(tmp_path)


def test_an_incomplete_run_is_not_predicted_with(root):
    (root / "models" / "run" / "metrics.json").unlink()
    with pytest.raises(FishError, match="the run run is not complete"):
        submit(root)
    with pytest.raises(FishError, match="unknown run 'rum'. Did you mean 'run'"):
        submit(root, run="rum")


def test_features_are_picked_by_name(root):
    with pytest.raises(FishError, match="unknown features 'vgg16'"):
        fit(root, features="vgg16", name="x")
    name = the_store(root).recipe.name
    compute(root, pool="avg")
    run_dir = fit(root, features=name, name="picked", epochs=1)
    assert json.loads((run_dir / "config.json").read_text())["store"] == name


def test_copies_that_lost_a_chunk_are_completed_not_dropped(root):
    chunk = the_store(root).store_dir / "train" / "augment_1" / "1.0.0.0"
    boxes = the_store(root).store_dir / "train" / "augment_1_boxes" / "0.0.0"
    before = chunk.read_bytes(), boxes.read_bytes()
    chunk.unlink()
    boxes.unlink()
    run_dir = fit(root, name="again", epochs=1)
    assert json.loads((run_dir / "config.json").read_text())["settings"]["copies"] == 1
    assert (chunk.read_bytes(), boxes.read_bytes()) == before


@pytest.mark.parametrize("suffix", [".perceptron.npz", ".json", ".npz"])
def test_a_damaged_fold_is_named_with_what_mends_it(root, suffix):
    path = root / "models" / "run" / f"fold_1{suffix}"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(
        FishError, match=r"fold 1 of the run run is missing or damaged(.|\n)*Remove .*fold_1\.json"
    ):
        if suffix == ".npz":
            fit(root, views=2, epochs=12, lr=5e-3, metadata="size-numeric")
        else:
            submit(root)


def test_a_run_that_cannot_be_read_does_not_block_the_next_name(root):
    first = fit(root, name=None, epochs=1)
    (first / "config.json").write_text("{}")
    assert fit(root, name=None, epochs=1).name == "fishnet-gap-2"


def test_a_damaged_run_does_not_block_the_others(root):
    (root / "models" / "broken").mkdir()
    (root / "models" / "broken" / "config.json").write_text("{}")
    submit(root)
    with pytest.raises(FishError, match="is no run of this version"):
        submit(root, run="broken")


def test_one_class_with_a_fold_that_lacks_boxes(tmp_path):
    write_competition(tmp_path / "data", classes=("ALB",), n_per_class=12)
    boxes_path = tmp_path / "data" / "boxes" / "alb_labels.json"
    entries = json.loads(boxes_path.read_text())
    boxes_path.write_text(json.dumps(entries[:1]))
    compute(tmp_path)
    with pytest.raises(FishError, match="its training part has no box"):
        fit(tmp_path)


def test_weights_that_moved_are_named_with_what_mends_it(root):
    path = the_store(root).store_dir / "recipe.json"
    recipe = json.loads(path.read_text())
    path.write_text(json.dumps({**recipe, "weights": "/gone/weights.h5"}))
    with pytest.raises(FishError, match=r"its weights /gone/weights\.h5 are gone(.|\n)*--weights PATH"):
        submit(root, tta=4)
