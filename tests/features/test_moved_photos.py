"""Photos that are moved, swapped, added and removed at once: what is computed of them stays."""

import itertools
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import write_competition
from hypothesis import given
from hypothesis import strategies as st
from pipeline import compute

from fishcli.basics.errors import FishError
from fishcli.features import upkeep
from fishcli.features.image_lists import renew_list
from fishcli.features.store import contents
from fishcli.features.store.recipe import Recipe
from fishcli.features.store.store import FeatureStore

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]

RECIPE = Recipe("vgg16", "block5_pool", "0" * 64, (32, 32), "squash", "none", "keras", "pillow")


def listed(photos, column="content"):
    """The images of a split: `photos` is name -> content."""
    table = pd.DataFrame({"image": list(photos), "n_bytes": 100})
    return table.assign(**{column: list(photos.values())})


def rows_of(renewed):
    return dict(zip(renewed.table["image"], renewed.table["content"], strict=True))


@pytest.mark.parametrize(
    ("then", "now", "rows", "stale", "n_kept"),
    [
        ({"a/1": "x", "a/2": "y"}, {"b/1": "x", "a/2": "y"}, ["b/1", "a/2"], [], 2),
        ({"1": "x", "2": "y"}, {"1": "y", "2": "x"}, ["2", "1"], [], 2),
        ({"1": "x", "2": "y", "3": "z"}, {"2": "x", "3": "y", "4": "z"}, ["2", "3", "4"], [], 3),
        ({"1": "x", "2": "y"}, {"1": "y", "2": "new"}, ["2", "1"], ["2"], 1),
        ({"1": "x", "2": "y"}, {"1": "y"}, ["2", "1"], [], 1),
        ({"1": "x", "2": "y"}, {"1": "x", "3": "new"}, ["1", "2", "3"], [], 1),
        ({"a/1": "x", "a/2": "x"}, {"b/1": "x", "b/2": "x", "b/3": "x"}, ["b/1", "b/2", "b/3"], [], 2),
        ({"1": "x"}, {"1": "x", "2": "x"}, ["1", "2"], [], 1),
        ({"1": "", "2": "y"}, {"3": "x", "2": "y"}, ["1", "2", "3"], [], 1),
        ({"1": "s3:x"}, {"2": "s3:x"}, ["2"], [], 1),
        ({"1": "memory:x"}, {"2": "memory:x"}, ["1", "2"], [], 0),
    ],
    ids=[
        *("moved", "swapped", "renumbered", "renumbered, one is new", "one takes a name over"),
        *("one comes, one goes", "equal photos", "a copy", "an old list", "an ETag", "a time and a size"),
    ],
)
def test_a_photo_keeps_its_row_wherever_it_is_moved(then, now, rows, stale, n_kept):
    renewed = renew_list(listed(then), listed(now), set())
    assert list(renewed.table["image"]) == rows
    assert (sorted(renewed.stale), renewed.n_kept) == (stale, n_kept)


def test_a_name_without_features_takes_part_in_no_move():
    then, now = {"1": "x", "2": "y"}, {"3": "x", "1": "y"}
    renewed = renew_list(listed(then), listed(now), {"1"})
    assert list(renewed.table["image"]) == ["1", "2", "3"]
    assert renewed.stale == {"1"}


names, photos = st.sampled_from("abcdef"), st.sampled_from(["u", "v", "w", "x", "y", ""])


@given(st.lists(st.dictionaries(names, photos, min_size=1), min_size=2, max_size=5), st.sets(names))
def test_no_row_is_ever_taken_for_another_photo(states, unreadable):
    known = listed(states[0])
    held = list(known["content"])  # what each row holds the features of
    for now in states[1:]:
        renewed = renew_list(known, listed(now), unreadable)
        known = renewed.table
        assert known["image"].is_unique and len(known) >= len(held)
        assert set(now) <= set(known["image"])
        for row, (image, content) in enumerate(rows_of(renewed).items()):
            if row >= len(held) or image in renewed.stale:
                held[row:] = [content, *held[row + 1 :]]
            elif held[row] and image in now:
                assert held[row] == now[image], (row, image)


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(contents, "MARGIN_NS", 0)
    write_competition(tmp_path / "data", with_boxes=False)
    compute(tmp_path, augment=1)
    return tmp_path


@pytest.fixture
def computed(monkeypatch):
    """The splits of which something is computed."""
    splits, original = [], upkeep.extract

    def noted(stores, backbone, engine, plan, *rest):
        splits.append(plan.split)
        return original(stores, backbone, engine, plan, *rest)

    monkeypatch.setattr(upkeep, "extract", noted)
    return splits


def test_a_photo_in_another_class_folder_is_not_computed_again(root, computed):
    store = FeatureStore(compute(root, augment=1))
    before = {view: store.read("train", view) for view in ("identity", "augment_1")}
    (root / "data/groups.csv").unlink()
    (root / "data/train/ALB/img_000.jpg").rename(root / "data/train/BET/img_000.jpg")
    (root / "data/train/ALB/img_001.jpg").rename(root / "data/train/NoF/other.jpg")
    compute(root, augment=1)
    assert not computed
    ids = list(store.images("train")["image"])
    assert ids[:2] == ["BET/img_000.jpg", "NoF/other.jpg"] and len(ids) == 24
    for view, features in before.items():
        np.testing.assert_array_equal(store.read("train", view), features)


def test_one_photo_comes_and_one_goes(root, computed):
    store = FeatureStore(compute(root))
    before = store.read("train", "identity")
    (root / "data/train/ALB/img_000.jpg").unlink()
    shutil.copy(root / "data/test/test_000.jpg", root / "data/train/BET/new.jpg")
    compute(root)
    after = store.read("train", "identity")
    np.testing.assert_array_equal(after[:24], before)
    np.testing.assert_array_equal(after[24], store.read("test", "identity")[0])
    assert computed == ["train"]


def test_moving_is_as_good_as_undone_where_it_is_interrupted(root, monkeypatch):
    store = FeatureStore(compute(root))
    before = store.list_path("train").read_bytes()
    features = store.read("train", "identity")
    (root / "data/train/ALB/img_000.jpg").rename(root / "data/train/BET/moved.jpg")
    (root / "data/train/ALB/img_001.jpg").write_bytes((root / "data/test/test_000.jpg").read_bytes())

    def interrupt(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("fishcli.features.store.store.write_csv", interrupt)
        compute(root)
    assert store.list_path("train").read_bytes() == before
    compute(root)
    assert list(store.images("train")["image"][:2]) == ["BET/moved.jpg", "ALB/img_001.jpg"]
    after = store.read("train", "identity")
    np.testing.assert_array_equal(np.delete(after, 1, axis=0), np.delete(features, 1, axis=0))
    np.testing.assert_array_equal(after[1], store.read("test", "identity")[0])


def test_another_data_set_is_refused_and_loses_nothing(tmp_path):
    store = FeatureStore.create(tmp_path, RECIPE, "random")
    photos = {f"a/{i}": f"{i:016x}" for i in range(8)}
    store.update_images("train", listed(photos), set())
    store.require_array("train", "identity", (8, 1, 1, 3), 4)[:] = 1
    others = {name: content[::-1] for name, content in itertools.islice(photos.items(), 1, 4)}
    with pytest.raises(FishError, match=r"1 are new \(b\) and 5 are missing"):
        store.update_images("train", listed({**others, "b": "f" * 16}), set())
    assert not store.missing_chunks("train", "identity")
