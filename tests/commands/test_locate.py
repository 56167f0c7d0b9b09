"""locate, and features, train and predict on the crops that it finds."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import write_competition
from pipeline import compute, features_config, fit, submit, tree_hash, write_found

from fishcli.basics.errors import FishError
from fishcli.basics.files import read_json, write_json
from fishcli.commands import compare, leaderboard, locate
from fishcli.commands import features as features_command
from fishcli.dataset.detections import read_detections
from fishcli.dataset.layout import images
from fishcli.dataset.layout.images import load_tests, load_train
from fishcli.features.photos.crops import parse_regions
from fishcli.features.store.lists import list_stores
from fishcli.features.store.picking import pick_store
from fishcli.features.store.store import FeatureStore
from fishcli.options.locate import LocateConfig
from fishcli.options.seeing import HeatmapConfig, RunsConfig
from fishcli.options.train import CompareConfig
from fishcli.runs.folders.picking import pick_run
from fishcli.runs.locating import folds as locating
from fishcli.runs.locating.crops import read_crops
from fishcli.runs.locating.localiser import LocaliserRun
from fishcli.runs.seeing.map_inputs import load_map_inputs

LINEAR = {"head": "linear", "epochs": 60, "metadata": "none", "boxes": "none"}

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.usefixtures("untraced"),
    pytest.mark.filterwarnings("ignore:Even though the `tf.config"),  # said of untraced examples
]


def locate_config(root, **changes):
    places = {"data_dir": root / "data", "models_dir": root / "models"}
    small = {"backbone": "fishnet", "image_size": "64x64", "layer": "stage3", "folds": 2, "epochs": 3}
    return LocateConfig(**{**places, **small, **changes})


@pytest.fixture(scope="module")
def located(tmp_path_factory):
    """The run `locate` on two grouped folds, and the features of whole photos, computed before it."""
    root = tmp_path_factory.mktemp("located")
    write_competition(root / "data")
    compute(root)
    locate.run(locate_config(root))
    return root


@pytest.fixture
def root(located, tmp_path):
    shutil.copytree(located, tmp_path, dirs_exist_ok=True)
    return tmp_path


def photos(root):
    tables = {"train": load_train(root / "data"), **load_tests(root / "data")}
    return pd.concat([table.assign(split=split) for split, table in tables.items()])


def crop(root, **changes):
    return compute(root, crop=str(root / "models" / "locate"), **changes)


def test_detections_are_of_every_photo_and_sure_as_they_are_right(located):
    found = read_detections(located / "models" / "locate" / "detections.json", photos(located))
    surest = found.drop_duplicates(["split", "image"])
    assert len(surest) == len(photos(located)) == 30
    assert found["confidence"].between(0, 1).all()
    metrics = json.loads((located / "models" / "locate" / "metrics.json").read_text())
    assert metrics["folds"] == "grouped"
    assert {"box_iou", "mean_box_iou", "centre_in_box", "average_precision", "auc_any"} <= metrics.keys()
    assert [each["n_images"] for each in metrics["by_fold"]] == [12, 12]
    assert metrics["crops"]["n_photos"] == 16


def test_each_training_photos_boxes_are_of_the_fold_that_had_not_seen_it(root, monkeypatch):
    seen = {}
    fit_localiser = locating.fit_localiser

    def noted(inputs, rows, *others):
        model, losses = fit_localiser(inputs, rows, *others)
        seen[id(model)] = set(rows)
        return model, losses

    def checked(recipe, models, maps, images):
        for model in models if len(models) == 1 else []:
            assert not seen[id(model)] & set(images.index)
        return find(recipe, models, maps, images)

    find = locating.find_boxes
    monkeypatch.setattr(locating, "fit_localiser", noted)
    monkeypatch.setattr(locating, "find_boxes", checked)
    locate.run(locate_config(root, name="other", epochs=1))
    assert len(seen) == 2


def test_a_killed_run_goes_on_and_ends_with_the_same_detections(root):
    run_dir = root / "models" / "locate"
    before = tree_hash(run_dir, "*.json")
    kept = (run_dir / "fold_0.keras").stat().st_mtime_ns
    for name in ("metrics.json", "detections.json", "fold_1.json", "fold_1.npz"):
        (run_dir / name).unlink()
    locate.run(locate_config(root))
    assert (run_dir / "fold_0.keras").stat().st_mtime_ns == kept
    after = tree_hash(run_dir, "*.json")
    assert {name for name in before if before[name] != after[name]} <= {"fold_1.json", "metrics.json"}


def test_a_run_of_that_name_with_other_settings_is_not_overwritten(root):
    before = tree_hash(root / "models")
    with pytest.raises(FishError, match="exists with other settings"):
        locate.run(locate_config(root, epochs=4))
    assert tree_hash(root / "models") == before


def test_a_damaged_fold_is_named_with_what_mends_it(root):
    path = root / "models" / "locate" / "fold_1.npz"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(FishError, match=r"fold 1 of the run locate is missing or damaged.*fishcli locate"):
        locate.run(locate_config(root))


def test_without_boxes_there_is_nothing_to_learn(root):
    shutil.rmtree(root / "data" / "boxes")
    with pytest.raises(FishError, match="no boxes in .*boxes: nothing to learn"):
        locate.run(locate_config(root, name="other"))


def test_a_localisers_maps_and_run_are_none_that_commands_take_by_themselves(root):
    (own,) = [path for path in list_stores(root / "data" / "features") if not FeatureStore(path).is_users]
    assert list_stores(root / "data" / "features")[0] == own
    assert pick_store(root / "data" / "features", None).store_dir != own
    with pytest.raises(FishError, match="no runs"):
        pick_run(root / "models", None)
    fit(root, **LINEAR, name="heads")
    assert pick_run(root / "models", None).name == "heads"
    table = leaderboard.run(RunsConfig(models_dir=root / "models"))
    assert "locate" in table and "heads" in table
    features_command.run(features_config(root, layer=FeatureStore(own).recipe.layer))
    assert pick_store(root / "data" / "features", None).store_dir == own


def test_crops_become_a_store_of_their_own_heads_on_it_and_a_submission(root):
    store = FeatureStore(crop(root))
    assert store.recipe.crop is not None
    regions = store.images("train")["region"]
    assert regions.nunique() > 10
    fit(root, **LINEAR, folds=2, name="crops")
    assert pick_run(root / "models", "crops").store == store.recipe.name
    assert len(submit(root, run="crops")) == 6


def test_features_of_crops_reads_each_photos_header_once(root, monkeypatch):
    read, original = [], images.read_header
    monkeypatch.setattr(
        images, "read_header", lambda path, reading: (read.append(path), original(path, reading))[1]
    )
    crop(root)
    assert len(read) == len(set(read)) == 30


def test_detections_that_were_edited_are_refused_and_written_again(root):
    path = root / "models" / "locate" / "detections.json"
    before = path.read_bytes()
    path.write_bytes(before.replace(b'"conf"', b'"conf" ', 1))
    with pytest.raises(
        FishError, match=r"detections\.json was changed .* Remove \S+metrics\.json, then write"
    ):
        crop(root)
    (path.parent / "metrics.json").unlink()
    locate.run(locate_config(root))
    assert path.read_bytes() == before
    crop(root)


def test_ends_are_learned_where_they_are_asked_for_and_annotated(root):
    with pytest.raises(FishError, match=r"--ends: \S+ has no fish with both ends\. Annotate some"):
        locate.run(locate_config(root, name="ends", ends=True))
    assert "ends" not in LocaliserRun.open(root / "models" / "locate").settings


def test_a_localiser_takes_views_by_name_and_its_line_makes_it_again(root):
    locate.run(locate_config(root, name="named", view_names="random1,identity", epochs=1))
    this_run = LocaliserRun.open(root / "models" / "named")
    assert this_run.view_names == ["identity", "random1"]
    assert "--view-names identity,random1" in this_run.locate_line()
    locate.run(locate_config(root, name="named", view_names="identity,random1", epochs=1))  # is there
    assert "view-names" not in LocaliserRun.open(root / "models" / "locate").locate_line()


def test_boxes_of_heads_on_crops_are_told_in_the_photo(root):
    crop(root)
    run_dir = fit(root, folds=2, epochs=1, name="crops")
    found = pd.read_csv(run_dir / "oof_boxes.csv").set_index("image")
    crops = read_crops(pick_store(root / "data" / "features", None)).set_index("image")
    inside = crops.loc[found.index]
    # A head that was hardly trained says about the middle of the crop, wherever that is in the photo.
    for low, high in (("x_min", "x_max"), ("y_min", "y_max")):
        middle, there = (found[low] + found[high]) / 2, (inside[low] + inside[high]) / 2
        assert np.corrcoef(middle, there)[0, 1] > 0.8


def test_heads_on_other_folds_than_the_localisers_are_refused(root):
    crop(root)
    with pytest.raises(FishError, match="were found on other folds"):
        fit(root, **LINEAR, folds=3, name="crops")
    with pytest.raises(FishError, match="were found on other folds"):
        fit(root, **LINEAR, folds=2, groups="none", name="crops")


def test_another_tools_detections_take_the_localisers_place(root, capsys):
    path = shutil.copy(root / "models" / "locate" / "detections.json", root / "theirs.json")
    store = FeatureStore(compute(root, crop=str(path)))
    assert "another tool's" in capsys.readouterr().err
    fit(root, **LINEAR, folds=3, name="theirs")
    own = FeatureStore(crop(root))
    np.testing.assert_array_equal(store.read("train", "identity"), own.read("train", "identity"))


def test_other_regions_are_other_features_and_the_same_the_same_store(root):
    first = crop(root)
    assert crop(root) == first
    wider = crop(root, crop_margin=0.5)
    assert wider != first
    assert FeatureStore(wider).recipe.fingerprint != FeatureStore(first).recipe.fingerprint
    assert crop(root) == first


def test_photos_that_came_later_are_looked_at_before_they_are_predicted(root):
    run_dir = root / "models" / "locate"
    before = read_detections(run_dir / "detections.json", photos(root))
    crop(root)
    fit(root, **LINEAR, folds=2, name="crops")
    test = root / "data" / "test"
    shutil.copy(test / "test_000.jpg", test / "test_new.jpg")
    sample = pd.read_csv(root / "data" / "sample_submission.csv")
    sample.loc[len(sample)] = ["test_new.jpg", *sample.iloc[0, 1:]]
    sample.to_csv(root / "data" / "sample_submission.csv", index=False)
    assert len(submit(root, run="crops")) == 7
    after = read_detections(run_dir / "detections.json", photos(root))
    pd.testing.assert_frame_equal(
        after[after["image"] != "test_new.jpg"].reset_index(drop=True), before, atol=2e-5
    )
    twins = [
        after[after["image"] == name][["confidence", "x_min"]] for name in ("test_000.jpg", "test_new.jpg")
    ]
    np.testing.assert_allclose(*twins, atol=2e-4)
    locate.run(locate_config(root))  # it is whole


def box_of(root, image):
    found = read_detections(root / "models" / "locate" / "detections.json", photos(root))
    return found[found["image"] == image][["confidence", "x_min", "y_min", "x_max", "y_max"]].to_numpy()


@pytest.mark.parametrize("command", ["features", "predict"])
def test_a_test_photo_that_was_replaced_is_looked_at_again(root, command):
    store = FeatureStore(crop(root))
    fit(root, **LINEAR, folds=2, name="crops")
    before, other = box_of(root, "test_000.jpg"), box_of(root, "test_003.jpg")
    assert not np.allclose(before[0], other[0], atol=1e-3)
    shutil.copy(root / "data/test/test_003.jpg", root / "data/test/test_000.jpg")
    crop(root) if command == "features" else submit(root, run="crops")
    np.testing.assert_allclose(box_of(root, "test_000.jpg"), other, atol=2e-4)
    regions = store.images("test").set_index("image")["region"]
    assert regions["test_000.jpg"] == regions["test_003.jpg"]


def test_a_test_photo_that_cant_be_read_has_no_detection_and_the_prior(root):
    crop(root)
    fit(root, **LINEAR, folds=2, name="crops")
    before = submit(root, run="crops").set_index("image")
    (root / "data/test/test_000.jpg").write_bytes(b"no photo")
    found = submit(root, run="crops").set_index("image")
    np.testing.assert_allclose(found.loc["test_000.jpg"], 1 / 3)
    np.testing.assert_allclose(found.drop("test_000.jpg"), before.drop("test_000.jpg"), atol=1e-6)
    assert not len(box_of(root, "test_000.jpg"))
    with pytest.raises(FishError, match="1 images of test can't be read"):
        crop(root)


def test_new_and_replaced_training_photos_take_a_new_run(root):
    photo = root / "data/train/ALB/img_000.jpg"
    photo.write_bytes(photo.read_bytes()[:-2] + b"\0\0")  # of the same size
    with pytest.raises(FishError, match=r"1 training photos came, .*img_000\.jpg.*--name locate-new"):
        crop(root)
    with pytest.raises(FishError, match="exists with other settings, features, photos"):
        locate.run(locate_config(root))
    shutil.copy(photo, photo.with_name("img_new.jpg"))
    with pytest.raises(FishError, match="2 training photos came, or were replaced"):
        crop(root)


def test_another_tools_boxes_of_a_replaced_photo_are_told_once(root, capsys):
    compute(root, crop=str(write_found(root)))
    fit(root, **LINEAR, folds=3, name="theirs")
    shutil.copy(root / "data/test/test_003.jpg", root / "data/test/test_000.jpg")
    capsys.readouterr()
    submit(root, run="theirs")
    assert "1 photos were replaced since" in capsys.readouterr().err
    submit(root, run="theirs")
    assert "replaced" not in capsys.readouterr().err


def test_runs_and_crops_of_before_know_no_contents_and_stay_valid(root):
    path = root / "models" / "locate" / "detections.json"
    value = json.loads(path.read_text())
    for photo in value["images"]:
        del photo["content"]
    write_json(path, value)
    metrics = read_json(path.parent / "metrics.json")
    write_json(path.parent / "metrics.json", {**metrics, "files": {}}, sealed=True)
    store_dir = crop(root)
    crops = pd.read_csv(store_dir / "crops.csv")
    crops.drop(columns="content").to_csv(store_dir / "crops.csv", index=False)
    before = path.read_bytes()
    fit(root, **LINEAR, folds=2, name="crops")
    submit(root, run="crops")
    assert crop(root) == store_dir
    assert path.read_bytes() == before


@pytest.mark.parametrize("source", ["nothing", "models/heads"])
def test_what_is_no_localisers_run_is_refused_with_what_helps(root, source):
    fit(root, **LINEAR, name="heads")
    named = str(root / source) if "/" in source else source
    with pytest.raises(FishError, match="fishcli locate"):
        compute(root, crop=named)


def test_compare_on_crops_keeps_to_the_localisers_folds(root, capsys):
    crop(root)
    config = CompareConfig(
        data_dir=root / "data",
        models_dir=root / "models",
        heads="linear",
        metadata="none",
        boxes="none",
        folds=2,
    )
    table = compare.run(config)
    assert "grouped folds: out-of-fold log loss" in table
    assert "random folds: out-of-fold" not in table
    assert "only those are compared" in capsys.readouterr().err


def test_a_heatmap_of_heads_on_crops_lies_in_the_crop(root):
    crop(root)
    fit(root, folds=2, epochs=1, boxes="none", name="crops")
    config = HeatmapConfig(data_dir=root / "data", models_dir=root / "models", run="crops")
    inputs = load_map_inputs(pick_run(root / "models", "crops"), config)
    crops = read_crops(inputs.store).set_index("image")
    for image in inputs.images.index[:5]:
        grid, region = (
            inputs.grid(image, np.ones((2, 2))),
            parse_regions([inputs.images.loc[image, "region"]])[0, :4],
        )
        np.testing.assert_allclose([grid.columns[0], grid.rows[0], grid.columns[-1], grid.rows[-1]], region)
        assert region[0] <= crops.loc[image, "x_min"] + 1e-4


def test_heads_do_not_take_the_place_of_a_localiser_nor_a_localiser_theirs(root):
    fit(root, **LINEAR, name="heads")
    before = tree_hash(root / "models")
    with pytest.raises(FishError, match="--name locate: .* is a localiser's run"):
        fit(root, **LINEAR, name="locate")
    with pytest.raises(FishError, match="heads is no localiser's run"):
        locate.run(locate_config(root, name="heads"))
    assert tree_hash(root / "models") == before
