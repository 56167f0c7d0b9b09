"""Features in memory and in a file without a name: the same numbers, and what is refused."""

import dataclasses
import shutil
from collections import namedtuple

import numpy as np
import pandas as pd
import pytest
from head_inputs import CONFIG, some_inputs, weights_of
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fishcli.basics.errors import FishError
from fishcli.features.store.recipe import Recipe
from fishcli.features.store.store import FeatureStore
from fishcli.heads import reading
from fishcli.heads.fit import fit_fold
from fishcli.heads.reading import FileFeatures, read_features

pytestmark = pytest.mark.tensorflow

RECIPE = Recipe("vgg16", "block5_pool", "0" * 64, (32, 32), "squash", "none", "keras", "pillow")
VIEWS = ["identity", "hflip", "augment_1"]
N_ROWS = {"train": 23, "test": 7}
MAPS = (3, 2, 5)


def in_a_file(array, folder, rows_a_write=4):
    """FileFeatures with the numbers of an array (v, n, ...)."""
    features = FileFeatures(array.shape, "float16", folder)
    for view, rows in enumerate(array):
        for start in range(0, len(rows), rows_a_write):
            part = rows[start : start + rows_a_write]
            features[view, start : start + len(part)] = part
    return features


def some_features(shape, seed=0):
    """Every finite float16 there is, in a random order, as far as they go."""
    bits = np.random.default_rng(seed).integers(0, 2**16, shape, np.uint16)
    values = bits.view(np.float16)
    return np.where(np.isfinite(values), values, np.float16(0))


@given(st.data())
@settings(max_examples=40)
def test_rows_of_a_file_are_those_of_an_array(tmp_path_factory, data):
    shape = data.draw(hnp.array_shapes(min_dims=3, max_dims=5, max_side=5))
    array = some_features(shape, seed=data.draw(st.integers(0, 99)))
    features = in_a_file(array, tmp_path_factory.getbasetemp(), data.draw(st.integers(1, 6)))
    assert features.shape == array.shape
    n_rows = data.draw(st.integers(0, 9))
    views, rows = (
        np.array(data.draw(st.lists(st.integers(0, size - 1), min_size=n_rows, max_size=n_rows)), np.int64)
        for size in shape[:2]
    )
    for key in [(views, rows), (shape[0] - 1, rows), (views, shape[1] - 1), (0, rows.astype(np.int32))]:
        found = features[key]
        assert found.dtype == np.float16
        np.testing.assert_array_equal(found.view(np.uint16), array[key].view(np.uint16))


def test_what_is_read_may_be_changed_without_changing_the_file(tmp_path):
    array = some_features((1, 4, 3))
    features = in_a_file(array, tmp_path)
    features[0, np.arange(4)][...] = 0
    np.testing.assert_array_equal(features[0, np.arange(4)], array[0])


def test_a_part_that_is_no_block_of_memory_is_written_right(tmp_path):
    array = some_features((1, 4, 6))
    features = FileFeatures((1, 4, 3), "float16", tmp_path)
    features[0, 0:4] = array[0, :, ::2]
    np.testing.assert_array_equal(features[0, np.arange(4)], array[0, :, ::2])


def make_store(folder, shape, damage=None):
    """A store of maps or pooled features; `damage` (split, view, row, value) puts a number in."""
    store = FeatureStore.create(folder, RECIPE, "random")
    for split, n in N_ROWS.items():
        images = pd.DataFrame({"image": [f"{split}_{i:02}.jpg" for i in range(n)], "n_bytes": 9})
        store.update_images(split, images, set())
        for v, view in enumerate(VIEWS):
            values = np.random.default_rng([v, n]).normal(size=(n, *shape)).astype(np.float16)
            if damage and damage[:2] == (split, view):
                values[damage[2], ..., 1] = damage[3]
            store.require_array(split, view, (n, *shape), 8)[:] = values
    return store


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    return {
        "maps": make_store(tmp_path_factory.mktemp("maps"), MAPS),
        "pooled": make_store(tmp_path_factory.mktemp("pooled"), MAPS[-1:]),
    }


def all_rows(features):
    """All numbers of features, read row by row in another order and put back."""
    n_views, n = features.shape[:2]
    order = np.random.default_rng(0).permutation(n)
    read = np.stack([features[view, order] for view in range(n_views)])
    return read[:, np.argsort(order)]


