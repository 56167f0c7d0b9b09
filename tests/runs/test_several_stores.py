"""Heads on several stores, and on how sure detections are: what goes in, comes out, and is refused."""

import dataclasses
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import write_competition
from drawn_stores import by_id, draw_store
from pipeline import parse, predict_config, train_config

from fishcli.basics.errors import FishError
from fishcli.commands import compare, ensemble, leaderboard, predict, report, score, summary, train
from fishcli.dataset.classes import proba_columns
from fishcli.features.store.store import FeatureStore
from fishcli.heads.joined import name_of
from fishcli.options.predict import EnsembleConfig, ScoreConfig
from fishcli.options.seeing import HeatmapConfig, ReportConfig, RunsConfig, SummaryConfig
from fishcli.options.train import CompareConfig
from fishcli.runs.comparing.grid import grid_entries, on_stores
from fishcli.runs.folders.opening import open_run
from fishcli.runs.folders.picking import pick_run
from fishcli.runs.run import Run
from fishcli.runs.seeing.map_inputs import load_map_inputs
from fishcli.runs.stores import labels_of, pick_stores
from fishcli.runs.training.fold_tasks import _seen_from_anywhere
from fishcli.runs.training.inputs import load_train_data, read_inputs
from fishcli.runs.training.pseudo import load_pseudo
from fishcli.scoring.calibration import with_temperature

LINEAR = {"head": "linear", "metadata": "none", "boxes": "none", "epochs": 60, "folds": 2}


