"""Stores that are read as one: side by side, joined on image id."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fishcli.basics.errors import FishError
from fishcli.features.store.recipe import Recipe
from fishcli.features.store.store import FeatureStore
from fishcli.heads.inputs import store_rows
from fishcli.heads.joined import JoinedStore, feature_shape, joined, name_of, parts_of
from fishcli.heads.reading import read_features

IDS = [f"{k}.jpg" for k in range(7)]


def make(folder, digest, shape, ids):
    """A store whose features of `<k>.jpg` are k plus the number of the channel, at every place."""
    pool = "none" if len(shape) == 3 else "avg"
    recipe = Recipe("vgg16", "block5_pool", digest * 64, (32, 32), "squash", pool, "keras", "pillow")
    store = FeatureStore.create(folder, recipe, "random")
    store.update_images("train", pd.DataFrame({"image": ids, "n_bytes": 9}), set())
    numbers = np.array([int(image[0]) for image in ids], np.float16)
    features = np.zeros((len(ids), *shape), np.float16) + numbers.reshape(-1, *[1] * len(shape))
    store.require_array("train", "identity", features.shape, 4)[:] = features + np.arange(shape[-1])
    return store


@given(st.permutations(IDS), st.permutations(IDS), st.lists(st.sampled_from(IDS), min_size=1))
@settings(max_examples=15)  # each writes two stores
def test_features_are_joined_by_image_in_whatever_order_stores_list_them(tmp_path_factory, one, other, asked):
    folder = tmp_path_factory.mktemp("stores")
    both = joined([make(folder, "a", (2, 2, 3), one), make(folder, "b", (2,), other)])
    rows = store_rows(both, "train", asked)
    number = np.array([int(image[0]) for image in asked])[:, None]
    expected = np.hstack([number + np.arange(3), number + np.arange(2)])
    np.testing.assert_array_equal(both.read("train", "identity", rows), expected)
    np.testing.assert_array_equal(read_features(both, {"train": rows}, ["identity"], pool=False)[0], expected)
    assert feature_shape(both, "train", "identity") == (5,)


def test_one_store_stays_as_it_is(tmp_path):
    store = make(tmp_path, "a", (2, 2, 3), IDS)
    assert joined([store]) is store
    assert parts_of(store) == [store]
    assert name_of(store) == store.recipe.name
    assert feature_shape(store, "train", "identity") == (2, 2, 3)


def test_the_order_of_stores_is_the_order_of_columns_and_of_the_name(tmp_path):
    parts = [make(tmp_path, "a", (3,), IDS), make(tmp_path, "b", (2,), IDS)]
    there, back = JoinedStore(parts), JoinedStore(parts[::-1])
    rows = np.arange(7)
    columns = there.read("train", "identity", rows)
    np.testing.assert_array_equal(back.read("train", "identity", rows), columns[:, [3, 4, 0, 1, 2]])
    assert name_of(there) == "+".join(part.recipe.name for part in parts)


def test_an_image_that_one_store_lacks_is_named_with_what_computes_it(tmp_path):
    both = joined([make(tmp_path, "a", (3,), IDS), make(tmp_path, "b", (2,), IDS[:-1])])
    with pytest.raises(FishError, match=r"lacks 1 images of train: 6.jpg. Compute them: fishcli features"):
        both.read("train", "identity", np.array([1, 6]))
    np.testing.assert_array_equal(both.read("train", "identity", np.array([1]))[0], [1, 2, 3, 1, 2])


def test_features_that_are_not_finite_are_named_with_their_own_store(tmp_path):
    other = make(tmp_path, "b", (2, 2, 2), IDS[::-1])
    other.array("train", "identity")[0, 1, 1, 1] = np.inf
    both = joined([make(tmp_path, "a", (3,), IDS), other])
    with pytest.raises(FishError, match=rf"features of 6.jpg in {other.store_dir / 'train'} are not finite"):
        read_features(both, {"train": np.arange(7)}, ["identity"], pool=True)


def test_what_any_store_could_not_read_is_unreadable_and_only_shared_copies_count(tmp_path):
    parts = [make(tmp_path, "a", (3,), IDS), make(tmp_path, "b", (2,), IDS)]
    parts[1].set_unreadable("train", {"3.jpg": "empty"})
    for part, copies in zip(parts, ([1, 2, 10], [2, 10, 11]), strict=True):
        for copy in copies:
            part.require_array("train", f"augment_{copy}", (7, 2), 4)
    both = JoinedStore(parts)
    assert both.unreadable("train") == {"3.jpg": "empty"}
    assert both.copies("train") == ["augment_2", "augment_10"]


def test_workers_get_it_whole(tmp_path):
    both = JoinedStore([make(tmp_path, "a", (3,), IDS), make(tmp_path, "b", (2,), IDS[::-1])])
    rows = np.array([4, 2])
    there = pickle.loads(pickle.dumps(both))
    np.testing.assert_array_equal(there.read("train", "identity", rows), both.read("train", "identity", rows))
