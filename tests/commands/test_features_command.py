"""`fishcli features`: what is computed, kept, resumed and refused."""

import shutil

import numpy as np
import pytest
from conftest import make_image, write_competition
from pipeline import complete_arrays, compute, features_config, tree_hash
from typer.testing import CliRunner

from fishcli.basics.errors import FishError
from fishcli.cli import app
from fishcli.commands import features
from fishcli.dataset.layout.images import load_train
from fishcli.features import extract, upkeep
from fishcli.features.backbones.engines.loading import Engine
from fishcli.features.store.store import FeatureStore

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """A competition and its store, with views and augmented copies; tests copy what they change."""
    root = tmp_path_factory.mktemp("reference")
    write_competition(root / "data")
    compute(root, views=5, augment=2)
    return root


@pytest.fixture
def root(reference, tmp_path):
    shutil.copytree(reference, tmp_path, dirs_exist_ok=True)
    return tmp_path


def the_store(root):
    return FeatureStore(next((root / "data" / "features").iterdir()))


def test_every_view_of_every_split_is_there(reference):
    store = the_store(reference)
    views = ["centre90", "centre90_hflip", "hflip", "identity", "top_left90"]
    assert complete_arrays(store, "test") == views
    assert complete_arrays(store, "train") == sorted(
        [*views, "augment_1", "augment_2", "augment_1_boxes", "augment_2_boxes"]
    )
    assert store.read("train", "identity").shape == (24, 2, 2, 512)
    assert store.recipe.image_size == (64, 64)


def test_views_differ_and_copies_differ(reference):
    store = the_store(reference)
    seen = [
        store.read("train", view).astype(np.float32)
        for view in complete_arrays(store, "train")
        if "boxes" not in view
    ]
    for i, one in enumerate(seen):
        for other in seen[:i]:
            assert np.abs(one - other).max() > 0.1


def test_boxes_of_copies_stay_inside(reference):
    store = the_store(reference)
    boxes = store.read("train", "augment_1_boxes")
    assert boxes.shape == (24, 2, 4)
    has_box = ~np.isnan(boxes[:, 0, 0])
    is_nof = store.images("train")["image"].str.startswith("NoF").to_numpy()
    assert not has_box[is_nof].any()
    assert has_box[~is_nof].mean() > 0.7
    known = boxes[has_box]
    assert (known >= 0).all() and (known <= 1).all()


def test_a_second_run_computes_nothing(root, monkeypatch):
    before = tree_hash(root)
    monkeypatch.setattr(upkeep, "extract", lambda *args: pytest.fail("computed again"))
    compute(root, views=5, augment=2)
    assert tree_hash(root) == before


def test_views_and_batch_size_do_not_change_the_store(root, tmp_path_factory):
    fewer = tmp_path_factory.mktemp("fewer")
    shutil.copytree(root / "data", fewer / "data", ignore=shutil.ignore_patterns("features"))
    one = compute(fewer, batch_size=4)
    assert one.name == the_store(root).recipe.name
    mine, theirs = FeatureStore(one).read("train", "identity"), the_store(root).read("train", "identity")
    np.testing.assert_allclose(mine.astype(np.float32), theirs.astype(np.float32), atol=0.02)
    compute(fewer, views=2, batch_size=16)
    assert FeatureStore(one).chunk_size("train") == 4


def test_a_full_disk_keeps_what_is_done_and_the_resumed_store_is_identical(reference, tmp_path, monkeypatch):
    write_competition(tmp_path / "data")
    original, calls = extract._checked, []

    def full(*args):
        calls.append(1)
        if len(calls) == 8:
            raise OSError(28, "No space left on device", "chunk")
        return original(*args)

    monkeypatch.setattr(extract, "_checked", full)
    options = ["--data-dir", str(tmp_path / "data"), "--backbone", "fishnet"]
    options += ["--image-size", "64x64", "--batch-size", "8", "--views", "5", "--augment", "2"]
    result = CliRunner().invoke(app, ["features", *options])
    assert result.exit_code == 1
    assert "No space left on device: chunk" in result.stderr
    assert the_store(tmp_path).missing_chunks("train", "identity") == {1, 2}
    done = CliRunner().invoke(app, ["features", *options])
    assert done.exit_code == 0
    assert done.stdout.strip() == str(the_store(tmp_path).store_dir)
    assert len(calls) == 3 * 7 + 1 * 5 + 1  # chunks x views of train and of test, and the failed one again
    assert tree_hash(tmp_path / "data" / "features") == tree_hash(reference / "data" / "features")