def sure(image, class_name):
    """Nothing is found in some photos without a fish; else it is the surer the higher the number."""
    number = int(image[-7:-4])
    return None if class_name == "NoF" and number % 2 else 0.3 + number / 50


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A competition with two stores, whose folders come with it; to be copied."""
    root = tmp_path_factory.mktemp("drawn")
    write_competition(root / "data")
    stores = draw_store(root, 1, (2, 2, 3)), draw_store(root, 2, (4,), sureness=sure, order=-1)
    return root, [store.store_dir.relative_to(root) for store in stores]


@pytest.fixture
def root(drawn, tmp_path):
    shutil.copytree(drawn[0] / "data", tmp_path / "data", ignore=shutil.ignore_patterns("features"))
    return tmp_path


@pytest.fixture
def stores(drawn, root):
    """Maps of whole photos, and pooled features of crops whose photos are listed backwards."""
    shutil.copytree(drawn[0] / "data" / "features", root / "data" / "features")
    return tuple(FeatureStore(root / folder) for folder in drawn[1])


def both(stores, joint="+"):
    return joint.join(store.recipe.name for store in stores)


def fitted(root, **changes):
    config = train_config(root, **{**LINEAR, **changes})
    train.run(config)
    return Run.open(config.models_dir / config.name)


def test_a_head_on_two_stores_sees_the_features_of_both_of_the_same_photo(root, stores):
    config = train_config(root, **LINEAR, features=both(stores))
    data = load_train_data(config)
    inputs = read_inputs(config, data)
    whole, crop = (by_id(store) for store in stores)
    assert list(data.images["image"]) == sorted(whole)
    for row, image in enumerate(data.images["image"]):
        np.testing.assert_allclose(inputs.features[0, row], [*whole[image], *crop[image]], atol=2e-3)
    assert np.isnan(inputs.boxes).all()
    assert "region" not in data.images


def test_a_run_on_two_stores_names_both_and_commas_mean_the_same_as_plus(root, stores, capsys):
    run = fitted(root, features=both(stores))
    assert run.store == both(stores)
    assert name_of(pick_stores(root / "data" / "features", run.store)) == both(stores)
    fitted(root, features=both(stores, ", "))
    assert "exists with these settings" in capsys.readouterr().err
    with pytest.raises(FishError, match="exists with other features"):
        fitted(root, features=both(stores[::-1]))
    line = parse(run.train_line())
    assert (line.features, line.name) == (both(stores), "run")


def test_a_run_on_one_store_is_written_as_before(root, stores):
    run = fitted(root, features=stores[0].recipe.name)
    written = json.loads((run.run_dir / "config.json").read_text())
    assert written["store"] == stores[0].recipe.name
    assert set(written) - {"sha256 of the rest"} == {
        *("fishcli", "run_dir", "class_names", "store", "dataset", "targets", "settings", "layout")
    }
    assert "features" not in written["settings"]


def test_a_run_is_named_by_the_backbones_of_its_stores(root, stores):
    train.run(dataclasses.replace(train_config(root, **LINEAR, features=both(stores)), name=None))
    assert [path.name for path in (root / "models").iterdir() if path.is_dir()] == ["vgg16-linear-1"]
    table = leaderboard.run(RunsConfig(models_dir=root / "models", json=True))
    assert [(row["backbone"], row["store"]) for row in json.loads(table)] == [("vgg16", both(stores))]


def test_test_photos_go_through_the_same_columns_as_out_of_fold_ones(root, stores):
    run = fitted(root, features=both(stores), metadata="size+detection")
    predict.run(predict_config(root))
    found = pd.read_csv(run.run_dir / "test_tta1.csv").set_index("image")[proba_columns(run.class_names)]
    whole, crop = (by_id(store, "test") for store in stores)
    for image in found.index:
        features = np.hstack([whole[image], crop[image]]).astype(np.float16)[None]
        seen = pd.DataFrame({"sureness": [sure(image, "")], **photo_size(root, image)})
        by_fold = [heads[0].predict(features, seen)[0] for heads in run.load_folds()]
        proba = [with_temperature(each, run.temperature(1)) for each in by_fold]
        np.testing.assert_allclose(found.loc[image], np.mean(proba, axis=0)[0], atol=2e-3)


def photo_size(root, image):
    from PIL import Image

    width, height = Image.open(root / "data" / "test" / image).size
    return {"height": [height], "width": [width]}


def test_runs_on_one_and_on_two_stores_blend_and_score(root, stores):
    fitted(root, features=both(stores), name="both")
    fitted(root, features=stores[1].recipe.name, name="crop", metadata="detection")
    config = predict_config(root)
    places = {"data_dir": config.data_dir, "models_dir": config.models_dir}
    text = ensemble.run(
        EnsembleConfig(**places, submissions_dir=config.submissions_dir, runs=["both", "crop"], blend="equal")
    )
    path = text.splitlines()[-1]
    solution = root / "data" / "solution.csv"
    scored = score.run(ScoreConfig(data_dir=config.data_dir, submissions=[Path(path)], solution=solution))
    assert "log loss" in scored
    assert both(stores) in summary.run(SummaryConfig(**places, run="both"))


@pytest.mark.parametrize("options", [{"head": "fcn"}, {"pooling": "max"}], ids=str)
def test_what_needs_maps_is_refused_on_joined_features(root, stores, options):
    with pytest.raises(FishError, match="needs maps, but what is joined of several stores"):
        fitted(root, **{"head": "gap", **options}, features=both(stores))
    assert not (root / "models").exists()


def test_no_box_is_learned_on_several_stores_and_that_is_said(root, stores, capsys):
    run = fitted(root, features=both(stores), boxes="largest")
    assert "no box is learned" in capsys.readouterr().err
    assert run.settings["boxes"] == "none"
    assert not (run.run_dir / "oof_boxes.csv").exists()


@pytest.mark.parametrize(
    ("named", "said"),
    [
        (lambda a, b: f"{a}+{a}", "expected a store's name, or different ones"),
        (lambda a, b: f"{a}+", "expected a store's name, or different ones"),
        (lambda a, b: f"{a}+{b[:-1]}x", "no features called"),
    ],
    ids=["twice", "empty", "unknown"],
)
def test_stores_that_are_not_several_different_ones_are_refused(root, stores, named, said):
    names = [store.recipe.name for store in stores]
    with pytest.raises(FishError) as raised:
        fitted(root, features=named(*names))
    assert said in str(raised.value) or names[1] in str(raised.value)


def test_stores_of_other_images_are_refused_with_their_names_and_what_mends_it(root, stores):
    listed = stores[1].images("train")["image"]
    stores[1].set_unreadable("train", {listed[3]: "truncated"}, skipped=True)
    stores[1].array("train", "identity")[3] = np.nan
    broken = root / "data" / "train" / listed[3]
    broken.write_bytes(broken.read_bytes()[:-20])
    refresh(root, stores)
    with pytest.raises(FishError) as raised:
        fitted(root, features=both(stores))
    said = str(raised.value)
    has, lacks = (store.recipe.name for store in stores)
    assert f"{lacks} lacks 1 training photos that {has} has: {listed[3]}" in said
    assert "fishcli features" in said


def refresh(root, stores):
    """Let the stores' lists know of a photo that was changed."""
    from fishcli.dataset.layout.images import load_train

    train = load_train(root / "data").set_index("image")
    for store in stores:
        listed = store.images("train")
        listed["n_bytes"] = train.loc[listed["image"], "n_bytes"].to_numpy()
        listed["content"] = ""
        listed.to_csv(store.list_path("train"), index=False)


