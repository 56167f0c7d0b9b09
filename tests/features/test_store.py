"""The feature store: what counts as done, growth, damage, and lists that don't fit."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipeline import complete_arrays

from fishcli.basics.errors import FishError
from fishcli.features.store.arrays import (
    Described,
    chunk_path,
    create_array,
    describe,
    missing_chunks,
    open_array,
)
from fishcli.features.store.lists import list_stores
from fishcli.features.store.picking import make_last
from fishcli.features.store.recipe import Recipe
from fishcli.features.store.store import FeatureStore

RECIPE = Recipe("vgg16", "block5_pool", "0" * 64, (32, 32), "squash", "none", "keras", "pillow")
SHAPE = (70, 1, 1, 3)


def images(*ids, n_bytes=100):
    return pd.DataFrame({"image": list(ids), "n_bytes": n_bytes})


@pytest.fixture
def store(tmp_path):
    return FeatureStore.create(tmp_path, RECIPE, "random")


@pytest.fixture
def filled(store):
    store.update_images("train", images(*(f"a/{i:02}.jpg" for i in range(70))), set())
    array = store.require_array("train", "identity", SHAPE, 32)
    array[:] = np.arange(210).reshape(SHAPE)
    return store


def test_a_chunk_of_zeros_counts_as_done(store):
    store.update_images("train", images(*"abcdefgh"), set())
    array = store.require_array("train", "identity", (8, 1, 1, 3), 4)
    assert store.missing_chunks("train", "identity") == {0, 1}
    array[0:4] = 0
    again = store.require_array("train", "identity", (8, 1, 1, 3), 4)
    assert store.missing_chunks("train", "identity") == {1}
    again[4:8] = 0
    assert store.is_complete("train", "identity")
    assert complete_arrays(store, "train") == ["identity"]


def test_rows_come_back_by_number(filled):
    rows = np.array([69, 3, 3])
    np.testing.assert_array_equal(filled.read("train", "identity", rows)[:, 0, 0, 0], rows * 3)


def test_an_array_keeps_its_chunks_and_what_made_it(filled):
    assert filled.require_array("train", "identity", SHAPE, 8).chunks[0] == 32
    assert filled.chunk_size("train") == 32
    filled.require_array("train", "identity", SHAPE, 8, made_by="something else")
    assert filled.missing_chunks("train", "identity") == set(range(9))


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(1, 6), st.data())
def test_an_array_is_described_as_zarr_has_it(shape, chunk_size, data):
    with tempfile.TemporaryDirectory() as folder:
        array = create_array(Path(folder), tuple(shape), chunk_size, "float16", "x")
        array[:] = 0
        n_chunks = array.cdata_shape[0]
        for gone in data.draw(st.sets(st.integers(0, n_chunks - 1))):
            chunk_path(array, gone).unlink()
        expected = Described(array.shape[0], array.chunks[0], not missing_chunks(array))
        assert describe(Path(folder)) == expected


@pytest.mark.parametrize("damage", ["{", "[]", '{"shape": 3}', '{"shape": [3, 1], "chunk_grid": null}'])
def test_a_damaged_description_of_an_array_is_refused_however_it_is_looked_at(store, damage):
    store.require_array("train", "identity", (3, 1), 2)
    path = store.store_dir / "train" / "identity" / "zarr.json"
    path.write_text(damage)
    for look in (describe, open_array):
        with pytest.raises(FishError, match=r"zarr\.json is damaged"):
            look(path.parent)


def test_new_images_are_appended_and_only_their_chunks_are_missing(filled):
    ids = [f"a/{i:02}.jpg" for i in range(70)]
    filled.update_images("train", images("a/00a.jpg", *ids), set())
    listed = filled.images("train")
    assert list(listed["image"]) == [*ids, "a/00a.jpg"]
    assert not filled.is_complete("train", "identity")
    filled.require_array("train", "identity", (71, 1, 1, 3), 32)
    assert filled.missing_chunks("train", "identity") == {2}
    np.testing.assert_array_equal(filled.read("train", "identity", np.array([5]))[0, 0, 0, 0], 15)


def test_missing_images_leave_their_rows_unused(filled):
    filled.update_images("train", images("a/05.jpg", "a/06.jpg"), set())
    assert len(filled.images("train")) == 70
    assert filled.is_complete("train", "identity")


def test_a_changed_or_mended_image_is_computed_again(filled):
    ids = [f"a/{i:02}.jpg" for i in range(70)]
    table = images(*ids)
    table.loc[40, "n_bytes"] = 101
    filled.update_images("train", table, {"a/03.jpg"})
    assert filled.missing_chunks("train", "identity") == {0, 1}
    filled.update_images("train", table, set())
    assert filled.images("train")["n_bytes"][40] == 101


def test_another_data_set_is_refused(filled):
    with pytest.raises(FishError, match=r"1 are new \(b/1\.jpg\) and 70 are missing"):
        filled.update_images("train", images("b/1.jpg"), set())


def test_a_damaged_chunk_is_named(filled):
    chunk = filled.store_dir / "train" / "identity" / "1.0.0.0"
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 1
    chunk.write_bytes(bytes(data))
    with pytest.raises(FishError, match="identity are damaged"):
        filled.read("train", "identity")


def test_what_a_killed_process_left_is_swept_away(filled):
    partial = filled.store_dir / "train" / "identity" / "1.0.0.0.1234.partial"
    partial.write_bytes(b"half")
    filled.sweep()
    assert not partial.exists()


def test_unreadable_images_need_a_decision(filled):
    filled.set_unreadable("train", {"a/00.jpg": "truncated"}, skipped=False)
    with pytest.raises(FishError, match=r"a/00\.jpg: truncated") as raised:
        filled.check_readable("train", {"a/00.jpg"})
    assert "--skip-unreadable" in str(raised.value)
    filled.set_unreadable("train", {"a/00.jpg": "truncated"}, skipped=True)
    filled.check_readable("train", {"a/00.jpg"})


def test_features_never_computed_name_the_command(store):
    with pytest.raises(FishError, match="Compute them first: fishcli features .*--layer block5_pool"):
        store.array("train", "identity")


def test_stores_are_listed_by_last_use(tmp_path):
    import os

    other = Recipe("vgg19", *list(vars(RECIPE).values())[1:])
    for recipe, time in ((RECIPE, 2_000), (other, 1_000)):
        path = FeatureStore.create(tmp_path, recipe, "random").store_dir / "recipe.json"
        os.utime(path, (time, time))
    assert [path.name for path in list_stores(tmp_path)] == [RECIPE.name, other.name]
    make_last(FeatureStore(tmp_path / other.name))
    assert [path.name for path in list_stores(tmp_path)] == [other.name, RECIPE.name]


def test_a_recipe_changed_by_hand_is_refused(store):
    path = store.store_dir / "recipe.json"
    path.write_text(path.read_text().replace("squash", "crop"))
    with pytest.raises(FishError, match=r"recipe\.json was changed"):
        FeatureStore(store.store_dir)