def test_unreadable_images_are_named_and_the_rest_is_kept(root):
    shutil.rmtree(root / "data" / "features")
    bad = root / "data" / "train" / "ALB" / "img_003.jpg"
    whole = bad.read_bytes()
    bad.write_bytes(whole[: len(whole) // 2])
    (root / "data" / "test" / "test_001.jpg").write_bytes(b"")
    with pytest.raises(
        FishError,
        match=r"1 images of train can't be read:\n  ALB/img_003\.jpg: ",
    ) as raised:
        compute(root)
    assert "--skip-unreadable" in str(raised.value)
    kept = the_store(root).read("train", "identity").astype(np.float32)
    assert np.isnan(kept[3]).all()
    assert np.isfinite(np.delete(kept, 3, axis=0)).all()
    assert the_store(root).unreadable("test") == {"test_001.jpg": "the file is empty"}

    compute(root, skip_unreadable=True)
    assert set(the_store(root).unreadable("train")) == {"ALB/img_003.jpg"}

    bad.write_bytes(whole)
    make_image(root / "data" / "test" / "test_001.jpg")
    compute(root)
    assert np.isfinite(the_store(root).read("train", "identity")).all()
    assert the_store(root).unreadable("test") == {}


def test_skipping_is_asked_for_each_time_and_removing_the_image_mends_too(root, capsys):
    bad = root / "data" / "train" / "ALB" / "img_003.jpg"
    whole = bad.read_bytes()
    bad.write_bytes(b"junk")
    compute(root, skip_unreadable=True)
    assert "ALB/img_003.jpg" in capsys.readouterr().err
    with pytest.raises(FishError, match="1 images of train can't be read"):
        compute(root)
    bad.unlink()
    compute(root, views=6)
    bad.write_bytes(whole)
    compute(root, views=6, augment=2)
    for view in ("identity", "top_right90_hflip", "augment_1"):
        assert np.isfinite(the_store(root).read("train", view)).all(), view


def test_other_commands_keep_the_choice_while_they_compute_another_view(root):
    bad = root / "data" / "train" / "ALB" / "img_003.jpg"
    bad.write_bytes(b"junk")
    compute(root, skip_unreadable=True)
    wanted = {"train": (load_train(root / "data"), ["identity", "hflip"])}
    upkeep.bring_up_to_date(the_store(root), wanted, upkeep.Upkeep(root / "data"))
    assert the_store(root).is_complete("train", "hflip")
    (bad.parent / "img_004.jpg").write_bytes(b"junk")  # another one was never chosen
    wanted = {"train": (load_train(root / "data"), ["identity"])}
    with pytest.raises(FishError, match="2 images of train can't be read"):
        upkeep.bring_up_to_date(the_store(root), wanted, upkeep.Upkeep(root / "data"))


def test_without_test_images_training_is_enough(root, capsys):
    shutil.rmtree(root / "data" / "test")
    compute(root)
    assert "no test images" in capsys.readouterr().err


def test_views_by_number_or_by_name(root):
    with pytest.raises(FishError, match="Pass one of them"):
        compute(root, views=2, view_names="hflip")
    with pytest.raises(FishError, match="unknown view ''"):
        compute(root, view_names="")
    with pytest.raises(FishError, match="Pass one of them"):
        compute(root, view_set="square", view_names="hflip")


def test_a_damaged_description_of_an_array_is_named(root):
    (the_store(root).store_dir / "train" / "identity" / "zarr.json").write_text("{")
    with pytest.raises(FishError, match=r"zarr\.json is damaged"):
        compute(root)


def test_a_recipe_does_not_depend_on_what_was_built_before(root):
    first = compute(root, backbone="mobilenet_v3_small", weights="random", splits="test")
    assert compute(root, backbone="mobilenet_v3_small", weights="random", splits="test") == first


def test_boxes_that_change_renew_the_copies_only(root):
    before = tree_hash(the_store(root).store_dir / "train")
    (root / "data" / "boxes" / "alb_labels.json").write_text("[]")
    compute(root, views=5, augment=2)
    after = tree_hash(the_store(root).store_dir / "train")
    assert {name for name in before if before[name] != after[name]} >= {"augment_1_boxes/0.0.0"}
    assert all(before[name] == after[name] for name in before if not name.startswith("augment"))
    assert np.isnan(the_store(root).read("train", "augment_1_boxes")[:8]).all()


def test_splits_and_view_names_pick(root):
    shutil.rmtree(root / "data" / "features")
    compute(root, splits="test", view_names="rot180,identity")
    store = the_store(root)
    assert complete_arrays(store, "test") == ["identity", "rot180"]
    assert store.images("train") is None
    with pytest.raises(FishError, match="unknown split 'tets'. Did you mean 'test'"):
        features.run(features_config(root, splits="tets"))


def test_it_announces_the_room_it_takes(root, capsys):
    shutil.rmtree(root / "data" / "features")
    compute(root)
    assert "(2, 2, 512) float16, at most 0.1 MiB before compression" in capsys.readouterr().err


def test_features_that_vanish_in_float16_are_refused(root, monkeypatch):
    shutil.rmtree(root / "data" / "features")
    monkeypatch.setattr("fishcli.features.backbones.backbone.calibrate", lambda *args: None)
    with pytest.raises(FishError, match="all zero in float16"):
        compute(root, backbone="mobilenet_v2_035", weights="random")


def test_features_that_are_not_finite_are_refused(root, monkeypatch):
    shutil.rmtree(root / "data" / "features")
    large = Engine("large", lambda images: np.full((len(images), 2, 2, 512), 1e6), 4, 1)
    monkeypatch.setattr("fishcli.features.upkeep.load_engine", lambda *args: large)
    monkeypatch.setattr("fishcli.features.upkeep.checked", lambda engine, *args: engine)
    with pytest.raises(FishError, match="not finite in float16"):
        compute(root)


def test_a_non_square_input_with_letterbox_and_pooling(root):
    shutil.rmtree(root / "data" / "features")
    store = FeatureStore(compute(root, image_size="64x96", resize="letterbox", pool="avg"))
    assert store.read("test", "identity").shape == (6, 512)
    assert store.recipe.name.startswith("fishnet-64x96-")