def test_crops_of_any_of_the_stores_keep_to_their_localisers_folds(root, stores):
    first = draw_store(root, 3, sureness=sure, fold=lambda image: int(image[-5]) % 2)
    with pytest.raises(FishError, match=f"crops of {first.recipe.name} were found on other folds"):
        fitted(root, features=both([stores[0], first]))


def test_copies_that_not_all_stores_have_are_left_out_and_named(root, capsys):
    views = ("identity", "augment_1")
    stores = draw_store(root, 1, views=views), draw_store(root, 2)
    data = load_train_data(train_config(root, **LINEAR, features=both(stores)))
    assert data.views == ["identity"]
    assert f"augment_1 of {stores[0].recipe.name}: not every store has them" in capsys.readouterr().err


def test_how_sure_detections_are_is_learned_from_the_training_rows_of_a_fold(root, stores):
    run = fitted(root, features=stores[1].recipe.name, metadata="detection")
    folds = pd.read_csv(run.run_dir / "folds.csv")
    for k in range(2):
        rows = folds["image"][folds["fold"] != k]
        sureness = pd.Series([sure(image, image.split("/")[0]) for image in rows], dtype=float).dropna()
        encoder = json.loads((run.run_dir / f"fold_{k}.json").read_text())["encoder"]
        assert encoder["sureness"][0] == pytest.approx(np.log(sureness / (1 - sureness)).mean())
        n_nothing = len(rows) - len(sureness)
        assert encoder["flags_nothing"] == (n_nothing >= 5)


def test_a_test_photos_sureness_changes_what_is_predicted_for_it(root, stores):
    run = fitted(root, features=both(stores), metadata="detection")
    predict.run(predict_config(root))
    before = pd.read_csv(run.run_dir / "test_tta1.csv").set_index("image")
    path = stores[1].store_dir / "crops.csv"
    crops = pd.read_csv(path)
    crops.loc[crops["image"] == "test_002.jpg", "confidence"] = 0.01
    crops.to_csv(path, index=False)
    predict.run(predict_config(root))
    after = pd.read_csv(run.run_dir / "test_tta1.csv").set_index("image")
    columns = proba_columns(run.class_names)
    moved = (before[columns] - after[columns]).abs().max(axis=1) > 1e-6
    assert list(moved[moved].index) == ["test_002.jpg"]


def test_of_several_crop_stores_the_surest_detection_counts(root, stores):
    other = draw_store(root, 3, sureness=lambda image, _: 0.5)
    data = load_train_data(train_config(root, **LINEAR, features=both([stores[1], other])))
    expected = [np.fmax(sure(image, image.split("/")[0]) or 0.0, 0.5) for image in data.images["image"]]
    np.testing.assert_allclose(data.images["sureness"], expected)


def test_sureness_of_whole_photos_is_refused_with_what_makes_crops(root, stores):
    with pytest.raises(FishError, match=r"is of whole photos.*fishcli features .*--crop RUN"):
        fitted(root, features=stores[0].recipe.name, metadata="size+detection")
    assert not (root / "models").exists()


def test_a_teacher_on_crops_and_a_student_on_both_read_what_each_takes(root, stores):
    fitted(root, features=stores[1].recipe.name, metadata="detection", name="teacher")
    learning = {**LINEAR, "head": "gap", "pseudo": "teacher", "pseudo_confidence": 0.1}
    config = train_config(root, **learning, features=both(stores))
    student, folds = open_run(config, load_train_data(config))
    source = load_pseudo(config, student, folds, pooled=True)
    whole, crop = (by_id(store, "test") for store in stores)
    for row, image in enumerate(source.images["image"]):
        np.testing.assert_allclose(source.theirs[0, row], crop[image], atol=2e-3)
        np.testing.assert_allclose(source.ours[0, row], [*whole[image], *crop[image]], atol=2e-3)
    assert len(source.rows(0).rows) == len(source.images) == 6


@pytest.mark.parametrize(("metadata", "number"), [("none", 0), ("detection", 1)])
def test_a_heatmap_of_joined_features_is_refused_with_a_command_that_takes_one_store(
    root, stores, metadata, number
):
    run = fitted(root, features=both(stores), metadata=metadata)
    config = HeatmapConfig(data_dir=root / "data", models_dir=root / "models", run="run")
    with pytest.raises(FishError, match="joined, pooled features, which say nothing of places") as raised:
        load_map_inputs(run, config)
    line = re.search(r"fishcli .*?(?=, t)", str(raised.value))[0]
    asked = parse(line)
    if number == 0:
        assert asked.features == stores[0].recipe.name
    else:  # the crops have no maps yet
        assert (asked.pool, asked.crop) == ("none", stores[1].detections)


