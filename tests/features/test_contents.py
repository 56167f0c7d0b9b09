"""A photo that is replaced is noticed, of whatever size and age; and no photo is read without need."""

import os
import shutil

import numpy as np
import pytest
from conftest import write_competition
from pipeline import compute, tree_hash

from fishcli.features.store import contents
from fishcli.features.store.store import FeatureStore

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(contents, "MARGIN_NS", 0)
    write_competition(tmp_path / "data")
    compute(tmp_path)
    return tmp_path


@pytest.fixture
def read(monkeypatch):
    """The names of the photos that are read for their digest."""
    names, original = [], contents._digest

    def noted(path):
        names.append(path.name)
        return original(path)

    monkeypatch.setattr(contents, "_digest", noted)
    return names


def replace(photo, by):
    """Put another photo in place, of equal size and with the times of the first."""
    before, content = photo.stat(), by.read_bytes()
    size = max(before.st_size, len(content))
    photo.write_bytes(content.ljust(size, b"\0"))
    os.utime(photo, ns=(before.st_atime_ns, before.st_mtime_ns))
    return size


def test_a_photo_of_equal_size_and_time_is_computed_again(root, read):
    photo, other = root / "data/train/ALB/img_000.jpg", root / "data/train/BET/img_012.jpg"
    size = max(photo.stat().st_size, other.stat().st_size)
    photo.write_bytes(photo.read_bytes().ljust(size, b"\0"))  # JPEG decoders ignore what follows the image
    store = FeatureStore(compute(root))
    before = store.read("train", "identity")
    read.clear()
    assert replace(photo, other) == size
    compute(root)
    after = store.read("train", "identity")
    assert read == ["img_000.jpg"]
    assert (before[0] != after[0]).any()
    np.testing.assert_array_equal(before[1:], after[1:])


def test_what_did_not_change_is_not_read_and_a_touched_photo_is_not_computed(root, read, monkeypatch):
    compute(root)
    assert not read
    os.utime(root / "data/train/ALB/img_000.jpg")
    before = tree_hash(root)
    monkeypatch.setattr("fishcli.features.upkeep.extract", lambda *args: pytest.fail("computed again"))
    compute(root)
    assert read == ["img_000.jpg"]
    assert tree_hash(root) == before
    compute(root)
    assert len(read) == 1


def test_a_copied_competition_keeps_its_store(root, read, tmp_path_factory, monkeypatch):
    copy = tmp_path_factory.mktemp("copy")
    shutil.copytree(root / "data", copy / "data")
    monkeypatch.setattr("fishcli.features.upkeep.extract", lambda *args: pytest.fail("computed again"))
    compute(copy)
    assert len(read) == 30
    assert tree_hash(copy) == tree_hash(root)


def test_a_list_of_before_is_read_and_gets_its_digests(root):
    store = FeatureStore(compute(root))
    path = store.list_path("train")
    whole = path.read_bytes()
    store.images("train").drop(columns="content").to_csv(path, index=False)
    compute(root)
    assert path.read_bytes() == whole
    assert not store.missing_chunks("train", "identity")