@pytest.mark.parametrize("kind", ["maps", "pooled"])
@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.parametrize(
    "sources",
    [
        {"train": np.arange(23)},
        {"train": np.array([22, 3, 3, 0, 17])},
        {"test": np.array([6, 0]), "train": np.array([5, 4, 21])},
    ],
    ids=["all", "some", "two splits"],
)
def test_a_file_has_the_rows_that_memory_has(stores, kind, pool, sources, monkeypatch):
    monkeypatch.setattr(reading, "ROWS_A_READ", 4)
    store = stores[kind]
    in_memory = read_features(store, sources, VIEWS, pool)
    from_file = read_features(store, sources, VIEWS, pool, budget=0)
    assert isinstance(in_memory, np.ndarray) and in_memory.dtype == np.float16
    assert isinstance(from_file, FileFeatures)
    assert from_file.shape == in_memory.shape
    np.testing.assert_array_equal(all_rows(from_file), in_memory)
    for v, view in enumerate(VIEWS):
        expected = np.concatenate([store.read(split, view)[rows] for split, rows in sources.items()])
        if pool and kind == "maps":
            expected = expected.astype(np.float32).mean(axis=(1, 2))
            np.testing.assert_allclose(in_memory[v], expected, rtol=1e-3, atol=1e-3)
        else:
            np.testing.assert_array_equal(in_memory[v], expected)


def test_the_budget_decides_and_is_counted_after_pooling(stores, capsys):
    n_bytes = 2 * len(VIEWS) * 23 * MAPS[-1]
    sources = {"train": np.arange(23)}

    def read(budget, pool):
        return read_features(stores["maps"], sources, VIEWS, pool, budget)

    assert isinstance(read(n_bytes / 2**30, pool=True), np.ndarray)
    assert "--memory-budget" not in capsys.readouterr().err
    assert isinstance(read((n_bytes - 1) / 2**30, pool=True), FileFeatures)
    assert "more than --memory-budget" in capsys.readouterr().err
    assert isinstance(read(n_bytes / 2**30, pool=False), FileFeatures)


def test_nothing_is_left_in_the_folder(tmp_path):
    store = make_store(tmp_path, MAPS)
    before = sorted(tmp_path.rglob("*"))
    features = read_features(store, {"train": np.arange(23)}, VIEWS, pool=False, budget=0)
    assert sorted(tmp_path.rglob("*")) == before
    assert features[0, np.array([1])].any()
    del features
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("budget", [0, np.inf])
def test_features_that_are_not_finite_are_refused_by_name(tmp_path, value, budget):
    store = make_store(tmp_path, MAPS, damage=("test", "hflip", 5, value))
    read_features(store, {"test": np.array([0, 4, 6]), "train": np.arange(23)}, VIEWS, True, budget)
    with pytest.raises(FishError) as raised:
        read_features(store, {"train": np.arange(4), "test": np.array([3, 5])}, VIEWS, True, budget)
    assert str(raised.value).startswith(f"the features of test_05.jpg in {store.store_dir / 'test'} are not ")
    assert "choose another --layer" in str(raised.value)


def test_a_disk_without_room_is_said_before_anything_is_read(stores, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    n_bytes = 2 * 23 * int(np.prod(MAPS))
    sources = {"train": np.arange(23)}
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(0, 0, n_bytes))
    read_features(stores["maps"], sources, ["identity"], pool=False, budget=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(0, 0, n_bytes - 1))
    monkeypatch.setattr(FeatureStore, "read", lambda *args: pytest.fail("read"))
    folder = stores["maps"].store_dir
    before = sorted(folder.rglob("*"))
    with pytest.raises(FishError) as raised:
        read_features(stores["maps"], sources, ["identity"], pool=False, budget=0)
    assert f"don't fit into --memory-budget, and {folder} has 0.0 GiB free" in str(raised.value)
    assert "Raise the budget, pass fewer --views, or free space." in str(raised.value)
    assert sorted(folder.rglob("*")) == before


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize(
    "options", [{"head": "gap"}, {"head": "fcn"}, {"head": "gap", "smote": True}], ids=str
)
def test_training_from_a_file_gives_the_weights_that_training_from_memory_gives(options, tmp_path):
    inputs = some_inputs(n_views=2)
    config = dataclasses.replace(CONFIG, epochs=2, views=2, **options)
    rows = np.append(np.arange(0, 30), np.arange(30, 36, 3))
    from_file = dataclasses.replace(inputs, features=in_a_file(inputs.features, tmp_path))
    one, other = (fit_fold(config, each, rows, seed=2)[0] for each in (inputs, from_file))
    for a, b in zip(weights_of(one), weights_of(other), strict=True):
        np.testing.assert_array_equal(a, b)