def test_a_heatmap_of_a_head_on_crops_knows_how_sure_detections_are(root):
    store = draw_store(root, 5, (2, 2, 3), sureness=sure)
    run = fitted(root, features=store.recipe.name, metadata="detection")
    inputs = load_map_inputs(run, HeatmapConfig(data_dir=root / "data", models_dir=root / "models"))
    (head,) = run.load_fold(0)
    assert np.ptp(head.encoder.encode(inputs.images)[:, 0]) > 1


def compare_config(root, stores, **changes):
    places = {"data_dir": root / "data", "models_dir": root / "models"}
    features = f"{stores[0].recipe.name},{stores[1].recipe.name},{both(stores)}"
    settings = {"heads": "linear", "metadata": "none", "boxes": "none", "folds": 2, "groups": "none"}
    return CompareConfig(**{**places, "features": features, **settings, **changes})


def test_features_are_compared_on_the_same_folds_and_told_apart_by_what_differs(root, stores):
    config = compare_config(root, stores)
    text = compare.run(config)
    folder = root / "models" / "compare"
    table = pd.read_csv(folder / "compare.csv")
    names = [stores[0].recipe.name, stores[1].recipe.name, both(stores)]
    assert sorted(table["features"]) == sorted(names)
    assert len({path.read_text() for path in folder.glob("*/folds.csv")}) == 1
    assert f"features whole+crop: {both(stores)}" in text.splitlines()
    assert {line.split()[0] for line in text.splitlines()[1:4]} == {"whole", "crop", "whole+crop"}
    prints = "+".join(store.recipe.fingerprint for store in stores)
    assert pick_run(root / "models", f"compare/linear-none-none-{prints}-random-0").store == both(stores)


def test_what_only_some_features_serve_for_is_left_out_on_the_others_and_said(root, stores, capsys):
    changes = {"heads": "gap,fcn", "boxes": "largest,none", "metadata": "none,detection"}
    config = compare_config(root, stores, features=f"{stores[0].recipe.name},{both(stores)}", **changes)
    _, entries = on_stores(config, grid_entries(config))
    cells = [(each.features, each.head, each.metadata, each.boxes) for each in entries]
    assert len(set(cells)) == len(cells)
    joint = [cell[1:] for cell in cells if cell[0] == both(stores)]
    assert joint == [("gap", "none", "none"), ("gap", "detection", "none")]
    assert {cell[1:] for cell in cells if cell[0] != both(stores)} == {
        (head, "none", boxes) for head in ("gap", "fcn") for boxes in ("largest", "none")
    }
    said = capsys.readouterr().err
    assert "fcn is left out on" in said and "detections are left out on features of whole photos" in said


def test_labels_are_what_tells_stores_apart_fingerprints_where_nothing_else_does(root, stores):
    other = draw_store(root, 4, (2, 2, 3))
    assert list(labels_of([stores[0], stores[1]]).values()) == ["whole", "crop"]
    labels = labels_of([stores[0], other])
    assert labels == {store.recipe.name: store.recipe.fingerprint for store in (stores[0], other)}


def test_a_report_has_the_commands_and_recipes_of_all_stores(root, stores):
    fitted(root, features=both(stores))
    config = ReportConfig(data_dir=root / "data", models_dir=root / "models", run="run")
    facts = report.gather(pick_run(config.models_dir, "run"), config)
    *features, last = [parse(line) for line in facts.commands]
    assert [each.pool for each in features] == ["none", "avg"]
    assert last.features == both(stores)
    assert {facts.facts[f"Pool ({number})"] for number in (1, 2)} == {"none", "avg"}


def test_with_one_class_several_stores_have_nothing_to_learn(tmp_path):
    write_competition(tmp_path / "data", classes=["ALB"])
    stores = [draw_store(tmp_path, seed) for seed in (1, 2)]
    with pytest.raises(FishError, match="one class only .* of several stores none are learned"):
        fitted(tmp_path, features=both(stores))


def test_workers_find_all_stores_whatever_folder_they_were_started_in(
    root, stores, monkeypatch, tmp_path_factory
):
    monkeypatch.chdir(root)
    config = train_config(Path(), **LINEAR, features=both(stores))
    data = load_train_data(config)
    expected = read_inputs(config, data).features
    sent = _seen_from_anywhere(data)
    monkeypatch.chdir(tmp_path_factory.getbasetemp())
    np.testing.assert_array_equal(read_inputs(config, sent).features, expected)
    assert name_of(sent.store) == both(stores)
